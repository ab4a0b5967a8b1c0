//! `tsvector` and `tsquery`.

use super::ask::{Ask, Unfillable};
use super::joint::{Choice, sized};
use super::ladder::{Ladder, Plan};
use super::mix::{below, mix};
use super::pools;
use super::template::{DECIMAL, Part, Template};
use crate::seed::schema::Type;

/// Bytes that a lexeme takes beside its characters: its entry, and its positions.
const ENTRY: f64 = 8.5;
/// Positions of a lexeme end here; see `MAXENTRYPOS`.
const LAST_POSITION: u64 = 16_383;

/// Makes texts that are searched, or searches.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// Lexemes that tell the values apart.
    template: Template,
    ladder: Ladder,
    /// All others.
    others: Choice,
    /// How many others are drawn on the mean, in thousandths.
    mean: u64,
    query: bool,
    seed: u64,
}

impl Search {
    /// Of this type, if it is one of them; lexemes are as those of `text`.
    pub(super) fn new(name: &str, text: &Type, ask: &Ask<'_>) -> Option<Result<Self, Unfillable>> {
        let query = match name {
            "tsvector" => false,
            "tsquery" => true,
            _ => return None,
        };
        Some(Self::of(query, text, ask))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "widths are small and not negative"
    )]
    fn of(query: bool, text: &Type, ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let wanted = ask.distinct.max(1);
        let words = Template::new(vec![Part::from(&pools::WORD)]);
        let template = if words.capacity() >= wanted {
            words
        } else {
            let own = words.capacity().max(1);
            let width = (1..18)
                .find(|width| own.saturating_mul(10_u64.saturating_pow(*width)) >= wanted)
                .unwrap_or(18);
            Template::new(vec![Part::from(&pools::WORD), Part::Digits(DECIMAL, width)])
        };
        let plan = Plan {
            distinct: wanted,
            seed: ask.seed,
            ..Plan::default()
        };
        let ladder = Ladder::even(0, i128::from(template.capacity()) - 1, &plan);
        let others = Choice::new(ask, text, 150, ask.elements)?;
        let (_, length, _) = template.lengths();
        let mean = ask
            .width
            .map_or(8.0, |width| (width - 8.0 - length - ENTRY) / (6.0 + ENTRY))
            .clamp(0.0, 100_000.0);
        let mut search = Self {
            template,
            ladder,
            others,
            mean: (mean * 1_000.0) as u64,
            query,
            seed: ask.seed,
        };
        if let Some(width) = ask.width.filter(|_| !query) {
            search.calibrate(width);
        }
        Ok(search)
    }

    /// Lexemes that are drawn twice are there once, which is made up for by drawing more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "widths are small and not negative"
    )]
    fn calibrate(&mut self, width: f64) {
        let samples = self.distinct().min(200);
        for _ in 0..5 {
            let mut total = 0.0;
            for sample in 0..samples {
                let mut out = Vec::new();
                self.write(sample * (self.distinct() / samples), &mut out);
                // What is sent has five bytes for each lexeme beside its characters.
                let count = out
                    .first_chunk()
                    .map_or(0, |count| u32::from_be_bytes(*count));
                total += out.len() as f64 + 2.0 + (ENTRY - 5.0) * f64::from(count);
            }
            let missing = width - total / samples as f64;
            let mean = self.mean as f64 + missing / (6.0 + ENTRY) * 1_000.0;
            self.mean = mean.clamp(0.0, 100_000_000.0) as u64;
        }
    }

    pub(super) fn distinct(&self) -> u64 {
        self.ladder.distinct()
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let mixed = mix(self.seed, ordinal);
        let position = u64::try_from(self.ladder.position(ordinal)).unwrap_or(0);
        let mut own = Vec::with_capacity(32);
        self.template.write(position, self.seed, ordinal, &mut own);
        if self.query {
            self.query(&own, mixed, out);
            return;
        }
        let count = below(mix(mixed, 1), 2 * self.mean + 1_000) / 1_000;
        let mut lexemes = vec![own];
        for number in 0..count {
            let mut lexeme = Vec::new();
            self.others
                .write(self.others.drawn(mix(mixed, 2 + number)), &mut lexeme);
            // The other lexemes must not be what tells values apart.
            lexemes.push(if self.template.read(&lexeme, false).is_empty() {
                lexeme
            } else {
                [b"x", lexeme.as_slice()].concat()
            });
        }
        // In the order that the type itself has: by length, then by bytes.
        lexemes.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
        lexemes.dedup();
        out.extend_from_slice(&u32::try_from(lexemes.len()).unwrap_or(0).to_be_bytes());
        for (number, lexeme) in lexemes.iter().enumerate() {
            out.extend_from_slice(lexeme);
            out.push(0);
            out.extend_from_slice(&1_u16.to_be_bytes());
            let position = 1 + (mix(mixed, number as u64) % LAST_POSITION);
            out.extend_from_slice(&u16::try_from(position).unwrap_or(1).to_be_bytes());
        }
    }

    /// One lexeme, or two that must both be there.
    fn query(&self, own: &[u8], mixed: u64, out: &mut Vec<u8>) {
        let value = |lexeme: &[u8], out: &mut Vec<u8>| {
            // A value, of any weight, not as a prefix.
            out.extend_from_slice(&[1, 0, 0]);
            out.extend_from_slice(lexeme);
            out.push(0);
        };
        if mixed.is_multiple_of(2) {
            out.extend_from_slice(&1_u32.to_be_bytes());
            value(own, out);
            return;
        }
        out.extend_from_slice(&3_u32.to_be_bytes());
        // An operator, and which: AND.
        out.extend_from_slice(&[2, 2]);
        value(own, out);
        let mut other = Vec::new();
        self.others
            .write(self.others.drawn(mix(mixed, 1)), &mut other);
        value(&other, out);
    }
}

/// A pair of `hstore`.
pub(super) fn pair(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    sized(out, |out| out.extend_from_slice(key));
    sized(out, |out| out.extend_from_slice(value));
}
