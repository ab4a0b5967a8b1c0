//! The identity, and joins whose right answer is known by construction.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::parts::{Component, assemble};
use super::*;
use crate::analyze::conclusions::{Basis, Endpoint, PartKind, TimePart};
use crate::analyze::testing::{run, server};
use crate::record::load::{
    Arrival, Latency, LoadInterval, LoadResult, LoadSource, Operation, OperationParts,
    PercentileMethod, ReplayedStatement,
};
use crate::record::statements::{
    StatementCounters, StatementDelta, StatementInterval, StatementKey, StatementText,
    StatementWindow,
};
use crate::record::{Coverage, Millis, QueryId};
use crate::stats::{LatencyHistogram, SplitMix64};

fn delta(id: i64, calls: i64, exec_ms: f64) -> StatementDelta {
    StatementDelta {
        key: StatementKey {
            userid: 10,
            dbid: 5,
            queryid: QueryId(id),
            toplevel: Some(true),
        },
        counters: StatementCounters {
            calls,
            total_exec_time: Millis(exec_ms),
            ..StatementCounters::default()
        },
        stddev_exec_time: None,
        partial: false,
        stats_since: None,
    }
}

fn statements(rows: &[(i64, &str, i64, f64)]) -> StatementWindow {
    StatementWindow {
        deltas: rows.iter().map(|r| delta(r.0, r.2, r.3)).collect(),
        texts: rows
            .iter()
            .map(|r| {
                let text = StatementText {
                    query: r.1.to_owned(),
                    fingerprint: None,
                };
                (r.0, text)
            })
            .collect(),
        covered_ratio: 1.0,
        ..StatementWindow::default()
    }
}

fn operation(name: &str, requests: u64, mean_ms: f64) -> Operation {
    Operation {
        name: name.to_owned(),
        requests,
        latency: Latency {
            mean: Some(Millis(mean_ms)),
            ..Latency::default()
        },
        ..Operation::default()
    }
}

fn result(tool: &str, operations: Vec<Operation>) -> LoadResult {
    let requests: u64 = operations.iter().map(|o| o.requests).sum();
    let spent: f64 = operations
        .iter()
        .map(|o| o.latency.mean.unwrap().0 * o.requests as f64)
        .sum();
    LoadResult {
        source: LoadSource {
            tool: tool.to_owned(),
            version: None,
            files: Vec::new(),
            arrival: Arrival::Closed,
            percentile_method: PercentileMethod::Histogram,
            warnings: Vec::new(),
        },
        length: Some(Millis(60_000.0)),
        started_at: None,
        ended_at: None,
        total: operation("total", requests, spent / requests as f64),
        operations,
        intervals: Vec::new(),
        stages: Vec::new(),
        driver_saturated: None,
        driver_cpu_ratio: None,
    }
}

fn replayed(sql: &str, calls: u64, latency_ms: f64) -> ReplayedStatement {
    let mut latency = LatencyHistogram::new();
    latency.record_n(Duration::from_secs_f64(latency_ms / 1000.0), calls);
    ReplayedStatement {
        name: sql.split(' ').next_back().unwrap().to_owned(),
        sql: sql.to_owned(),
        calls,
        rows: 0,
        latency,
    }
}

fn part(parts: &[TimePart], kind: PartKind) -> &TimePart {
    parts.iter().find(|p| p.part == kind).unwrap()
}

fn ms(parts: &[TimePart], kind: PartKind) -> f64 {
    part(parts, kind).mean_ms.unwrap()
}

fn shares(parts: &[TimePart]) -> f64 {
    parts.iter().filter_map(|p| p.share_ratio).sum()
}

fn near(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() <= 0.002 * expected.max(5.0),
        "{actual} is not {expected}"
    );
}

/// 100 requests of 20 ms: 5 in the pool's queue, statements of 2 × 3 + 1 × 5 ms, 2 held idle.
fn replay_run() -> Run {
    let mut run = run(Millis(60_000.0));
    run.server = Some(server(&[], None));
    run.statements = Some(statements(&[
        (1, "SELECT * FROM tasks WHERE id = $1", 400, 800.0),
        (2, "SELECT * FROM plans WHERE id = $1", 50, 200.0),
        (3, "SELECT * FROM users WHERE id = $1", 999, 99_900.0),
    ]));
    let mut fetch = operation("fetch", 100, 20.0);
    fetch.parts = Some(OperationParts {
        pool_wait: Millis(500.0),
        statement_latency: Millis(1100.0),
        held_idle: Millis(200.0),
        statements: vec![
            replayed("SELECT * FROM tasks WHERE id = 7", 200, 3.0),
            replayed("SELECT * FROM plans WHERE id = 8", 100, 5.0),
        ],
    });
    run.replay = Some(result("dbperf replay", vec![fetch]));
    run
}

#[test]
fn a_replay_is_split_by_the_identity() {
    let found = conclude(&replay_run(), None).unwrap().unwrap();
    assert_eq!(found.source, "dbperf replay");
    let endpoint = &found.endpoints[0];
    // tasks: 200 × 2 ms, plans: 100 × 4 ms, over 100 requests.
    near(ms(&endpoint.parts, PartKind::DbExec), 8.0);
    near(ms(&endpoint.parts, PartKind::PoolWait), 5.0);
    near(ms(&endpoint.parts, PartKind::Network), 3.0);
    near(ms(&endpoint.parts, PartKind::App), 2.0);
    near(ms(&endpoint.parts, PartKind::Unattributed), 2.0);
    near(shares(&endpoint.parts), 1.0);
    assert_eq!(
        part(&endpoint.parts, PartKind::DbExec).basis,
        Basis::Derived
    );
    assert_eq!(
        part(&endpoint.parts, PartKind::PoolWait).basis,
        Basis::Measured
    );
    let calls: BTreeMap<&str, f64> = endpoint
        .statements
        .iter()
        .map(|s| (s.query_id.as_str(), s.calls_per_request))
        .collect();
    assert_eq!(calls, BTreeMap::from([("1", 2.0), ("2", 1.0)]));
    near(ms(&found.total.parts, PartKind::DbExec), 8.0);
    near(shares(&found.total.parts), 1.0);
}

#[test]
fn two_tables_of_one_alias_are_two_statements() {
    let mut run = replay_run();
    run.statements = Some(statements(&[
        (1, "SELECT t.id FROM tasks t WHERE t.id = $1", 10, 10.0),
        (2, "SELECT t.id FROM plans t WHERE t.id = $1", 10, 90.0),
    ]));
    let catalogue = Catalogue::new(run.statements.as_ref().unwrap(), Some(5));
    assert_eq!(
        catalogue.ids_of("select t.id from plans t where t.id = 3"),
        [2]
    );
    assert_eq!(catalogue.ids_naming("public.tasks"), [1]);
    near(catalogue.exec_ms(), 100.0);
    let elsewhere = Catalogue::new(run.statements.as_ref().unwrap(), Some(6));
    assert!(elsewhere.by_id.is_empty());
}

#[test]
fn execution_never_exceeds_the_latency_and_unknown_statements_are_unattributed() {
    let mut run = replay_run();
    run.statements = Some(statements(&[(
        1,
        "SELECT * FROM tasks WHERE id = $1",
        400,
        4000.0,
    )]));
    let found = conclude(&run, None).unwrap().unwrap();
    let endpoint = &found.endpoints[0];
    let db_exec = part(&endpoint.parts, PartKind::DbExec);
    // 10 ms per call in the view, but the replay waited only 3 ms for each of its two.
    near(db_exec.mean_ms.unwrap(), 6.0);
    let note = db_exec.note.as_ref().unwrap();
    assert!(note.contains("above its latency"), "{note}");
    assert!(note.contains("no entry"), "{note}");
    near(ms(&endpoint.parts, PartKind::Network), 0.0);
    // 2 of the driver, and 5 of the statement without an entry.
    near(ms(&endpoint.parts, PartKind::Unattributed), 7.0);
    near(shares(&endpoint.parts), 1.0);
}

#[test]
fn without_the_extension_latency_is_unattributed_with_the_reason() {
    let mut run = replay_run();
    run.statements = None;
    run.coverage.push(Coverage::not_ok(
        "pg_stat_statements",
        crate::record::Status::Skipped,
        "the extension is missing",
    ));
    let found = conclude(&run, None).unwrap().unwrap();
    let parts = &found.endpoints[0].parts;
    let db_exec = part(parts, PartKind::DbExec);
    assert_eq!((db_exec.mean_ms, db_exec.basis), (None, Basis::NotMeasured));
    assert!(db_exec.note.as_ref().unwrap().contains("is missing"));
    near(ms(parts, PartKind::Unattributed), 13.0);
    near(shares(parts), 1.0);
    assert!(found.notes[0].contains("is missing"));
    assert_eq!(
        conclude(&crate::analyze::testing::run(Millis(1.0)), None),
        Ok(None)
    );
}

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

proptest! {
    /// The identity: whatever was measured, parts and unattributed add up to the response time,
    /// and to the sum of the parts where that is more.
    #[test]
    fn parts_always_add_up(
        mean in 0.001f64..1e5,
        db_exec in proptest::option::of(0.0f64..1e5),
        pool_wait in proptest::option::of(0.0f64..1e5),
        network in proptest::option::of(0.0f64..1e5),
        app in proptest::option::of(0.0f64..1e5),
    ) {
        let values = [
            (PartKind::DbExec, db_exec),
            (PartKind::PoolWait, pool_wait),
            (PartKind::Network, network),
            (PartKind::App, app),
        ];
        let known: f64 = values.iter().filter_map(|v| v.1).sum();
        let components = values
            .into_iter()
            .map(|(kind, value)| match value {
                Some(ms) => Component::known(kind, ms, Basis::Measured),
                None => Component::unknown(kind, "not here"),
            })
            .collect();
        let parts = assemble(mean, components);
        let sum: f64 = parts.iter().filter_map(|p| p.mean_ms).sum();
        prop_assert!((sum / mean.max(known) - 1.0).abs() < 1e-9);
        prop_assert!((shares(&parts) - 1.0).abs() < 1e-9);
        prop_assert!(parts.iter().all(|p| p.mean_ms.is_none_or(|v| v >= 0.0)));
        prop_assert_eq!(parts.len(), 5);
    }

    /// The identity of a whole replay: response = pool wait + statements + held idle + rest, and
    /// a statement's latency = execution + round trips.
    #[test]
    fn a_replay_always_adds_up(
        requests in 1u64..500,
        wait in 0.0f64..50.0,
        idle in 0.0f64..50.0,
        latency in 0.01f64..50.0,
        exec in 0.0f64..80.0,
        driver in 0.0f64..5.0,
    ) {
        let mut run = run(Millis(1000.0));
        run.statements = Some(statements(&[(1, "SELECT 1 FROM t", 1000, 1000.0 * exec)]));
        let each = requests as f64;
        let mut staged = operation("o", requests, wait + idle + latency + driver);
        staged.parts = Some(OperationParts {
            pool_wait: Millis(wait * each),
            statement_latency: Millis(latency * each),
            held_idle: Millis(idle * each),
            statements: vec![replayed("SELECT 1 FROM t", requests, latency)],
        });
        run.replay = Some(result("dbperf replay", vec![staged]));
        let found = conclude(&run, None).unwrap().unwrap();
        let parts = &found.endpoints[0].parts;
        let hold = ms(parts, PartKind::DbExec)
            + ms(parts, PartKind::Network)
            + ms(parts, PartKind::App);
        prop_assert!((hold - latency - idle).abs() < 0.002 * (latency + idle));
        let whole = hold + ms(parts, PartKind::PoolWait) + ms(parts, PartKind::Unattributed);
        prop_assert!((whole / (wait + idle + latency + driver) - 1.0).abs() < 0.002);
        prop_assert!((shares(parts) - 1.0).abs() < 1e-9);
        prop_assert!((shares(&found.total.parts) - 1.0).abs() < 1e-9);
    }
}
