//! Ranges and multiranges.

use crate::seed::schema::Type;

use super::ask::{Ask, Unfillable};
use super::axis::{Axis, DAY, base_name};
use super::joint::{part, sized};
use super::line::{Line, limits};
use super::mix::{below, mix};

/// Of `rangetypes.h`: the lower end belongs to the range, the upper does not.
const LOWER_INCLUSIVE: u8 = 0x02;
/// There is no upper end.
const UPPER_INFINITE: u8 = 0x10;

/// Makes ranges whose lower end is included and whose upper is not.
#[derive(Debug, Clone)]
pub(super) struct Range {
    line: Line,
    /// Lengths for each lower end.
    lengths: u64,
    distinct: u64,
    /// What lengths are counted in, and how many of these a range has at most.
    unit: i128,
    longest: u64,
    greatest: i128,
    /// The type is a multirange.
    multi: bool,
    seed: u64,
}

impl Range {
    pub(super) fn new(subtype: &Type, multi: bool, ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let axis = Axis::of(subtype).filter(|axis| !matches!(axis, Axis::Enum(_) | Axis::Boolean));
        let axis = axis.ok_or_else(|| {
            Unfillable(format!(
                "ranges of type {} cannot be made",
                subtype.base().name
            ))
        })?;
        let domain = super::nested::domain(subtype)?;
        let ask_of_end = part(ask, subtype, &domain, ask.distinct, 5);
        let line = Line::new(axis, &ask_of_end)?;
        let lengths = ask.distinct.div_ceil(line.distinct().max(1)).max(1);
        let greatest = *limits(line.axis(), &ask_of_end)?.end();
        let (unit, longest) = match line.axis() {
            Axis::Date => (1, 14),
            Axis::Micros if base_name(subtype) == Some("time") => (DAY / 96, 16),
            // Quarters of an hour, up to eight hours.
            Axis::Micros | Axis::TimeTz | Axis::Interval => (DAY / 96, 32),
            Axis::Numeric(scale) | Axis::Float4(scale) | Axis::Float8(scale) => {
                (10_i128.pow(*scale), 100)
            }
            _ => (1, 100),
        };
        Ok(Self {
            line,
            lengths,
            distinct: ask.distinct.max(1),
            unit,
            longest,
            greatest,
            multi,
            seed: ask.seed,
        })
    }

    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let (low, high) = self.ends(ordinal);
        if !self.multi {
            self.one(low, Some(high), out);
            return;
        }
        // A second range stands as far away as the first is long, and has no end.
        let second = high + (high - low);
        let two = mix(self.seed, ordinal).is_multiple_of(4) && second < self.greatest;
        out.extend_from_slice(&(if two { 2_u32 } else { 1 }).to_be_bytes());
        sized(out, |out| self.one(low, Some(high), out));
        if two {
            sized(out, |out| self.one(second, None, out));
        }
    }

    fn ends(&self, ordinal: u64) -> (i128, i128) {
        let place = ordinal / self.lengths;
        let low = self.line.position(place);
        if self.lengths > 1 {
            return (
                low,
                low + self.unit * i128::from(ordinal % self.lengths + 1),
            );
        }
        let length =
            self.unit * i128::from(1 + below(mix(self.seed ^ 0x7261_6e67, ordinal), self.longest));
        let next = if place + 1 < self.line.distinct() {
            self.line.position(place + 1)
        } else {
            i128::MAX
        };
        (low, next.min(low + length))
    }

    fn one(&self, low: i128, high: Option<i128>, out: &mut Vec<u8>) {
        let high = high.filter(|high| *high <= self.greatest);
        out.push(LOWER_INCLUSIVE | if high.is_some() { 0 } else { UPPER_INFINITE });
        sized(out, |out| self.line.axis().write(low, out));
        if let Some(high) = high {
            sized(out, |out| self.line.axis().write(high, out));
        }
    }
}
