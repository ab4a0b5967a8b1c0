//! Traces, `Server-Timing`, phases and tags, whose parts are known by construction.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::*;
use super::*;
use crate::analyze::conclusions::{Basis, Endpoint};
use crate::analyze::testing::{activity, run, server, session};
use crate::record::load::{PartsByLatency, RequestPhases, ServerTiming};
use crate::record::traces::{TraceSet, TracedEndpoint, TracedStatement};

const SQL: &str = "SELECT name FROM users WHERE id = $1";

/// One endpoint with 100 requests of 30 ms; the server executed the statement 200 times in 4 ms each.
fn one_endpoint() -> Run {
    let mut run = run(Millis(10_000.0));
    run.server = Some(server(&[], None));
    run.statements = Some(statements(&[(1, SQL, 200, 800.0)]));
    run.api = vec![result("k6", vec![operation("GET /users/{id}", 100, 30.0)])];
    run
}

/// What 100 requests did: 12 ms in the pool, 2 statements of 5 ms, 1 ms in another service, 5 ms of their own.
fn traced() -> TracedEndpoint {
    let mut by_latency = PartsByLatency::default();
    for _ in 0..95 {
        by_latency.record(
            20.0,
            [("db", 10.0), ("pool", 4.0), ("other", 1.0), ("app", 5.0)],
        );
    }
    for _ in 0..5 {
        by_latency.record(
            180.0,
            [("db", 10.0), ("pool", 164.0), ("other", 1.0), ("app", 5.0)],
        );
    }
    TracedEndpoint {
        name: "GET /users/:id".to_owned(),
        requests: 100,
        duration_total: Millis(2800.0),
        database: Millis(1000.0),
        pool_wait: Some(Millis(1200.0)),
        other_calls: Millis(100.0),
        own: Millis(500.0),
        by_latency,
        statements: vec![TracedStatement {
            name: SQL.to_owned(),
            fingerprint: crate::record::fingerprint(SQL),
            calls: 200,
            total: Millis(1000.0),
        }],
        ..TracedEndpoint::default()
    }
}

fn concluded(run: &Run) -> Breakdown {
    let found = conclude(run, None).unwrap().unwrap();
    near(shares(&found.total.parts), 1.0);
    for endpoint in &found.endpoints {
        near(shares(&endpoint.parts), 1.0);
    }
    found
}

fn check(parts: &[TimePart], expected: &[(PartKind, f64, Basis)]) {
    for (kind, value, basis) in expected {
        let found = part(parts, *kind);
        near(found.mean_ms.unwrap_or(-1.0), *value);
        assert_eq!(found.basis, *basis, "{found:?}");
    }
}

#[test]
fn traces_tell_every_part() {
    let mut run = one_endpoint();
    run.traces = vec![TraceSet {
        endpoints: vec![traced()],
        ..TraceSet::default()
    }];
    let found = concluded(&run);
    for parts in [&found.endpoints[0].parts, &found.total.parts] {
        check(
            parts,
            &[
                (PartKind::DbExec, 8.0, Basis::Derived),
                (PartKind::PoolWait, 12.0, Basis::Measured),
                // Nobody tells the way between client and API.
                (PartKind::Network, 2.0, Basis::Bound),
                (PartKind::App, 6.0, Basis::Measured),
                (PartKind::Unattributed, 2.0, Basis::Derived),
            ],
        );
    }
    let statement = &found.endpoints[0].statements[0];
    assert_eq!(
        (statement.query_id.as_str(), statement.basis),
        ("1", Basis::Measured)
    );
    near(statement.calls_per_request, 2.0);
    // The slowest twentieth waited for a connection.
    let slow = found.endpoints[0].slowest.as_ref().unwrap();
    near(slow.mean_ms, 180.0);
    near(ms(&slow.parts, PartKind::PoolWait), 164.0);
    near(ms(&slow.parts, PartKind::DbExec), 8.0);
    near(
        ms(
            &found.total.slowest.as_ref().unwrap().parts,
            PartKind::PoolWait,
        ),
        164.0,
    );
}

/// Phases of 100 requests: 0.5 ms of sending and receiving, and a shortest opening of a connection.
fn wire(round_trip: f64) -> RequestPhases {
    RequestPhases {
        requests: 100,
        connecting: Some(Millis(500.0)),
        sending: Some(Millis(10.0)),
        waiting: Some(Millis(2900.0)),
        receiving: Some(Millis(40.0)),
        round_trip: Some(Millis(round_trip)),
        ..RequestPhases::default()
    }
}

#[test]
fn the_client_waits_outside_no_longer_than_beyond_the_server_spans() {
    let mut run = one_endpoint();
    run.traces = vec![TraceSet {
        endpoints: vec![traced()],
        ..TraceSet::default()
    }];
    // 30 ms at the client, 28 ms in the API, 2 ms of way to the server in these: a connection that took 5 ms to open
    // waited for a processor.
    for (round_trip, network, left) in [(0.5, 3.0, 1.0), (5.0, 4.0, 0.0)] {
        run.api[0].operations[0].phases = Some(wire(round_trip));
        let parts = &concluded(&run).endpoints[0].parts;
        check(
            parts,
            &[
                (PartKind::Network, network, Basis::Derived),
                (PartKind::App, 6.0, Basis::Measured),
                (PartKind::Unattributed, left, Basis::Derived),
            ],
        );
        let note = part(parts, PartKind::Network).note.as_ref().unwrap();
        assert_eq!(note.contains("no more than"), left == 0.0, "{note}");
    }
    // Without phases it has a bound.
    run.api[0].operations[0].phases = None;
    let parts = &concluded(&run).endpoints[0].parts;
    near(
        part(parts, PartKind::Network).high_ratio.unwrap() * 30.0,
        4.0,
    );
    // The traces of few requests say nothing of the time of all.
    run.api[0].operations[0].requests = 1000;
    run.api[0].operations[0].phases = Some(RequestPhases {
        requests: 1000,
        ..wire(5.0)
    });
    let parts = &concluded(&run).endpoints[0].parts;
    check(parts, &[(PartKind::Network, 7.05, Basis::Derived)]);
}

#[test]
fn traces_alone_tell_the_time_inside_the_api() {
    let mut run = one_endpoint();
    run.api.clear();
    run.traces = vec![TraceSet {
        endpoints: vec![traced()],
        ..TraceSet::default()
    }];
    let found = concluded(&run);
    assert!(found.source.contains("inside the API"));
    near(found.total.mean_ms, 28.0);
    check(
        &found.total.parts,
        &[
            (PartKind::DbExec, 8.0, Basis::Derived),
            (PartKind::PoolWait, 12.0, Basis::Measured),
            (PartKind::Network, 2.0, Basis::Derived),
            (PartKind::App, 6.0, Basis::Measured),
            (PartKind::Unattributed, 0.0, Basis::Derived),
        ],
    );
    // A tenth of the requests was traced: what the server did is no longer theirs.
    run.statements = Some(statements(&[(1, SQL, 2000, 8000.0)]));
    check(
        &concluded(&run).total.parts,
        &[(PartKind::DbExec, 8.0, Basis::Derived)],
    );
}

#[test]
fn without_the_servers_counters_execution_is_a_bound() {
    let mut run = one_endpoint();
    run.statements = None;
    run.traces = vec![TraceSet {
        endpoints: vec![traced()],
        ..TraceSet::default()
    }];
    let parts = &concluded(&run).endpoints[0].parts;
    check(parts, &[(PartKind::DbExec, 10.0, Basis::Bound)]);
    assert!(
        part(parts, PartKind::DbExec)
            .note
            .as_ref()
            .unwrap()
            .contains("round trips together")
    );
    // 2 ms between client and API; how much of the statements' 10 ms was a way nobody tells.
    let network = part(parts, PartKind::Network);
    assert_eq!(network.basis, Basis::Bound);
    near(network.high_ratio.unwrap() * 30.0, 12.0);
    // Nor is there a bound where the statements' time is not known.
    run.traces.clear();
    run.api[0].operations[0].server_timing = timed(&[("pool", 12.0), ("total", 27.0)], 100);
    let parts = &concluded(&run).endpoints[0].parts;
    assert_eq!(part(parts, PartKind::Network).basis, Basis::NotMeasured);
}

fn timed(entries: &[(&str, f64)], requests: u64) -> BTreeMap<String, ServerTiming> {
    let entry = |(name, ms): &(&str, f64)| {
        let timing = ServerTiming {
            requests,
            total: Millis(ms * requests as f64),
        };
        ((*name).to_owned(), timing)
    };
    entries.iter().map(entry).collect()
}

#[test]
fn server_timing_tells_the_inside_and_phases_the_wire() {
    let mut run = one_endpoint();
    let operation = &mut run.api[0].operations[0];
    operation.server_timing = timed(
        &[("pool", 12.0), ("db", 10.0), ("app", 5.0), ("total", 27.0)],
        100,
    );
    operation.phases = Some(wire(0.5));
    let expected = [
        (PartKind::DbExec, 8.0, Basis::Derived),
        (PartKind::PoolWait, 12.0, Basis::Measured),
        // 2 ms to the server, 0.5 ms of sending and receiving, one round trip to the client.
        (PartKind::Network, 3.0, Basis::Derived),
        (PartKind::App, 5.0, Basis::Measured),
        (PartKind::Unattributed, 2.0, Basis::Derived),
    ];
    check(&concluded(&run).endpoints[0].parts, &expected);
    // A round trip that is longer than the client waited outside is none.
    let phases = run.api[0].operations[0].phases.as_mut().unwrap();
    phases.round_trip = Some(Millis(50.0));
    let parts = &concluded(&run).endpoints[0].parts;
    check(
        parts,
        &[
            (PartKind::Network, 5.0, Basis::Derived),
            (PartKind::Unattributed, 0.0, Basis::Derived),
        ],
    );
    // Without phases the network to the client has a bound only.
    run.api[0].operations[0].phases = None;
    let parts = &concluded(&run).endpoints[0].parts;
    let network = part(parts, PartKind::Network);
    near(network.mean_ms.unwrap(), 2.0);
    near(network.high_ratio.unwrap() * 30.0, 5.0);
}

#[test]
fn application_time_may_be_what_total_leaves_and_few_answers_tell_nothing() {
    let mut run = one_endpoint();
    run.api[0].operations[0].server_timing =
        timed(&[("pool", 12.0), ("db", 10.0), ("total", 27.0)], 100);
    check(
        &concluded(&run).endpoints[0].parts,
        &[(PartKind::App, 5.0, Basis::Derived)],
    );
    run.api[0].operations[0].server_timing = timed(&[("pool", 12.0), ("total", 27.0)], 20);
    let parts = &concluded(&run).endpoints[0].parts;
    assert_eq!(part(parts, PartKind::PoolWait).mean_ms, None);
    run.api[0].operations[0].server_timing = timed(&[("pool", 12.0)], 90);
    let parts = &concluded(&run).endpoints[0].parts;
    let wait = part(parts, PartKind::PoolWait);
    assert!(
        wait.note.as_ref().unwrap().contains("90 of 100 requests"),
        "{wait:?}"
    );
}

#[test]
fn round_trips_are_calls_times_the_round_trip() {
    let mut run = one_endpoint();
    run.server.as_mut().unwrap().round_trip = Some(Millis(1.5));
    let parts = &concluded(&run).endpoints[0].parts;
    check(
        parts,
        &[
            (PartKind::Network, 3.0, Basis::Bound),
            (PartKind::DbExec, 8.0, Basis::Derived),
        ],
    );
    assert!(
        part(parts, PartKind::Network)
            .note
            .as_ref()
            .unwrap()
            .contains("API to server only")
    );
}

/// Samples of sessions that hold a transaction open for half of the time.
fn holding(run: &mut Run) {
    let samples = (0..100).map(|i| {
        let state = if i % 2 == 0 {
            "idle in transaction"
        } else {
            "active"
        };
        vec![session(1, "api", state)]
    });
    run.activity = Some(activity(samples));
}

#[test]
fn a_transaction_held_open_is_the_applications_time_less_the_round_trips() {
    let mut run = one_endpoint();
    // 5 s of 10 s for 100 requests: 50 ms each; more than the response time is cut.
    run.api[0].operations[0].latency.mean = Some(Millis(80.0));
    run.api[0].total.latency.mean = Some(Millis(80.0));
    run.server.as_mut().unwrap().round_trip = Some(Millis(1.0));
    holding(&mut run);
    let total = concluded(&run).total;
    let app = part(&total.parts, PartKind::App);
    assert_eq!(app.basis, Basis::Bound);
    near(app.mean_ms.unwrap(), 48.0);
    near(app.low_ratio.unwrap() * 80.0, 48.0);
}

/// Two endpoints that share a statement; another one is of the second alone.
fn two_endpoints(route: impl Fn(usize) -> &'static str) -> Run {
    let mut run = run(Millis(10_000.0));
    run.server = Some(server(&[], None));
    run.statements = Some(statements(&[
        (1, SQL, 300, 1200.0),
        (2, "SELECT 2", 100, 600.0),
    ]));
    run.api = vec![result(
        "k6",
        vec![
            operation("GET /a", 100, 30.0),
            operation("GET /b", 100, 30.0),
        ],
    )];
    let samples = (0..400).map(|i| {
        let mut shared = session(1, "api", "active");
        shared.query_id = Some(QueryId(1));
        shared.query_start = Some(Timestamp::from_millisecond(1_700_000_000_000 + i).unwrap());
        // A quarter of the shared statement's samples are of the first endpoint.
        let mut only = session(2, "api", "active");
        only.query_id = Some(QueryId(2));
        only.query_start = shared.query_start;
        let place = usize::try_from(i).unwrap();
        shared
            .tags
            .insert("route".to_owned(), route(place).to_owned());
        only.tags.insert("route".to_owned(), "/b".to_owned());
        vec![shared, only]
    });
    run.activity = Some(activity(samples));
    run
}

fn named<'a>(found: &'a Breakdown, name: &str) -> &'a Endpoint {
    found.endpoints.iter().find(|e| e.name == name).unwrap()
}

#[test]
fn tags_divide_a_statement_among_endpoints() {
    let found = concluded(&two_endpoints(|i| if i % 4 == 0 { "/a" } else { "/b" }));
    // 12 ms of the shared statement per request of both, a quarter and three quarters of 1200 ms; 6 ms of the other.
    for (name, exec) in [("GET /a", 3.0), ("GET /b", 15.0)] {
        let endpoint = named(&found, name);
        let db_exec = part(&endpoint.parts, PartKind::DbExec);
        assert_eq!(db_exec.basis, Basis::Inferred);
        near(db_exec.mean_ms.unwrap(), exec);
        let (low, high) = (
            db_exec.low_ratio.unwrap() * 30.0,
            db_exec.high_ratio.unwrap() * 30.0,
        );
        assert!(
            low < exec && exec < high && high - low < 2.0,
            "{name}: {low} {high}"
        );
    }
    let first = named(&found, "GET /a");
    near(first.statements[0].calls_per_request, 0.75);
    assert_eq!(first.statements.len(), 1);
}

#[test]
fn tags_that_name_no_endpoint_attribute_nothing() {
    let found = concluded(&two_endpoints(|_| "/elsewhere"));
    // All that is tagged is the second endpoint's own statement.
    near(ms(&named(&found, "GET /b").parts, PartKind::DbExec), 6.0);
    assert_eq!(
        part(&named(&found, "GET /a").parts, PartKind::DbExec).mean_ms,
        None
    );
    let mut twice = two_endpoints(|_| "/a");
    twice.api[0].operations.push(operation("POST /b", 10, 30.0));
    let found = concluded(&twice);
    assert_eq!(
        part(&named(&found, "POST /b").parts, PartKind::DbExec).mean_ms,
        None
    );
    assert_eq!(
        part(&named(&found, "GET /b").parts, PartKind::DbExec).mean_ms,
        None
    );
}
