//! Partitions of all levels, below their root.

use std::collections::HashMap;

use super::model::{Name, Partition, Partitioning};
use super::read::Relation;

/// A table that holds rows of its own: a partition that is not partitioned itself.
#[derive(Debug, Clone)]
pub(in crate::seed) struct Leaf {
    /// Its name.
    pub(in crate::seed) name: Name,
    /// `reltuples`; below 0 it was never vacuumed or analysed.
    pub(in crate::seed) reltuples: f32,
    /// `relpages`.
    pub(in crate::seed) relpages: i32,
}

/// A partition of any level, seen from its root.
pub(super) struct Below {
    /// Its oid.
    pub(super) relid: u32,
    /// The columns that decide which rows come here, of all levels above; an expression is `None`.
    pub(super) keys: Vec<Option<String>>,
    /// Itself, or its partitions that are not partitioned.
    pub(super) leaves: Vec<u32>,
}

/// Relations by the relation that they are a partition of.
pub(super) struct Children<'a> {
    by_parent: HashMap<u32, Vec<&'a Relation>>,
}

impl<'a> Children<'a> {
    pub(super) fn of(relations: &'a [Relation]) -> Self {
        let mut by_parent: HashMap<u32, Vec<&Relation>> = HashMap::new();
        for relation in relations {
            if let Some(parent) = relation.parent {
                by_parent.entry(parent).or_default().push(relation);
            }
        }
        Self { by_parent }
    }

    /// How rows of a partitioned table are routed; its leaves are added to `leaves`.
    pub(super) fn partitioning(
        &self,
        relation: &Relation,
        leaves: &mut Vec<Leaf>,
    ) -> Option<Partitioning> {
        let strategy = relation.partstrat.clone()?;
        let mut partitions = Vec::new();
        for child in self.by_parent.get(&relation.relid).into_iter().flatten() {
            // A foreign table keeps its rows elsewhere: none may be routed there.
            let (true, Some(bound)) = (child.relkind != "f", child.bound.clone()) else {
                continue;
            };
            if child.partstrat.is_none() {
                leaves.push(Leaf {
                    name: child.name.clone(),
                    reltuples: child.reltuples,
                    relpages: child.relpages,
                });
            }
            partitions.push(Partition {
                name: child.name.clone(),
                bound,
                partitioning: self.partitioning(child, leaves),
            });
        }
        Some(Partitioning {
            strategy,
            columns: relation.partcolumns.clone().unwrap_or_default(),
            partitions,
        })
    }

    /// Partitions of all levels.
    pub(super) fn below(&self, root: &Relation) -> Vec<Below> {
        let mut all = Vec::new();
        self.descend(root, &[], &mut all);
        all
    }

    fn descend(
        &self,
        relation: &Relation,
        above: &[Option<String>],
        all: &mut Vec<Below>,
    ) -> Vec<u32> {
        if relation.partstrat.is_none() {
            return vec![relation.relid];
        }
        let mut keys = above.to_vec();
        keys.extend(relation.partcolumns.clone().unwrap_or_default());
        let mut leaves = Vec::new();
        for child in self.by_parent.get(&relation.relid).into_iter().flatten() {
            if child.relkind != "f" {
                let of_child = self.descend(child, &keys, all);
                leaves.extend(&of_child);
                all.push(Below {
                    relid: child.relid,
                    keys: keys.clone(),
                    leaves: of_child,
                });
            }
        }
        leaves
    }
}
