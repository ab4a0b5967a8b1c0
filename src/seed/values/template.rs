//! Texts put together from pools and digits: from a position to a text, in the order of bytes.
//!
//! A pool must be followed by something that sorts before whatever a longer word of it goes on with (a space, a dot
//! before small letters), so that positions and texts have the same order.

use std::sync::Arc;

use super::mix::mix;
use super::words::Pool;

/// Digits of hexadecimal numbers.
pub(super) const HEX: &[u8] = b"0123456789abcdef";
/// Decimal digits.
pub(super) const DECIMAL: &[u8] = b"0123456789";
/// Letters.
pub(super) const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Letters.
pub(super) const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
/// Both in the order of bytes.
pub(super) const DIGITS_LOWER: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// More positions are not needed: the number of rows is far below.
const ENOUGH: u64 = 1 << 62;

/// A part of a text.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// These bytes.
    Literal(&'static str),
    /// One of these words.
    Words(Arc<Pool>),
    /// So many characters of an alphabet that rises.
    Digits(&'static [u8], u32),
    /// One character of each of these, which rise.
    Classes(Arc<[Vec<u8>]>),
    /// So many characters that follow from the ordinal and tell no position.
    Noise(&'static [u8], u32),
    /// The same with one character of each of these.
    NoisyClasses(Arc<[Vec<u8>]>),
}

/// Texts of one form.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Parts, each with the number of positions of all parts behind it.
    parts: Vec<(Part, u64)>,
    capacity: u64,
}

impl Part {
    /// How many different texts it has.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Literal(_) | Self::Noise(..) | Self::NoisyClasses(_) => 1,
            Self::Words(pool) => pool.len() as u64,
            Self::Digits(alphabet, width) => (alphabet.len() as u64).saturating_pow(*width),
            Self::Classes(classes) => classes.iter().fold(1, |count: u64, class| {
                count.saturating_mul(class.len() as u64)
            }),
        }
    }

    /// Its least, mean and greatest length.
    pub(super) fn lengths(&self) -> (usize, f64, usize) {
        let fixed = |length: usize| (length, length as f64, length);
        match self {
            Self::Literal(text) => fixed(text.len()),
            Self::Digits(_, width) | Self::Noise(_, width) => fixed(*width as usize),
            Self::Classes(classes) | Self::NoisyClasses(classes) => fixed(classes.len()),
            Self::Words(pool) => {
                let total: usize = pool.iter().map(<[u8]>::len).sum();
                let least = pool.iter().map(<[u8]>::len).min().unwrap_or(0);
                let most = pool.iter().map(<[u8]>::len).max().unwrap_or(0);
                (least, total as f64 / pool.len().max(1) as f64, most)
            }
        }
    }

    fn write(&self, place: u64, seed: u64, ordinal: u64, out: &mut Vec<u8>) {
        match self {
            Self::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Self::Words(pool) => {
                out.extend_from_slice(pool.get(usize::try_from(place).unwrap_or(0)));
            }
            Self::Digits(alphabet, width) => digits(alphabet, *width, place, out),
            Self::Classes(classes) => {
                let start = out.len();
                let mut rest = place;
                out.resize(start + classes.len(), 0);
                for (at, class) in classes.iter().enumerate().rev() {
                    let count = class.len() as u64;
                    out[start + at] = class[usize::try_from(rest % count).unwrap_or(0)];
                    rest /= count;
                }
            }
            Self::Noise(alphabet, width) => noise(alphabet, *width, seed, ordinal, out),
            Self::NoisyClasses(classes) => noisy(classes, seed, ordinal, out),
        }
    }

    /// The place of the text that a text starts with, and how long it is, for all that it may be.
    fn read(&self, text: &[u8]) -> Vec<(u64, usize)> {
        match self {
            Self::Literal(own) => text
                .starts_with(own.as_bytes())
                .then_some((0, own.len()))
                .into_iter()
                .collect(),
            Self::Noise(_, width) => (text.len() >= *width as usize)
                .then_some((0, *width as usize))
                .into_iter()
                .collect(),
            Self::NoisyClasses(classes) => (text.len() >= classes.len())
                .then_some((0, classes.len()))
                .into_iter()
                .collect(),
            Self::Words(pool) => (0..=text.len())
                .filter_map(|length| Some((pool.find(&text[..length])? as u64, length)))
                .collect(),
            Self::Digits(alphabet, width) => {
                let width = *width as usize;
                let place = text.get(..width).and_then(|text| {
                    text.iter().try_fold(0_u64, |place, byte| {
                        let digit = alphabet.iter().position(|own| own == byte)? as u64;
                        place.checked_mul(alphabet.len() as u64)?.checked_add(digit)
                    })
                });
                place.map(|place| (place, width)).into_iter().collect()
            }
            Self::Classes(classes) => {
                let place = text.get(..classes.len()).and_then(|text| {
                    text.iter()
                        .zip(classes.iter())
                        .try_fold(0_u64, |place, (byte, class)| {
                            let digit = class.iter().position(|own| own == byte)? as u64;
                            place.checked_mul(class.len() as u64)?.checked_add(digit)
                        })
                });
                place
                    .map(|place| (place, classes.len()))
                    .into_iter()
                    .collect()
            }
        }
    }
}

impl Template {
    /// Of these parts, of which as many as give enough positions count from the front; digits behind them are noise.
    pub(super) fn new(parts: Vec<Part>) -> Self {
        let mut capacity = 1_u64;
        let mut kept: Vec<Part> = Vec::with_capacity(parts.len());
        for part in parts {
            let Some(more) = capacity
                .checked_mul(part.count())
                .filter(|more| *more <= ENOUGH)
            else {
                kept.extend(split(&part, capacity));
                capacity = kept
                    .iter()
                    .fold(1, |count: u64, part| count.saturating_mul(part.count()));
                continue;
            };
            capacity = more;
            kept.push(part);
        }
        let mut behind = capacity;
        let parts = kept
            .into_iter()
            .map(|part| {
                behind /= part.count().max(1);
                (part, behind)
            })
            .collect();
        Self { parts, capacity }
    }

    /// How many texts there are.
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The parts.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().map(|(part, _)| part)
    }

    /// The least, the mean and the greatest length.
    pub(super) fn lengths(&self) -> (usize, f64, usize) {
        self.parts()
            .map(Part::lengths)
            .fold((0, 0.0, 0), |sum, own| {
                (sum.0 + own.0, sum.1 + own.1, sum.2 + own.2)
            })
    }

    /// Appends the text at a position.
    pub(super) fn write(&self, position: u64, seed: u64, ordinal: u64, out: &mut Vec<u8>) {
        let mut rest = position;
        for (part, behind) in &self.parts {
            let place = if *behind == 1 { rest } else { rest / behind };
            if part.count_is_one() {
                part.write(0, seed, ordinal, out);
            } else {
                part.write(place, seed, ordinal, out);
                rest -= place * behind;
            }
        }
    }

    /// Positions whose text this is, or may be where parts of it are noise; with `prefix` those whose text it starts
    /// with.
    pub(super) fn read(&self, text: &[u8], prefix: bool) -> Vec<u64> {
        let mut states = vec![(0_u64, 0_usize)];
        for (part, behind) in &self.parts {
            states = states
                .iter()
                .flat_map(|(position, at)| {
                    let found = part.read(&text[*at..]);
                    found
                        .into_iter()
                        .map(move |(place, length)| (position + place * behind, at + length))
                })
                .collect();
        }
        states
            .iter()
            .filter(|(_, at)| prefix || *at == text.len())
            .map(|(position, _)| *position)
            .collect()
    }
}

impl Part {
    fn count_is_one(&self) -> bool {
        matches!(
            self,
            Self::Literal(_) | Self::Noise(..) | Self::NoisyClasses(_)
        )
    }
}

/// Of a part that has too many texts, so many characters that there are enough, the rest as noise.
fn split(part: &Part, before: u64) -> Vec<Part> {
    match part {
        Part::Digits(alphabet, width) => {
            let mut own = 0;
            let mut count = before;
            while own < *width {
                match count
                    .checked_mul(alphabet.len() as u64)
                    .filter(|count| *count <= ENOUGH)
                {
                    Some(more) => count = more,
                    None => break,
                }
                own += 1;
            }
            let digits = (own > 0).then_some(Part::Digits(alphabet, own));
            digits
                .into_iter()
                .chain([Part::Noise(alphabet, width - own)])
                .collect()
        }
        Part::Words(pool) => {
            // The first word of the pool every time: there are enough texts without it.
            let first = pool.get(0).to_vec();
            vec![Part::Words(pool.filtered(|word| word == first))]
        }
        Part::Classes(classes) => {
            let mut count = before;
            let fits = |class: &&Vec<u8>| {
                count = count.saturating_mul(class.len() as u64);
                count <= ENOUGH
            };
            let own = classes.iter().take_while(fits).count();
            let (own, rest) = classes.split_at(own);
            let own = (!own.is_empty()).then(|| Part::Classes(own.into()));
            own.into_iter()
                .chain([Part::NoisyClasses(rest.into())])
                .collect()
        }
        part => vec![part.clone()],
    }
}

fn digits(alphabet: &[u8], width: u32, place: u64, out: &mut Vec<u8>) {
    let start = out.len();
    let base = alphabet.len() as u64;
    let mut rest = place;
    out.resize(start + width as usize, alphabet[0]);
    for byte in out[start..].iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *byte = alphabet[usize::try_from(rest % base).unwrap_or(0)];
        rest /= base;
    }
}

/// Characters that follow from a mixed number.
pub(super) fn noise(alphabet: &[u8], width: u32, seed: u64, ordinal: u64, out: &mut Vec<u8>) {
    let base = alphabet.len() as u64;
    // As many as 64 bits are good for.
    let each = if base > 64 { 7 } else { 10 };
    let mut rest = 0;
    for at in 0..width {
        if at % each == 0 {
            rest = mix(
                seed ^ 0x006e_6f69_7365,
                ordinal.wrapping_add(u64::from(at) << 40),
            );
        }
        out.push(alphabet[usize::try_from(rest % base).unwrap_or(0)]);
        rest /= base;
    }
}

/// One character of each class.
fn noisy(classes: &[Vec<u8>], seed: u64, ordinal: u64, out: &mut Vec<u8>) {
    let mut rest = 0;
    for (at, class) in classes.iter().enumerate() {
        // As many as 64 bits are good for.
        if at % 7 == 0 {
            rest = mix(
                seed ^ 0x006e_6f69_7365,
                ordinal.wrapping_add((at as u64) << 40),
            );
        }
        let count = class.len() as u64;
        out.push(class[usize::try_from(rest % count).unwrap_or(0)]);
        rest /= count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &Template, position: u64) -> String {
        let mut out = Vec::new();
        template.write(position, 1, position, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn positions_and_texts_have_the_same_order_and_come_back() {
        let pool = Arc::new(Pool::new(["ann", "anna", "bo"]));
        let parts = vec![
            Part::Words(Arc::clone(&pool)),
            Part::Literal("."),
            Part::Words(pool),
            Part::Digits(DECIMAL, 2),
            Part::Literal("@example.com"),
        ];
        let template = Template::new(parts);
        assert_eq!(template.capacity(), 900);
        let texts: Vec<String> = (0..900).map(|position| text(&template, position)).collect();
        assert!(texts.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(texts[0], "ann.ann00@example.com");
        for (position, text) in texts.iter().enumerate() {
            assert_eq!(template.read(text.as_bytes(), false), [position as u64]);
        }
        assert!(template.read(b"ann.ann0@example.com", false).is_empty());
        assert_eq!(template.read(b"ann.ann00@example.com and more", true), [0]);
    }

    #[test]
    fn more_digits_than_positions_are_noise() {
        let template = Template::new(vec![Part::Digits(HEX, 40)]);
        assert_eq!(template.capacity(), 1 << 60);
        assert_eq!(text(&template, 5).len(), 40);
        assert_ne!(text(&template, 5)[15..], text(&template, 6)[15..]);
    }
}
