//! Foreign keys without an index on the referencing side (postgres-checkup H003).
//!
//! A delete or a key update in the referenced table looks up its children; without an index it
//! reads the whole child table, outside any statement text.

use std::collections::HashMap;

use crate::analyze::conclusions::{Evidence, MissingIndex, MissingIndexKind};
use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::indexes::{ForeignKey, IndexFacts};
use crate::record::tables::{StatUserTable, TableFacts};

use super::{create_sql, estimated_size, leads_with};

/// An index that a foreign key wants.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedByKey {
    /// The index.
    pub index: MissingIndex,
    /// Name of the foreign key.
    pub constraint: String,
    /// Rows were deleted from the referenced table, so the lack was already paid for.
    pub parent_deletes: i64,
    /// An index that serves in part: only some rows, or other columns in between.
    pub partly_served_by: Option<String>,
}

/// Every foreign key that wants an index, or the name of the fact that is missing.
///
/// # Errors
///
/// The view that was not read.
pub fn wanted_by_keys(run: &Run) -> Result<Vec<WantedByKey>, String> {
    let missing = |fact: &str| format!("{fact} was not read");
    let keys = run.indexes.foreign_keys.as_ref();
    let keys = keys.ok_or_else(|| missing("pg_constraint"))?;
    let facts = run.indexes.facts.as_ref();
    let facts = facts.ok_or_else(|| missing("pg_index"))?;
    let tables = run.tables.facts.as_ref();
    let tables = tables.ok_or_else(|| missing("pg_class"))?;
    let stats = run.tables.stat_user_tables.as_ref();
    let stats = stats.ok_or_else(|| missing("pg_stat_user_tables"))?;
    let mut indexes: HashMap<u32, Vec<&IndexFacts>> = HashMap::new();
    for index in facts.iter().filter(|i| i.indisvalid) {
        indexes.entry(index.indrelid).or_default().push(index);
    }
    let mut partitions: HashMap<u32, Vec<&TableFacts>> = HashMap::new();
    for table in tables {
        if let Some(parent) = table.parent {
            partitions.entry(parent).or_default().push(table);
        }
    }
    let look = Look {
        run,
        indexes,
        partitions,
        tables: tables.iter().map(|t| (t.relid, t)).collect(),
        stats: stats.last.iter().map(|s| (s.relid, s)).collect(),
    };
    Ok(keys.iter().filter_map(|key| wanted(&look, key)).collect())
}

/// The run's facts by table: there may be thousands of keys, tables and indexes.
struct Look<'a> {
    run: &'a Run,
    /// Valid ones.
    indexes: HashMap<u32, Vec<&'a IndexFacts>>,
    tables: HashMap<u32, &'a TableFacts>,
    stats: HashMap<u32, &'a StatUserTable>,
    /// By the table that they are of.
    partitions: HashMap<u32, Vec<&'a TableFacts>>,
}

impl<'a> Look<'a> {
    fn on_child(&self, key: &ForeignKey) -> impl Iterator<Item = &'a IndexFacts> {
        self.indexes
            .get(&key.conrelid)
            .into_iter()
            .flatten()
            .copied()
    }

    /// The tables that hold the rows: a partitioned one has none itself, and counts nothing.
    fn stored(&self, table: &'a TableFacts) -> Vec<&'a TableFacts> {
        if table.relkind != "p" {
            return vec![table];
        }
        let parts = self.partitions.get(&table.relid).into_iter().flatten();
        parts.flat_map(|part| self.stored(part)).collect()
    }

    /// What a table counted, over all that hold its rows.
    fn counted(&self, relid: u32, what: impl Fn(&StatUserTable) -> i64) -> i64 {
        let stored = self.tables.get(&relid).map(|table| self.stored(table));
        let stored = stored.into_iter().flatten();
        let rows = stored.filter_map(|table| self.stats.get(&table.relid));
        rows.map(|row| what(row)).sum()
    }

    /// Live rows by the counters, else by the planner's.
    fn rows(&self, table: &'a TableFacts) -> f64 {
        let rows = self.stored(table).into_iter().map(|part| {
            let live = self.stats.get(&part.relid).map(|s| s.n_live_tup as f64);
            live.unwrap_or_else(|| f64::from(part.reltuples))
        });
        rows.sum()
    }
}

fn wanted(look: &Look<'_>, key: &ForeignKey) -> Option<WantedByKey> {
    let child = *look.tables.get(&key.conrelid)?;
    // The key of a partition is that of its parent, on either side.
    if key.conparentid != 0
        || child.parent.is_some()
        || is_served(look, key)
        || !matters(look, key, child)
    {
        return None;
    }
    let names = key.conkey.iter().map(|c| child.column_name(*c));
    let columns: Vec<String> = names.map(|n| n.map(str::to_owned)).collect::<Option<_>>()?;
    let parent_deletes = look.counted(key.confrelid, |s| s.n_tup_del);
    let parent = look.tables.get(&key.confrelid);
    let parent = parent.map_or("the referenced table", |t| t.relname.as_str());
    let partly_served_by = partly_served_by(look, key);
    let partly = partly_served_by.as_ref().map_or(String::new(), |name| {
        format!("; {name} serves it in part, so this is questionable")
    });
    let index = MissingIndex {
        schema: child.schemaname.clone(),
        table: child.relname.clone(),
        kind: MissingIndexKind::ForeignKey,
        create_sql: create_sql(look.run, child, &columns),
        size_bytes: estimated_size(child, &columns),
        cost_before: None,
        cost_after: None,
        saves_ms_per_sec: None,
        evidence: Evidence::RuleOfThumb,
        reason: format!(
            "the foreign key {} has no index: every delete or key update in {parent} \
             ({parent_deletes} deletes so far) reads all of {}{partly}",
            key.conname, child.relname
        ),
        columns,
        ..MissingIndex::none()
    };
    Some(WantedByKey {
        index,
        constraint: key.conname.clone(),
        parent_deletes,
        partly_served_by,
    })
}

fn is_served(look: &Look<'_>, key: &ForeignKey) -> bool {
    let mut indexes = look.on_child(key);
    indexes.any(|i| i.predicate.is_none() && leads_with(i, &key.conkey))
}

fn partly_served_by(look: &Look<'_>, key: &ForeignKey) -> Option<String> {
    let found = look.on_child(key).find(|i| {
        let partial = i.predicate.is_some() && leads_with(i, &key.conkey);
        let first = i.indkey.first().is_some_and(|c| key.conkey.contains(c));
        let all_in = key.conkey.iter().all(|c| i.indkey.contains(c));
        partial || (first && all_in)
    });
    found.map(|i| i.indexrelname.clone())
}

/// The child is large, or child and parent are written often; a tiny child is read in no time.
fn matters<'a>(look: &Look<'a>, key: &ForeignKey, child: &'a TableFacts) -> bool {
    let writes = |relid| look.counted(relid, |s| s.n_tup_ins + s.n_tup_upd + s.n_tup_del);
    let stored = look.stored(child);
    let bytes: u64 = stored
        .iter()
        .filter_map(|t| t.size_bytes)
        .map(|b| b.0)
        .sum();
    let large = bytes >= t::FK_MIN_CHILD_BYTES;
    let written = writes(key.conrelid) + writes(key.confrelid) > t::FK_MIN_WRITES;
    look.rows(child) >= t::FK_TINY_CHILD_ROWS && (large || written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run, run_with_indexes, span, table, table_stats};
    use crate::record::indexes::IndexFacts;

    /// `tasks (a) → plans (id)`; 3 rows were deleted from plans.
    fn with(indexes: Vec<IndexFacts>) -> Run {
        let mut run = run_with_indexes(indexes.into_iter().map(|i| (i, 1)).collect());
        run.indexes.foreign_keys = Some(vec![ForeignKey {
            conname: "tasks_a_fkey".to_owned(),
            conrelid: 1,
            confrelid: 2,
            conkey: vec![2],
            confkey: vec![1],
            conindid: 0,
            conparentid: 0,
        }]);
        run.tables.facts = Some(vec![table(1, "tasks"), table(2, "plans")]);
        let mut parent = table_stats(2, "plans");
        parent.n_tup_del = 3;
        let rows = vec![table_stats(1, "tasks"), parent];
        run.tables.stat_user_tables = Some(span(rows.clone(), rows));
        run
    }

    #[test]
    fn what_was_not_read_is_named() {
        assert_eq!(
            wanted_by_keys(&run()),
            Err("pg_constraint was not read".to_owned())
        );
    }

    #[test]
    fn a_key_without_an_index_wants_one() {
        let wanted = wanted_by_keys(&with(vec![])).unwrap().remove(0);
        assert_eq!(wanted.parent_deletes, 3);
        assert_eq!(
            wanted.index.create_sql,
            "CREATE INDEX CONCURRENTLY tasks_a_idx ON public.tasks (a);"
        );
        assert!(wanted.index.reason.contains("tasks_a_fkey"));
    }

    #[test]
    fn a_valid_full_index_serves_and_a_partial_one_only_in_part() {
        let count = |i: IndexFacts| wanted_by_keys(&with(vec![i])).unwrap().len();
        assert_eq!(count(index(9, 1, "i", &[2])), 0);
        assert_eq!(count(index(9, 1, "i", &[2, 3])), 0);
        let mut invalid = index(9, 1, "i", &[2]);
        invalid.indisvalid = false;
        assert_eq!(count(invalid), 1);
        let mut partial = index(9, 1, "part", &[2]);
        partial.predicate = Some("(b > 0)".to_owned());
        let wanted = wanted_by_keys(&with(vec![partial])).unwrap().remove(0);
        assert_eq!(wanted.partly_served_by.as_deref(), Some("part"));
    }

    #[test]
    fn partitions_and_tiny_tables_are_left_alone() {
        let mut run = with(vec![]);
        run.tables.facts.as_mut().unwrap()[0].parent = Some(5);
        assert!(wanted_by_keys(&run).unwrap().is_empty());
        let mut run = with(vec![]);
        run.tables.stat_user_tables.as_mut().unwrap().last[0].n_live_tup = 900;
        assert!(wanted_by_keys(&run).unwrap().is_empty());
    }

    #[test]
    fn a_key_is_told_once_however_many_partitions_it_leads_to() {
        let mut run = with(vec![]);
        let keys = run.indexes.foreign_keys.as_mut().unwrap();
        for partition in 20..25 {
            let mut copy = keys[0].clone();
            copy.conname = format!("tasks_a_fkey{partition}");
            (copy.confrelid, copy.conparentid) = (partition, 700);
            keys.push(copy);
        }
        let wanted = wanted_by_keys(&run).unwrap();
        assert_eq!(wanted.len(), 1);
        assert_eq!(wanted[0].constraint, "tasks_a_fkey");
    }

    #[test]
    fn partitions_have_the_rows_the_bytes_and_the_counters() {
        let mut run = with(vec![]);
        let facts = run.tables.facts.as_mut().unwrap();
        for root in facts.iter_mut() {
            root.relkind = "p".to_owned();
            root.reltuples = -1.0;
            root.size_bytes = Some(crate::record::Bytes(0));
        }
        for (relid, parent) in [(10, 1), (11, 1), (20, 2)] {
            let mut part = table(relid, "part");
            part.parent = Some(parent);
            facts.push(part);
        }
        // From PostgreSQL 14 on the root has a row that counts nothing.
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        for root in &mut stats.last {
            (
                root.n_live_tup,
                root.n_tup_ins,
                root.n_tup_upd,
                root.n_tup_del,
            ) = (0, 0, 0, 0);
        }
        let rows = |run: &Run| wanted_by_keys(run).unwrap().len();
        assert_eq!(rows(&run), 1, "by the planner's rows");
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        let part = |relid, live, deletes| {
            let mut part = table_stats(relid, "part");
            (part.n_live_tup, part.n_tup_del) = (live, deletes);
            part
        };
        stats.last.push(part(10, 400, 0));
        stats.last.push(part(11, 500, 0));
        stats.last.push(part(20, 9, 5));
        assert_eq!(rows(&run), 0, "900 rows in all");
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        stats.last[2].n_live_tup = 500;
        let wanted = wanted_by_keys(&run).unwrap().remove(0);
        assert_eq!(wanted.parent_deletes, 5);
        assert!(
            wanted
                .index
                .create_sql
                .starts_with("CREATE INDEX tasks_a_idx")
        );
    }
}
