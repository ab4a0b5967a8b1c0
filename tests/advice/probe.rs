//! The questions to the planner, on every version: with indexes that are built, and with HypoPG.

use std::time::Duration;

use dbperf::explain::{Candidate, ExplainOptions, WhatIfProbe};
use dbperf::lab::LabOptions;
use dbperf::record::QueryId;
use tokio_postgres::Client;

use crate::support::{connect, hypopg, hypopg_lab, lab, servers, value};

const SCHEMA: &str = "
    CREATE TABLE people (id int PRIMARY KEY, name text, age int, gone timestamptz);
    INSERT INTO people SELECT i, 'name' || i, i % 1000, NULL FROM generate_series(1, 50000) i;
    ANALYZE people;
";

fn definitions() -> Vec<String> {
    [
        "CREATE INDEX ON public.people (age)",
        "CREATE INDEX ON public.people (name) INCLUDE (age)",
        "CREATE INDEX ON public.people ((random()))",
        "CREATE INDEX ON public.people ((lower(name)))",
        "CREATE INDEX ON public.people (age) WHERE gone IS NOT NULL",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn statement(id: i64, text: &str, value: Option<&str>) -> Candidate {
    Candidate {
        query_id: QueryId(id),
        text: text.to_owned(),
        sample_params: value.map(|v| vec![Some(v.to_owned())]),
        analyze: false,
    }
}

/// What every kind of probe has to answer.
async fn check(mut probe: WhatIfProbe<'_>, table_pages: f64, place: &str) {
    let limit = Duration::from_secs(60);
    let tried = probe.prepare(&definitions(), limit).await.unwrap();
    let refused: Vec<bool> = tried.iter().map(|t| t.refused.is_some()).collect();
    assert_eq!(refused, [false, false, true, false, false], "{place}");
    let why = tried[2].refused.as_ref().unwrap();
    assert!(why.contains("IMMUTABLE"), "{place}: {why}");
    assert!(tried[0].size_bytes.unwrap().0 > 100_000, "{place}");

    let generic = statement(1, "SELECT * FROM people WHERE age = $1", None);
    let valued = statement(2, "SELECT age FROM people WHERE name = $1", Some("name7"));
    let broken = statement(3, "SELECT * FROM nowhere WHERE age = $1", None);
    let lower = statement(4, "SELECT * FROM people WHERE lower(name) = $1", Some("x"));
    let all = [&generic, &broken, &valued, &lower];
    let none = probe.costs(&[], &all).await.unwrap();
    let with = probe.costs(&[0, 1, 3, 4], &all).await.unwrap();
    for (position, used) in [(0, 0), (2, 1), (3, 3)] {
        let before = none[position].1.as_ref().unwrap();
        let after = with[position].1.as_ref().unwrap();
        assert!(before.used.is_empty(), "{place}");
        assert_eq!(after.used, [used], "{place}: {after:?}");
        assert!(
            after.total_cost < before.total_cost / 2.0,
            "{place}: {after:?}"
        );
        // A scan of the whole table reads each of its pages, at 1 by `seq_page_cost`; an index some of them.
        let pages = before.page_cost.unwrap();
        assert!((pages - table_pages).abs() < 1.0, "{place}: {before:?}");
        let pages = after.page_cost.unwrap();
        let few = 0.5 * after.total_cost..=after.total_cost;
        assert!(few.contains(&pages), "{place}: {after:?}");
    }
    // One statement without a plan spoils none of the others.
    assert_eq!(with[1].0, QueryId(3));
    assert!(with[1].1.is_err(), "{place}");
    let again = probe.costs(&[], &[&generic]).await.unwrap();
    assert_eq!(again[0].1, none[0].1, "{place}: an index is still seen");
    probe.finish().await.unwrap();
}

async fn pages_of_people(client: &Client) -> f64 {
    let sql = "SELECT relpages::text FROM pg_class WHERE relname = 'people'";
    value(client, sql).await.parse().unwrap()
}

async fn nothing_is_left(client: &Client, place: &str) {
    for sql in [
        "SELECT count(*) FROM pg_class WHERE relname LIKE 'dbperf%' OR relname LIKE '%btree%people%'",
        "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'dbperf%'",
        "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
    ] {
        let sql = sql.replace("count(*)", "count(*)::text");
        assert_eq!(value(client, &sql).await, "0", "{place}: {sql}");
    }
}

#[tokio::test]
async fn built_indexes_are_seen_hidden_and_dropped() {
    for (major, _) in servers() {
        let Some(lab) = lab(major, LabOptions::default()) else {
            continue;
        };
        let client = connect(lab.primary()).await;
        client.batch_execute(SCHEMA).await.unwrap();
        let place = format!("PostgreSQL {major}");
        let probe = WhatIfProbe::built(&client, ExplainOptions::default());
        check(probe, pages_of_people(&client).await, &place).await;
        nothing_is_left(&client, &place).await;
    }
}

#[tokio::test]
async fn hypothetical_indexes_write_nothing_and_are_forgotten() {
    for server in hypopg() {
        let lab = hypopg_lab(&server, LabOptions::default());
        let client = connect(lab.primary()).await;
        client.batch_execute(SCHEMA).await.unwrap();
        // In a schema whose name has to be quoted.
        let extension = "CREATE SCHEMA \"What If\"; CREATE EXTENSION hypopg SCHEMA \"What If\"";
        client.batch_execute(extension).await.unwrap();
        let read_only = "SET default_transaction_read_only = on";
        client.batch_execute(read_only).await.unwrap();
        let place = format!("PostgreSQL {} with HypoPG", server.major);
        let probe = WhatIfProbe::hypothetical(&client, "What If", ExplainOptions::default());
        check(probe, pages_of_people(&client).await, &place).await;
        nothing_is_left(&client, &place).await;
        let left = "SELECT count(*)::text FROM \"What If\".hypopg()";
        assert_eq!(value(&client, left).await, "0", "{place}");
    }
}
