//! The command: what it fills, says and refuses, and how it ends.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use dbperf::lab::LabOptions;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio_postgres::Client;

use super::catalogue::snapshot;
use super::made::run;
use super::support::{connect, each_version, lab, left_sessions, value};

const SHOP: &str = "CREATE TABLE customer (id bigserial PRIMARY KEY, name text NOT NULL, born date, UNIQUE (name));
CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer,
    amount numeric(10, 2) NOT NULL CHECK (amount > 0), placed timestamptz NOT NULL);
CREATE INDEX orders_customer ON orders (customer_id);
";

pub(crate) fn dbperf(args: &[&str]) -> Command {
    let mut command = crate::support::dbperf();
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn finish(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

const HASH: &str = "SELECT md5(string_agg(o::text || c::text, '|' ORDER BY o.id)) FROM orders o \
                    JOIN customer c ON c.id = o.customer_id";

#[test]
fn it_fills_the_tables_and_the_number_of_jobs_changes_no_row() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, &["CREATE SCHEMA \"Odd one\"", SHOP]).await;
        let before = snapshot(&client).await;
        let dsn = lab.primary().dsn();
        let mut hashes = Vec::new();
        for jobs in ["1", "3"] {
            let (code, out, words) = finish(&mut dbperf(&[
                "seed",
                &dsn,
                "--target-db",
                "postgres",
                "--rows",
                "customer=500",
                "--rows",
                "orders=3000",
                "--jobs",
                jobs,
                "--format",
                "json",
            ]));
            assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
            assert!(words.contains("system identifier"), "{words}");
            let document: Value = serde_json::from_str(&out).unwrap();
            let seed = &document["seed"];
            assert_eq!(seed["rows"], 3500, "{seed:#}");
            assert_eq!(document["server"]["database"], "postgres");
            let tables = seed["tables"].as_array().unwrap();
            assert!(
                tables
                    .iter()
                    .all(|t| t["frozen"] == true && t["analyzed"] == true),
                "{seed:#}"
            );
            assert_eq!(snapshot(&client).await, before);
            hashes.push(value(&client, HASH).await);
            let next = value(
                &client,
                "INSERT INTO customer (name) VALUES ('a new one') RETURNING id::text",
            )
            .await;
            assert_eq!(next, "501");
            run(&client, &["TRUNCATE orders, customer"]).await;
        }
        assert_eq!(hashes[0], hashes[1], "PostgreSQL {major}");
    });
}

#[test]
fn a_dry_run_shows_the_statements_and_writes_nothing() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, &["CREATE SCHEMA \"Odd one\"", SHOP]).await;
        let before = snapshot(&client).await;
        let dsn = lab.primary().dsn();
        let (code, out, words) = finish(&mut dbperf(&[
            "seed",
            &dsn,
            "--target-db",
            "postgres",
            "--dry-run",
        ]));
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        for statement in [
            "BEGIN /* dbperf */",
            "DROP CONSTRAINT \"orders_customer_id_fkey\"",
            "COPY /* dbperf */ \"public\".\"orders\" (\"id\", \"customer_id\", \"amount\", \"placed\") FROM STDIN",
            "CREATE /* dbperf */ INDEX orders_customer ON public.orders",
            "ALTER /* dbperf */ SEQUENCE \"public\".\"orders_id_seq\" RESTART WITH <the next number>;",
            "COMMIT /* dbperf */;",
            "VACUUM /* dbperf */ (ANALYZE) \"public\".\"customer\";",
        ] {
            assert!(out.contains(statement), "{statement}: {out}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("more.sql");
        std::fs::write(
            &file,
            "CREATE TABLE more (id bigint);\nCREATE POLICY p ON more USING (true);",
        )
        .unwrap();
        let (code, out, words) = finish(&mut dbperf(&[
            "seed",
            &dsn,
            "--target-db",
            "postgres",
            "--dry-run",
            "--schema",
            file.to_str().unwrap(),
        ]));
        assert_eq!(code, Some(0), "{words}");
        assert!(
            out.contains("CREATE /* dbperf */ TABLE more (id bigint);"),
            "{out}"
        );
        assert_eq!(snapshot(&client).await, before);
        assert_eq!(
            value(&client, "SELECT count(*)::text FROM orders").await,
            "0"
        );
    });
}

#[test]
fn a_file_makes_the_tables_and_what_cannot_be_read_is_named() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        let dsn = lab.primary().dsn();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("shop.sql"), SHOP).unwrap();
        std::fs::write(path("bad.sql"), "CREATE TABLE a (id int);\nCREATE TABEL b;").unwrap();
        std::fs::write(
            path("refused.sql"),
            "CREATE TABLE a (id int);\nCREATE INDEX ON missing (id);",
        )
        .unwrap();
        let attempt = |file: &str| {
            let file = path(file);
            let args = [
                "seed",
                &dsn,
                "--target-db",
                "postgres",
                "--scale",
                "0.1",
                "--schema",
                &file,
            ];
            finish(&mut dbperf(&args))
        };
        for (file, expected, part) in [
            ("absent.sql", 4, "cannot read"),
            ("bad.sql", 4, "bad.sql, line 2: this cannot be read as SQL"),
            (
                "refused.sql",
                3,
                "refused.sql, line 2: CREATE INDEX ON failed",
            ),
        ] {
            let (code, _, words) = attempt(file);
            assert_eq!(code, Some(expected), "PostgreSQL {major}, {file}: {words}");
            assert!(words.contains(part), "{part}: {words}");
            let made = "SELECT count(*)::text FROM pg_class WHERE relname = 'a'";
            assert_eq!(value(&client, made).await, "0", "{file}");
        }
        let (code, out, words) = attempt("shop.sql");
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        assert!(out.contains("orders"), "{out}");
        assert_ne!(
            value(&client, "SELECT count(*)::text FROM orders").await,
            "0"
        );
        // It is not empty any more.
        let (code, _, words) = finish(&mut dbperf(&["seed", &dsn, "--target-db", "shop"]));
        assert_eq!(code, Some(3), "{words}");
        for part in [
            "nothing was loaded",
            "--target-db says shop",
            "orders: it has rows",
            "customer: it has rows",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert_eq!(left_sessions(&client).await, 0);
    });
}

/// What only one partition asks for; its columns stand in another order, so that their numbers differ.
const PARTITIONED: &[&str] = &[
    "CREATE TABLE logs (id bigint, at date NOT NULL, host text, slot int, during daterange) PARTITION BY RANGE (at)",
    "CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM (MINVALUE) TO ('2024-01-01')",
    "CREATE TABLE logs_new (slot int, during daterange, host text NOT NULL, id bigint, at date NOT NULL, \
     CONSTRAINT logs_new_during EXCLUDE USING gist (during WITH &&))",
    "ALTER TABLE logs ATTACH PARTITION logs_new FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)",
    "CREATE UNIQUE INDEX logs_new_id ON logs_new (id)",
];

#[test]
fn what_only_a_partition_asks_for_is_met_or_named() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, PARTITIONED).await;
        let dsn = lab.primary().dsn();
        let fill = || {
            finish(&mut dbperf(&[
                "seed",
                &dsn,
                "--target-db",
                "postgres",
                "--rows",
                "logs=2000",
            ]))
        };
        // Two values cannot be unique in a thousand rows.
        run(
            &client,
            &[
                "ALTER TABLE logs ADD flag boolean NOT NULL",
                "CREATE UNIQUE INDEX logs_new_flag ON logs_new (flag)",
            ],
        )
        .await;
        let (code, _, words) = fill();
        assert_eq!(code, Some(3), "PostgreSQL {major}: {words}");
        assert!(
            words.contains("flag can have 2 different values only"),
            "{words}"
        );
        assert_eq!(value(&client, "SELECT count(*)::text FROM logs").await, "0");
        run(
            &client,
            &[
                "ALTER TABLE logs DROP flag",
                "ALTER TABLE logs ADD area circle",
                "ALTER TABLE logs_new ADD CONSTRAINT logs_new_area EXCLUDE USING gist (area WITH &&)",
            ],
        )
        .await;
        let (code, _, words) = fill();
        assert_eq!(code, Some(3), "PostgreSQL {major}: {words}");
        assert!(
            words.contains("logs, logs_new_area: only ranges"),
            "{words}"
        );
        run(&client, &["ALTER TABLE logs DROP area"]).await;
        let (code, _, words) = fill();
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        let of_new = "SELECT (count(*) > 100)::text || (count(host) = count(*))::text || \
                      (count(DISTINCT id) > 100)::text FROM logs_new";
        assert_eq!(value(&client, of_new).await, "truetruetrue");
        assert_eq!(
            value(&client, "SELECT (count(*) > 100)::text FROM logs_old").await,
            "true"
        );
    });
}

fn wait(mut child: Child, limit: Duration) -> Output {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < limit, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn ctrl_c_leaves_nothing() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, &["CREATE SCHEMA \"Odd one\"", SHOP]).await;
        let before = snapshot(&client).await;
        // The second time nobody waits for the program to end by itself.
        for signals in [1, 2] {
            let child = copying(&lab.primary().dsn(), &client).await;
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            for _ in 0..signals {
                kill(pid, Signal::SIGINT).unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
            let output = wait(child, LIMIT);
            let words = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            assert_eq!(code, Some(130), "PostgreSQL {major}: {words}");
            if signals == 1 {
                assert!(words.contains("interrupted; nothing was loaded"), "{words}");
                assert_eq!(left_sessions(&client).await, 0);
            }
            let began = Instant::now();
            while left_sessions(&client).await > 0 {
                assert!(began.elapsed() < LIMIT, "its session is still there");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(snapshot(&client).await, before);
            let rows = value(&client, "SELECT count(*)::text FROM customer").await;
            assert_eq!(rows, "0", "PostgreSQL {major}, {signals}");
        }
    });
}

/// Longest wait of a test.
const LIMIT: Duration = Duration::from_secs(120);

/// A seed that is copying rows of the second table, without an end.
async fn copying(dsn: &str, client: &Client) -> Child {
    let args = [
        "seed",
        dsn,
        "--target-db",
        "postgres",
        "--rows",
        "customer=1000",
        "--rows",
        "orders=2000000000",
    ];
    let mut child = dbperf(&args).spawn().unwrap();
    let active = "SELECT count(*)::text FROM pg_stat_activity WHERE state = 'active' \
                  AND query LIKE 'COPY /* dbperf */ \"public\".\"orders\"%'";
    let began = Instant::now();
    while value(client, active).await == "0" {
        assert!(began.elapsed() < LIMIT, "no COPY");
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child
}
