//! Sizes that are computed from the statistics of columns, against what servers build.

use dbperf::analyze::heap;
use dbperf::analyze::indexes::widths::Widths;
use dbperf::lab::{Cluster, LabOptions};
use dbperf::record::Run;
use dbperf::record::indexes::IndexFacts;
use dbperf::record::tables::TableFacts;

use crate::observed::watch;
use crate::support::{connect, each_version, lab, published};

/// How far an estimate may be from the truth.
const TOLERANCE: f64 = 0.10;

const TABLES: &str = "
    CREATE TABLE numbers (a smallint, b bigint, c int, d boolean);
    INSERT INTO numbers SELECT 1, i, i, true FROM generate_series(1, 40000) AS i;
    CREATE TABLE texts (id int, t text, u varchar(80));
    INSERT INTO texts SELECT i, repeat('x', i % 50), repeat('y', i % 13)
        FROM generate_series(1, 40000) AS i;
    CREATE TABLE nulls (a int, b bigint, c text, d int, e int, f int, g int, h int, i int, j bigint);
    INSERT INTO nulls SELECT i, CASE WHEN i % 2 = 0 THEN i END, CASE WHEN i % 5 = 0 THEN i::text END,
        1, 2, 3, NULL, NULL, CASE WHEN i % 3 = 0 THEN i END, i FROM generate_series(1, 40000) AS i;
    CREATE TYPE mood AS ENUM ('well', 'unwell');
    CREATE TABLE mixed (id uuid, at timestamptz, price numeric(12, 2), doc jsonb, mood mood, day date);
    INSERT INTO mixed SELECT md5(i::text)::uuid, now(), i * 1.37, jsonb_build_object('id', i, 'name',
        repeat('n', i % 30)), 'well', current_date FROM generate_series(1, 40000) AS i;
    CREATE TABLE spaced (id bigint, a text) WITH (fillfactor = 70);
    INSERT INTO spaced SELECT i, md5(i::text) FROM generate_series(1, 40000) AS i;
    CREATE TABLE long_ones (id int, flag boolean, body text);
    INSERT INTO long_ones SELECT i, true, repeat(md5(i::text), 5 + i % 10)
        FROM generate_series(1, 10000) AS i;
    CREATE TABLE halved (id int, a text);
    INSERT INTO halved SELECT i, md5(i::text) FROM generate_series(1, 40000) AS i;
    CREATE INDEX halved_pair ON halved (a, id);
    CREATE INDEX halved_lower ON halved (lower(a));
    CREATE INDEX halved_part ON halved (id) WHERE id % 2 = 0;
    CREATE INDEX halved_few ON halved ((id % 10));
    CREATE INDEX numbers_same ON numbers (a);
    CREATE INDEX mixed_mood ON mixed (mood, price);
    CREATE INDEX mixed_full ON mixed (id) WITH (fillfactor = 60);
    DELETE FROM halved WHERE id % 4 < 2;";

#[test]
fn packed_tables_and_built_indexes_are_as_large_as_computed() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let primary = lab.primary();
        let run = watch(&primary.dsn(), &[], build(primary, TABLES)).await;
        for name in ["numbers", "texts", "nulls", "mixed", "spaced", "long_ones"] {
            let (packed, pages) = table(&run, name);
            assert_near(packed, pages, &format!("PostgreSQL {major}: {name}"));
        }
        // Half of the rows are gone, and their pages are still there.
        let (packed, pages) = table(&run, "halved");
        assert_near(packed, pages / 2.0, &format!("PostgreSQL {major}: halved"));
        for index in run.indexes.facts.iter().flatten() {
            let name = index.indexrelname.as_str();
            if matches!(name, "numbers_same" | "mixed_mood" | "mixed_full") {
                let pages = f64::from(index.relpages);
                assert_near(
                    built(&run, index),
                    pages,
                    &format!("PostgreSQL {major}: {name}"),
                );
            }
        }
        rebuilt(primary, &run, major).await;
    });
}

/// Every index is as large after a rebuild as computed before it, over the rows that are left.
async fn rebuilt(primary: &Cluster, run: &Run, major: u32) {
    let client = connect(primary).await;
    for index in run.indexes.facts.iter().flatten() {
        let name = index.indexrelname.as_str();
        if !name.starts_with("halved_") {
            continue;
        }
        let old = f64::from(index.relpages);
        let reindex = format!("REINDEX INDEX {name}");
        client.batch_execute(&reindex).await.unwrap();
        let pages = "SELECT (pg_relation_size($1::text::regclass) / 8192)::int4";
        let pages: i32 = client.query_one(pages, &[&name]).await.unwrap().get(0);
        let pages = f64::from(pages);
        let computed = built(run, index);
        if name == "halved_few" {
            // The server has no number of different values of this expression that is used: none is taken to share.
            assert!(
                computed >= pages,
                "PostgreSQL {major}: {name}, {computed} for {pages}"
            );
            continue;
        }
        assert!(
            pages < 0.7 * old,
            "PostgreSQL {major}: {name} was not bloated"
        );
        assert_near(computed, pages, &format!("PostgreSQL {major}: {name}"));
    }
}

async fn build(primary: &Cluster, tables: &str) {
    let client = connect(primary).await;
    for statement in tables.split(';').filter(|s| !s.trim().is_empty()) {
        client.batch_execute(statement).await.unwrap();
    }
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    published(primary, client).await;
}

fn named<'a>(run: &'a Run, name: &str) -> &'a TableFacts {
    let mut facts = run.tables.facts.iter().flatten();
    facts.find(|t| t.relname == name).unwrap()
}

/// Pages as computed and as they are.
fn table(run: &Run, name: &str) -> (f64, f64) {
    let table = named(run, name);
    let widths = Widths::of_run(run).unwrap();
    let columns = widths.of_table(table.relid).unwrap();
    let fill = heap::fillfactor(&table.reloptions).unwrap_or(1.0);
    let packed = heap::pages(f64::from(table.reltuples), columns, fill).unwrap();
    (packed, f64::from(table.relpages))
}

/// Pages of an index that is built anew.
fn built(run: &Run, index: &IndexFacts) -> f64 {
    let widths = Widths::of_run(run).unwrap();
    let table = named(run, &index.relname);
    let bytes = widths.built_bytes(index, table, f64::from(index.reltuples));
    bytes.unwrap() as f64 / 8192.0
}

#[track_caller]
fn assert_near(computed: f64, real: f64, what: &str) {
    let off = (computed - real).abs() / real;
    assert!(
        off <= TOLERANCE,
        "{what}: {computed} pages computed, {real} there"
    );
}
