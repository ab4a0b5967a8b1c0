//! Synthetic curves with a lag that is known by construction.

use super::*;
use crate::analyze::conclusions::{Basis, StandbyState, StandbyVerdict};
use crate::analyze::testing::run;
use crate::record::replication::{LsnPoint, Standby, StandbySample};
use crate::record::{Lsn, Millis};

const START: f64 = 1e9;
const RATE: f64 = 1000.0;

/// A position from a curve; the curves here stay far inside the range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test curves are positive and small"
)]
fn lsn(bytes: f64) -> Lsn {
    Lsn(bytes as u64)
}

fn primary(curve: impl Fn(f64) -> f64) -> Vec<LsnPoint> {
    (0..=100)
        .map(|i| {
            let at = f64::from(i) * 100.0;
            LsnPoint {
                at: Millis(at),
                lsn: lsn(curve(at)),
            }
        })
        .collect()
}

fn sample(at: f64, replayed: f64) -> StandbySample {
    StandbySample {
        at: Millis(at),
        in_recovery: true,
        receive_lsn: Some(lsn(replayed)),
        replay_lsn: Some(lsn(replayed)),
        replay_pause_state: Some("not paused".to_owned()),
        last_xact_replay_timestamp: None,
        receiver_status: Some("streaming".to_owned()),
        last_msg_age: Some(Millis(10.0)),
    }
}

/// Readings of the standby between those of the primary.
fn standby(replayed: impl Fn(f64) -> f64) -> Standby {
    Standby {
        name: "one".to_owned(),
        application_name: Some("one".to_owned()),
        samples: (0..100)
            .map(|i| {
                let at = f64::from(i) * 100.0 + 37.0;
                sample(at, replayed(at))
            })
            .collect(),
        ..Standby::default()
    }
}

fn conclude_one(primary: Vec<LsnPoint>, standby: Standby) -> StandbyState {
    let mut run = run(Millis(10_000.0));
    run.replication = Some(ReplicationWindow {
        primary,
        standbys: vec![standby],
        ..ReplicationWindow::default()
    });
    conclude(&run).unwrap().standbys.remove(0)
}

fn steady(at: f64) -> f64 {
    START + RATE * at
}

#[test]
fn a_constant_delay_is_found() {
    let mut delayed = standby(|at| steady(at - 300.0).max(START - 300_000.0));
    delayed.recovery_min_apply_delay = Some(Millis(300.0));
    // The first readings are older than the window; leave them out to see the value itself.
    delayed.samples.retain(|s| s.at.0 > 400.0);
    let state = conclude_one(primary(steady), delayed);
    assert_eq!(state.verdict, StandbyVerdict::Delayed);
    assert_eq!(state.basis, Basis::Measured);
    for value in [state.lag_ms.p50, state.lag_ms.p95, state.lag_ms.last] {
        assert!((value.unwrap() - 300.0).abs() < 9.0, "{state:?}");
    }
    assert!((state.lag_bytes.unwrap() as f64 - 300_000.0).abs() < 9000.0);
    assert_eq!(state.catch_up_sec, None, "it keeps its distance");
}

#[test]
fn a_delay_of_single_commits_is_found_too() {
    // A commit of 200 bytes every 20 ms instead of a smooth curve.
    let commits = |at: f64| START + 200.0 * (at / 20.0).floor();
    let mut delayed = standby(|at| commits(at - 300.0));
    delayed.samples.retain(|s| s.at.0 > 400.0);
    let state = conclude_one(primary(commits), delayed);
    assert!(
        (state.lag_ms.p50.unwrap() - 300.0).abs() < 25.0,
        "{state:?}"
    );
}

#[test]
fn a_streaming_standby_has_next_to_no_lag() {
    let state = conclude_one(primary(steady), standby(|at| steady(at - 2.0)));
    assert_eq!(state.verdict, StandbyVerdict::Streaming);
    assert!(state.lag_ms.p99.unwrap() <= 3.0, "{state:?}");
}

#[test]
fn idle_is_no_lag_even_after_a_delay() {
    let idle = conclude_one(primary(|_| START), standby(|_| START));
    assert_eq!(idle.verdict, StandbyVerdict::Idle);
    assert_eq!(idle.lag_ms.max, Some(0.0));
    assert_eq!(idle.lag_bytes, Some(0));
    let until = |at: f64| START + RATE * at.min(5000.0);
    let mut after = standby(|at| until((at - 300.0).max(0.0)));
    after.samples.retain(|s| s.at.0 > 400.0);
    let state = conclude_one(primary(until), after);
    assert_eq!(state.lag_ms.last, Some(0.0));
    assert!((state.lag_ms.max.unwrap() - 300.0).abs() < 9.0, "{state:?}");
}

#[test]
fn a_lone_record_and_an_unfinished_tail_are_no_lag() {
    // One record of 100 bytes at 5 s, replayed at once.
    let lone = |at: f64| if at >= 5000.0 { START + 100.0 } else { START };
    let state = conclude_one(primary(lone), standby(lone));
    assert_eq!(state.verdict, StandbyVerdict::Idle);
    assert_eq!(state.lag_ms.max, Some(0.0), "{state:?}");
    // The primary's position lies 40 bytes into a record that is not finished.
    let state = conclude_one(primary(|_| START + 40.0), standby(|_| START));
    assert_eq!(state.verdict, StandbyVerdict::Idle);
    assert_eq!(state.lag_ms.last, Some(0.0), "{state:?}");
}

#[test]
fn a_paused_replay_grows() {
    let mut paused = standby(|at| steady(at.min(4000.0)));
    for sample in &mut paused.samples {
        sample.receive_lsn = Some(lsn(steady(sample.at.0)));
        if sample.at.0 > 4000.0 {
            sample.replay_pause_state = Some("paused".to_owned());
        }
    }
    let state = conclude_one(primary(steady), paused);
    assert_eq!(state.verdict, StandbyVerdict::Paused);
    let last = state.lag_ms.last.unwrap();
    assert!((last - (9937.0 - 4000.0)).abs() < 10.0, "{last}");
    assert_eq!(state.catch_up_sec, None);
}

#[test]
fn a_severed_stream_is_not_idle() {
    let without_receiver = |mut standby: Standby, from: f64| {
        for sample in &mut standby.samples {
            if sample.at.0 > from {
                sample.receiver_status = None;
                sample.last_msg_age = None;
            }
        }
        standby
    };
    let growing = without_receiver(standby(|at| steady(at.min(3000.0))), 3000.0);
    let state = conclude_one(primary(steady), growing);
    assert_eq!(state.verdict, StandbyVerdict::Severed);
    assert!(state.lag_ms.last.unwrap() > 6900.0, "{state:?}");
    // Nothing was written meanwhile: what a write would take is not known, and not 0.
    let quiet = without_receiver(standby(|_| START), -1.0);
    let state = conclude_one(primary(|_| START), quiet);
    assert_eq!(state.verdict, StandbyVerdict::Severed);
    assert_eq!(state.lag_ms.last, None);
    assert_eq!(state.basis, Basis::NotMeasured);
    let mut silent = standby(|at| steady(at.min(3000.0)));
    silent.samples.last_mut().unwrap().last_msg_age = Some(Millis(61_000.0));
    let state = conclude_one(primary(steady), silent);
    assert_eq!(state.verdict, StandbyVerdict::Severed);
    assert!(state.note.unwrap().contains("61 s"));
}

#[test]
fn a_standby_that_was_behind_before_the_window_has_a_bound() {
    let behind = standby(|at| START - 5e6 + 4.0 * RATE * at);
    let state = conclude_one(primary(steady), behind);
    assert_eq!(state.basis, Basis::Bound);
    assert!(state.note.unwrap().contains("at least"));
    let slower = standby(|at| START - 50e6 + 2.0 * RATE * at);
    let state = conclude_one(primary(steady), slower);
    // 50 MB − 9.937 MB behind, gaining 1 MB/s.
    assert!(
        (state.catch_up_sec.unwrap() - 40.06).abs() < 0.1,
        "{state:?}"
    );
}

fn sender(at: f64, replayed: f64) -> SenderSample {
    SenderSample {
        at: Millis(at),
        pid: 1,
        application_name: "two".to_owned(),
        client_addr: None,
        state: Some("streaming".to_owned()),
        sent_lsn: None,
        write_lsn: None,
        flush_lsn: Some(lsn(replayed)),
        replay_lsn: Some(lsn(replayed)),
        write_lag: None,
        flush_lag: None,
        replay_lag: None,
        sync_state: None,
    }
}

#[test]
fn a_standby_seen_from_the_primary_only_says_so() {
    let mut run = run(Millis(10_000.0));
    let rows = |until: i32| -> Vec<SenderSample> {
        (5..until)
            .map(|i| sender(f64::from(i) * 100.0, steady(f64::from(i) * 100.0 - 200.0)))
            .collect()
    };
    run.replication = Some(ReplicationWindow {
        primary: primary(steady),
        senders: rows(100),
        slots: Some(vec![Slot {
            slot_name: "kept".to_owned(),
            slot_type: "physical".to_owned(),
            active: false,
            restart_lsn: Some(lsn(START)),
            wal_status: Some("reserved".to_owned()),
            safe_wal_size: None,
        }]),
        ..ReplicationWindow::default()
    });
    let found = conclude(&run).unwrap();
    let state = &found.standbys[0];
    assert_eq!(
        (state.basis, state.verdict),
        (Basis::Derived, StandbyVerdict::Streaming)
    );
    assert!((state.lag_ms.p50.unwrap() - 200.0).abs() < 6.0, "{state:?}");
    assert!(state.note.as_ref().unwrap().contains("--replica"));
    assert_eq!(found.slots[0].retained_bytes, Some(10_000_000));
    run.replication.as_mut().unwrap().senders = rows(40);
    let found = conclude(&run).unwrap();
    assert_eq!(found.standbys[0].verdict, StandbyVerdict::Severed);
}

#[test]
fn a_row_finds_its_standby() {
    let mut run = run(Millis(10_000.0));
    let rows = |until: i32| -> Vec<SenderSample> {
        (0..until)
            .map(|i| sender(f64::from(i) * 100.0, steady(f64::from(i) * 100.0)))
            .collect()
    };
    for application in ["two", "another name"] {
        let mut asked = standby(steady);
        asked.application_name = Some(application.to_owned());
        run.replication = Some(ReplicationWindow {
            primary: primary(steady),
            senders: rows(100),
            standbys: vec![asked],
            slots: None,
        });
        let found = conclude(&run).unwrap();
        assert_eq!(found.standbys.len(), 1, "{found:?}");
        assert_eq!(found.standbys[0].state.as_deref(), Some("streaming"));
    }
}

#[test]
fn a_standby_that_could_not_be_read_has_no_lag_and_a_reason() {
    let unread = Standby {
        name: "far".to_owned(),
        failed_samples: 5,
        failure: Some("connection refused".to_owned()),
        ..Standby::default()
    };
    let state = conclude_one(primary(steady), unread);
    assert_eq!(state.basis, Basis::NotMeasured);
    assert_eq!(state.lag_ms.p50, None);
    assert!(state.note.unwrap().contains("connection refused"));
    assert_eq!(conclude(&run(Millis(1.0))), None);
}
