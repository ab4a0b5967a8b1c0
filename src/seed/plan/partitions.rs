//! Partitions: how many rows each gets, and which values of the key lead to it.

use std::collections::BTreeMap;

use super::bounds::Bound;
use super::options::Problem;
use super::statistics::whole;
use crate::seed::domain::Domain;
use crate::seed::profile::TableProfile;
use crate::seed::schema::{Name, Partitioning, Table, Type};

/// A partition that has rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    /// Rows before it.
    pub(super) first: u64,
    /// Its rows.
    pub(super) rows: u64,
    /// What columns of keys may be in it.
    pub(super) domains: BTreeMap<usize, Domain>,
}

/// A leaf while it is looked for, or leaves that nobody has to tell apart.
struct Found<'a> {
    names: Vec<&'a Name>,
    domains: BTreeMap<usize, Domain>,
    is_default: bool,
}

/// The leaves that get rows, those of hash partitions taken together, and what is said of default partitions. Empty: the
/// table is not partitioned, or by hash alone.
pub(super) fn leaves(
    table: &Table,
    known: Option<&TableProfile>,
    rows: u64,
) -> Result<(Vec<Leaf>, Option<Problem>), Problem> {
    let Some(partitioning) = &table.partitioning else {
        return Ok((Vec::new(), None));
    };
    let mut found = Vec::new();
    walk(table, partitioning, &BTreeMap::new(), false, &mut found)?;
    // What a default partition takes is whatever the others do not: nothing can be made for it by its bounds.
    let mut by_default = Vec::new();
    if found.iter().any(|leaf| !leaf.is_default) {
        by_default = found.extract_if(.., |leaf| leaf.is_default).collect();
    }
    if found.is_empty() {
        return Err(Problem::of(
            &table.name,
            "partitions",
            "it has none, so no row can be stored",
        ));
    }
    let moved = by_default.iter().find(|leaf| weight(leaf, known) >= 1.0);
    let moved = moved.map(|leaf| {
        let partition = &leaf.names[0].name;
        let reason = "the rows of a default partition go to the others: its own have no bounds";
        Problem::of(&table.name, partition, reason)
    });
    if found.iter().all(|leaf| leaf.domains.is_empty()) {
        return Ok((Vec::new(), moved));
    }
    let weights: Vec<f64> = found.iter().map(|leaf| weight(leaf, known)).collect();
    let even = weights.iter().all(|weight| *weight <= 0.0);
    let total: f64 = if even {
        found.len() as f64
    } else {
        weights.iter().sum()
    };
    let mut sum = 0.0;
    let mut first = 0;
    let mut leaves = Vec::new();
    for (leaf, weight) in found.into_iter().zip(weights) {
        sum += if even { 1.0 } else { weight };
        let until = whole(sum / total * rows as f64 + 0.5).min(rows);
        if until > first {
            leaves.push(Leaf {
                first,
                rows: until - first,
                domains: leaf.domains,
            });
        }
        first = until;
    }
    Ok((leaves, moved))
}

/// Rows of the source.
fn weight(leaf: &Found<'_>, known: Option<&TableProfile>) -> f64 {
    let partitions = known.map_or(&[][..], |known| &known.partitions);
    let rows = partitions.iter();
    rows.filter(|(name, _)| leaf.names.contains(&name))
        .map(|(_, rows)| rows.max(0.0))
        .sum()
}

fn walk<'a>(
    table: &Table,
    level: &'a Partitioning,
    above: &BTreeMap<usize, Domain>,
    below_default: bool,
    found: &mut Vec<Found<'a>>,
) -> Result<(), Problem> {
    let columns = key_columns(table, level)?;
    if level.strategy == "h" && !level.partitions.is_empty() {
        // Any row finds its partition; levels below hash partitions would each need rows of their own.
        let deeper = level.partitions.iter().any(|p| p.partitioning.is_some());
        if deeper {
            return Err(Problem::of(
                &table.name,
                "partitions",
                "partitions below hash partitions are not filled: which rows reach them is not known before they are stored",
            ));
        }
        found.push(Found {
            names: level.partitions.iter().map(|p| &p.name).collect(),
            domains: above.clone(),
            is_default: below_default,
        });
        return Ok(());
    }
    'partitions: for partition in &level.partitions {
        let bound = Bound::parse(&partition.bound);
        let is_default = below_default || bound == Bound::Default;
        let types: Vec<&Type> = columns.iter().map(|c| &table.columns[*c].type_).collect();
        let Some(domains) = bound.domains(&types) else {
            continue;
        };
        let mut here = above.clone();
        for (column, domain) in columns.iter().zip(domains) {
            if domain != Domain::default() {
                let of = &table.columns[*column].type_;
                let above = here.get(column).cloned().unwrap_or_default();
                // Levels that contradict each other have no rows in common.
                let both = above.and(&domain, of);
                let Some(both) = both.filter(|both| !both.is_empty(of)) else {
                    continue 'partitions;
                };
                here.insert(*column, both);
            }
        }
        match &partition.partitioning {
            Some(below) => walk(table, below, &here, is_default, found)?,
            None => found.push(Found {
                names: vec![&partition.name],
                domains: here,
                is_default,
            }),
        }
    }
    Ok(())
}

fn key_columns(table: &Table, level: &Partitioning) -> Result<Vec<usize>, Problem> {
    level
        .columns
        .iter()
        .map(|column| {
            let place = column.as_ref().and_then(|name| table.column(name));
            place.ok_or_else(|| {
                Problem::of(
                    &table.name,
                    "partition key",
                    "it has an expression, and which rows a partition takes is known for columns only",
                )
            })
        })
        .collect()
}
