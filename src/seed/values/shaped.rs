//! Bounds of a histogram of which only the form is known: their places, and orders of magnitude of where they begin and
//! how far they go.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::seed::profile::{HistogramShape, Magnitude};
use crate::seed::schema::Type;

use super::ask::{Ask, Unfillable};
use super::axis::{Axis, DAY, EPOCH_DAYS, base_name, open_decimals};
use super::line::limits;
use super::literal;

/// Digits that a float of eight bytes tells apart.
const DOUBLE_DIGITS: u32 = 15;
/// Bits that floats of four and of eight bytes tell apart.
const SINGLE_BITS: f64 = 24.0;
const DOUBLE_BITS: f64 = 53.0;
/// Bits of a numeric, where that is enough: checks compute with 28 digits, and as many decimals at most.
const NUMERIC_BITS: f64 = 93.0;
const NUMERIC_DECIMALS: f64 = 28.0;
/// Units of `money` that are 1: in nearly every locale it has two decimals.
const CENTS: i128 = 100;

/// The line on which the bounds lie, and their positions on it, rising. All of them are allowed, unless times of
/// several columns have one frame: one of these is not moved without the others.
pub(super) fn bounds(
    axis: Axis,
    ask: &Ask<'_>,
    (shape, moment): (&HistogramShape, Timestamp),
) -> Result<(Axis, Vec<i128>), Unfillable> {
    let axis = with_decimals(axis, ask, shape);
    let allowed = limits(&axis, ask)?;
    if matches!(axis, Axis::Float4Bits | Axis::Float8Bits) {
        let positions = floating(&axis, shape, &allowed);
        return Ok((axis, positions));
    }
    let (scale, origin, unit) = counted(&axis, ask.type_, shape, moment);
    let (low, span) = (sized(shape.low, scale), sized(shape.span, scale));
    let mut ends = (origin + low, span.max(needed(&axis, ask, shape)));
    if shape.frame.is_none() {
        ends = fitted(ends, (allowed.start() * unit, allowed.end() * unit));
    }
    let positions = placed(shape, ends, unit);
    Ok((axis, positions))
}

fn is_money(type_: &Type) -> bool {
    base_name(type_) == Some("money")
}

/// How many units are 1 (or a second), where is 0 (or the moment), and how many units a position takes.
fn counted(
    axis: &Axis,
    type_: &Type,
    shape: &HistogramShape,
    moment: Timestamp,
) -> (i128, i128, i128) {
    match axis {
        Axis::Numeric(scale) | Axis::Float4(scale) | Axis::Float8(scale) => {
            (10_i128.pow(*scale), 0, 1)
        }
        // Told in whole ones, as numbers are.
        Axis::Int8 if is_money(type_) => (CENTS, 0, 1),
        Axis::Micros if base_name(type_) != Some("time") => {
            let epoch = i128::from(EPOCH_DAYS) * DAY;
            (1_000_000, i128::from(moment.as_microsecond()) - epoch, 1)
        }
        Axis::Micros | Axis::TimeTz | Axis::Interval => (1_000_000, 0, 1),
        Axis::Date => {
            let today = moment.to_zoned(TimeZone::UTC).date();
            let today = i128::from(literal::days(today)) * 86_400;
            let second = i128::from(moment.as_second().rem_euclid(86_400));
            // In a frame days are counted from where timestamps are.
            let origin = today + if shape.frame.is_some() { second } else { 0 };
            (1, origin, 86_400)
        }
        _ => (1, 0, 1),
    }
}

/// The first bound and the distance to the last, moved into what is allowed, and shorter where that is: what lies
/// outside would be lost, and with it the form.
fn fitted((low, span): (i128, i128), (least, greatest): (i128, i128)) -> (i128, i128) {
    let span = span.min(greatest.saturating_sub(least));
    (low.clamp(least, greatest - span), span)
}

/// Floats and numbers without a scale of their own take the decimals of the histogram, as far as numbers of this size
/// have room for them. Where floats have no few decimals, they have as many as tell numbers of this size apart; where
/// that leaves no room for all different values, they lie in the order of their bits.
fn with_decimals(axis: Axis, ask: &Ask<'_>, shape: &HistogramShape) -> Axis {
    match axis {
        Axis::Numeric(own) => match open_decimals(ask.type_) {
            Some(open) => {
                let most = most_decimals(shape, NUMERIC_BITS).unwrap_or(0);
                Axis::Numeric(shape.decimals.unwrap_or(own).min(open).min(most))
            }
            None => axis,
        },
        Axis::Float4(_) => {
            decimals(ask, shape, (SINGLE_BITS, 5)).map_or(Axis::Float4Bits, Axis::Float4)
        }
        Axis::Float8(_) => {
            let bits = shape.low.log2.max(shape.span.log2).unwrap_or(0).max(0);
            // A decimal digit has 3.3 bits.
            let digits = u32::try_from(bits).unwrap_or(0).div_ceil(3);
            let most = DOUBLE_DIGITS.saturating_sub(digits).min(12);
            decimals(ask, shape, (DOUBLE_BITS, most)).map_or(Axis::Float8Bits, Axis::Float8)
        }
        axis => axis,
    }
}

/// Decimals of floats that tell so many bits apart, no more than `most`; `None` where the bits themselves tell more.
fn decimals(ask: &Ask<'_>, shape: &HistogramShape, (bits, most): (f64, u32)) -> Option<u32> {
    let most = most_decimals(shape, bits)?.min(most);
    if let Some(told) = shape.decimals.filter(|told| *told <= most) {
        return Some(told);
    }
    let room = sized(shape.span, 10_i128.pow(most));
    (room >= i128::from(ask.distinct)).then_some(most)
}

/// How many decimals numbers of this size have where units of so many bits are told apart; `None` where these are less
/// than the whole numbers.
fn most_decimals(shape: &HistogramShape, bits: f64) -> Option<u32> {
    let size = |magnitude: Magnitude| magnitude.log2.map_or(0.0, |log2| f64::from(log2).exp2());
    let left = bits - (size(shape.low) + size(shape.span)).log2();
    let decimals = (left / std::f64::consts::LOG2_10).floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 28"
    )]
    (decimals >= 0.0).then_some(decimals.min(NUMERIC_DECIMALS) as u32)
}

/// The least distance between the ends of whole numbers among which all different ones have room, if it is of the
/// order of magnitude that is told.
fn needed(axis: &Axis, ask: &Ask<'_>, shape: &HistogramShape) -> i128 {
    let whole = matches!(axis, Axis::Int2 | Axis::Int4 | Axis::Int8);
    let scale = if is_money(ask.type_) { CENTS } else { 1 };
    let most = shape.span.log2.filter(|log2| (0..=64).contains(log2));
    let steps = i128::from(ask.distinct) - 1;
    match most {
        Some(log2) if whole && shape.frame.is_none() && steps <= scale << log2 => steps,
        _ => 0,
    }
}

/// From the first bound and the distance to the last to all bounds, each the nearest: whole numbers beside each other
/// would lose or gain one on the way down.
fn placed(shape: &HistogramShape, (low, span): (i128, i128), unit: i128) -> Vec<i128> {
    let (steps, placed) = steps(shape);
    let mut positions: Vec<i128> = placed
        .map(|step| {
            let part = (span % steps * step + steps / 2) / steps;
            (low + span / steps * step + part).div_euclid(unit)
        })
        .collect();
    positions.sort_unstable();
    positions
}

/// Bounds of floats on the line of their bits.
fn floating(axis: &Axis, shape: &HistogramShape, allowed: &RangeInclusive<i128>) -> Vec<i128> {
    let single = *axis == Axis::Float4Bits;
    let greatest = if single {
        f64::from(f32::MAX)
    } else {
        f64::MAX
    };
    let size = |magnitude: Magnitude| {
        let size = magnitude
            .log2
            .map_or(0.0, |log2| f64::from(log2).exp2() * 0.75);
        let size = size.min(greatest / 2.0);
        if magnitude.negative { -size } else { size }
    };
    let (low, span) = (size(shape.low), size(shape.span));
    let (steps, placed) = steps(shape);
    let position = |step: i128| {
        let value = low + span * (step as f64 / steps as f64);
        let bits = if single {
            #[expect(clippy::cast_possible_truncation, reason = "it is within the limits")]
            let value = value as f32;
            axis.read(&value.to_be_bytes())
        } else {
            axis.read(&value.to_be_bytes())
        };
        bits.map(|bits| bits.clamp(*allowed.start(), *allowed.end()))
    };
    let mut positions: Vec<i128> = placed.filter_map(position).collect();
    positions.sort_unstable();
    positions
}

/// Where the bounds are, in steps of the whole span, and how many of these it has.
fn steps(shape: &HistogramShape) -> (i128, impl Iterator<Item = i128>) {
    let whole = |(from, to): &(f64, f64)| (0.0..1.0).contains(from) && from < to && *to <= 1.0;
    let (from, to) = shape.frame.filter(whole).unwrap_or((0.0, 1.0));
    let steps = HistogramShape::frame_steps(to - from);
    let (from, to) = ((from * steps).round(), (to * steps).round());
    let positions = shape.positions.iter();
    let placed = positions.map(move |p| rounded(from + p.clamp(0.0, 1.0) * (to - from)));
    (rounded(steps), placed)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are ten million steps at most, and what is no number becomes 0"
)]
fn rounded(step: f64) -> i128 {
    step.round() as i128
}

/// A number of this order of magnitude: three quarters of its upper end, in units of which `scale` are 1.
fn sized(magnitude: Magnitude, scale: i128) -> i128 {
    let Some(log2) = magnitude.log2 else { return 0 };
    let size = if log2 >= 0 {
        (scale * 3).saturating_mul(1_i128 << log2.min(124)) / 4
    } else {
        scale * 3 / 4 / (1_i128 << log2.unsigned_abs().min(124))
    };
    if magnitude.negative { -size } else { size }
}
