//! What dbperf does on somebody's server: it reads, says who it is, takes little, and leaves the
//! application's statements to the application.

use std::collections::BTreeSet;
use std::fs;

use crate::cli::{analyze, run};
use crate::load::{Background, execute};
use crate::staged::{Staging, workload_file};

/// Process id and message of the lines of a server's log that a session of dbperf caused.
fn said_by_dbperf(log: &str) -> Vec<(&str, &str)> {
    log.lines()
        .filter_map(|line| {
            let (session, message) = line.split_once(" said ")?;
            let (pid, name) = session.split_once(' ')?;
            name.starts_with("dbperf/").then_some((pid, message))
        })
        .collect()
}

#[test]
fn it_only_reads_with_few_connections_and_at_little_cost() {
    Staging {
        settings: &[("log_statement", "all"), ("log_line_prefix", "%p %a said ")],
        ..Staging::default()
    }
    .each_version(|server| {
        let dsn = server.primary().dsn();
        execute(&dsn, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
        let load = Background::start(&dsn, "app", "SELECT count(*) FROM t WHERE a = 7");
        let report = analyze(&dsn, &["--window", "5s"]).json();
        load.stop();

        // 1 % is the promise; other tests share these cores, and what waits for them counts too.
        let ratio = report["overhead"]["own_exec_ratio"].as_f64().unwrap();
        assert!(ratio > 0.0 && ratio < 0.02, "{ratio}");

        let log = fs::read_to_string(server.primary().log_file()).unwrap();
        let mut sessions = BTreeSet::new();
        let mut queries = 0;
        for (pid, message) in said_by_dbperf(&log) {
            sessions.insert(pid);
            let Some(statement) = message
                .strip_prefix("LOG:  ")
                .and_then(|m| m.strip_prefix("execute ").or(m.strip_prefix("statement")))
                .and_then(|m| m.split_once(": "))
                .map(|(_, sql)| sql)
            else {
                assert!(
                    !message.starts_with("ERROR"),
                    "it fills the log of a server: {message}"
                );
                continue;
            };
            queries += 1;
            let harmless = [
                "SELECT /* dbperf */",
                "EXPLAIN /* dbperf */ (VERBOSE, SETTINGS, FORMAT JSON)",
                "PREPARE /* dbperf */",
                "BEGIN /* dbperf */ READ ONLY",
                "ROLLBACK /* dbperf */",
                "DEALLOCATE /* dbperf */",
            ];
            assert!(
                harmless.iter().any(|start| statement.starts_with(start)),
                "{statement}"
            );
        }
        assert!(queries > 10, "the log was understood: {queries}");
        assert!((1..=4).contains(&sessions.len()), "{sessions:?}");
    });
}

#[test]
fn what_was_explained_stays_the_applications_statement() {
    Staging::default().each_version(|server| {
        let dsn = server.primary().dsn();
        execute(
            &dsn,
            "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)",
        );
        let listed = |report: &serde_json::Value| -> Vec<String> {
            let statements = report["statements"].as_array().unwrap().iter();
            statements
                .map(|s| s["query"].as_str().unwrap().to_owned())
                .collect()
        };
        // With a constant: dbperf asks for the plan of the text with `$1` in its place.
        let load = Background::start(&dsn, "app", "SELECT count(*) FROM t WHERE a = 7");
        let report = analyze(&dsn, &["--window", "1s"]).json();
        load.stop();
        let wanted = "SELECT count(*) FROM t WHERE a = $1";
        assert!(listed(&report).iter().any(|q| q == wanted), "{report:#}");

        // The same with a parameter, which is another statement to the server.
        let file = workload_file(
            "-- dbperf workload: one\n-- clients: 1\n-- pool-size: 1\n-- operation: read\n\
             -- param a: uniform 1 1000\nSELECT count(*) FROM t WHERE a = :a;\n",
        );
        let path = file.path().to_str().unwrap();
        let flags = ["--workload", path, "--duration", "1s", "--warmup", "0s"];
        let queries = listed(&analyze(&dsn, &flags).json());
        assert!(queries.iter().any(|q| q == wanted), "{queries:?}");
        assert!(!queries.iter().any(|q| q.contains("dbperf")), "{queries:?}");
    });
}

#[test]
fn what_a_role_may_not_see_is_neither_zero_nor_fine() {
    Staging::default().each_version(|server| {
        let dsn = server.primary().dsn();
        execute(&dsn, "CREATE ROLE poor LOGIN; CREATE TABLE t (a int)");
        let load = Background::start(&dsn, "app", "SELECT pg_sleep(0.01) FROM t");
        let poor = dsn.replace("user=postgres", "user=poor");
        let report = analyze(&poor, &["--window", "12s"]).json();
        load.stop();
        assert!(report["pool"].is_null(), "{:#}", report["pool"]);
        let rules = report["not_evaluated"].as_array().unwrap();
        let undecided = |rule: &str| rules.iter().any(|r| r["rule"] == rule);
        for rule in ["slow-statement", "pool-oversized", "database-saturated"] {
            assert!(undecided(rule), "{rule} is not among {rules:#?}");
        }
        let targets = report["sla"].as_array().unwrap();
        let slow = targets.iter().find(|t| t["name"] == "slow statements");
        assert_eq!(slow.unwrap()["status"], "not-measured");
    });
}

#[test]
fn a_section_by_itself_says_nothing_of_the_others() {
    Staging::default().newest(|server| {
        let dsn = server.primary().dsn();
        let replica = dsn.replace("user=postgres", "user=nosuchrole");
        let lag = run(&["lag", &dsn, "--window", "1s", "--replica", &replica]);
        assert_eq!(lag.code, Some(0), "{}", lag.stderr);
        assert!(lag.stdout.contains("not known"), "{}", lag.stdout);
        for absent in ["SEVERED", "Statements", "pg_stat_statements was not read"] {
            assert!(!lag.stdout.contains(absent), "{absent} in {}", lag.stdout);
        }
        execute(&dsn, "DROP EXTENSION pg_stat_statements");
        let slow = run(&["slow", &dsn, "--window", "1s"]);
        assert_eq!(slow.code, Some(3), "{}", slow.stdout);
        assert!(slow.stderr.contains("CREATE EXTENSION"), "{}", slow.stderr);
    });
}
