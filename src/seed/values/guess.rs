//! What a column's name says of its numbers and times.

use super::ask::Ask;
use super::axis::{Axis, DAY, base_name};
use crate::seed::names::words;

/// Where values lie that nothing is known of but their name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// The least position.
    pub(super) low: i128,
    /// The greatest.
    pub(super) high: i128,
    /// Values are whole numbers of this.
    pub(super) unit: i128,
    /// Where there is not room enough, it is made below rather than above.
    pub(super) backwards: bool,
}

/// Words in names of numbers, with the least and the greatest number and how many decimals they have. The first that
/// is found counts.
const NUMBERS: [(&[&str], i64, i64, u32); 24] = [
    (&["age"], 18, 90, 0),
    (&["year"], 1990, 2026, 0),
    (&["month"], 1, 12, 0),
    (&["weekday", "dow"], 0, 6, 0),
    (&["day"], 1, 28, 0),
    (&["hour"], 0, 23, 0),
    (&["minute", "minutes", "duration", "length"], 1, 180, 0),
    (&["rating", "stars"], 1, 5, 1),
    (&["score", "rank", "priority", "level"], 0, 100, 0),
    (&["percent", "percentage", "pct"], 0, 100, 1),
    (
        &[
            "ratio",
            "rate",
            "probability",
            "share",
            "fraction",
            "tax",
            "discount",
        ],
        0,
        1,
        4,
    ),
    (&["lat", "latitude"], -60, 70, 6),
    (&["lon", "lng", "long", "longitude"], -180, 180, 6),
    (&["price", "cost", "fee", "fare"], 1, 500, 2),
    (
        &["amount", "total", "subtotal", "sum", "revenue", "paid"],
        5,
        5_000,
        2,
    ),
    (
        &["balance", "credit", "salary", "budget", "income"],
        100,
        100_000,
        2,
    ),
    (&["quantity", "qty", "stock", "inventory"], 1, 100, 0),
    (
        &[
            "count",
            "views",
            "likes",
            "clicks",
            "visits",
            "downloads",
            "num",
        ],
        0,
        10_000,
        0,
    ),
    (&["weight", "mass"], 1, 200, 2),
    (&["height", "width", "depth"], 1, 250, 1),
    (&["temperature", "temp"], -20, 40, 1),
    (&["size", "bytes"], 100, 10_000_000, 0),
    (
        &[
            "version", "revision", "attempt", "retries", "position", "sort", "seq", "line",
        ],
        1,
        50,
        0,
    ),
    (&["zip", "postcode", "postal"], 10_000, 99_999, 0),
];

/// Days from 2000-01-01 to 2026-06-30, before which made rows lie: fixed, so that a seed makes the same rows every day.
pub(super) const TODAY: i128 = 9_677;

/// Words in names of times, with days from [`TODAY`]. The first that is found counts.
const TIMES: [(&[&str], i64, i64); 4] = [
    (
        &["birth", "birthday", "birthdate", "dob", "born"],
        -30_000,
        -6_600,
    ),
    (
        &[
            "due",
            "expires",
            "expiry",
            "expiration",
            "until",
            "valid",
            "deadline",
            "scheduled",
            "renewal",
        ],
        -900,
        365,
    ),
    (&["hired", "hire", "joined", "founded"], -7_300, -30),
    (&["release", "released", "published"], -5_000, -1),
];
/// All others: three years.
const RECENT: (i64, i64) = (-1_096, -1);

/// How many decimals floats and numbers without a scale have at least.
pub(super) fn decimals(ask: &Ask<'_>) -> u32 {
    number(ask).map_or(2, |(_, _, decimals)| decimals)
}

fn number(ask: &Ask<'_>) -> Option<(i64, i64, u32)> {
    let parts = words(ask.column);
    // A key of ratings is no rating.
    if parts
        .last()
        .is_some_and(|last| matches!(last.as_str(), "id" | "key" | "no" | "nr" | "code"))
    {
        return None;
    }
    let found = NUMBERS
        .iter()
        .find(|(words, ..)| parts.iter().any(|part| words.contains(&part.as_str())));
    found.map(|(_, low, high, decimals)| (*low, *high, *decimals))
}

/// Where the values of a column lie, by its type and its name.
pub(super) fn span(axis: &Axis, ask: &Ask<'_>) -> Span {
    let even = |low: i128, high: i128, unit: i128| Span {
        low,
        high,
        unit,
        backwards: false,
    };
    match axis {
        Axis::Int2 | Axis::Int4 | Axis::Int8 if base_name(ask.type_) != Some("money") => {
            match number(ask) {
                Some((low, high, _)) => even(low.into(), high.into(), 1),
                // Keys and whatever else: one after the other.
                None => even(1, i128::from(ask.distinct.max(1)), 1),
            }
        }
        Axis::Int8 => numbers(ask, 2),
        Axis::Numeric(scale) | Axis::Float4(scale) | Axis::Float8(scale) => numbers(ask, *scale),
        // From 1 to 1000.
        Axis::Float4Bits => even(1.0_f32.to_bits().into(), 1_000.0_f32.to_bits().into(), 1),
        Axis::Float8Bits => even(1.0_f64.to_bits().into(), 1_000.0_f64.to_bits().into(), 1),
        Axis::Date => times(ask, 1),
        Axis::Micros if base_name(ask.type_) == Some("time") => even(DAY / 4, DAY - 1, 60_000_000),
        Axis::Micros => times(ask, DAY),
        Axis::TimeTz => even(DAY / 4, DAY - 1, 60_000_000),
        Axis::Interval => even(60_000_000, DAY * 30, 1_000_000),
        Axis::Months => even(1, 48, 1),
        Axis::Unsigned4 => even(20_000, 20_000 + i128::from(ask.distinct), 1),
        Axis::Unsigned8 => even(
            1 << 24,
            (1 << 24) + i128::from(ask.distinct).saturating_mul(64),
            1,
        ),
        // Private addresses, and those that no maker of network cards was given.
        Axis::Network {
            family: 2,
            bits,
            cidr: true,
        } => {
            let hidden = 32_u8.saturating_sub(*bits);
            even((10 << 24) >> hidden, ((11 << 24) - 1) >> hidden, 1)
        }
        Axis::Network { family: 2, .. } => even((10 << 24) + 1, (11 << 24) - 2, 1),
        Axis::Mac(6) => even(0x02 << 40, (0x03 << 40) - 1, 1),
        Axis::Mac(_) => even(0x02 << 56, (0x03 << 56) - 1, 1),
        Axis::Byte => even(b'A'.into(), b'Z'.into(), 1),
        Axis::Tid => even(0, i128::from(ask.distinct), 1),
        _ => {
            let (low, high) = axis.limits(ask.type_);
            even(low, high, 1)
        }
    }
}

fn numbers(ask: &Ask<'_>, scale: u32) -> Span {
    let one = 10_i128.pow(scale.min(30));
    let (low, high, decimals) = number(ask).unwrap_or((1, 1_000, 2));
    let unit = 10_i128.pow(scale.saturating_sub(decimals.max(2)).min(30));
    Span {
        low: i128::from(low) * one,
        high: i128::from(high) * one,
        unit,
        backwards: false,
    }
}

fn times(ask: &Ask<'_>, day: i128) -> Span {
    let parts = words(ask.column);
    let found = TIMES
        .iter()
        .find(|(words, ..)| parts.iter().any(|part| words.contains(&part.as_str())));
    let (low, high) = found.map_or(RECENT, |(_, low, high)| (*low, *high));
    Span {
        low: (TODAY + i128::from(low)) * day,
        high: (TODAY + i128::from(high)) * day,
        unit: 1,
        backwards: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_in_the_documents() {
        let page = include_str!("../../../docs/names.md");
        let numbers = NUMBERS.iter().map(|(words, ..)| *words);
        let times = TIMES.iter().map(|(words, ..)| *words);
        for words in numbers.chain(times) {
            let line: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            assert!(
                page.contains(&format!("| {} |", line.join(" "))),
                "{line:?}"
            );
        }
    }
}
