//! Joins of requests and statements whose right answer is known by construction.

use std::collections::BTreeMap;

use super::super::*;
use super::*;
use crate::analyze::conclusions::{Basis, Endpoint};
use crate::analyze::testing::{run, server};
use crate::record::load::LoadInterval;
use crate::record::statements::StatementInterval;
use crate::stats::SplitMix64;

/// Three endpoints over a minute; the mix changes every second unless `constant`.
/// list: 1 × statement 1; show: 20 × statement 2 and 1 × statement 1; post: 1 × statement 3.
fn api_run(constant: bool) -> Run {
    let mut generator = SplitMix64::new(5);
    let mut run = run(Millis(60_000.0));
    run.server = Some(server(&[], None));
    let mut totals = [0u64; 3];
    let mut intervals = Vec::new();
    let mut seconds = Vec::new();
    for second in 0..60 {
        let at = f64::from(second) * 1000.0;
        let mut draw = |base: u64| {
            if constant {
                base
            } else {
                base / 2 + generator.index(usize::try_from(base).unwrap()) as u64
            }
        };
        let requests = [draw(40), draw(20), draw(10)];
        for (total, number) in totals.iter_mut().zip(requests) {
            *total += number;
        }
        intervals.push(LoadInterval {
            from: Some(Millis(at)),
            length: Millis(1000.0),
            requests: ["list", "show", "post"]
                .iter()
                .zip(requests)
                .map(|(n, r)| ((*n).to_owned(), r))
                .collect(),
            ..LoadInterval::default()
        });
        // Noise of one call either way, as of requests that cross the end of a second.
        let mut noisy = |calls: u64| {
            let noise = i64::try_from(generator.index(3)).unwrap() - 1;
            (i64::try_from(calls).unwrap() + noise, Millis(0.0))
        };
        seconds.push(StatementInterval {
            from: Millis(at),
            to: Millis(at + 1000.0),
            calls: BTreeMap::from([
                (1, noisy(requests[0] + requests[1])),
                (2, noisy(20 * requests[1])),
                (3, noisy(requests[2])),
            ]),
            lost_entries: 0,
        });
    }
    let [list, show, post] = totals;
    let calls = |n: u64| i64::try_from(n).unwrap();
    let mut window = statements(&[
        (
            1,
            "SELECT * FROM tasks LIMIT $1",
            calls(list + show),
            (list + show) as f64 * 4.0,
        ),
        (
            2,
            "SELECT name FROM users WHERE id = $1",
            calls(20 * show),
            20.0 * show as f64 * 0.5,
        ),
        (
            3,
            "INSERT INTO plans (title) VALUES ($1)",
            calls(post),
            post as f64 * 2.0,
        ),
    ]);
    window.intervals = seconds;
    run.statements = Some(window);
    let mut api = result(
        "locust",
        vec![
            operation("list", list, 10.0),
            operation("show", show, 30.0),
            operation("post", post, 5.0),
        ],
    );
    api.intervals = intervals;
    run.api = vec![api];
    run
}

fn named<'a>(breakdown: &'a Breakdown, name: &str) -> &'a Endpoint {
    breakdown.endpoints.iter().find(|e| e.name == name).unwrap()
}

#[test]
fn statements_are_inferred_from_a_varying_mix() {
    let found = conclude(&api_run(false), None).unwrap().unwrap();
    // list 1 × 4 ms; show 1 × 4 + 20 × 0.5 ms; post 1 × 2 ms.
    for (name, exec, mean) in [
        ("list", 4.0, 10.0),
        ("show", 14.0, 30.0),
        ("post", 2.0, 5.0),
    ] {
        let endpoint = named(&found, name);
        let db_exec = part(&endpoint.parts, PartKind::DbExec);
        assert_eq!(db_exec.basis, Basis::Inferred);
        let value = db_exec.mean_ms.unwrap();
        assert!((value / exec - 1.0).abs() < 0.1, "{name}: {db_exec:?}");
        let truth = exec / mean;
        let (low, high) = (db_exec.low_ratio.unwrap(), db_exec.high_ratio.unwrap());
        assert!(
            low <= truth && truth <= high,
            "{name}: {low} {truth} {high}"
        );
        near(shares(&endpoint.parts), 1.0);
    }
    let show = named(&found, "show");
    let users = show.statements.iter().find(|s| s.query_id == "2").unwrap();
    assert!((users.calls_per_request - 20.0).abs() < 0.5, "{users:?}");
    assert!(users.low.unwrap() <= 20.0 && 20.0 <= users.high.unwrap());
    let post = named(&found, "post");
    assert!(
        !post.statements.iter().any(|s| s.query_id == "2"),
        "{post:?}"
    );
    let pool_wait = part(&show.parts, PartKind::PoolWait);
    assert_eq!((pool_wait.mean_ms, pool_wait.basis), (None, Basis::Bound));
    assert_eq!(
        part(&show.parts, PartKind::Network).basis,
        Basis::NotMeasured
    );
    near(shares(&found.total.parts), 1.0);
    assert_eq!(
        part(&found.total.parts, PartKind::DbExec).basis,
        Basis::Inferred
    );
}

#[test]
fn a_constant_mix_is_refused_and_the_total_still_known() {
    let run = api_run(true);
    let found = conclude(&run, None).unwrap().unwrap();
    assert!(
        found.notes[0].contains("hardly varied"),
        "{:?}",
        found.notes
    );
    let db_exec = part(&named(&found, "show").parts, PartKind::DbExec);
    assert_eq!((db_exec.mean_ms, db_exec.basis), (None, Basis::NotMeasured));
    let total = part(&found.total.parts, PartKind::DbExec);
    assert_eq!(total.basis, Basis::Derived);
    // (60 × 4 + 400 × 0.5 + 10 × 2) ÷ 70 per second.
    near(total.mean_ms.unwrap(), 460.0 / 70.0);
    near(shares(&found.total.parts), 1.0);
}

#[test]
fn inference_is_refused_with_its_reason() {
    let note = |change: &dyn Fn(&mut Run)| {
        let mut run = api_run(false);
        change(&mut run);
        conclude(&run, None).unwrap().unwrap().notes.join("\n")
    };
    let no_history = note(&|r| r.api[0].intervals.clear());
    assert!(no_history.contains("--csv-full-history"), "{no_history}");
    let clocks = note(&|r| {
        for interval in &mut r.api[0].intervals {
            interval.from = None;
        }
    });
    assert!(clocks.contains("aligned"), "{clocks}");
    let short = note(&|r| r.api[0].intervals.truncate(8));
    assert!(short.contains("windows"), "{short}");
    let lost = note(&|r| {
        for interval in &mut r.statements.as_mut().unwrap().intervals {
            interval.lost_entries = 1;
        }
    });
    assert!(lost.contains("0 undisturbed windows"), "{lost}");
    let missing = note(&|r| r.statements = None);
    assert!(missing.contains("was not read"), "{missing}");
}

fn map(text: &str) -> EndpointMap {
    EndpointMap::parse("map.toml", text.as_bytes()).unwrap()
}

#[test]
fn a_mapping_is_exact_even_with_a_constant_mix() {
    let told = map(r#"
        [[endpoint]]
        name = "list"
        statements = [{ sql = "SELECT * FROM tasks LIMIT 5", calls_per_request = 1 }]
        [[endpoint]]
        name = "show"
        tables = ["users"]
        statements = ["select * from tasks limit 9"]
        [[endpoint]]
        name = "post"
        statements = [{ query_id = "3" }]
        [[endpoint]]
        name = "gone"
        statements = [{ query_id = "3" , calls_per_request = 1 }]
    "#);
    let found = conclude(&api_run(true), Some(&told)).unwrap().unwrap();
    for (name, exec) in [("list", 4.0), ("show", 14.0), ("post", 2.0)] {
        let db_exec = part(&named(&found, name).parts, PartKind::DbExec);
        assert_eq!(db_exec.basis, Basis::Derived);
        near(db_exec.mean_ms.unwrap(), exec);
    }
    near(ms(&found.total.parts, PartKind::DbExec), 460.0 / 70.0);
    assert!(found.notes.iter().any(|n| n.contains("gone")));
}

#[test]
fn a_shared_statement_without_numbers_has_an_interval() {
    let shared = map(r#"
        [[endpoint]]
        name = "list"
        tables = ["tasks"]
        [[endpoint]]
        name = "show"
        tables = ["tasks"]
    "#);
    let found = conclude(&api_run(true), Some(&shared)).unwrap().unwrap();
    let statement = &named(&found, "show").statements[0];
    assert_eq!(statement.basis, Basis::Inferred);
    near(statement.calls_per_request, 1.0);
    assert_eq!(statement.low, Some(0.0));
    near(statement.high.unwrap(), 3.0);
}

#[test]
fn unknown_names_in_a_mapping_are_errors_with_the_nearest() {
    let mut run = api_run(true);
    run.tables.facts = Some(
        serde_json::from_value(serde_json::json!([{
            "relid": 1, "schemaname": "public", "relname": "tasks", "relkind": "r",
            "reltuples": 1.0, "relpages": 1, "reloptions": [], "parent": null,
            "size_bytes": null, "columns": []
        }]))
        .unwrap(),
    );
    let message = |text: &str| {
        let error = conclude(&run, Some(&map(text))).unwrap_err();
        error.to_string()
    };
    let table = message("[[endpoint]]\nname = \"list\"\ntables = [\"task\"]\n");
    assert!(
        table.contains("`task`") && table.contains("did you mean `tasks`"),
        "{table}"
    );
    let text = "[[endpoint]]\nname = \"list\"\nstatements = [\"SELECT nam FROM users WHERE id = 'hunter2'\"]\n";
    let statement = message(text);
    assert!(
        statement.contains("did you mean `SELECT name FROM users"),
        "{statement}"
    );
    assert!(!statement.contains("hunter2"), "{statement}");
    let id = message("[[endpoint]]\nname = \"list\"\nstatements = [{ query_id = \"77\" }]\n");
    assert!(id.contains("query_id 77"), "{id}");
}

#[test]
fn execution_above_the_response_time_is_a_bound() {
    let mut run = api_run(true);
    for operation in &mut run.api[0].operations {
        operation.latency.mean = Some(Millis(1.0));
    }
    run.api[0].total.latency.mean = Some(Millis(1.0));
    let found = conclude(&run, None).unwrap().unwrap();
    let total = part(&found.total.parts, PartKind::DbExec);
    assert_eq!((total.basis, total.mean_ms), (Basis::Bound, Some(1.0)));
    near(shares(&found.total.parts), 1.0);
}

#[test]
fn a_result_without_endpoints_has_a_total() {
    let mut run = api_run(true);
    run.api[0].operations.clear();
    let found = conclude(&run, None).unwrap().unwrap();
    assert_eq!(found.total.requests, 70 * 60);
    near(ms(&found.total.parts, PartKind::DbExec), 460.0 / 70.0);
    near(shares(&found.total.parts), 1.0);
}

/// What the three endpoints execute, and how long they take.
const TRUTH: [(&str, f64, f64); 3] = [
    ("list", 4.0, 10.0),
    ("show", 14.0, 30.0),
    ("post", 2.0, 5.0),
];

fn clock_off_by(ms: f64) -> Breakdown {
    let mut run = api_run(false);
    for interval in &mut run.api[0].intervals {
        interval.from = interval.from.map(|f| f + Millis(ms));
    }
    conclude(&run, None).unwrap().unwrap()
}

#[test]
fn a_clock_that_is_off_by_less_than_a_second_is_found() {
    for (off, words) in [(500.0, "0.5 s earlier"), (-800.0, "0.8 s later")] {
        let found = clock_off_by(off);
        for (name, exec, _) in TRUTH {
            let db_exec = part(&named(&found, name).parts, PartKind::DbExec);
            let value = db_exec.mean_ms.unwrap();
            assert!((value / exec - 1.0).abs() < 0.1, "{name}: {db_exec:?}");
            let note = db_exec.note.as_ref().unwrap();
            assert!(note.contains(words), "{note}");
        }
    }
}

#[test]
fn a_clock_that_is_further_off_is_refused() {
    let found = clock_off_by(2500.0);
    assert!(found.notes[0].contains("clocks"), "{:?}", found.notes);
    let db_exec = part(&named(&found, "show").parts, PartKind::DbExec);
    assert_eq!((db_exec.mean_ms, db_exec.basis), (None, Basis::NotMeasured));
}

#[test]
fn endpoints_outside_of_the_mapping_share_what_it_leaves() {
    let told = |calls: &str| {
        map(&format!(
            "[[endpoint]]\nname = \"show\"\ntables = [\"users\"]\n\
             statements = [{{ sql = \"SELECT * FROM tasks LIMIT 9\"{calls} }}]\n"
        ))
    };
    // The calls of a statement that are told are its endpoint's; the rest is left to be inferred.
    let found = conclude(&api_run(false), Some(&told(", calls_per_request = 1")));
    let found = found.unwrap().unwrap();
    for (name, exec, _) in TRUTH {
        let value = ms(&named(&found, name).parts, PartKind::DbExec);
        assert!((value / exec - 1.0).abs() < 0.1, "{name}: {value}");
    }
    // Without a number all of its calls are: nothing is counted twice.
    let found = conclude(&api_run(false), Some(&told(""))).unwrap().unwrap();
    near(ms(&named(&found, "list").parts, PartKind::DbExec), 0.0);
    let post = ms(&named(&found, "post").parts, PartKind::DbExec);
    assert!((post / 2.0 - 1.0).abs() < 0.1, "{post}");
}
