//! Text of which nothing is known but its name, its length and how many there are.

use crate::seed::schema::{Type, TypeKind};

use crate::seed::domain::Limit;

use super::ask::{Ask, Unfillable};
use super::axis::base_name;
use super::filler::{self, BYTES, Case, Filler};
use super::fit::{Lengths, fit};
use super::forms::GROW;
use super::kinds::{self, Kind};
use super::ladder::{Ladder, Plan};
use super::mix::mix;
use super::prose;
use super::template::{self, DIGITS_LOWER, LOWER, Part, Template, UPPER};

/// Values whose header has one byte are shorter than this; see `VARATT_SHORT_MAX`.
const SHORT: f64 = 127.0;
/// Names of PostgreSQL's own have 63 bytes at most.
const NAME: usize = 63;
/// Up to this length `char(n)` is a code that fills it.
const CODE: usize = 40;
/// What a text may have at most where nothing says so.
const MOST: usize = 10_000_000;

/// Makes texts.
#[derive(Debug, Clone)]
pub(super) struct Text {
    head: Template,
    filler: Filler,
    ladder: Ladder,
    seed: u64,
}

impl Text {
    /// One for what is asked, with letters of this case.
    pub(super) fn new(ask: &Ask<'_>, case: Case) -> Result<Self, Unfillable> {
        let lengths = lengths(ask)?;
        let case = if is_citext(ask.type_) && case == Case::Own {
            Case::Lower
        } else {
            case
        };
        let (head, filler) = Self::form(ask, lengths, need(ask), case);
        Self::of(head, filler, ask)
    }

    /// One whose texts have one of these forms.
    pub(super) fn of_forms(forms: &[Vec<Part>], ask: &Ask<'_>) -> Result<Self, Unfillable> {
        // Of a type that has no length of its own.
        let lengths = Lengths {
            least: 0,
            most: MOST,
            mean: ask.width,
        };
        let fitting = forms
            .iter()
            .find_map(|form| fit(form, need(ask), lengths, false));
        let fitting = fitting.or_else(|| {
            forms
                .iter()
                .find_map(|form| fit(form, need(ask), lengths, true))
        });
        // A width that none of them can have is not had.
        let any = Lengths {
            mean: None,
            ..lengths
        };
        let fitting = fitting.or_else(|| {
            forms
                .iter()
                .find_map(|form| fit(form, need(ask), any, true))
        });
        match fitting {
            Some(head) => Self::of(head, Filler::None, ask),
            None => Err(Unfillable("there are not so many values".into())),
        }
    }

    fn of(head: Template, filler: Filler, ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let prefix = !matches!(filler, Filler::None);
        let none_of = ask.domain.none_of.iter().map(String::as_bytes);
        let avoid = ask.avoid.iter().map(Vec::as_slice).chain(none_of);
        let avoid = avoid
            .flat_map(|value| head.read(trimmed(ask.type_, value), prefix))
            .map(i128::from);
        let plan = Plan {
            limits: None,
            avoid: avoid.collect(),
            distinct: ask.distinct.max(1),
            seed: ask.seed,
            crowd: None,
        };
        let ladder = Ladder::even(0, i128::from(head.capacity()) - 1, &plan);
        if ladder.distinct() == 0 {
            return Err(Unfillable("no text is allowed".into()));
        }
        let mut text = Self {
            head,
            filler,
            ladder,
            seed: ask.seed,
        };
        text.calibrate();
        Ok(text)
    }

    /// How many different texts there are.
    pub(super) fn distinct(&self) -> u64 {
        self.ladder.distinct()
    }

    /// Appends a text.
    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let position = u64::try_from(self.ladder.position(ordinal)).unwrap_or(0);
        self.head.write(position, self.seed, ordinal, out);
        let (Filler::Prose(extent) | Filler::Noise(_, extent)) = &self.filler else {
            return;
        };
        let mixed = mix(self.seed ^ 0x7465_7874, ordinal);
        // Weyl's sequence of the golden ratio: lengths of any few ordinals are spread as those of all are.
        let wanted = extent.length(
            self.seed
                .wrapping_add(ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        );
        let left = wanted.saturating_sub(out.len() - start);
        let most = extent.lengths.most.saturating_sub(out.len() - start);
        match &self.filler {
            Filler::Prose(_) if left > 3 && most > 3 => {
                out.push(b' ');
                prose::write(left - 1, most - 1, mix(mixed, 1), out);
            }
            Filler::Noise(alphabet, _) => {
                let width = u32::try_from(left.min(most)).unwrap_or(0);
                template::noise(alphabet, width, self.seed, ordinal, out);
            }
            _ => {}
        }
        // Prose ends with a word, which may be too soon: the last one grows.
        let short = extent.lengths.least.saturating_sub(out.len() - start);
        let short = u32::try_from(short).unwrap_or(0);
        template::noise(LOWER, short, self.seed, ordinal, out);
    }

    /// Heads that are longer than a short text, and words that do not end where they should, are made up for by the
    /// lengths of the others.
    fn calibrate(&mut self) {
        let distinct = self.ladder.distinct();
        let samples = distinct.min(400);
        for _ in 0..6 {
            let (Filler::Prose(extent) | Filler::Noise(_, extent)) = &self.filler else {
                return;
            };
            let Some(wanted) = extent.lengths.mean else {
                return;
            };
            let mut out = Vec::new();
            for sample in 0..samples {
                self.write(sample * (distinct / samples), &mut out);
            }
            let mean = out.len() as f64 / samples as f64;
            let (Filler::Prose(extent) | Filler::Noise(_, extent)) = &mut self.filler else {
                return;
            };
            extent.mean = (extent.mean * wanted / mean.max(0.1)).clamp(1.0, MOST as f64);
        }
    }

    fn form(ask: &Ask<'_>, lengths: Lengths, need: u64, case: Case) -> (Template, Filler) {
        if base_name(ask.type_) == Some("bytea") {
            return filler::noise(&BYTES, lengths, need);
        }
        match kinds::kind(ask.table, ask.column) {
            Kind::Forms(forms) => Self::forms(&forms, lengths, need, case),
            Kind::Code(alphabet, length) => filler::code(
                alphabet,
                lengths.mean.unwrap_or(f64::from(length)),
                lengths,
                need,
            ),
            // Sentences have letters of both cases.
            Kind::Prose if case != Case::Own => {
                Self::forms(&filler::unknown(), lengths, need, case)
            }
            Kind::Prose => filler::prose(
                Lengths {
                    mean: lengths.mean.or(Some(80.0)),
                    ..lengths
                },
                need,
            ),
            Kind::Unknown if base_name(ask.type_) == Some("bpchar") && lengths.most <= CODE => {
                let alphabet = if lengths.most < 5 {
                    UPPER
                } else {
                    DIGITS_LOWER
                };
                filler::code(alphabet, lengths.most as f64, lengths, need)
            }
            Kind::Unknown => Self::forms(&filler::unknown(), lengths, need, case),
        }
    }

    fn forms(forms: &[Vec<Part>], lengths: Lengths, need: u64, case: Case) -> (Template, Filler) {
        let forms: Vec<Vec<Part>> = forms.iter().map(|form| filler::cased(form, case)).collect();
        let plain = forms
            .iter()
            .find_map(|form| fit(form, need, lengths, false));
        let grown = || {
            let last = forms.last().cloned().unwrap_or_default();
            let may_grow = last.iter().any(|part| matches!(part, Part::Digits(_, 0)));
            let last: Vec<Part> = if may_grow {
                last
            } else {
                last.into_iter().chain([" ".into(), GROW]).collect()
            };
            forms
                .iter()
                .chain([&last])
                .find_map(|form| fit(form, need, lengths, true))
        };
        if let Some(template) = plain.or_else(grown) {
            return (template, Filler::None);
        }
        // A longer text than any of them, a shorter one, or one that nothing is known of but a name.
        let first = forms.first().map_or(&[][..], Vec::as_slice);
        let digits = first.iter().find_map(|part| match part {
            Part::Digits(alphabet, _) => Some(*alphabet),
            _ => None,
        });
        let words = first.iter().find_map(|part| match part {
            Part::Words(pool) => Some(pool.get(0)),
            _ => None,
        });
        match (lengths.mean, digits, words) {
            (mean, Some(alphabet), None) => {
                filler::code(alphabet, mean.unwrap_or(8.0), lengths, need)
            }
            (Some(mean), ..) if mean > 24.0 => filler::prose(lengths, need),
            (None, ..) if lengths.least > 24 => filler::prose(
                Lengths {
                    mean: Some(lengths.least as f64 * 1.5),
                    ..lengths
                },
                need,
            ),
            (mean, _, words) => {
                let capital =
                    words.is_some_and(|word| word.first().is_some_and(u8::is_ascii_uppercase));
                filler::words_of(capital, mean, lengths, need, case)
            }
        }
    }
}

/// How many different texts it takes, those included that are given elsewhere.
fn need(ask: &Ask<'_>) -> u64 {
    ask.distinct.max(1).saturating_add(ask.avoid.len() as u64)
}

/// The least and the greatest text that a constraint speaks of, and those of them that are not allowed.
type Ends = (Vec<u8>, Vec<u8>, Vec<Vec<u8>>);

/// The ends of what a constraint allows, and that of them which is not itself allowed.
pub(super) fn ends(ask: &Ask<'_>) -> Option<Ends> {
    let (least, most) = (&ask.domain.at_least, &ask.domain.at_most);
    if least.is_none() && most.is_none() {
        return None;
    }
    let value = |limit: &Limit| limit.value.as_bytes().to_vec();
    let low = least.as_ref().map_or_else(Vec::new, value);
    let high = most.as_ref().map_or_else(
        || [low.as_slice(), b"zzzz"].concat().max(b"zzzz".to_vec()),
        value,
    );
    let excluded = [least, most]
        .into_iter()
        .flatten()
        .filter(|limit| !limit.inclusive)
        .map(value);
    Some((low, high, excluded.collect()))
}

/// What lengths the texts of a column may have: `width` counts the header of a value as PostgreSQL does.
pub(super) fn lengths(ask: &Ask<'_>) -> Result<Lengths, Unfillable> {
    let base = ask.type_.base();
    let name = base_name(base);
    let own = match name {
        Some("varchar" | "bpchar") => base
            .typmod
            .checked_sub(4)
            .and_then(|most| usize::try_from(most).ok()),
        Some("name") => Some(NAME),
        _ => None,
    };
    let (least, most) = ask
        .domain
        .length
        .map_or((0, MOST), |(least, most)| (least as usize, most as usize));
    let most = most.min(own.unwrap_or(MOST));
    if least > most {
        return Err(Unfillable("no length is allowed".into()));
    }
    let mean = match name {
        // Always as long as the type says.
        Some("bpchar") if own.is_some() => None,
        Some("name") => None,
        _ => ask.width.map(|width| {
            (width - if width < SHORT { 1.0 } else { 4.0 })
                .clamp(least.max(1) as f64, most.max(1) as f64)
        }),
    };
    Ok(Lengths { least, most, mean })
}

/// Whether a type is `citext`.
pub(super) fn is_citext(type_: &Type) -> bool {
    matches!(&type_.base().kind, TypeKind::Extension(_)) && type_.base().name.name == "citext"
}

/// A plan over so many texts in their order. `places` tells where among them a text that must not be made is.
pub(super) fn plan_over<I: IntoIterator<Item = u64>>(
    ask: &Ask<'_>,
    texts: u64,
    places: impl Fn(&[u8]) -> I,
) -> Plan {
    let given = ask.avoid.iter().map(|value| trimmed(ask.type_, value));
    let none_of = ask.domain.none_of.iter().map(String::as_bytes);
    Plan {
        limits: Some((0, i128::from(texts) - 1)),
        avoid: given
            .chain(none_of)
            .flat_map(places)
            .map(i128::from)
            .collect(),
        distinct: ask.distinct.max(1),
        seed: ask.seed,
        crowd: None,
    }
}

/// `char(n)` is filled up with spaces, which mean nothing.
pub(super) fn trimmed<'a>(type_: &Type, value: &'a [u8]) -> &'a [u8] {
    if base_name(type_) == Some("bpchar") {
        let end = value
            .iter()
            .rposition(|byte| *byte != b' ')
            .map_or(0, |last| last + 1);
        return &value[..end];
    }
    value
}
