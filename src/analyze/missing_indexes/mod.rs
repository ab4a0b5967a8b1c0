//! Indexes that would help: foreign keys without one, and conditions of expensive scans.
//!
//! Nothing is created here and no planner is asked: a candidate is a wish with an upper bound of
//! what it saves, `estimated` at best until the load is measured again with it.

mod candidates;
mod foreign_keys;

use crate::record::Run;
use crate::record::indexes::IndexFacts;
use crate::record::tables::TableFacts;

use super::conclusions::{MissingIndex, Statement};
use super::indexes::sql::{qualified, quote_ident};
pub use foreign_keys::{WantedByKey, wanted_by_keys};

/// Indexes that would help, most time given back first. `None` where the catalogue of tables or
/// indexes was not read, since whether an index exists is then not known.
#[must_use]
pub fn conclude(run: &Run, statements: &[Statement]) -> Option<Vec<MissingIndex>> {
    run.tables.facts.as_ref()?;
    run.indexes.facts.as_ref()?;
    let mut missing = candidates::find(run, statements);
    let by_keys = wanted_by_keys(run).unwrap_or_default();
    missing.extend(by_keys.into_iter().map(|wanted| wanted.index));
    missing.sort_by(|a, b| {
        let saves = |m: &MissingIndex| m.saves_ms_per_sec.unwrap_or(-1.0);
        saves(b).total_cmp(&saves(a))
    });
    Some(missing)
}

/// SQL that creates an index without blocking writes, under a name that is free.
fn create_sql(run: &Run, table: &TableFacts, columns: &[String]) -> String {
    let name = free_name(run, table, columns);
    let keys: Vec<String> = columns.iter().map(|c| quote_ident(c)).collect();
    // A partitioned table refuses CONCURRENTLY.
    let how = if table.relkind == "p" {
        ""
    } else {
        "CONCURRENTLY "
    };
    format!(
        "CREATE INDEX {how}{} ON {} ({});",
        quote_ident(&name),
        qualified(&table.schemaname, &table.relname),
        keys.join(", ")
    )
}

/// Bytes of an identifier (`NAMEDATALEN` − 1).
const MAX_NAME_BYTES: usize = 63;

fn free_name(run: &Run, table: &TableFacts, columns: &[String]) -> String {
    let stem = format!("{}_{}", table.relname, columns.join("_"));
    let taken = |name: &str| {
        let mut all = run.indexes.facts.iter().flatten();
        all.any(|i| i.schemaname == table.schemaname && i.indexrelname == name)
    };
    let mut number = 0;
    loop {
        let end = if number == 0 {
            "_idx".to_owned()
        } else {
            format!("_idx{number}")
        };
        let mut name = stem.clone();
        while name.len() + end.len() > MAX_NAME_BYTES {
            name.pop();
        }
        name.push_str(&end);
        if !taken(&name) {
            return name;
        }
        number += 1;
    }
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

/// The first key columns of an index are exactly these, in any order.
fn leads_with(index: &IndexFacts, columns: &[i16]) -> bool {
    let count = usize::try_from(index.indnkeyatts).unwrap_or(0);
    let keys = index.indkey.get(..count.min(columns.len())).unwrap_or(&[]);
    keys.len() == columns.len() && columns.iter().all(|c| keys.contains(c))
}

/// Size of a btree on these columns when freshly built: 12 bytes and the aligned key per row, pages
/// filled to 90 % (checked against real indexes: 551 pages built, 546 computed). `None` for columns
/// whose width is not fixed, and deduplication may make it smaller.
fn estimated_size(table: &TableFacts, columns: &[String]) -> Option<u64> {
    let rows = f64::from(table.reltuples);
    if rows < 0.0 {
        return None;
    }
    let widths = columns.iter().map(|name| {
        let column = table.columns.iter().find(|c| &c.attname == name)?;
        fixed_width(&column.type_name)
    });
    let width: f64 = widths.sum::<Option<f64>>()?;
    let per_row = 12.0 + (width / 8.0).ceil() * 8.0;
    let pages = (rows * per_row / (8152.0 * 0.9)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a page count is a small non-negative number"
    )]
    let pages = pages as u64;
    Some(pages * 8192)
}

fn fixed_width(type_name: &str) -> Option<f64> {
    let name = type_name.split('(').next().unwrap_or(type_name).trim();
    match name {
        "boolean" => Some(1.0),
        "smallint" => Some(2.0),
        "integer" | "date" | "real" | "oid" => Some(4.0),
        "uuid" => Some(16.0),
        "bigint" | "double precision" => Some(8.0),
        _ if type_name.starts_with("timestamp") => Some(8.0),
        _ => None,
    }
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
            proof: None,
        };
        let undo = undo_sql(&missing).unwrap();
        assert_eq!(undo, "DROP INDEX CONCURRENTLY public.tasks_a_idx1;");
        table.relkind = "p".to_owned();
        let sql = create_sql(&run, &table, &columns(&["Order", "b"]));
        assert_eq!(
            sql,
            "CREATE INDEX \"tasks_Order_b_idx\" ON public.tasks (\"Order\", b);"
        );
        let long = "ü".repeat(60);
        assert!(free_name(&run, &table, &columns(&[&long])).len() <= MAX_NAME_BYTES);
    }

    #[test]
    fn leading_columns_are_a_set() {
        assert!(leads_with(&index(1, 1, "i", &[3, 2, 4]), &[2, 3]));
        assert!(!leads_with(&index(1, 1, "i", &[3, 4, 2]), &[2, 3]));
        assert!(!leads_with(&index(1, 1, "i", &[2]), &[2, 3]));
    }

    #[test]
    fn sizes_of_fixed_widths_are_computed() {
        let table = table(1, "tasks");
        let size = estimated_size(&table, &columns(&["a"])).unwrap();
        // 100 000 rows of 20 bytes on pages of 7336 usable bytes: 273 pages.
        assert_eq!(size, 273 * 8192);
        assert_eq!(estimated_size(&table, &columns(&["name"])), None);
        assert_eq!(fixed_width("timestamp with time zone"), Some(8.0));
        assert_eq!(fixed_width("numeric(10,2)"), None);
    }
}
