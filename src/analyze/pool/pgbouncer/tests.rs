//! The split of the client's latency on small facts.

use std::collections::BTreeMap;

use super::*;
use crate::analyze::testing::{run, server};
use crate::record::load::{
    Arrival, LoadSource, Operation, OperationParts, PercentileMethod, ReplayedStatement,
};
use crate::record::pgbouncer::StatsRow;

/// A second of 100 queries with 2 ms of wait and 3 ms beyond, read twice a second.
fn window(queries: u64, assignments: Option<u64>) -> PgBouncerWindow {
    let sample = |i: u64| Sample {
        at: Millis(i as f64 * 500.0),
        pools: vec![PoolRow {
            database: "app".to_owned(),
            user: "u".to_owned(),
            sv_active: 1 + i % 2,
            cl_waiting: 2 * (i % 2),
            maxwait_us: 500 * (i % 2),
            pool_mode: Some("transaction".to_owned()),
            ..PoolRow::default()
        }],
        stats: vec![StatsRow {
            database: "app".to_owned(),
            total_query_count: queries * i / 2,
            total_xact_count: queries * i / 2,
            total_query_time: 5000 * queries * i / 2,
            total_xact_time: 5000 * queries * i / 2,
            total_wait_time: 2000 * queries * i / 2,
            total_server_assignment_count: assignments.map(|n| n * i / 2),
            ..StatsRow::default()
        }],
    };
    PgBouncerWindow {
        lab: true,
        config: BTreeMap::from([("pool_mode".to_owned(), "transaction".to_owned())]),
        samples: (0..=2).map(sample).collect(),
        ..PgBouncerWindow::default()
    }
}

/// A run of one second whose replay made 100 statements of 5.5 ms.
fn replayed(window: PgBouncerWindow) -> Run {
    let mut run = run(Millis(1000.0));
    run.server = Some(server(&[], None));
    let parts = OperationParts {
        statement_latency: Millis(550.0),
        statements: vec![ReplayedStatement {
            calls: 100,
            ..ReplayedStatement::default()
        }],
        ..OperationParts::default()
    };
    run.replay = Some(LoadResult {
        source: LoadSource {
            tool: "test".to_owned(),
            version: None,
            files: Vec::new(),
            arrival: Arrival::Closed,
            percentile_method: PercentileMethod::Histogram,
            warnings: Vec::new(),
            ..LoadSource::default()
        },
        length: Some(Millis(1000.0)),
        started_at: Some(run.meta.started_at),
        ended_at: run
            .meta
            .started_at
            .checked_add(jiff::SignedDuration::from_secs(1))
            .ok(),
        total: Operation::default(),
        operations: vec![Operation {
            parts: Some(parts),
            ..Operation::default()
        }],
        intervals: Vec::new(),
        stages: Vec::new(),
        driver_saturated: None,
        driver_cpu_ratio: None,
        driver: None,
    });
    run.pgbouncer = Some(window);
    run
}

fn close(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() < 1e-9
}

#[test]
fn the_latency_of_the_replay_is_split_into_wait_server_and_link() {
    let found = conclude(&replayed(window(100, None))).unwrap();
    let replay = found.replay.unwrap();
    assert!(close(replay.latency_mean_ms, 5.5));
    assert!(close(replay.waiting_mean_ms, 2.0));
    assert!(close(replay.server_mean_ms, 3.0));
    assert!(close(replay.link_mean_ms.unwrap(), 0.5));
    assert!(close(replay.waiting_share_ratio, 2.0 / 5.5));
    assert_eq!(found.warnings, Vec::<String>::new());
    let pool = &found.pools[0];
    assert!(close(pool.servers_in_use_mean, 4.0 / 3.0));
    assert_eq!((pool.servers_in_use_max, pool.clients_waiting_max), (2, 2));
    assert!(close(pool.longest_wait_ms, 0.5));
}

#[test]
fn the_mean_wait_is_per_assignment_where_assignments_are_counted() {
    let old = conclude(&replayed(window(100, None))).unwrap();
    assert_eq!(old.databases[0].wait_per.as_deref(), Some("transaction"));
    assert!(close(old.databases[0].wait_mean_ms.unwrap(), 2.0));
    let new = conclude(&replayed(window(100, Some(50)))).unwrap();
    assert_eq!(new.databases[0].wait_per.as_deref(), Some("assignment"));
    assert!(close(new.databases[0].wait_mean_ms.unwrap(), 4.0));
    let mut session = window(100, None);
    for sample in &mut session.samples {
        sample.pools[0].pool_mode = Some("session".to_owned());
    }
    let session = conclude(&replayed(session)).unwrap();
    assert_eq!(session.databases[0].wait_mean_ms, None, "not zero");
}

#[test]
fn views_that_do_not_agree_are_said_to() {
    let found = conclude(&replayed(window(160, None))).unwrap();
    let warnings = found.warnings.join("\n");
    assert!(warnings.contains("160 queries"), "{warnings}");
    assert!(warnings.contains("more time than"), "{warnings}");
    assert_eq!(found.replay.unwrap().link_mean_ms, None);
}

#[test]
fn a_restart_or_a_lost_console_leaves_nothing_to_compare() {
    let mut restarted = window(100, None);
    restarted.samples[2].stats[0].total_query_count = 3;
    let found = conclude(&replayed(restarted)).unwrap();
    assert!(found.replay.is_none() && found.no_replay.is_some());
    assert!(found.warnings[0].contains("restarted"));
    let mut lost = window(100, None);
    lost.losses = 1;
    let found = conclude(&replayed(lost)).unwrap();
    assert!(found.replay.is_none());
    assert!(found.warnings[0].contains("lost 1 time"));
}

#[test]
fn a_replay_beside_the_pooler_is_not_compared_with_it() {
    let mut run = replayed(window(100, None));
    if let Some(window) = &mut run.pgbouncer {
        window.lab = false;
    }
    let found = conclude(&run).unwrap();
    assert!(found.no_replay.unwrap().contains("server itself"));
    run.replay = None;
    assert!(conclude(&run).unwrap().no_replay.is_some());
}

#[test]
fn clients_that_still_wait_at_the_end_are_said() {
    let mut waiting = window(100, None);
    waiting.samples[2].pools[0].cl_waiting = 4;
    waiting.samples[2].pools[0].maxwait = 3;
    let found = conclude(&replayed(waiting)).unwrap();
    assert!(found.warnings[0].starts_with("4 clients were still waiting"));
}

#[test]
fn a_query_that_began_before_the_window_counts_with_its_time() {
    let mut window = window(100, None);
    // Four were on their way at the beginning and ended inside: 104 ended, 100 began.
    window.samples[0].pools[0].sv_active = 1;
    window.samples[0].pools[0].cl_waiting = 4;
    for sample in &mut window.samples[1..] {
        sample.stats[0].total_query_time += 4 * 5000;
        sample.stats[0].total_wait_time += 4 * 2000;
    }
    let found = conclude(&replayed(window)).unwrap();
    assert!(close(found.databases[0].query_mean_ms.unwrap(), 5.0));
    assert!(close(found.replay.unwrap().waiting_mean_ms, 2.0));
}

#[test]
fn a_run_file_from_before_there_was_a_pooler_in_it_is_read() {
    let run = replayed(window(100, None));
    let mut file = serde_json::to_value(&run).unwrap();
    assert_eq!(serde_json::from_value::<Run>(file.clone()).unwrap(), run);
    file.as_object_mut().unwrap().remove("pgbouncer");
    let older: Run = serde_json::from_value(file).unwrap();
    assert_eq!(older.pgbouncer, None);
    assert!(conclude(&older).is_none());
}

#[test]
fn a_replay_between_two_readings_is_not_split() {
    let mut run = replayed(window(100, None));
    if let Some(replay) = &mut run.replay {
        let end = jiff::SignedDuration::from_millis(400);
        replay.ended_at = run.meta.started_at.checked_add(end).ok();
    }
    let found = conclude(&run).unwrap();
    assert!(found.no_replay.unwrap().contains("too short"));
    assert_eq!(found.databases[0].queries, 100, "of the whole window");
}

#[test]
fn means_that_are_not_the_replays_alone_are_not_taken_for_them() {
    let mut run = replayed(window(160, None));
    if let (Some(window), Some(server)) = (&mut run.pgbouncer, &mut run.server) {
        (window.lab, server.through_pooler) = (false, Some(true));
    }
    let found = conclude(&run).unwrap();
    assert!(found.replay.is_none());
    assert!(found.no_replay.unwrap().contains("something else"));
}
