//! What is captured is what was run.

use std::time::Duration;

use dbperf::drive::{Control, DriveOptions, replay};
use dbperf::pg::{Connector, Conninfo};
use dbperf::workload::Workload;
use tokio_postgres::types::ToSql;

use crate::{ALL, READS, captured, draws, operation, prepared, share, support, types_of};

async fn run(
    client: &tokio_postgres::Client,
    times: usize,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) {
    let statement = client.prepare(sql).await.unwrap();
    for _ in 0..times {
        client.query(&statement, values).await.unwrap();
    }
}

#[tokio::test]
async fn weights_are_calls_and_values_are_those_of_the_table() {
    for (major, _) in support::servers() {
        let (lab, client) = prepared(major).await.unwrap();
        let by_area = "SELECT id FROM orders WHERE area = $1 AND city = $2";
        run(&client, 60, by_area, &[&1, &"city of 1"]).await;
        run(&client, 30, "SELECT * FROM orders WHERE id = $1", &[&7]).await;
        for _ in 0..12 {
            let text =
                "SELECT id, email FROM orders WHERE placed BETWEEN '2024-02-01' AND '2024-02-04'";
            client.simple_query(text).await.unwrap();
        }
        run(
            &client,
            5,
            "UPDATE orders SET note = $1 WHERE id = $2",
            &[&"x", &9],
        )
        .await;
        client.batch_execute("BEGIN; COMMIT").await.unwrap();

        let reads = captured(&lab, READS).await.unwrap();
        let workload = Workload::parse(&reads.text, "c.sql").unwrap();
        assert_eq!(workload.operations.len(), 3, "{major}: {}", reads.text);
        assert!(!workload.writes);
        let update = reads
            .left_out
            .iter()
            .find(|l| l.text.contains("UPDATE orders"));
        assert!(update.unwrap().reason.contains("--writes"), "{major}");

        let all = captured(&lab, ALL).await.unwrap();
        let workload = Workload::parse(&all.text, "c.sql").unwrap();
        assert!(workload.writes);
        let weights = [
            "area = ",
            "orders WHERE id = ",
            "placed BETWEEN",
            "UPDATE orders",
        ]
        .map(|words| operation(&workload, words).weight);
        assert_eq!(weights, [60, 30, 12, 5], "{major}: {}", all.text);
        assert_eq!((all.statements, all.calls), (4, 107), "{major}");

        let drawn = draws(&client, operation(&workload, "area = "), 4000).await;
        for (area, expected) in [("1", 16.0 / 31.0), ("2", 8.0 / 31.0), ("3", 4.0 / 31.0)] {
            let found = share(&drawn, "area", area);
            assert!((found - expected).abs() < 0.03, "{major}: {area}: {found}");
        }
        for pair in &drawn {
            assert_eq!(pair["city"], format!("city of {}", pair["area"]), "{major}");
        }
        // About 73 of 6200 rows lie between the bounds, as in the statement that was run.
        let range = draws(&client, operation(&workload, "placed BETWEEN"), 200).await;
        for bounds in &range {
            let sql = format!(
                "SELECT count(*) FROM orders WHERE placed BETWEEN '{}' AND '{}'",
                bounds["placed"], bounds["placed_2"]
            );
            let rows: i64 = client.query_one(&sql, &[]).await.unwrap().get(0);
            assert!((70..=77).contains(&rows), "{major}: {rows}: {}", all.text);
        }
        drop(client);
        replays(&lab, &workload, major);
    }
}

/// A replay of it meets no error.
fn replays(lab: &dbperf::lab::Lab, workload: &Workload, major: u32) {
    let options = DriveOptions {
        load: dbperf::drive::LoadShape::Closed { clients: 2 },
        pool_size: 2,
        duration: Duration::from_millis(500),
        warmup: Duration::ZERO,
        allow_writes: true,
        ..DriveOptions::default()
    };
    let target = Conninfo::parse(&lab.primary().dsn(), &|_| None).unwrap();
    let target = Connector::new(target);
    let (workload, control) = (workload.clone(), Control::default());
    let replayed = std::thread::spawn(move || replay(&workload, target, &options, &control));
    let replayed = replayed.join().unwrap().unwrap();
    assert!(replayed.load.total.requests > 10, "{major}");
    assert_eq!(
        replayed.load.total.errors.len(),
        0,
        "{major}: {:?}",
        replayed.load.total.errors
    );
}

#[tokio::test]
async fn new_rows_meet_none_that_is_there() {
    let (lab, client) = prepared(crate::newest()).await.unwrap();
    let insert = "INSERT INTO orders (id, area, city, placed, email, note) VALUES ($1, $2, $3, now(), $4, $5)";
    run(&client, 1, insert, &[&7001, &1, &"city of 1", &"a@b", &"n"]).await;
    let all = captured(&lab, ALL).await.unwrap();
    let workload = Workload::parse(&all.text, "c.sql").unwrap();
    let operation = operation(&workload, "INSERT INTO orders");
    let types = types_of(&client, &operation.statements[0].sql).await;
    assert_eq!(types.len(), 5);
    let drawn = draws(&client, operation, 400).await;
    let ids: Vec<i64> = drawn.iter().map(|d| d["id"].parse().unwrap()).collect();
    assert_eq!(ids, (7002..7402).collect::<Vec<i64>>());
    for row in &drawn {
        assert_eq!(row["city"], format!("city of {}", row["area"]));
    }
    // A quarter of the notes is NULL.
    let nulls = share(&drawn, "note", "NULL");
    assert!((nulls - 0.25).abs() < 0.07, "{nulls}");
    drop(client);
    replays(&lab, &workload, crate::newest());
}

#[tokio::test]
async fn the_sample_application_is_captured_and_replayed() {
    let major = crate::newest();
    let lab = support::lab(major, dbperf::lab::LabOptions::default()).unwrap();
    let mut client = support::connect(lab.primary()).await;
    let options = dbperf::seed::SampleOptions::default();
    dbperf::seed::load_sample(&mut client, &options, &|_, _, _| {})
        .await
        .unwrap();
    crate::reset(&client).await;
    let text = include_str!("../../fixtures/sample/workload.sql");
    let sample = Workload::parse(text, "sample.sql").unwrap();
    drop(client);
    replays(&lab, &sample, major);
    let capture = captured(&lab, ALL).await.unwrap();
    let workload = Workload::parse(&capture.text, "c.sql").unwrap();
    assert!(capture.statements > 10, "{}", capture.text);
    // Two statements of the sample are compared with something that is no column.
    for left in &capture.left_out {
        let known = [
            "row_number()",
            "make_interval",
            "pg_catalog",
            "pg_stat_statements_reset",
        ];
        let expected =
            left.reason.contains("utility") || known.iter().any(|k| left.text.contains(k));
        assert!(expected, "{left:#?}");
    }
    replays(&lab, &workload, major);
}
