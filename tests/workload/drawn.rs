//! Values that come from tables and statistics follow them.

use crate::{answers, lab, operation, shares};

/// `kind` is 'a' in 60 %, 'b' in 30 %, 'c' in 10 % of the rows that have one, and a fifth has none;
/// `size` follows from it.
const TABLE: &str = "CREATE TABLE \"Odd T\" (id int, kind text, size int, at timestamptz);
    INSERT INTO \"Odd T\" SELECT i, k, length(k) * 10 + ascii(k), timestamptz '2024-01-01' + i * interval '1 min'
        FROM (SELECT i, CASE WHEN i % 5 = 4 THEN NULL WHEN i % 10 < 6 AND i % 20 <> 5 THEN 'a' \
              WHEN i % 10 < 9 THEN 'b' ELSE 'c' END AS k FROM generate_series(1, 10000) AS i) AS s;
    ANALYZE \"Odd T\"";

#[tokio::test]
async fn a_column_is_drawn_by_the_frequency_of_its_values() {
    let (_lab, client) = lab(TABLE).await;
    let rows = client
        .query("SELECT kind, count(*) FROM \"Odd T\" GROUP BY kind", &[])
        .await
        .unwrap();
    let count = |kind: Option<&str>| {
        let row = rows.iter().find(|r| r.get::<_, Option<&str>>(0) == kind);
        row.map_or(0.0, |r| r.get::<_, i64>(1) as f64)
    };
    let with_value = 10_000.0 - count(None);
    for source in ["column", "statistics"] {
        let lines = format!("-- param x: {source} \"Odd T\".kind\nSELECT :x::text;");
        let drawn = answers(&lines, &client, 4000).await;
        let found = shares(&drawn);
        for kind in ["a", "b"] {
            let expected = count(Some(kind)) / with_value;
            assert!(
                (found[kind] - expected).abs() < 0.03,
                "{source} {kind}: {found:?}"
            );
        }
        assert!(!found.contains_key("NULL"), "{source}: {found:?}");
        let lines = format!("-- param x: {source} \"Odd T\".kind with nulls\nSELECT :x::text;");
        let drawn = answers(&lines, &client, 4000).await;
        let nulls = shares(&drawn)["NULL"];
        assert!(
            (nulls - count(None) / 10_000.0).abs() < 0.03,
            "{source}: {nulls}"
        );
    }
}

#[tokio::test]
async fn statistics_of_a_histogram_cover_the_whole_range() {
    let (_lab, client) = lab(TABLE).await;
    let lines = "-- param x: statistics \"Odd T\".id\nSELECT (:x::int4)::text;";
    let drawn = answers(lines, &client, 2000).await;
    let numbers: Vec<i32> = drawn.iter().map(|d| d.parse().unwrap()).collect();
    let mean = numbers.iter().map(|n| f64::from(*n)).sum::<f64>() / 2000.0;
    assert!((mean - 5000.0).abs() < 250.0, "{mean}");
    assert!(numbers.iter().all(|n| (1..=10_000).contains(n)));
    // Between the bounds of the histogram, too: far more values than its hundred buckets.
    assert!(shares(&drawn).len() > 1000);
}

#[tokio::test]
async fn values_of_one_row_stay_together() {
    let (_lab, client) = lab(TABLE).await;
    let lines = "-- param kind, size: row \"Odd T\"(kind, size)\n\
        SELECT (:size::int4 = 10 + ascii(:kind::text))::text;";
    assert!(
        answers(lines, &client, 500)
            .await
            .iter()
            .all(|a| a == "true")
    );
    let lines = "-- param lo, hi: range \"Odd T\".at 0.1\n\
        SELECT (SELECT count(*) FROM \"Odd T\" WHERE at BETWEEN :lo AND :hi)::text;";
    for rows in answers(lines, &client, 50).await {
        assert!(
            (990..=1010).contains(&rows.parse::<i32>().unwrap()),
            "{rows}"
        );
    }
}

#[tokio::test]
async fn patterns_arrays_and_sequences_come_from_the_table() {
    let (_lab, client) = lab(TABLE).await;
    client
        .batch_execute("INSERT INTO \"Odd T\" VALUES (20000, '50%_\\x', 1, now())")
        .await
        .unwrap();
    let lines = "-- param x: prefix \"Odd T\".kind 4\n\
        SELECT (SELECT count(*) FROM \"Odd T\" WHERE kind LIKE :x)::text;";
    let drawn = answers(lines, &client, 3000).await;
    assert!(drawn.iter().all(|count| count != "0"));
    let lines = "-- param x: array \"Odd T\".id 7\n\
        SELECT (SELECT count(*) FROM unnest(:x::int4[]) AS u WHERE u IN (SELECT id FROM \"Odd T\"))::text;";
    assert!(answers(lines, &client, 50).await.iter().all(|a| a == "7"));
    let lines = "-- param x: sequence after \"Odd T\".id 5\nSELECT (:x::int8)::text;";
    assert_eq!(
        answers(lines, &client, 3).await,
        ["20005", "20010", "20015"]
    );
}

#[tokio::test]
async fn a_large_table_is_sampled_over_its_whole_length() {
    let sql = "CREATE TABLE large AS SELECT i AS id, i / 10000 AS part FROM generate_series(0, 399999) AS i";
    let (_lab, client) = lab(sql).await;
    let lines = "-- param x: column large.part\nSELECT (:x::int4)::text;";
    let drawn = answers(lines, &client, 4000).await;
    let found = shares(&drawn);
    assert_eq!(found.len(), 40, "{found:?}");
    assert!(found.values().all(|share| *share < 0.06), "{found:?}");
}

#[tokio::test]
async fn the_same_seed_draws_the_same_again() {
    let (_lab, client) = lab(TABLE).await;
    let lines = "-- param a, b: row \"Odd T\"(id, kind)\nSELECT :a::int4::text || :b::text;";
    let first = answers(lines, &client, 100).await;
    assert_eq!(answers(lines, &client, 100).await, first);
}

#[tokio::test]
async fn a_value_used_as_two_types_is_sent_as_each() {
    let (_lab, client) =
        lab("CREATE TABLE t (a int4, b int8, c text); INSERT INTO t VALUES (1, 1, '1')").await;
    for (lines, slot) in [
        (
            "-- param x: uniform 1 1\nSELECT 'yes' FROM t WHERE a = :x;\nSELECT 'yes' FROM t WHERE b = :x;",
            "int8",
        ),
        (
            "-- param x: column t.c\nSELECT 'yes' FROM t WHERE a = :x;\nSELECT 'yes' FROM t WHERE c = :x;",
            "none",
        ),
    ] {
        let two = operation(lines);
        let drawers = crate::drawers(&two, &client).await.unwrap();
        let mut slots = [dbperf::workload::Value::Null];
        let mut rng =
            <rand_chacha::ChaCha8Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
        drawers.draw(&mut rng, &mut slots);
        for statement in &two.statements {
            let found = client.query(&statement.sql, &[&slots[0]]).await.unwrap();
            assert_eq!(found.len(), 1, "{slot}: {}", statement.sql);
        }
    }
}

#[test]
fn drawers_are_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<dbperf::workload::Drawers>();
}

#[tokio::test]
async fn machines_of_one_run_share_a_sequence() {
    let (_lab, client) = lab("CREATE TABLE t (a int); INSERT INTO t VALUES (7)").await;
    let one = operation("-- param x: sequence after t.a\nSELECT :x::int8;");
    let mut drawn = Vec::new();
    for index in 0..3 {
        let mut drawers = crate::drawers(&one, &client).await.unwrap();
        drawers.shard(index, 3);
        let mut rng =
            <rand_chacha::ChaCha8Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
        for _ in 0..2 {
            let mut slots = [dbperf::workload::Value::Null];
            drawers.draw(&mut rng, &mut slots);
            drawn.push(slots[0].as_text().unwrap());
        }
    }
    assert_eq!(drawn, ["8", "11", "9", "12", "10", "13"]);
}
