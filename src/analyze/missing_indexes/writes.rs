//! What an index costs those who write: entries that statements would have to make in it.

use std::collections::{BTreeMap, BTreeSet};

use pg_query::NodeEnum;
use pg_query::protobuf::RangeVar;

use crate::analyze::rules::thresholds as t;
use crate::record::tables::TableFacts;
use crate::record::{QueryId, Run};

use super::candidate::Candidate;

/// A statement that writes to a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Writer {
    pub(super) query_id: QueryId,
    pub(super) relid: u32,
    /// Rows that it wrote per second of the window.
    pub(super) rows_per_sec: f64,
    /// Columns that an UPDATE sets; `None` for an INSERT.
    sets: Option<BTreeSet<String>>,
}

/// Every statement of the window that inserts or updates, and the share of updates per table that
/// today make no index entry (HOT).
#[derive(Debug, Default)]
pub(super) struct Writers {
    pub(super) all: Vec<Writer>,
    hot: BTreeMap<u32, f64>,
}

/// Reads the texts of the window.
pub(super) fn of_run(run: &Run) -> Writers {
    let mut writers = Writers {
        hot: hot_shares(run),
        ..Writers::default()
    };
    let (Some(window), Some(server)) = (&run.statements, &run.server) else {
        return writers;
    };
    let per_sec = super::per_sec(run).unwrap_or(1.0);
    for delta in &window.deltas {
        if delta.key.dbid != server.database_oid || delta.counters.rows == 0 {
            continue;
        }
        let text = window.texts.get(&delta.key.queryid.0);
        let Some((target, sets)) = text.and_then(|t| written(&t.query)) else {
            continue;
        };
        let Some(table) = super::find_by_name(run, &target.schemaname, &target.relname) else {
            continue;
        };
        writers.all.push(Writer {
            query_id: delta.key.queryid,
            relid: root_of(run, table).relid,
            rows_per_sec: delta.counters.rows as f64 * per_sec,
            sets,
        });
    }
    writers
}

fn root_of<'a>(run: &'a Run, table: &'a TableFacts) -> &'a TableFacts {
    let mut table = table;
    let facts = run.tables.facts.as_deref().unwrap_or_default();
    while let Some(parent) = table
        .parent
        .and_then(|p| facts.iter().find(|t| t.relid == p))
    {
        table = parent;
    }
    table
}

/// The table that a statement writes to, and the columns that it sets if it is an UPDATE.
fn written(text: &str) -> Option<(RangeVar, Option<BTreeSet<String>>)> {
    let parsed = pg_query::parse(text, pg_query::ParserOptions::DEFAULT).ok()?;
    let statement = parsed.protobuf.stmts.into_iter().next()?.stmt?.node?;
    match statement {
        NodeEnum::InsertStmt(insert) => Some((insert.relation?, None)),
        NodeEnum::UpdateStmt(update) => {
            let sets = update.target_list.iter().filter_map(|t| match &t.node {
                Some(NodeEnum::ResTarget(target)) => Some(target.name.clone()),
                _ => None,
            });
            let sets = sets.collect();
            Some((update.relation?, Some(sets)))
        }
        _ => None,
    }
}

fn hot_shares(run: &Run) -> BTreeMap<u32, f64> {
    let rows = run.tables.stat_user_tables.iter().flat_map(|s| &s.last);
    rows.filter(|row| row.n_tup_upd > 0)
        .map(|row| (row.relid, row.n_tup_hot_upd as f64 / row.n_tup_upd as f64))
        .collect()
}

impl Writers {
    /// Entries per second that a statement would make in the index.
    pub(super) fn entries(&self, writer: &Writer, candidate: &Candidate) -> f64 {
        if writer.relid != candidate.relid {
            return 0.0;
        }
        let Some(sets) = &writer.sets else {
            return writer.rows_per_sec;
        };
        let touches = |sql: &str| sets.iter().any(|column| mentions(sql, column));
        let changed = candidate.keys.iter().any(|k| touches(&k.text))
            || candidate.include.iter().any(|c| sets.contains(c))
            || candidate.predicate.as_deref().is_some_and(touches);
        if changed {
            return writer.rows_per_sec;
        }
        // An update that is HOT today stays so: none of its columns is in the index.
        let hot = self.hot.get(&candidate.relid).copied().unwrap_or(0.0);
        writer.rows_per_sec * (1.0 - hot)
    }

    /// Milliseconds per second that writing to the index costs.
    pub(super) fn cost_ms_per_sec(&self, candidate: &Candidate) -> f64 {
        let entries: f64 = self.all.iter().map(|w| self.entries(w, candidate)).sum();
        // The sum of nothing is minus zero.
        (0.0 + entries) * entry_ms(candidate)
    }
}

/// Time of one entry.
pub(super) fn entry_ms(candidate: &Candidate) -> f64 {
    match candidate.method {
        "btree" => t::INDEX_ENTRY_MS,
        _ => t::INDEX_ENTRY_MS * t::INVERTED_ENTRY_FACTOR,
    }
}

/// The column stands in the SQL as a word of its own.
pub(in crate::analyze) fn mentions(sql: &str, column: &str) -> bool {
    sql.match_indices(column).any(|(at, _)| {
        let before = sql[..at].chars().next_back();
        let after = sql[at + column.len()..].chars().next();
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(before) && !part(after)
    })
}

#[cfg(test)]
mod tests {
    use super::super::candidate::Key;
    use super::*;
    use crate::analyze::fixture::{delta, run_with_indexes, statement_window};
    use crate::record::statements::StatementText;

    fn with(texts: &[&str], hot: i64) -> Writers {
        let mut run = run_with_indexes(vec![]);
        let deltas = (1..).zip(texts).map(|(id, _)| delta(id, 600, 60.0));
        let mut window = statement_window(deltas.collect());
        for (id, text) in (1..).zip(texts) {
            let text = StatementText {
                query: (*text).to_owned(),
                fingerprint: None,
            };
            window.texts.insert(id, text);
        }
        run.statements = Some(window);
        let span = run.tables.stat_user_tables.as_mut().unwrap();
        span.last[0].n_tup_hot_upd = hot;
        of_run(&run)
    }

    #[test]
    fn inserts_and_changed_columns_make_entries_and_hot_updates_do_not() {
        let on_a = Candidate::btree(1, vec![Key::column("a")]);
        let on_b = Candidate::btree(1, vec![Key::column("b")]);
        let inserts = with(&["insert into tasks (id, a) values ($1, $2)"], 0);
        // 600 rows in 60 s.
        assert!((inserts.entries(&inserts.all[0], &on_a) - 10.0).abs() < 1e-9);
        let updates = with(&["update tasks set a = $1 where id = $2"], 40_000);
        assert!((updates.entries(&updates.all[0], &on_a) - 10.0).abs() < 1e-9);
        // Four fifths of the updates are HOT, and an index on b leaves them so.
        assert!((updates.entries(&updates.all[0], &on_b) - 2.0).abs() < 1e-9);
        assert!(with(&["delete from tasks", "select 1"], 0).all.is_empty());
    }

    #[test]
    fn a_column_is_a_whole_word() {
        assert!(mentions("lower(name)", "name"));
        assert!(!mentions("rename IS NULL", "name"));
    }
}
