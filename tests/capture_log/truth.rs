//! Calls and times are those that the server counted.

use std::collections::{BTreeMap, BTreeSet};

use dbperf::record::fingerprint;
use dbperf::workload::{Event, EventKind, Protocol, Role};
use serde_json::Value;

use crate::logs::{self, Captured, VERSIONS};

/// Runs whose log has the text of every call, and their formats.
const COMPLETE: [(&str, &[&str]); 4] = [
    ("minduration", &["log", "csv", "json"]),
    ("statement-and-duration", &["log", "csv", "json"]),
    ("auto-explain", &["log", "csv", "json"]),
    ("verbose", &["log"]),
];

/// Runs whose records have text and duration together.
const TOGETHER: [(&str, &[&str]); 4] = [
    ("minduration", &["log", "csv", "json"]),
    ("auto-explain", &["log", "csv", "json"]),
    ("slow-only", &["log", "csv"]),
    ("verbose", &["log"]),
];

/// Run and file, of all of the formats that a version has.
fn files(version: &str, runs: &[(&'static str, &[&str])]) -> Vec<(&'static str, String)> {
    let mut files = Vec::new();
    for (run, formats) in runs {
        for format in *formats {
            // jsonlog came with 15.
            if version != "13" || *format != "json" {
                files.push((*run, format!("{run}.{format}")));
            }
        }
    }
    files
}

/// What the view calls a statement: PREPARE and EXECUTE are one, as are all DEALLOCATE and all DO.
fn identity(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default();
    if ["PREPARE", "EXECUTE"].contains(&word.to_uppercase().as_str()) {
        return "EXECUTE".to_owned();
    }
    if ["DEALLOCATE", "DO"].contains(&word) {
        return word.to_owned();
    }
    fingerprint(text).unwrap_or_else(|| text.to_owned())
}

fn counted_by_the_server(run: &Value) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for row in run["pg_stat_statements"].as_array().unwrap() {
        let text = row["query"].as_str().unwrap();
        *calls.entry(identity(text)).or_default() += row["calls"].as_u64().unwrap();
    }
    calls
}

/// Calls that the server's view counts: PREPARE by itself is none, nor is DEALLOCATE before 17, nor are,
/// from 14 on, BEGIN and END of a named prepared statement after its first call, which have no query id.
fn counted_by_us(version: &str, captured: &Captured) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for row in &captured.summary.statements {
        let none = row.query.starts_with("PREPARE")
            || row.query.starts_with("DEALLOCATE") && !["17", "18"].contains(&version);
        if row.calls > 0 && !none {
            *calls.entry(identity(&row.query)).or_default() += row.calls;
        }
    }
    let mut called = BTreeSet::new();
    for event in &captured.events {
        if let EventKind::Statement {
            statement,
            protocol: Protocol::Prepared,
            failed: false,
            ..
        } = &event.what
            && version != "13"
            && statement.role == Role::Transaction
            && !called.insert((event.session, statement.id))
        {
            *calls.get_mut(&identity(&statement.normalized)).unwrap() -= 1;
        }
    }
    calls.retain(|_, calls| *calls > 0);
    calls
}

#[test]
fn every_statement_has_the_calls_that_the_server_counted() {
    let mut compared = 0;
    for version in VERSIONS {
        let truth = logs::truth(version);
        for (run, file) in files(version, &COMPLETE) {
            let captured = logs::of(version, &file);
            let theirs = counted_by_the_server(&truth[run]);
            assert_eq!(
                counted_by_us(version, &captured),
                theirs,
                "{version}/{file}"
            );
            compared += theirs.len();
        }
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn durations_add_up_to_the_microsecond() {
    for version in VERSIONS {
        let truth = logs::truth(version);
        for (run, file) in files(version, &TOGETHER) {
            let captured = logs::of(version, &file);
            let sums = &truth[run]["files"][&file]["duration_ms_sum"];
            let sum = |kind: &str| sums[kind].as_f64().unwrap_or(0.0);
            let theirs = sum("duration + statement") + sum("duration + execute");
            let ours: f64 = captured.summary.statements.iter().map(|s| s.total_ms).sum();
            assert!(
                (ours - theirs).abs() < 0.000_5,
                "{version}/{file}: {ours} {theirs}"
            );
            let left_out = captured
                .summary
                .statements
                .iter()
                .filter(|s| s.left_out.is_some());
            let left_out: f64 = left_out.map(|s| s.total_ms).sum();
            let in_file: f64 = captured
                .events
                .iter()
                .filter_map(|event| match &event.what {
                    EventKind::Statement { took, .. } => {
                        Some(took.as_ref()?.as_secs_f64() * 1000.0)
                    }
                    _ => None,
                })
                .sum();
            assert!(
                (in_file + left_out - theirs).abs() < 0.001,
                "{version}/{file}: {in_file} {left_out} {theirs}"
            );
        }
    }
}

#[test]
fn a_text_and_its_later_duration_are_one_call() {
    for version in VERSIONS {
        let truth = logs::truth(version);
        for (run, file) in files(
            version,
            &[("statement-and-duration", &["log", "csv", "json"])],
        ) {
            let captured = logs::of(version, &file);
            let records = &truth[run]["files"][&file]["records"];
            let logged = records["statement without duration"].as_u64().unwrap()
                + records["execute without duration"].as_u64().unwrap();
            let (mut timed, mut failed) = (0, 0);
            for event in &captured.events {
                if let EventKind::Statement {
                    took, failed: f, ..
                } = &event.what
                {
                    timed += u64::from(took.is_some());
                    failed += u64::from(*f);
                    assert!(!(*f && took.is_some()), "{event:?}");
                }
            }
            let left_out = |part: &str| -> u64 {
                let reasons = captured.summary.left_out.iter();
                let of_part = reasons.filter(|(reason, _)| reason.contains(part));
                of_part.map(|(_, calls)| calls).sum()
            };
            // 13 does not tell the parameters of a call that failed before it ran.
            let errors = records["ERROR"].as_u64().unwrap();
            let told = failed + left_out("parameters");
            assert_eq!(told, errors, "{version}/{file}");
            // Five of the failures were logged when they began. A text of three statements is one
            // record, with its time on the last one.
            let with_time = timed + left_out("COPY");
            assert_eq!(with_time + 5, logged, "{version}/{file}");
        }
    }
}

#[test]
fn failed_statements_stay_in_their_place_with_their_parameters() {
    for version in VERSIONS {
        for (run, file) in files(version, &[("minduration", &["log", "csv", "json"])]) {
            let captured = logs::of(version, &file);
            let truth = logs::truth(version);
            let errors = truth[run]["files"][&file]["records"]["ERROR"]
                .as_u64()
                .unwrap();
            let untold = u64::from(version == "13");
            assert_eq!(captured.summary.failed + untold, errors, "{version}/{file}");
            let duplicate = captured.events.iter().find_map(|event| match &event.what {
                EventKind::Statement {
                    statement,
                    params,
                    failed: true,
                    protocol,
                    ..
                } if statement
                    .sql
                    .starts_with("INSERT INTO initiative(id, title)") =>
                {
                    Some((params.clone(), *protocol))
                }
                _ => None,
            });
            let params = vec![Some("1".into()), Some("dup's\nsecond line".into())];
            assert_eq!(
                duplicate,
                Some((params, Protocol::Extended)),
                "{version}/{file}"
            );
        }
    }
}

#[test]
fn parameters_and_texts_are_what_was_sent() {
    for version in VERSIONS {
        for (_, file) in files(version, &[("minduration", &["log", "csv", "json"])]) {
            let captured = logs::of(version, &file);
            let mut messages = Vec::new();
            let mut texts = BTreeSet::new();
            for event in &captured.events {
                if let EventKind::Statement {
                    statement,
                    text,
                    params,
                    ..
                } = &event.what
                {
                    assert_eq!(params.len(), statement.params, "{event:?}");
                    if statement.sql.starts_with("INSERT INTO message") {
                        messages.push(params.clone());
                    }
                    texts.insert(text.as_ref().unwrap_or(&statement.sql).to_string());
                }
            }
            let body = "it's a \"quoted\" body\nwith a second line, comma; semicolon\tand tab";
            assert_eq!(messages.len(), 10, "{version}/{file}");
            assert_eq!(
                messages[0],
                [
                    None,
                    Some("plain".into()),
                    Some("{}".into()),
                    Some("\\x00ff".into())
                ]
            );
            assert_eq!(messages[1][0].as_deref(), Some("O'Brien"));
            assert_eq!(messages[1][1].as_deref(), Some(body), "{version}/{file}");
            assert_eq!(
                messages[2][1].as_deref(),
                Some("ünïcödé — 日本語 \\backslash\\")
            );
            assert_eq!(messages[3][3].as_deref(), Some("\\x00ff"));
            for text in [
                "SELECT 1 AS a",
                "SELECT 2 AS b",
                "-- a comment first\nSELECT /* inner */ 42",
                "SELECT * FROM initiative WHERE title = 'it''s 5' OR id IN (5, 6, 7)",
                "DO $$\nBEGIN\n  PERFORM count(*) FROM message;\nEND\n$$",
            ] {
                assert!(texts.contains(text), "{version}/{file}: {text}");
            }
            let embedded = texts.iter().filter(|text| text.contains("not_real()"));
            assert_eq!(embedded.count(), 1, "{version}/{file}");
            assert!(!texts.iter().any(|text| text.starts_with("select not_real")));
        }
    }
}

/// Events without what only some formats tell.
fn comparable(events: &[Event], names: bool) -> Vec<Event> {
    let mut events = events.to_vec();
    for event in &mut events {
        if let EventKind::Begin {
            database,
            user,
            application,
        } = &mut event.what
            && !names
        {
            (*database, *user, *application) = (None, None, None);
        }
    }
    events
}

#[test]
fn every_format_of_a_run_gives_the_same_events() {
    for version in VERSIONS {
        // Without log_connections only some formats tell the application.
        for (run, names) in [
            ("minduration", true),
            ("statement-and-duration", true),
            ("slow-only", true),
            ("auto-explain", false),
        ] {
            let stderr = comparable(&logs::of(version, &format!("{run}.log")).events, names);
            assert!(stderr.len() > 4, "{version}/{run}");
            let others = if version == "13" || run == "slow-only" {
                &["csv"][..]
            } else {
                &["csv", "json"]
            };
            for other in others {
                let events =
                    comparable(&logs::of(version, &format!("{run}.{other}")).events, names);
                for (a, b) in stderr.iter().zip(&events) {
                    assert_eq!(a, b, "{version}/{run}.{other}");
                }
                assert_eq!(stderr.len(), events.len(), "{version}/{run}.{other}");
            }
        }
    }
}

#[test]
fn sessions_are_kept_apart_and_their_events_are_in_order() {
    for version in VERSIONS {
        for (_, file) in files(version, &COMPLETE) {
            let captured = logs::of(version, &file);
            let mut open = BTreeSet::new();
            let mut seen = BTreeSet::new();
            let mut transactions = 0;
            let mut inside = BTreeSet::new();
            let mut last = std::time::Duration::ZERO;
            for event in &captured.events {
                assert!(event.at >= last, "{version}/{file}");
                last = event.at;
                match &event.what {
                    EventKind::Begin { .. } => {
                        assert!(seen.insert(event.session), "{version}/{file}: {event:?}");
                        open.insert(event.session);
                    }
                    EventKind::End => assert!(open.remove(&event.session), "{event:?}"),
                    EventKind::Statement { statement, .. } => {
                        assert!(open.contains(&event.session), "{event:?}");
                        match &*statement.normalized {
                            "BEGIN" => assert!(inside.insert(event.session), "{version}/{file}"),
                            "COMMIT" | "END" => {
                                transactions += 1;
                                assert!(inside.remove(&event.session), "{version}/{file}");
                            }
                            "ROLLBACK" => {
                                inside.remove(&event.session);
                            }
                            _ => {}
                        }
                    }
                }
            }
            assert!(open.is_empty(), "{version}/{file}: {open:?}");
            assert!(transactions > 4, "{version}/{file}");
            assert_eq!(captured.summary.sessions, seen.len() as u64);
        }
    }
}
