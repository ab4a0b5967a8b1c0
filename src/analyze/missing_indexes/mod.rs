//! Indexes that would help: foreign keys without one, and what the plans of the workload ask for.
//!
//! Nothing is created here and no server is touched. Where a planner could be asked
//! ([`Run::what_if`](crate::record::Run::what_if)), `wishes` thinks of candidates, `advisor`
//! says what to ask and chooses, and `judged` says what the answers amount to. Where it could not,
//! `by_conditions` looks at expensive scans alone, with an upper bound of what an index saves.
//! Either way it is `estimated` until the load is measured again with the index.

mod advisor;
mod by_conditions;
mod candidate;
pub mod considered;
mod foreign_keys;
mod judged;
mod names;
mod pages;
mod predicate;
mod set;
mod size;
#[cfg(test)]
mod testing;
mod uses;
mod wishes;
mod writes;

use crate::record::Run;
use crate::record::indexes::IndexFacts;
use crate::record::tables::TableFacts;

use super::conclusions::{MissingIndex, Statement};
use super::indexes::size as btree;
use super::indexes::sql::{qualified, quote_ident};
pub use foreign_keys::{WantedByKey, wanted_by_keys};
use judged::Matter;
pub use judged::{CostAsk, Questions};
use names::Taken;
pub(in crate::analyze) use writes::mentions;

/// Indexes that would help, most time given back first. `None` where the catalogue of tables or
/// indexes was not read, since whether an index exists is then not known.
#[must_use]
pub fn conclude(run: &Run, statements: &[Statement]) -> Option<Vec<MissingIndex>> {
    run.tables.facts.as_ref()?;
    run.indexes.facts.as_ref()?;
    let mut missing = match &run.what_if {
        Some(what_if) => {
            let matter = Matter::of(run, what_if);
            matter.recommended(&matter.choice())
        }
        None => by_conditions::find(run, statements),
    };
    for wanted in wanted_by_keys(run).unwrap_or_default() {
        if serving(&missing, &wanted.index).is_none() {
            missing.push(wanted.index);
        }
    }
    missing.sort_by(|a, b| {
        let saves = |m: &MissingIndex| m.saves_ms_per_sec.unwrap_or(-1.0);
        saves(b).total_cmp(&saves(a))
    });
    names::part(run, &mut missing);
    Some(missing)
}

/// The recommended index that serves the foreign key for which `key` is wanted: `key` itself, or one that
/// begins with its columns.
#[must_use]
pub fn serving<'a>(
    recommended: &'a [MissingIndex],
    key: &MissingIndex,
) -> Option<&'a MissingIndex> {
    recommended.iter().find(|m| serves_key(m, key))
}

/// A recommended index begins with all columns of a foreign key.
fn serves_key(candidate: &MissingIndex, key: &MissingIndex) -> bool {
    let same = candidate.schema == key.schema && candidate.table == key.table;
    let first = candidate.columns.iter().take(key.columns.len());
    let method = candidate.method.as_deref();
    same && candidate.predicate.is_none()
        && method.is_none_or(|m| m == "btree")
        && candidate.columns.len() >= key.columns.len()
        && first.clone().all(|c| key.columns.contains(c))
}

/// What a total has to be multiplied with to be per second; `None` where the time that the counters
/// cover is not known. Totals can be compared with each other even then.
fn per_sec(run: &Run) -> Option<f64> {
    run.statements_ms_per_sec(1.0)
}

/// Live rows of a table as its counters have it, else as the planner has it; a partitioned table has
/// those of its partitions.
fn rows_of(run: &Run, table: &TableFacts) -> f64 {
    let facts = run.tables.facts.iter().flatten();
    if table.relkind == "p" {
        let children = facts.filter(|t| t.parent == Some(table.relid));
        return children.map(|child| rows_of(run, child)).sum();
    }
    let counters = run.tables.stat_user_tables.iter().flat_map(|s| &s.last);
    let mut own = counters.filter(|row| row.relid == table.relid);
    let live = own.next().map_or(0.0, |row| row.n_live_tup as f64);
    let rows = live.max(f64::from(table.reltuples));
    match most_rows(table) {
        Some(most) => rows.min(most),
        None => rows,
    }
}

/// What `pg_table_size` counts beside the rows of any table: three pages of the map of free space, and one of that of
/// visibility.
const SMALLEST_MAPS_BYTES: u64 = 4 * 8192;

/// As many rows as its pages hold where all are as full as at the last ANALYZE. The counter may be
/// above that: rows that a session inserts before its own ANALYZE are counted twice, because they are
/// published after it.
fn most_rows(table: &TableFacts) -> Option<f64> {
    if table.reltuples <= 0.0 || table.relpages <= 0 {
        return None;
    }
    let then = f64::from(table.relpages) * 8192.0;
    let now = table.size_bytes?.0.saturating_sub(SMALLEST_MAPS_BYTES);
    let growth = now as f64 / then;
    Some(f64::from(table.reltuples) * growth.max(1.0))
}

fn find_by_oid(run: &Run, relid: u32) -> Option<&TableFacts> {
    let mut facts = run.tables.facts.iter().flatten();
    facts.find(|t| t.relid == relid)
}

/// A table as a statement names it; without a schema only where one table has the name.
fn find_by_name<'a>(run: &'a Run, schema: &str, name: &str) -> Option<&'a TableFacts> {
    let facts = run.tables.facts.iter().flatten();
    let mut same =
        facts.filter(|t| t.relname == name && (schema.is_empty() || t.schemaname == schema));
    match (same.next(), same.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// SQL that creates a btree without blocking writes, under a name that is free.
fn create_sql(run: &Run, table: &TableFacts, columns: &[String]) -> String {
    let keys: Vec<String> = columns.iter().map(|c| quote_ident(c)).collect();
    let on = format!(
        "ON {} ({})",
        qualified(&table.schemaname, &table.relname),
        keys.join(", ")
    );
    create_sql_on(run, table, columns, &on)
}

/// The same with all that stands behind the name.
fn create_sql_on(run: &Run, table: &TableFacts, columns: &[String], on: &str) -> String {
    let name = names::free(run, table, columns, &Taken::new());
    // A partitioned table refuses CONCURRENTLY.
    let how = if table.relkind == "p" {
        ""
    } else {
        "CONCURRENTLY "
    };
    format!("CREATE INDEX {how}{} {on};", quote_ident(&name))
}

/// The name of the index that `create_sql` creates, with its schema: for the undo.
#[must_use]
pub fn undo_sql(missing: &MissingIndex) -> Option<String> {
    let rest = missing.create_sql.strip_prefix("CREATE INDEX ")?;
    let (rest, how) = match rest.strip_prefix("CONCURRENTLY ") {
        Some(rest) => (rest, "CONCURRENTLY "),
        None => (rest, ""),
    };
    let (name, _) = rest.split_once(" ON ")?;
    Some(format!(
        "DROP INDEX {how}{}.{name};",
        quote_ident(&missing.schema)
    ))
}

/// What creating it locks and risks.
#[must_use]
pub fn lock_note(missing: &MissingIndex) -> &'static str {
    if missing.create_sql.starts_with("CREATE INDEX CONCURRENTLY ") {
        "SHARE UPDATE EXCLUSIVE lock, two scans of the table, waits for older transactions; if it \
         fails it leaves an invalid index"
    } else {
        "the table is partitioned, which refuses CONCURRENTLY: a SHARE lock on it and on all its \
         partitions until the last one is built, so nobody writes meanwhile. The way around: CREATE \
         INDEX … ON ONLY the table, CREATE INDEX CONCURRENTLY on each partition, then ALTER INDEX … \
         ATTACH PARTITION for each; the index is valid with the last"
    }
}

/// The first key columns of an index are exactly these, in any order.
fn leads_with(index: &IndexFacts, columns: &[i16]) -> bool {
    let count = usize::try_from(index.indnkeyatts).unwrap_or(0);
    let keys = index.indkey.get(..count.min(columns.len())).unwrap_or(&[]);
    keys.len() == columns.len() && columns.iter().all(|c| keys.contains(c))
}

/// Size of a btree on these columns when freshly built. `None` for columns whose width is not fixed;
/// equal keys may make it smaller.
fn estimated_size(table: &TableFacts, columns: &[String]) -> Option<u64> {
    let rows = f64::from(table.reltuples);
    if rows < 0.0 {
        return None;
    }
    let fixed = columns.iter().map(|name| {
        let column = table.columns.iter().find(|c| &c.attname == name)?;
        btree::Column::of_fixed_type(&column.type_name)
    });
    let columns: Vec<btree::Column> = fixed.collect::<Option<_>>()?;
    Some(btree::of_btree(rows, &columns, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::{Evidence, MissingIndexKind};
    use crate::analyze::fixture::{index, run, run_with_indexes, table};

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn nothing_read_is_nothing_concluded() {
        assert_eq!(conclude(&run(), &[]), None);
        assert_eq!(conclude(&run_with_indexes(vec![]), &[]), Some(vec![]));
    }

    #[test]
    fn names_are_free_and_short_and_the_undo_drops_them() {
        let run = run_with_indexes(vec![(index(1, 1, "tasks_a_idx", &[2]), 0)]);
        let mut table = table(1, "tasks");
        let sql = create_sql(&run, &table, &columns(&["a"]));
        assert_eq!(
            sql,
            "CREATE INDEX CONCURRENTLY tasks_a_idx1 ON public.tasks (a);"
        );
        let missing = MissingIndex {
            schema: "public".to_owned(),
            table: "tasks".to_owned(),
            columns: columns(&["a"]),
            kind: MissingIndexKind::Candidate,
            create_sql: sql,
            size_bytes: None,
            cost_before: None,
            cost_after: None,
            saves_ms_per_sec: None,
            evidence: Evidence::Estimated,
            reason: String::new(),
            ..MissingIndex::none()
        };
        let undo = undo_sql(&missing).unwrap();
        assert_eq!(undo, "DROP INDEX CONCURRENTLY public.tasks_a_idx1;");
        table.relkind = "p".to_owned();
        let sql = create_sql(&run, &table, &columns(&["Order", "b"]));
        assert_eq!(
            sql,
            "CREATE INDEX \"tasks_Order_b_idx\" ON public.tasks (\"Order\", b);"
        );
    }

    #[test]
    fn an_index_of_a_partitioned_table_stops_its_writers() {
        let mut missing = MissingIndex::none();
        missing.create_sql = "CREATE INDEX CONCURRENTLY i ON public.t (a);".to_owned();
        assert!(lock_note(&missing).starts_with("SHARE UPDATE EXCLUSIVE"));
        missing.create_sql = "CREATE INDEX i ON public.t (a);".to_owned();
        let note = lock_note(&missing);
        assert!(note.contains("a SHARE lock") && note.contains("nobody writes"));
        assert!(note.contains("ON ONLY") && note.contains("ATTACH PARTITION"));
    }

    #[test]
    fn an_index_serves_the_keys_whose_columns_it_begins_with() {
        let of = |names: &[&str]| {
            let mut missing = MissingIndex::none();
            missing.columns = columns(names);
            missing
        };
        let serves = |candidate: &MissingIndex, key: &MissingIndex| {
            serving(std::slice::from_ref(candidate), key).is_some()
        };
        let wide = of(&["a", "b"]);
        assert!(serves(&wide, &of(&["b", "a"])) && serves(&wide, &of(&["a"])));
        assert!(!serves(&wide, &of(&["b"])));
        let mut partial = wide.clone();
        partial.predicate = Some("a > 1".to_owned());
        assert!(!serves(&partial, &of(&["a"])));
        let mut inverted = wide.clone();
        inverted.method = Some("gin".to_owned());
        assert!(!serves(&inverted, &of(&["a"])));
    }

    #[test]
    fn leading_columns_are_a_set() {
        assert!(leads_with(&index(1, 1, "i", &[3, 2, 4]), &[2, 3]));
        assert!(!leads_with(&index(1, 1, "i", &[3, 4, 2]), &[2, 3]));
        assert!(!leads_with(&index(1, 1, "i", &[2]), &[2, 3]));
    }

    fn assert_close(is: f64, should: f64, why: &str) {
        assert!(
            (is - should).abs() < 1e-6,
            "{is} instead of {should}: {why}"
        );
    }

    #[test]
    fn rows_are_no_more_than_the_pages_hold() {
        let mut run = run_with_indexes(vec![]);
        let mut table = table(1, "tasks");
        let mut counters = crate::analyze::fixture::table_stats(1, "tasks");
        counters.n_live_tup = 200_000;
        run.tables.stat_user_tables = Some(crate::analyze::fixture::span(
            vec![counters.clone()],
            vec![counters],
        ));
        table.size_bytes = Some(crate::record::Bytes(6_400 * 8192));
        assert_close(rows_of(&run, &table), 100_000.0, "counted twice");
        table.size_bytes = Some(crate::record::Bytes((2 * 6_400 + 4) * 8192));
        assert_close(rows_of(&run, &table), 200_000.0, "the table has grown");
        table.reltuples = -1.0;
        assert_close(rows_of(&run, &table), 200_000.0, "never analysed");
    }

    #[test]
    fn sizes_of_fixed_widths_are_computed() {
        let table = table(1, "tasks");
        let size = estimated_size(&table, &columns(&["a"])).unwrap();
        // 276 were built of 100 000 rows.
        assert_eq!(size, 276 * 8192);
        assert_eq!(estimated_size(&table, &columns(&["name"])), None);
    }
}
