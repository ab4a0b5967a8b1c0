//! Values that lie on a line: numbers, times, addresses, enums.

use std::ops::{Range, RangeInclusive};

use crate::seed::domain::Limit;

use super::ask::{Ask, Spread, Unfillable};
use super::axis::{Axis, DAY};
use super::ladder::{Ladder, Plan};
use super::{guess, literal, shaped};

/// Units that times are often whole numbers of, largest first.
const TIME_UNITS: [i128; 6] = [DAY, 3_600_000_000, 60_000_000, 1_000_000, 1_000, 1];
/// How many bounds it takes before a common factor of theirs is believed to be one of all values.
const BELIEVED: usize = 10;
/// Decimals that floats are given at most where nothing is known.
const FLOAT_DECIMALS: u32 = 6;

/// Makes values on a line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    axis: Axis,
    ladder: Ladder,
    unit: i128,
}

impl Line {
    /// One for what is asked, on the line of its type.
    pub(super) fn new(axis: Axis, ask: &Ask<'_>) -> Result<Self, Unfillable> {
        match &ask.spread {
            Spread::Bounds(bounds) => {
                let axis = Axis::of_values(ask.type_, bounds).unwrap_or(axis);
                let mut positions: Vec<i128> =
                    bounds.iter().filter_map(|bound| axis.read(bound)).collect();
                positions.sort_unstable();
                Self::over(axis, &positions, ask)
            }
            Spread::Shape(shape, moment) => {
                let (axis, positions) = shaped::bounds(axis, ask, (shape, *moment))?;
                Self::over(axis, &positions, ask)
            }
            Spread::Free => Self::free(axis, ask),
        }
    }

    /// How many different values there are.
    pub(super) fn distinct(&self) -> u64 {
        self.ladder.distinct()
    }

    /// Ranges of ordinals that equally many rows have.
    pub(super) fn groups(&self) -> &[Range<u64>] {
        self.ladder.groups()
    }

    /// The position of a value.
    pub(super) fn position(&self, ordinal: u64) -> i128 {
        self.ladder.position(ordinal) * self.unit
    }

    /// Appends a value.
    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        self.axis.write(self.position(ordinal), out);
    }

    /// The line's own axis.
    pub(super) fn axis(&self) -> &Axis {
        &self.axis
    }

    fn over(axis: Axis, positions: &[i128], ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let whole = axis.unit(ask.type_);
        let limits = limits(&axis, ask)?;
        for unit in units(&axis, positions, whole) {
            let Some(plan) = plan(&axis, ask, &limits, unit) else {
                continue;
            };
            let ladder = Ladder::over(
                &positions
                    .iter()
                    .map(|p| p.div_euclid(unit))
                    .collect::<Vec<_>>(),
                &plan,
            );
            let room = positions.first() != positions.last() && ladder.room() >= ask.distinct;
            if room
                || (unit == whole
                    && ladder.distinct() > 0
                    && ladder.distinct() >= ask.distinct.min(2))
            {
                return Ok(Self { axis, ladder, unit });
            }
        }
        // No bound is allowed, or a single one stands for many values.
        Self::free(axis, ask)
    }

    fn free(axis: Axis, ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let axis = roomy(axis, ask);
        let limits = limits(&axis, ask)?;
        let span = guess::span(&axis, ask);
        let unit = if span.unit % axis.unit(ask.type_) == 0 {
            span.unit
        } else {
            axis.unit(ask.type_)
        };
        let mut best: Option<Self> = None;
        for unit in [unit, axis.unit(ask.type_)] {
            let Some(plan) = plan(&axis, ask, &limits, unit) else {
                continue;
            };
            let (least, greatest) = plan.limits.unwrap_or((i128::MIN, i128::MAX));
            let (low, high) = (span.low.div_euclid(unit), span.high.div_euclid(unit));
            // What was guessed is moved into what is allowed, then widened until there is room.
            let (low, high) = moved((low, high), (least, greatest));
            let missing = i128::from(ask.distinct) + plan.avoid.len() as i128
                - high.saturating_sub(low).saturating_add(1);
            let (low, high) = if missing > 0 {
                widened((low, high), missing, span.backwards, (least, greatest))
            } else {
                (low, high)
            };
            let ladder = Ladder::even(low, high, &plan);
            if best
                .as_ref()
                .is_none_or(|best| ladder.distinct() > best.ladder.distinct())
            {
                best = Some(Self {
                    axis: axis.clone(),
                    ladder,
                    unit,
                });
            }
            if best
                .as_ref()
                .is_some_and(|best| best.distinct() >= ask.distinct)
            {
                break;
            }
        }
        best.filter(|best| best.distinct() > 0)
            .ok_or_else(|| Unfillable("no value is allowed".into()))
    }
}

/// What is allowed, in positions.
pub(super) fn limits(axis: &Axis, ask: &Ask<'_>) -> Result<RangeInclusive<i128>, Unfillable> {
    let (mut low, mut high) = axis.limits(ask.type_);
    let unread =
        |limit: &Limit| Unfillable(format!("the bound {:?} is not understood", limit.value));
    if let Some(limit) = &ask.domain.at_least {
        let (position, exact) =
            literal::floor(axis, ask.type_, &limit.value).ok_or_else(|| unread(limit))?;
        low = low.max(position.saturating_add(i128::from(!exact || !limit.inclusive)));
    }
    if let Some(limit) = &ask.domain.at_most {
        let (position, exact) =
            literal::floor(axis, ask.type_, &limit.value).ok_or_else(|| unread(limit))?;
        high = high.min(position.saturating_sub(i128::from(exact && !limit.inclusive)));
    }
    if low > high {
        return Err(Unfillable("no value is allowed".into()));
    }
    Ok(low..=high)
}

/// The plan of a ladder whose steps are `unit`.
fn plan(axis: &Axis, ask: &Ask<'_>, limits: &RangeInclusive<i128>, unit: i128) -> Option<Plan> {
    let mut avoid: Vec<i128> = ask
        .avoid
        .iter()
        .filter_map(|value| axis.read(value))
        .collect();
    for value in &ask.domain.none_of {
        // One that has no position on this line is none of its values.
        avoid.extend(literal::position(axis, ask.type_, value));
    }
    let avoid = avoid
        .into_iter()
        .filter(|position| position % unit == 0)
        .map(|position| position / unit);
    let low = limits.start().div_euclid(unit) + i128::from(limits.start().rem_euclid(unit) != 0);
    let high = limits.end().div_euclid(unit);
    if low > high {
        return None;
    }
    let avoid = avoid
        .filter(|position| (low..=high).contains(position))
        .collect();
    Some(Plan {
        limits: Some((low, high)),
        avoid,
        distinct: ask.distinct.max(1),
        crowd: ask.crowd,
        seed: ask.seed,
    })
}

/// Units to try, largest first: times are often whole seconds or days, numbers whole tens.
fn units(axis: &Axis, positions: &[i128], own: i128) -> Vec<i128> {
    let mut units: Vec<i128> = match axis {
        Axis::Micros | Axis::TimeTz | Axis::Interval => TIME_UNITS.into(),
        Axis::Int2 | Axis::Int4 | Axis::Int8 | Axis::Numeric(_) if positions.len() >= BELIEVED => {
            (1..=9).rev().map(|power| 10_i128.pow(power)).collect()
        }
        _ => Vec::new(),
    };
    units.retain(|unit| {
        unit % own == 0 && *unit > own && positions.iter().all(|position| position % unit == 0)
    });
    units.push(own);
    units
}

/// Moves a range into another, keeping its width where it can.
fn moved((low, high): (i128, i128), (least, greatest): (i128, i128)) -> (i128, i128) {
    let width = high.saturating_sub(low);
    if low < least {
        // The guess still holds for its upper end, unless nothing of it is left.
        let high = if high > least {
            high
        } else {
            least.saturating_add(width)
        };
        return (least, high.min(greatest));
    }
    if high > greatest {
        let low = if low < greatest {
            low
        } else {
            greatest.saturating_sub(width).max(least)
        };
        return (low, greatest);
    }
    (low, high)
}

/// Makes room for so many more positions: upwards first, or downwards first of what lies in the past.
fn widened(
    (low, high): (i128, i128),
    missing: i128,
    backwards: bool,
    (least, greatest): (i128, i128),
) -> (i128, i128) {
    let (above, below) = (
        greatest.saturating_sub(high).max(0),
        low.saturating_sub(least).max(0),
    );
    let (up, down) = if backwards {
        let down = missing.min(below);
        ((missing - down).min(above), down)
    } else {
        let up = missing.min(above);
        (up, (missing - up).min(below))
    };
    (low - down, high + up)
}

/// Floats and numbers without a scale get as many decimals as it takes for what is allowed to have room.
fn roomy(axis: Axis, ask: &Ask<'_>) -> Axis {
    let free = ask.type_.base().typmod < 4;
    let candidates: Vec<Axis> = match &axis {
        Axis::Numeric(_) if free => (guess::decimals(ask)..=FLOAT_DECIMALS + 6)
            .map(Axis::Numeric)
            .collect(),
        Axis::Float4(_) => (guess::decimals(ask).min(4)..=4)
            .map(Axis::Float4)
            .chain([Axis::Float4Bits])
            .collect(),
        Axis::Float8(_) => (guess::decimals(ask)..=FLOAT_DECIMALS + 6)
            .map(Axis::Float8)
            .collect(),
        _ => return axis,
    };
    let room = |axis: &Axis| {
        let allowed = limits(axis, ask).ok()?;
        let span = guess::span(axis, ask);
        let (low, high) = moved((span.low, span.high), (*allowed.start(), *allowed.end()));
        (high.checked_sub(low)? >= i128::from(ask.distinct)).then_some(())
    };
    candidates
        .iter()
        .find(|axis| room(axis).is_some())
        .or(candidates.last())
        .cloned()
        .unwrap_or(axis)
}
