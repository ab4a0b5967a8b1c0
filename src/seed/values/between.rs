//! Texts between texts that are known: in the order of bytes, and made of what stands in their neighbours.
//!
//! A text between two bounds has what both begin with, then a few characters that lie between those of the bounds, then
//! the end of the lower one: so it is about as long, and an address stays one.

use super::ask::Ask;
use super::fit::Lengths;
use super::ladder::{Ladder, Plan};
use super::template::{DECIMAL, LOWER, UPPER};
use super::text::{plan_over, trimmed};

/// Characters that are counted with at most: sixty-two to the eighth is more than enough.
const WIDEST: usize = 8;
/// How many texts there should be for each that is taken.
const SPARE: u64 = 16;

/// Makes texts between bounds.
#[derive(Debug, Clone)]
pub(super) struct Between {
    gaps: Vec<Gap>,
    /// Position of each bound.
    starts: Vec<u64>,
    ladder: Ladder,
}

/// A bound and what may follow before the next.
#[derive(Debug, Clone)]
struct Gap {
    bound: Vec<u8>,
    /// Bytes that the bound and the next have in common.
    common: usize,
    /// Characters that are counted.
    width: usize,
    alphabet: Vec<u8>,
    /// The number of the text before the first that is greater than the bound.
    before: u64,
    /// How many there are, the bound included.
    count: u64,
    /// Where the end of the bound starts that follows, and where it must stop.
    tail: std::ops::Range<usize>,
}

impl Between {
    /// Between these bounds; `None` where they say too little.
    pub(super) fn new(
        bounds: &[Vec<u8>],
        bytes: bool,
        lengths: Lengths,
        ask: &Ask<'_>,
    ) -> Option<Self> {
        let mut bounds: Vec<Vec<u8>> = bounds
            .iter()
            .map(|bound| trimmed(ask.type_, bound).to_vec())
            .collect();
        bounds.retain(|bound| {
            let text = std::str::from_utf8(bound);
            let length = text.map_or(bound.len(), |text| text.chars().count());
            (bytes || text.is_ok()) && (lengths.least..=lengths.most).contains(&length)
        });
        // In the order of bytes, whatever order the server's collation has.
        bounds.sort_unstable();
        let all = bounds.clone();
        bounds.dedup();
        if bounds.len() < 2 {
            return None;
        }
        let wanted = ask.distinct.max(1).saturating_add(ask.avoid.len() as u64);
        let each = wanted / (bounds.len() as u64 - 1) + 1;
        let mut gaps = Vec::with_capacity(bounds.len());
        let mut starts = Vec::with_capacity(bounds.len());
        let mut start = 0_u64;
        for (place, bound) in bounds.iter().enumerate() {
            let gap = match bounds.get(place + 1) {
                Some(next) => Gap::new(bound, next, bytes, lengths.most, each),
                None => Gap::alone(bound),
            };
            starts.push(start);
            start = start.checked_add(gap.count)?;
            gaps.push(gap);
        }
        let mut between = Self {
            gaps,
            starts,
            ladder: Ladder::even(0, 0, &Plan::default()),
        };
        let plan = plan_over(ask, start, |value| between.read(value));
        let place = |bound: &Vec<u8>| {
            bounds
                .binary_search(bound)
                .ok()
                .map(|place| i128::from(between.starts[place]))
        };
        let positions: Vec<i128> = all.iter().filter_map(place).collect();
        between.ladder = Ladder::over(&positions, &plan);
        (between.ladder.distinct() > 0).then_some(between)
    }

    /// How many different texts there are.
    pub(super) fn distinct(&self) -> u64 {
        self.ladder.distinct()
    }

    /// Ranges of ordinals that equally many rows have.
    pub(super) fn groups(&self) -> &[std::ops::Range<u64>] {
        self.ladder.groups()
    }

    /// Appends a text.
    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let position = u64::try_from(self.ladder.position(ordinal)).unwrap_or(0);
        let place = self
            .starts
            .partition_point(|start| *start <= position)
            .max(1)
            - 1;
        self.gaps[place].write(position - self.starts[place], out);
    }

    /// The position of a text, if it is one of these.
    fn read(&self, text: &[u8]) -> Option<u64> {
        let place = self
            .gaps
            .partition_point(|gap| gap.bound.as_slice() <= text)
            .checked_sub(1)?;
        let gap = &self.gaps[place];
        if gap.bound == text {
            return Some(self.starts[place]);
        }
        let counted = text.get(gap.common..gap.common + gap.width)?;
        let offset = gap.number(counted, false).checked_sub(gap.before)?;
        let mut own = Vec::new();
        gap.write(offset, &mut own);
        (offset < gap.count && own == text).then_some(self.starts[place] + offset)
    }
}

impl Gap {
    fn alone(bound: &[u8]) -> Self {
        Self {
            bound: bound.to_vec(),
            common: 0,
            width: 0,
            alphabet: vec![b'a'],
            before: 0,
            count: 1,
            tail: 0..0,
        }
    }

    fn new(bound: &[u8], next: &[u8], bytes: bool, most: usize, wanted: u64) -> Self {
        let mut common = bound
            .iter()
            .zip(next)
            .take_while(|(own, other)| own == other)
            .count();
        while !bytes && common > 0 && !(is_start(bound, common) && is_start(next, common)) {
            common -= 1;
        }
        let longest = most
            .saturating_sub(characters(&bound[..common]))
            .min(WIDEST);
        let mut best = Self::alone(bound);
        for width in 1..=longest {
            let gap = Self::of_width(bound, next, bytes, common, width, most);
            if gap.count > best.count {
                best = gap;
            }
            // Texts stay as long as their bound where there is just room enough.
            let whole = common + width >= bound.len();
            if best.count >= wanted.saturating_mul(if whole { 1 } else { SPARE }) {
                break;
            }
        }
        best
    }

    fn of_width(
        bound: &[u8],
        next: &[u8],
        bytes: bool,
        common: usize,
        width: usize,
        most: usize,
    ) -> Self {
        let piece =
            |text: &[u8]| text[common.min(text.len())..(common + width).min(text.len())].to_vec();
        let (own, other) = (piece(bound), piece(next));
        let alphabet = if bytes {
            (0..=255).collect()
        } else {
            alphabet(&own, &other)
        };
        // The end must not start within a character, nor make the text too long.
        let mut tail = (common + width).min(bound.len());
        while !bytes && tail < bound.len() && !is_start(bound, tail) {
            tail += 1;
        }
        let room = most.saturating_sub(characters(&bound[..common]) + width);
        let mut stop = bound.len();
        while stop > tail
            && (characters(&bound[tail..stop]) > room || !(bytes || is_start(bound, stop)))
        {
            stop -= 1;
        }
        let mut gap = Self {
            bound: bound.to_vec(),
            common,
            width,
            alphabet,
            before: 0,
            count: 1,
            tail: tail..stop,
        };
        let (low, high) = (gap.number(&own, true), gap.number(&other, false));
        gap.before = low.saturating_sub(1);
        gap.count = high.saturating_sub(low).saturating_add(1);
        gap
    }

    /// The number of a piece of text among all of `width` characters of the alphabet: of the first that is not less, or
    /// with `beyond` of the first that is greater whatever follows it.
    fn number(&self, piece: &[u8], beyond: bool) -> u64 {
        let base = self.alphabet.len() as u64;
        let mut number = 0_u64;
        let mut exact = true;
        for at in 0..self.width {
            let digit = if let Some(byte) = piece.get(at).filter(|_| exact) {
                exact = self.alphabet.binary_search(byte).is_ok();
                self.alphabet.partition_point(|own| own < byte) as u64
            } else {
                exact = false;
                0
            };
            number = number.saturating_mul(base).saturating_add(digit);
        }
        number.saturating_add(u64::from(beyond && exact))
    }

    fn write(&self, offset: u64, out: &mut Vec<u8>) {
        if offset == 0 {
            out.extend_from_slice(&self.bound);
            return;
        }
        out.extend_from_slice(&self.bound[..self.common]);
        let start = out.len();
        let base = self.alphabet.len() as u64;
        let mut rest = self.before + offset;
        out.resize(start + self.width, self.alphabet[0]);
        for byte in out[start..].iter_mut().rev() {
            *byte = self.alphabet[usize::try_from(rest % base).unwrap_or(0)];
            rest /= base;
        }
        out.extend_from_slice(&self.bound[self.tail.clone()]);
    }
}

/// Characters of the kinds that stand in both pieces, in the order of bytes.
fn alphabet(own: &[u8], other: &[u8]) -> Vec<u8> {
    let both = || own.iter().chain(other);
    let mut alphabet = Vec::new();
    for (kind, is) in [
        (DECIMAL, u8::is_ascii_digit as fn(&u8) -> bool),
        (UPPER, u8::is_ascii_uppercase),
        (LOWER, u8::is_ascii_lowercase),
    ] {
        if both().any(is) {
            alphabet.extend_from_slice(kind);
        }
    }
    if alphabet.is_empty() {
        LOWER.to_vec()
    } else {
        alphabet
    }
}

/// Whether a character starts here, or the text ends.
fn is_start(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
}

fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| *byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::domain::Domain;
    use crate::seed::values::tests::{ask, base};

    const ALL: Lengths = Lengths {
        least: 0,
        most: 1_000,
        mean: None,
    };

    fn texts(bounds: &[&str], distinct: u64, lengths: Lengths) -> Vec<String> {
        let (type_, domain) = (base("text"), Domain::default());
        let bounds: Vec<Vec<u8>> = bounds
            .iter()
            .map(|bound| bound.as_bytes().to_vec())
            .collect();
        let between = Between::new(
            &bounds,
            false,
            lengths,
            &ask("c", &type_, distinct, &domain),
        )
        .unwrap();
        (0..between.distinct())
            .map(|ordinal| {
                let mut out = Vec::new();
                between.write(ordinal, &mut out);
                String::from_utf8(out).unwrap()
            })
            .collect()
    }

    #[test]
    fn texts_lie_between_their_bounds_and_rise() {
        for bounds in [
            &["anna.berg@x.org", "bruno.haas@y.org", "carla@z.org"][..],
            &["Customer#000001", "Customer#000900", "Customer#001000"],
            &["\u{c4}pfel", "\u{d6}l", "\u{dc}bung"],
            &["a", "aa", "aab"],
            &["", "b", "~~~"],
        ] {
            let made = texts(bounds, 300, ALL);
            assert!(
                made.windows(2).all(|pair| pair[0] < pair[1]),
                "{bounds:?}: {made:?}"
            );
            assert!(
                made.len() == 300 || bounds[0] == "a" || bounds[0] == "\u{c4}pfel",
                "{}",
                made.len()
            );
            assert_eq!(made[0], bounds[0]);
            assert_eq!(made.last().unwrap(), bounds.last().unwrap());
        }
    }

    #[test]
    fn what_bounds_have_in_common_and_their_ends_are_kept() {
        let made = texts(&["Customer#000001", "Customer#000900"], 100, ALL);
        assert!(
            made.iter()
                .all(|text| text.len() == 15 && text.starts_with("Customer#000")),
            "{made:?}"
        );
        let made = texts(&["anna@x.org", "bert@x.org", "cleo@x.org"], 50, ALL);
        assert!(made.iter().all(|text| text.ends_with("x.org")), "{made:?}");
    }

    #[test]
    fn no_text_is_longer_than_allowed() {
        let made = texts(
            &["ab", "ac", "zz"],
            5_000,
            Lengths {
                least: 0,
                most: 3,
                mean: None,
            },
        );
        assert!(made.iter().all(|text| text.len() <= 3));
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn avoided_texts_are_not_made() {
        let (type_, domain) = (base("text"), Domain::default());
        let bounds = [b"aa".to_vec(), b"ad".to_vec(), b"zz".to_vec()];
        let avoid = [b"ab".to_vec(), b"zz".to_vec()];
        let ask = Ask {
            avoid: &avoid,
            ..ask("c", &type_, 500, &domain)
        };
        let short = Lengths {
            least: 0,
            most: 2,
            mean: None,
        };
        let between = Between::new(&bounds, false, short, &ask).unwrap();
        for ordinal in 0..between.distinct() {
            let mut out = Vec::new();
            between.write(ordinal, &mut out);
            assert!(!avoid.contains(&out));
        }
        assert!(between.distinct() > 400, "{}", between.distinct());
    }
}
