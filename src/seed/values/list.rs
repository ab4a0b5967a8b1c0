//! Values that are named one by one.

use crate::seed::schema::Type;

use super::ask::{Ask, Unfillable};
use super::axis::{Axis, base_name};
use super::{line, literal};

/// Values, in their order.
#[derive(Debug, Clone)]
pub(super) struct List {
    values: Vec<Vec<u8>>,
    /// Of so many as are wanted.
    distinct: u64,
}

impl List {
    /// Those that a constraint names, less those that are not allowed.
    pub(super) fn of_texts(texts: &[String], ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let mut values = Vec::with_capacity(texts.len());
        for text in texts {
            if ask.domain.none_of.contains(text) {
                continue;
            }
            let value = literal::bytes(ask.type_, text).ok_or_else(|| {
                Unfillable(format!(
                    "a value of type {} that a constraint names is not understood",
                    ask.type_.name
                ))
            })?;
            values.push(value);
        }
        Self::new(values, ask)
    }

    /// These values.
    pub(super) fn new(mut values: Vec<Vec<u8>>, ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let axis = Axis::of_values(ask.type_, &values);
        if let Some(axis) = &axis {
            let limits = line::limits(axis, ask)?;
            values.retain(|value| {
                axis.read(value)
                    .is_none_or(|position| limits.contains(&position))
            });
        }
        values.retain(|value| !ask.avoid.iter().any(|avoid| same(ask.type_, avoid, value)));
        values.sort_by_cached_key(|value| {
            (
                axis.as_ref().and_then(|axis| axis.read(value)),
                value.clone(),
            )
        });
        values.dedup();
        if values.is_empty() {
            return Err(Unfillable("no value is allowed".into()));
        }
        let distinct = ask.distinct.clamp(1, values.len() as u64);
        Ok(Self { values, distinct })
    }

    /// These values in the order that they have.
    pub(super) fn in_order(values: &[Vec<u8>], ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let mut values = values.to_vec();
        values.retain(|value| !ask.avoid.contains(value));
        values.dedup();
        if values.is_empty() {
            return Err(Unfillable("no value is allowed".into()));
        }
        let distinct = ask.distinct.clamp(1, values.len() as u64);
        Ok(Self { values, distinct })
    }

    /// How many there are.
    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    /// Appends a value.
    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        // Evenly, where there are more than are wanted.
        let all = self.values.len() as u128;
        let place = u128::from(ordinal) * all / u128::from(self.distinct);
        let place = usize::try_from(place)
            .unwrap_or(0)
            .min(self.values.len() - 1);
        out.extend_from_slice(&self.values[place]);
    }
}

fn same(type_: &Type, one: &[u8], other: &[u8]) -> bool {
    match base_name(type_) {
        Some("bpchar") => super::text::trimmed(type_, one) == super::text::trimmed(type_, other),
        Some("numeric") => match (super::numeric::read(one), super::numeric::read(other)) {
            (Some((one, own)), Some((other, scale))) => {
                let widest = own.max(scale);
                super::codec::rescale((one, own), widest)
                    == super::codec::rescale((other, scale), widest)
            }
            _ => one == other,
        },
        _ => one == other,
    }
}
