//! What an index costs those who write: entries that statements would have to make in it.

use std::collections::{BTreeMap, BTreeSet};

use pg_query::NodeEnum;
use pg_query::protobuf::RangeVar;

use crate::analyze::rules::thresholds as t;
use crate::record::tables::{StatUserTable, TableFacts};
use crate::record::{QueryId, Run};

use super::candidate::Candidate;

/// Part of the rows that statements tell, from which more rows are those of others (ours).
const UNTOLD_RATIO: f64 = 0.1;

/// A statement that writes to a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Writer {
    pub(super) query_id: QueryId,
    pub(super) relid: u32,
    /// Rows that it wrote per second of the window.
    pub(super) rows_per_sec: f64,
    /// Columns that an UPDATE sets; `None` where every row may need an entry, as for an INSERT.
    sets: Option<BTreeSet<String>>,
}

/// Every statement of the window that inserts or updates, and the share of updates per table that
/// today make no index entry (HOT).
#[derive(Debug, Default)]
pub(super) struct Writers {
    pub(super) all: Vec<Writer>,
    hot: BTreeMap<u32, f64>,
    /// Rows per second that the table's own counters saw written and no statement tells: by a common table expression,
    /// a trigger, a function, a foreign key, or a statement that was evicted.
    untold: BTreeMap<u32, f64>,
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
    writers.untold = untold(run, &writers.all, per_sec);
    writers
}

/// What the counters of tables saw beyond the statements of the same window, by root of the table. Both are read beside
/// one another, not at once, so that a little more of the one than of the other says nothing.
fn untold(run: &Run, told: &[Writer], per_sec: f64) -> BTreeMap<u32, f64> {
    let mut untold: BTreeMap<u32, f64> = BTreeMap::new();
    // Counters that were read once count since other moments than the statements'.
    let window = run.tables.stat_user_tables.iter();
    for span in window.filter(|s| run.meta.since.is_none() && !s.first.is_empty()) {
        let written = |row: &StatUserTable| row.n_tup_ins + row.n_tup_upd;
        let first: BTreeMap<u32, i64> = span.first.iter().map(|r| (r.relid, written(r))).collect();
        for row in &span.last {
            let before = first.get(&row.relid).copied().unwrap_or(0);
            let table = super::find_by_oid(run, row.relid);
            // Fewer than before: they were reset.
            if let Some(table) = table.filter(|_| written(row) > before) {
                let rows = (written(row) - before) as f64;
                *untold.entry(root_of(run, table).relid).or_default() += rows * per_sec;
            }
        }
    }
    untold.retain(|relid, rows| {
        let own = told.iter().filter(|w| w.relid == *relid);
        let told: f64 = own.map(|w| w.rows_per_sec).sum();
        *rows -= told;
        *rows > UNTOLD_RATIO * told
    });
    untold
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

/// The table that a statement writes to, and the columns that it sets if it is an UPDATE. The rows of a statement that
/// writes within a common table expression are not those that it wrote.
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
        NodeEnum::CopyStmt(copy) if copy.is_from => Some((copy.relation?, None)),
        NodeEnum::MergeStmt(merge) => Some((merge.relation?, None)),
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
        (self.untold(candidate) + entries) * entry_ms(candidate)
    }

    /// Rows per second that are written to the table and that no statement tells. Which columns change is not known, so
    /// that each may need an entry.
    pub(super) fn untold(&self, candidate: &Candidate) -> f64 {
        self.untold.get(&candidate.relid).copied().unwrap_or(0.0)
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
        of_run(&run_with(texts, hot))
    }

    /// A minute in which each statement wrote 600 rows.
    fn run_with(texts: &[&str], hot: i64) -> Run {
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
        run
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
        for whole in [
            "copy tasks (id, a) from stdin",
            "merge into tasks t using s on t.id = s.id when matched then update set a = s.a",
        ] {
            let writers = with(&[whole], 40_000);
            assert!(
                (writers.entries(&writers.all[0], &on_b) - 10.0).abs() < 1e-9,
                "{whole}"
            );
        }
        assert!(with(&["copy tasks to stdout"], 0).all.is_empty());
    }

    #[test]
    fn rows_that_no_statement_tells_are_written_too() {
        let on_a = Candidate::btree(1, vec![Key::column("a")]);
        let with_rows = |text: &str, inserted: i64, updated: i64| {
            let mut run = run_with(&[text], 0);
            let span = run.tables.stat_user_tables.as_mut().unwrap();
            span.last[0].n_tup_ins += inserted;
            span.last[0].n_tup_upd += updated;
            (of_run(&run), run)
        };
        let insert = "insert into tasks (id, a) values ($1, $2)";
        let (told, _) = with_rows(insert, 600, 0);
        assert!(told.untold(&on_a).abs() < 1e-9);
        // 1200 rows by a common table expression whose 600 rows are of the query around it.
        let hidden = "with w as (insert into tasks (a) select 1 returning a) select * from w";
        let (untold, mut run) = with_rows(hidden, 900, 300);
        assert!((untold.untold(&on_a) - 20.0).abs() < 1e-9, "{untold:?}");
        assert!((untold.cost_ms_per_sec(&on_a) - 20.0 * entry_ms(&on_a)).abs() < 1e-9);
        // Counters of tables are read a little earlier and later than those of statements.
        let (told, _) = with_rows(insert, 620, 0);
        assert!(told.untold(&on_a).abs() < 1e-9);
        // What was counted before the statements were is not theirs.
        run.tables.stat_user_tables.as_mut().unwrap().first.clear();
        assert!(of_run(&run).untold(&on_a).abs() < 1e-9);
    }

    #[test]
    fn a_column_is_a_whole_word() {
        assert!(mentions("lower(name)", "name"));
        assert!(!mentions("rename IS NULL", "name"));
    }
}
