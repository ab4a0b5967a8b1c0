//! From a server's log to the same calls on a copy of its database.

use std::collections::BTreeMap;

use dbperf::drive::{CapturedOptions, replay_captured};
use dbperf::workload::LogOptions as CaptureLog;

use super::*;

const SCHEMA: &str = "CREATE EXTENSION pg_stat_statements; \
    CREATE TABLE account (id int PRIMARY KEY, balance numeric(10,2) NOT NULL, tags text[], seen int4range); \
    INSERT INTO account SELECT g, 100, ARRAY['a', NULL, 'it''s'], int4range(g, g + 5) FROM generate_series(1, 500) g";

/// Calls by statement, without those of dbperf, of the test itself, and of the driver's look at types.
const CALLS: &str = "SELECT query, sum(calls)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
    WHERE d.datname = current_database() AND query NOT LIKE '%dbperf%' AND query NOT LIKE '%pg_stat_statements%' \
    AND query NOT LIKE '%pg_catalog.pg_type%' AND query NOT LIKE '%pg_stat_activity%' GROUP BY query";

fn logging(major: u32) -> Option<Lab> {
    let mut settings = support::setting("log_min_duration_statement", "0");
    settings.extend(support::setting("log_line_prefix", "%m [%p] %q%u@%d "));
    settings.extend(support::setting("log_connections", "on"));
    settings.extend(support::setting("log_disconnections", "on"));
    settings.extend(support::setting("log_parameter_max_length_on_error", "-1"));
    support::lab(
        major,
        LabOptions {
            settings,
            ..LabOptions::default()
        },
    )
}

fn calls(lab: &Lab) -> BTreeMap<String, i64> {
    with_client(lab, async |client| {
        let rows = client.query(CALLS, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    })
}

/// What an application does: prepared and unnamed statements with values of several types, transactions,
/// several statements in one message, failures, a cursor.
async fn application(client: &Client, number: i32) {
    let by_id = client
        .prepare("SELECT balance::text FROM account WHERE id = $1")
        .await
        .unwrap();
    for id in 1..=20 {
        client.query(&by_id, &[&(id * number)]).await.unwrap();
    }
    let tagged = "SELECT count(*) FROM account WHERE tags = $1 AND id > $2";
    for _ in 0..7 {
        let tags = vec![Some("a"), None, Some("it's")];
        client.query(tagged, &[&tags, &number]).await.unwrap();
    }
    client.batch_execute("BEGIN").await.unwrap();
    let move_money = "UPDATE account SET balance = balance + $1::float8::numeric WHERE id = $2";
    client
        .execute(move_money, &[&1.5f64, &number])
        .await
        .unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    for id in 1..=5 {
        let literal = format!(
            "SELECT * FROM account\n WHERE id IN ({id}, {number}) -- 'two'\n AND balance > 1.5"
        );
        client.simple_query(&literal).await.unwrap();
    }
    client
        .batch_execute(
            "SELECT 1 AS a; SELECT 'x;y' AS b; UPDATE account SET seen = '[1,9)' WHERE id = 3",
        )
        .await
        .unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    let duplicate = client
        .execute("INSERT INTO account VALUES ($1, 1)", &[&1])
        .await;
    assert!(duplicate.is_err());
    client.batch_execute("ROLLBACK").await.unwrap();
    client
        .batch_execute(
            "BEGIN; DECLARE c CURSOR FOR SELECT id FROM account; FETCH 10 FROM c; CLOSE c; COMMIT",
        )
        .await
        .unwrap();
}

#[test]
fn a_captured_log_gives_the_same_calls_on_a_copy() {
    let _machine = alone();
    for (major, _) in support::servers() {
        let (Some(source), Some(copy)) = (logging(major), logging(major)) else {
            continue;
        };
        for lab in [&source, &copy] {
            sql(lab, SCHEMA);
            sql(lab, "SELECT pg_stat_statements_reset()");
        }
        let log = source.primary().log_file();
        let since = jiff::Timestamp::now();
        std::thread::sleep(Duration::from_millis(5));
        for number in 1..=3 {
            with_client(&source, async |client| application(client, number).await);
        }
        let counted = calls(&source);
        assert!(counted.len() > 12, "{major}: {counted:?}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("captured");
        let options = CaptureLog {
            files: vec![log.clone()],
            prefix: None,
            since: Some(since.to_string()),
            until: None,
            database: Some("postgres".to_owned()),
        };
        let read = options.read(&mut |_| {}).unwrap();
        read.write(&mut std::fs::File::create(&file).unwrap())
            .unwrap();
        let options = CapturedOptions {
            speed: None,
            duration: None,
            statement_timeout: Some(Duration::from_secs(20)),
            max_errors: Some(0),
            start_at: None,
            shard: dbperf::drive::Shard::default(),
            allow_writes: true,
        };
        let replayed = replay_captured(&file, target(&copy), &options, &Control::default());
        let replayed = replayed.unwrap_or_else(|e| panic!("{major}: {e}"));
        assert_eq!(
            replayed.load.total.failures, 0,
            "{:?}",
            replayed.load.total.errors
        );
        let again = calls(&copy);
        for (query, calls) in &counted {
            if query.contains("pg_database d") {
                continue;
            }
            assert_eq!(
                again.get(query),
                Some(calls),
                "{major}: {query}\n{again:#?}"
            );
        }
        let same = "SELECT (sum(balance) * 100)::bigint FROM account";
        assert_eq!(count(&source, same), count(&copy, same), "{major}");
    }
}

#[test]
fn a_session_keeps_the_pace_of_the_log_or_the_speed_that_is_asked_for() {
    let _machine = alone();
    let (major, _) = support::servers().pop().expect("a PostgreSQL server");
    let source = logging(major).expect("the server that was found");
    sql(&source, SCHEMA);
    let since = jiff::Timestamp::now();
    std::thread::sleep(Duration::from_millis(5));
    with_client(&source, async |client| {
        for _ in 0..5 {
            client.query_one("SELECT 42", &[]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("captured");
    let options = CaptureLog {
        files: vec![source.primary().log_file()],
        prefix: None,
        since: Some(since.to_string()),
        until: None,
        database: None,
    };
    let read = options.read(&mut |_| {}).unwrap();
    read.write(&mut std::fs::File::create(&file).unwrap())
        .unwrap();
    for (speed, seconds) in [
        (Some(1.0), 1.6..2.3),
        (Some(4.0), 0.4..0.9),
        (None, 0.0..0.4),
    ] {
        let options = CapturedOptions {
            speed,
            duration: None,
            statement_timeout: None,
            max_errors: None,
            start_at: None,
            shard: dbperf::drive::Shard::default(),
            allow_writes: false,
        };
        let replayed =
            replay_captured(&file, target(&source), &options, &Control::default()).unwrap();
        let took = (replayed.window_ended - replayed.window_started).as_secs_f64();
        assert!(seconds.contains(&took), "{speed:?}: {took}");
        assert_eq!(replayed.load.total.requests, 5);
        // A rate of calls has a lag, calls as fast as possible have none.
        assert_eq!(replayed.load.total.schedule_lag.is_some(), speed.is_some());
    }
}
