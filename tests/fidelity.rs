//! How far a database is from the profile of another, where that is known because both were filled by arithmetic.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use dbperf::lab::{Cluster, LabOptions};
use dbperf::pg::Session;
use dbperf::record::fidelity::{ColumnFidelity, Fidelity};
use dbperf::seed::profile::{Profile, Values, read};
use dbperf::seed::verify::verify;
use support::{database, each_version, guarded, lab};

/// Fewer rows than ANALYZE samples, so that its statistics are exact. `moved` of the amounts are a quarter of their
/// span higher, and of the kinds every tenth row has another.
fn sql(moved: &str) -> String {
    format!(
        "CREATE TABLE orders (id int PRIMARY KEY, kind text, amount numeric(9, 2), made date, note text COLLATE \"C\", \
         paid boolean); \
         INSERT INTO orders SELECT i, \
          CASE WHEN {moved} AND i % 10 = 0 THEN 'z' WHEN i % 10 < 7 THEN 'a' ELSE 'b' END, \
          (i * 7919 % 20000) / 100.0 + CASE WHEN {moved} THEN 50 ELSE 0 END, \
          date '2024-01-01' + i / 100, \
          CASE WHEN i % 4 > 0 THEN 'note ' || lpad((i * 31 % 20000)::text, 6, '0') END, \
          i % 5 = 0 \
         FROM generate_series(0, 19999) AS i; \
         ANALYZE orders"
    )
}

#[test]
fn distances_are_those_that_were_made() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let source = filled(lab.primary(), "source", &sql("false")).await;
        let same = filled(lab.primary(), "same", &sql("false")).await;
        let other = filled(lab.primary(), "other", &sql("true")).await;
        let keep = profile(&source, Values::Keep).await;
        let found = verify(&same, &keep, Vec::new()).await.unwrap();
        assert_eq!(found.columns.len(), 6, "PostgreSQL {major}");
        for column in &found.columns {
            nearly(column, column.histogram_distance, 0.0, 1e-9);
            nearly(column, column.null_frac_difference, 0.0, 1e-9);
            nearly(column, column.distinct_ratio, 1.0, 1e-9);
            assert_eq!(column.not_measured, [""; 0], "{column:?}");
        }
        assert_eq!(found.median_histogram_distance, Some(0.0));

        let found = verify(&other, &keep, Vec::new()).await.unwrap();
        let amount = column(&found, "amount");
        nearly(amount, amount.histogram_distance, 0.25, 0.011);
        let kind = column(&found, "kind");
        // A tenth is z instead of a.
        nearly(kind, kind.histogram_distance, 0.1, 1e-6);
        nearly(kind, kind.most_common_distance, 0.1, 1e-6);
        nearly(kind, kind.distinct_ratio, 1.5, 1e-9);
        let note = column(&found, "note");
        nearly(note, note.histogram_distance, 0.0, 1e-9);
        assert_eq!(note.histogram_basis.as_deref(), Some("values"));

        let hash = profile(&source, Values::Hash).await;
        let found = verify(&same, &hash, Vec::new()).await.unwrap();
        for (name, basis) in [
            ("amount", "positions"),
            ("kind", "order"),
            ("paid", "values"),
        ] {
            let found = column(&found, name);
            nearly(found, found.histogram_distance, 0.0, 1e-9);
            assert_eq!(found.histogram_basis.as_deref(), Some(basis), "{found:?}");
        }
        let note = column(&found, "note");
        assert_eq!(note.histogram_distance, None);
        assert!(note.not_measured[0].contains("not told"), "{note:?}");

        let untold = profile(&source, Values::None).await;
        let found = verify(&same, &untold, Vec::new()).await.unwrap();
        let amount = column(&found, "amount");
        assert_eq!(amount.histogram_distance, None, "{amount:?}");
        assert_eq!(amount.null_frac_difference, Some(0.0));
        for session in [source, same, other] {
            session.close().await;
        }
    });
}

#[test]
fn what_is_not_there_is_said() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let source = filled(lab.primary(), "source", &sql("false")).await;
        let empty = filled(lab.primary(), "nothing", "SELECT 1").await;
        let keep = profile(&source, Values::Keep).await;
        let found = verify(&empty, &keep, Vec::new()).await.unwrap();
        assert_eq!(found.tables[0].target_rows, None, "PostgreSQL {major}");
        assert_eq!(found.median_histogram_distance, None);
        assert!(!found.columns.is_empty(), "PostgreSQL {major}");
        for column in &found.columns {
            assert_eq!(column.not_measured, ["the table has no statistics here"]);
        }
        source.close().await;
        empty.close().await;
    });
}

/// A database of this name, filled, and a guarded session in it.
async fn filled(cluster: &Cluster, name: &str, sql: &str) -> Session {
    let dsn = database(cluster, name, sql).await;
    guarded(&dsn).await
}

async fn profile(session: &Session, values: Values) -> Profile {
    read(session, values, &|_, _| {}).await.unwrap()
}

fn column<'a>(found: &'a Fidelity, name: &str) -> &'a ColumnFidelity {
    let mut columns = found.columns.iter();
    columns.find(|column| column.column == name).unwrap()
}

fn nearly(column: &ColumnFidelity, found: Option<f64>, expected: f64, error: f64) {
    let near = found.is_some_and(|found| (found - expected).abs() <= error);
    assert!(near, "{found:?} instead of {expected}: {column:?}");
}
