//! How many rows each table gets, and in which order tables are filled.

use std::collections::HashMap;

use super::options::{PlanOptions, Problem};
use super::statistics::whole;
use crate::seed::profile::{Profile, TableProfile};
use crate::seed::schema::{Name, Schema};

/// A table that others refer to and that has fewer rows than this is a list of kinds, not a population: it does not grow
/// or shrink with the scale (ours).
const LOOKUP_ROWS: f64 = 100.0;

/// Without a profile: rows of a table that refers to none, and how many times as many a table has as the largest that
/// it refers to (ours).
const FREE_ROWS: f64 = 1_000.0;
const FREE_FAN_OUT: f64 = 5.0;
const FREE_MOST: f64 = 100_000.0;

/// Tables by their place in the schema, those that are referred to first, as far as there is no cycle.
pub(super) fn order(schema: &Schema) -> Vec<usize> {
    let places: HashMap<&Name, usize> = schema
        .tables
        .iter()
        .enumerate()
        .map(|(place, table)| (&table.name, place))
        .collect();
    let parents: Vec<Vec<usize>> = schema
        .tables
        .iter()
        .enumerate()
        .map(|(place, table)| {
            let named = table.foreign_keys.iter();
            let named = named.filter_map(|f| places.get(&f.references).copied());
            named.filter(|parent| *parent != place).collect()
        })
        .collect();
    let mut done = vec![false; parents.len()];
    let mut order = Vec::with_capacity(parents.len());
    while order.len() < parents.len() {
        let free = (0..parents.len())
            .find(|place| !done[*place] && parents[*place].iter().all(|parent| done[*parent]));
        // Of a cycle the first that is left.
        let next = free.or_else(|| done.iter().position(|done| !done));
        let Some(next) = next else { break };
        done[next] = true;
        order.push(next);
    }
    order
}

/// Rows of every table of the schema.
pub(super) fn rows(
    schema: &Schema,
    profile: Option<&Profile>,
    options: &PlanOptions,
    order: &[usize],
) -> Result<Vec<u64>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut asked = vec![None; schema.tables.len()];
    for (name, rows) in &options.rows {
        match schema.called(name) {
            Ok(table) => {
                let place = schema.tables.iter().position(|t| t.name == table.name);
                asked[place.unwrap_or_default()] = Some(*rows);
            }
            Err(why) => problems.push(unknown(name, why)),
        }
    }
    let mut counts = vec![0; schema.tables.len()];
    for place in order {
        counts[*place] = asked[*place].unwrap_or_else(|| {
            let known = profile.and_then(|p| p.table(&schema.tables[*place].name));
            match known {
                Some(known) => scaled(schema, known, options.scale),
                None => free(schema, *place, &counts, options.scale),
            }
        });
    }
    if problems.is_empty() {
        Ok(counts)
    } else {
        Err(problems)
    }
}

fn unknown(name: &str, reason: &str) -> Problem {
    Problem {
        table: Name {
            schema: "public".to_owned(),
            name: name.to_owned(),
        },
        subject: None,
        reason: format!("rows were asked for, but {reason}"),
    }
}

fn scaled(schema: &Schema, table: &TableProfile, scale: f64) -> u64 {
    let is_lookup = table.rows < LOOKUP_ROWS && is_referred_to(schema, &table.name);
    if is_lookup || table.rows < 1.0 {
        return whole(table.rows.max(0.0));
    }
    whole((table.rows * scale).round().max(1.0))
}

fn is_referred_to(schema: &Schema, name: &Name) -> bool {
    let others = schema.tables.iter().filter(|table| table.name != *name);
    others
        .flat_map(|table| &table.foreign_keys)
        .any(|key| key.references == *name)
}

fn free(schema: &Schema, place: usize, counts: &[u64], scale: f64) -> u64 {
    let table = &schema.tables[place];
    let parents = table.foreign_keys.iter().filter_map(|key| {
        let parent = schema
            .tables
            .iter()
            .position(|t| t.name == key.references)?;
        (parent != place).then(|| counts[parent])
    });
    let rows = match parents.max() {
        Some(largest) if largest > 0 => {
            (largest as f64 * FREE_FAN_OUT).min((FREE_MOST * scale).max(1.0))
        }
        _ => FREE_ROWS * scale,
    };
    whole(rows.round().max(1.0))
}

impl Profile {
    /// What is known of a table's rows.
    pub(super) fn table(&self, name: &Name) -> Option<&TableProfile> {
        self.tables.iter().find(|table| table.name == *name)
    }
}
