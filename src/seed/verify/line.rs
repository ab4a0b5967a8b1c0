//! Values on a line, so that distributions of them can be compared.

use std::collections::HashMap;

use crate::seed::checks::place;
use crate::seed::profile::{ColumnStats, Histogram, Value};
use crate::seed::schema::{Name, Type};
use crate::stats::Distribution;

/// The places of texts in the order of a column's collation, by table and column.
pub(super) type Orders = HashMap<(Name, String), HashMap<String, f64>>;

/// Where a value lies: a number or a time at itself, a label at its number, text where the server sorts it.
pub(super) fn place_of(
    text: &str,
    type_: &Type,
    order: Option<&HashMap<String, f64>>,
) -> Option<f64> {
    match order {
        Some(order) => order.get(text).copied(),
        None => place(type_, text),
    }
}

/// What is not null, on the line of its values.
pub(super) fn of_values(
    stats: &ColumnStats,
    place: impl Fn(&str) -> Option<f64>,
) -> Result<Distribution, &'static str> {
    const UNREAD: &str = "the order of its values is not known here";
    let mut parts = Vec::new();
    for common in &stats.most_common {
        let Value::Kept(text) = &common.value else {
            return Err("its values are not told");
        };
        let at = place(text).ok_or(UNREAD)?;
        parts.push((at, at, common.frequency));
    }
    let common: f64 = stats.most_common.iter().map(|c| c.frequency).sum();
    let rest = (1.0 - stats.null_frac - common).max(0.0);
    match &stats.histogram {
        Histogram::Kept(bounds) if bounds.len() > 1 => {
            let places = bounds.iter().map(|bound| place(bound).ok_or(UNREAD));
            let places = places.collect::<Result<Vec<_>, _>>()?;
            let weight = rest / (places.len() - 1) as f64;
            parts.extend(places.windows(2).map(|ends| (ends[0], ends[1], weight)));
        }
        Histogram::Kept(_) | Histogram::None if rest > MOST_UNKNOWN => {
            return Err("statistics do not say where its values lie");
        }
        Histogram::Shape(_) | Histogram::Untold(_) => return Err("its values are not told"),
        Histogram::Kept(_) | Histogram::None => {}
    }
    Distribution::new(parts).ok_or("statistics do not say where its values lie")
}

/// So much of a column may lie nowhere: values of which a sample has seen none twice.
const MOST_UNKNOWN: f64 = 0.02;

/// A histogram between its ends, common values left out.
pub(super) fn of_positions(positions: &[f64]) -> Option<Distribution> {
    Distribution::new(positions.windows(2).map(|ends| (ends[0], ends[1], 1.0)))
}

/// Common values by their order alone; `None` where something else is there beside them.
pub(super) fn of_order(stats: &ColumnStats) -> Option<Distribution> {
    let common: f64 = stats.most_common.iter().map(|c| c.frequency).sum();
    if stats.histogram != Histogram::None || 1.0 - stats.null_frac - common > MOST_UNKNOWN {
        return None;
    }
    let points = stats.most_common.iter().map(|common| {
        let at = f64::from(common.order?);
        Some((at, at, common.frequency))
    });
    Distribution::new(points.collect::<Option<Vec<_>>>()?)
}
