//! Ids of one statement together, users, databases and levels apart, and nothing counted twice or below zero when
//! entries go and come back.

use std::time::Duration;

use dbperf::collect::{LoadState, ObserveOptions, Observed, Observer};
use dbperf::lab::{Lab, LabOptions};
use dbperf::pg::resolve;
use dbperf::record::server::Disturbance;
use dbperf::record::statements::StatementDelta;
use serde_json::Value;

use tokio_postgres::{Client, NoTls};

use crate::json;
use crate::support::{connect, each_version, lab};

/// What the server has counted so far.
fn slow(dsn: &str) -> Vec<Value> {
    let report = json(&["slow", dsn, "--explain", "0"]);
    report["statements"].as_array().unwrap().clone()
}

fn rows<'a>(statements: &'a [Value], text: &str) -> Vec<&'a Value> {
    let has = |s: &&Value| s["query"].as_str().unwrap().contains(text);
    statements.iter().filter(has).collect()
}

async fn started(major: u32, settings: &[(&str, &str)]) -> (Lab, Client) {
    let settings = settings.iter();
    let options = LabOptions {
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..LabOptions::default()
    };
    let lab = lab(major, options).unwrap();
    let client = connect(lab.primary()).await;
    let sql =
        "CREATE EXTENSION pg_stat_statements; CREATE TABLE tasks (id int PRIMARY KEY, note text);
        INSERT INTO tasks SELECT g, 'note ' || g FROM generate_series(1, 100) AS g; ANALYZE tasks;";
    client.batch_execute(sql).await.unwrap();
    (lab, client)
}

#[test]
fn one_statement_sent_in_several_ways_is_one() {
    each_version(async |major| {
        let (lab, client) = started(major, &[]).await;
        // With a parameter, with two types of parameter, and with the value in its text.
        for (kind, times) in [("int4", 3), ("int2", 2)] {
            let prepare =
                format!("PREPARE by_{kind}({kind}) AS SELECT note FROM tasks WHERE id = $1");
            client.batch_execute(&prepare).await.unwrap();
            for _ in 0..times {
                let execute = format!("EXECUTE by_{kind}(7)");
                client.simple_query(&execute).await.unwrap();
            }
        }
        for id in 1..=5 {
            let sql = format!("SELECT note FROM tasks WHERE id = {id}");
            client.simple_query(&sql).await.unwrap();
        }
        // Lists of four lengths, twice each.
        for length in [2, 3, 5, 8, 2, 3, 5, 8] {
            let list: Vec<String> = (1..=length).map(|i| i.to_string()).collect();
            let sql = format!(
                "SELECT id, note FROM tasks WHERE id IN ({})",
                list.join(", ")
            );
            client.simple_query(&sql).await.unwrap();
        }
        let all = slow(&lab.primary().dsn());
        let [by_id] = rows(&all, "WHERE id = $1")[..] else {
            panic!("PostgreSQL {major}: {all:#?}");
        };
        // EXECUTE itself counts under the text of its PREPARE.
        assert_eq!(by_id["calls"], 10, "PostgreSQL {major}: {by_id:#}");
        assert_eq!(by_id["query_ids"].as_array().unwrap().len(), 3);
        assert_eq!(by_id["query_ids"][0], by_id["query_id"]);
        let [by_list] = rows(&all, "WHERE id IN")[..] else {
            panic!("PostgreSQL {major}: {all:#?}");
        };
        assert_eq!(
            (&by_list["calls"], &by_list["rows"]),
            (&8.into(), &36.into())
        );
        let ids = by_list["query_ids"].as_array().unwrap().len();
        assert_eq!(ids, if major >= 18 { 1 } else { 4 }, "PostgreSQL {major}");
    });
}

#[test]
fn users_and_databases_stay_apart() {
    each_version(async |major| {
        let (lab, client) = started(major, &[]).await;
        for sql in [
            "CREATE ROLE one LOGIN",
            "CREATE ROLE two LOGIN",
            "GRANT SELECT ON tasks TO one, two",
            "CREATE DATABASE other TEMPLATE template0",
        ] {
            client.batch_execute(sql).await.unwrap();
        }
        let read = "SELECT note FROM tasks WHERE id = 1";
        for (options, times) in [("user=one", 3), ("user=two", 5), ("dbname=other", 7)] {
            let dsn = format!("{} {options}", lab.primary().dsn());
            let (other, connection) = tokio_postgres::connect(&dsn, NoTls).await.unwrap();
            tokio::spawn(connection);
            if options.starts_with("dbname") {
                let table = "CREATE TABLE tasks AS SELECT 1 AS id, ''::text AS note";
                other.batch_execute(table).await.unwrap();
            }
            for _ in 0..times {
                other.simple_query(read).await.unwrap();
            }
        }
        let all = slow(&lab.primary().dsn());
        let mut found: Vec<(&str, &str, i64)> = rows(&all, "SELECT note FROM tasks")
            .into_iter()
            .map(|s| {
                let text = |key: &str| s[key].as_str().unwrap();
                (text("database"), text("user"), s["calls"].as_i64().unwrap())
            })
            .collect();
        found.sort_unstable();
        let expected = [
            ("other", "postgres", 7),
            ("postgres", "one", 3),
            ("postgres", "two", 5),
        ];
        assert_eq!(found, expected, "PostgreSQL {major}");
        let shares: f64 = all.iter().filter_map(|s| s["share_ratio"].as_f64()).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    });
}

#[test]
fn statements_of_a_function_are_part_of_their_caller() {
    each_version(async |major| {
        // Before, the extension does not tell levels apart.
        if major < 14 {
            return;
        }
        let (lab, client) = started(major, &[("pg_stat_statements.track", "all")]).await;
        let function = "CREATE FUNCTION nap() RETURNS void LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.05); PERFORM count(*) FROM tasks; END $$";
        client.batch_execute(function).await.unwrap();
        client
            .query("SELECT pg_stat_statements_reset()", &[])
            .await
            .unwrap();
        for _ in 0..4 {
            client.query("SELECT nap()", &[]).await.unwrap();
        }
        // The same inside and outside of the function: two rows.
        client
            .query("SELECT count(*) FROM tasks", &[])
            .await
            .unwrap();
        let all = slow(&lab.primary().dsn());
        let caller = rows(&all, "nap()")[0];
        assert_eq!(
            (&caller["calls"], &caller["toplevel"]),
            (&4.into(), &true.into())
        );
        let counts = rows(&all, "count(*) FROM tasks");
        let levels: Vec<_> = counts
            .iter()
            .map(|s| (&s["toplevel"], &s["calls"]))
            .collect();
        assert!(
            levels.contains(&(&false.into(), &4.into())),
            "{major}: {levels:?}"
        );
        assert!(
            levels.contains(&(&true.into(), &1.into())),
            "{major}: {levels:?}"
        );
        let sleep = rows(&all, "pg_sleep")[0];
        assert_eq!(sleep["toplevel"], false);
        // Its 200 ms are in the caller's: counted once in the total, of which it is nearly all.
        let share = |s: &Value| s["share_ratio"].as_f64().unwrap();
        let top = all.iter().filter(|s| s["toplevel"] == true).map(share);
        assert!((top.sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(
            share(caller) > share(sleep) && share(sleep) > 0.5,
            "PostgreSQL {major}"
        );
    });
}

async fn observed(lab: &Lab, work: impl AsyncFnOnce()) -> Observed {
    let target = resolve(Some(&lab.primary().dsn()), &|_| None).unwrap();
    let mut options = ObserveOptions::new("deltas");
    options.statements_interval = Some(Duration::from_millis(250));
    let (observer, _) = Observer::start(&target, options).await.unwrap();
    work().await;
    observer.finish(LoadState::GoesOn).await
}

fn delta<'a>(seen: &'a Observed, text: &str) -> &'a StatementDelta {
    let window = seen.statements.as_ref().unwrap();
    let mut ids = window.texts.iter().filter(|(_, t)| t.query.contains(text));
    let id = ids.next().unwrap().0;
    window
        .deltas
        .iter()
        .find(|d| d.key.queryid.0 == *id)
        .unwrap()
}

async fn run(client: &Client, sql: &str, times: usize) {
    for _ in 0..times {
        client.simple_query(sql).await.unwrap();
    }
}

/// Longer than the interval of samples.
async fn until_sampled() {
    tokio::time::sleep(Duration::from_millis(600)).await;
}

#[test]
fn the_reset_of_one_entry_spoils_that_entry_alone() {
    each_version(async |major| {
        let (lab, client) = started(major, &[]).await;
        let (one, other) = (
            "SELECT note FROM tasks WHERE id = 1",
            "SELECT count(*) FROM tasks",
        );
        run(&client, one, 50).await;
        run(&client, other, 50).await;
        let seen = observed(&lab, async || {
            run(&client, one, 10).await;
            run(&client, other, 10).await;
            until_sampled().await;
            let reset =
                "SELECT pg_stat_statements_reset(0, 0, (SELECT queryid FROM pg_stat_statements
                WHERE query LIKE 'SELECT note FROM tasks%' LIMIT 1))";
            client.simple_query(reset).await.unwrap();
            // Where the entry itself says since when it counts, more calls than before the reset hide nothing.
            run(&client, one, if major >= 17 { 70 } else { 20 }).await;
            run(&client, other, 10).await;
            until_sampled().await;
            run(&client, one, 5).await;
        })
        .await;
        let spoiled = delta(&seen, "SELECT note FROM tasks");
        let calls = spoiled.counters.calls;
        assert!(spoiled.partial, "PostgreSQL {major}");
        // Everything, or all but the interval of the reset; never what the entry had before the window.
        assert!((15..=85).contains(&calls), "PostgreSQL {major}: {calls}");
        if major >= 17 {
            assert_eq!(calls, 85, "the entry itself says since when it counts");
        }
        let intact = delta(&seen, "SELECT count(*)");
        assert_eq!(
            (intact.counters.calls, intact.partial),
            (20, false),
            "PostgreSQL {major}"
        );
        assert!(!seen.disturbances.contains(&Disturbance::StatementsReset));
    });
}

#[test]
fn an_entry_that_was_evicted_and_came_back_counts_what_is_known() {
    each_version(async |major| {
        let (lab, client) = started(major, &[("pg_stat_statements.max", "100")]).await;
        let rare = "SELECT note FROM tasks WHERE id = 1";
        run(&client, rare, 50).await;
        let seen = observed(&lab, async || {
            run(&client, rare, 3).await;
            until_sampled().await;
            // Each of these is used more often than the rare one of late, so that the rare one goes.
            for columns in 1..=400 {
                let sql = format!("SELECT {}", vec!["1"; columns].join(", "));
                run(&client, &sql, 2).await;
            }
            until_sampled().await;
            run(&client, rare, 9).await;
            until_sampled().await;
        })
        .await;
        let window = seen.statements.as_ref().unwrap();
        let known = |d: &&StatementDelta| {
            let text = window.texts.get(&d.key.queryid.0);
            text.is_some_and(|t| t.query.contains("SELECT note FROM tasks"))
        };
        let back: Vec<_> = window.deltas.iter().filter(known).collect();
        let [back] = back[..] else {
            panic!("PostgreSQL {major}: {back:?}");
        };
        // 3 before and 9 after; if it was never evicted, the same without a doubt.
        assert_eq!(back.counters.calls, 12, "PostgreSQL {major}: {back:?}");
        assert!(window.evicted > 0, "PostgreSQL {major}");
        for d in &window.deltas {
            assert!(
                d.counters.calls > 0 && d.counters.total_exec_time.0 >= 0.0,
                "{d:?}"
            );
            assert!(
                d.counters.rows >= 0 && d.counters.shared_blks_hit >= 0,
                "{d:?}"
            );
        }
    });
}
