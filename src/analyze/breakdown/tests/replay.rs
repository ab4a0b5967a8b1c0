//! The identity, held by the replay and by any set of parts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::parts::{Component, assemble};
use super::super::*;
use super::*;
use crate::analyze::conclusions::Basis;
use crate::analyze::testing::{run, server};
use crate::record::Coverage;

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
        schedule_lag: Millis(0.0),
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
            schedule_lag: Millis(0.0),
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
