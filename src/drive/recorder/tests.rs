//! What a recorder keeps, and where.

use super::*;
use crate::drive::program::{OperationNames, slot};
use crate::drive::trace::Trace;

fn at(zero: Instant, ms: u64) -> Instant {
    zero + Duration::from_millis(ms)
}

fn stage(name: &str, end: Duration) -> StageFrame {
    StageFrame {
        name: name.to_owned(),
        users: 2,
        rate_per_sec: None,
        end,
    }
}

/// A recorder of the operations `a` and `b`, of one statement each.
fn recorder(stages: &[StageFrame]) -> Recorder {
    let mut recorder = Recorder::empty(&stages[0]);
    recorder.stages = stages
        .iter()
        .map(|frame| RecordedStage {
            frame: frame.clone(),
            total: Totals::default(),
        })
        .collect();
    for name in ["a", "b"] {
        let own = std::iter::once(("s".to_owned(), "SELECT 1".to_owned()));
        recorder.operation(Statements::new(&OperationNames::new(name, own)));
    }
    recorder
}

fn frame(zero: Instant, opened: u64, ended: u64) -> Frame {
    Frame {
        tool: "dbperf replay",
        file: "w.sql".to_owned(),
        arrival: Arrival::Closed,
        opened: Some((at(zero, opened), Timestamp::UNIX_EPOCH)),
        ended: at(zero, ended),
        ended_at: Timestamp::UNIX_EPOCH,
        driver: DriverRecord::default(),
        saturated: Some(true),
        warnings: Vec::new(),
        notes: Vec::new(),
        clients: Some(Box::new(|_| 2)),
    }
}

/// A request of `length` ms: 1 ms of pool wait, 1 ms idle, the rest in the statement.
fn request(
    recorder: &mut Recorder,
    zero: Instant,
    opened: Option<u64>,
    (operation, due, start, length): (usize, Option<u64>, u64, u64),
    failure: Option<&Failure>,
) {
    let mut trace = Trace::new(at(zero, start));
    trace.begin_acquire(at(zero, start));
    trace.end_acquire(at(zero, start + 1), true);
    trace.begin_statement(at(zero, start + 2), slot(0));
    trace.end_statement(at(zero, start + length), 1);
    trace.close(at(zero, start + length));
    let moments = Moments {
        due: due.map(|due| at(zero, due)),
        started: at(zero, start),
        ended: at(zero, start + length),
    };
    let opened = opened.map(|opened| at(zero, opened));
    recorder.request(opened, operation, moments, &trace, failure);
}

#[test]
fn requests_that_start_in_the_warm_up_are_left_out_and_failures_stay_in() {
    let zero = Instant::now();
    let mut recorder = recorder(&[stage("2 clients", Duration::MAX)]);
    request(&mut recorder, zero, None, (0, None, 0, 50), None);
    let opened = Some(100);
    request(&mut recorder, zero, opened, (0, None, 90, 30), None);
    request(&mut recorder, zero, opened, (0, None, 100, 10), None);
    let late = Some(&Failure::StatementTimeout);
    request(&mut recorder, zero, opened, (1, None, 1200, 20), late);
    let load = recorder.finish(frame(zero, 100, 2600));
    assert_eq!(load.length, Some(Millis(2500.0)));
    assert_eq!((load.total.requests, load.total.failures), (2, 1));
    assert_eq!(load.total.errors["statement timeout"], 1);
    assert_eq!(load.total.latency.histogram.as_ref().unwrap().count(), 2);
    let parts = load.total.parts.unwrap();
    assert_eq!(
        (parts.pool_wait, parts.held_idle),
        (Millis(2.0), Millis(2.0))
    );
    assert_eq!(parts.statement_latency, Millis(26.0));
    assert_eq!(load.driver_saturated, Some(true));
    assert_eq!(load.stages[0].name, "2 clients");
    assert_eq!(load.stages[0].total.requests, 2);
    let statements = &load.operations[0].parts.as_ref().unwrap().statements;
    assert_eq!(
        (statements.len(), statements[0].calls, statements[0].rows),
        (1, 1, 1)
    );
}

#[test]
fn with_a_schedule_time_counts_from_when_a_request_was_due() {
    let zero = Instant::now();
    let mut recorder = recorder(&[stage("10/s", Duration::MAX)]);
    // Due before the window, begun in it: it belongs to the warm-up.
    request(&mut recorder, zero, Some(100), (0, Some(90), 110, 10), None);
    request(
        &mut recorder,
        zero,
        Some(100),
        (0, Some(120), 150, 10),
        None,
    );
    recorder.skipped(Some(at(zero, 100)), 1, at(zero, 130));
    recorder.skipped(Some(at(zero, 100)), 1, at(zero, 99));
    assert_eq!(recorder.skipped_total(), 1);
    let load = recorder.finish(frame(zero, 100, 1100));
    assert_eq!((load.total.requests, load.total.skipped), (1, 1));
    let mean = load.total.latency.mean.unwrap();
    assert!((mean.0 - 40.0).abs() < 0.1, "{mean:?}");
    let lag = load.total.schedule_lag.unwrap().quantile_ms(1.0).unwrap();
    assert!((lag - 30.0).abs() < 0.1, "{lag}");
    assert_eq!(load.total.parts.unwrap().schedule_lag, Millis(30.0));
}

#[test]
fn threads_add_up_and_stages_keep_their_own() {
    let zero = Instant::now();
    let stages = [
        stage("1.", Duration::from_secs(1)),
        stage("2.", Duration::from_secs(2)),
        stage("3. never reached", Duration::from_secs(9)),
    ];
    let mut one = recorder(&stages);
    let mut other = recorder(&stages);
    request(&mut one, zero, Some(0), (0, None, 10, 10), None);
    request(&mut other, zero, Some(0), (0, None, 20, 10), None);
    request(
        &mut other,
        zero,
        Some(0),
        (1, None, 1500, 10),
        Some(&Failure::ConnectionLost),
    );
    one.add(other);
    let load = one.finish(frame(zero, 0, 1800));
    let shape: Vec<_> = load
        .stages
        .iter()
        .map(|s| (s.name.as_str(), s.length.0, s.total.requests))
        .collect();
    assert_eq!(shape, [("1.", 1000.0, 2), ("2.", 800.0, 1)]);
    assert_eq!(load.total.requests, 3);
    assert_eq!(load.operations[1].errors["connection lost"], 1);
}

#[test]
fn intervals_cover_the_window_without_a_gap() {
    let zero = Instant::now();
    let mut recorder = recorder(&[stage("2 clients", Duration::MAX)]);
    request(&mut recorder, zero, Some(0), (0, None, 10, 10), None);
    request(&mut recorder, zero, Some(0), (1, None, 2300, 10), None);
    let load = recorder.finish(frame(zero, 0, 3500));
    let shape: Vec<_> = load
        .intervals
        .iter()
        .map(|i| {
            (
                i.from.unwrap().0,
                i.length.0,
                i.requests.values().sum::<u64>(),
            )
        })
        .collect();
    let expected = [
        (0.0, 1000.0, 1),
        (1000.0, 1000.0, 0),
        (2000.0, 1000.0, 1),
        (3000.0, 500.0, 0),
    ];
    assert_eq!(shape, expected);
    assert_eq!(load.intervals[2].started_at.unwrap().as_millisecond(), 2000);
    assert_eq!(load.intervals[0].users, Some(2));
}
