//! The verdicts of standbys on windows whose truth is known by construction.

use super::*;
use crate::analyze::conclusions::LagFigure;
use crate::record::{Lsn, Millis};

fn primary(rate: u64) -> Vec<LsnPoint> {
    let point = |i: u32| LsnPoint {
        at: Millis(f64::from(i) * 50.0),
        lsn: Lsn(10_000_000 + u64::from(i) * 50 * rate),
    };
    (0..=200).map(point).collect()
}

fn standby(replayed: impl Fn(u32) -> u64) -> Standby {
    let sample = |i: u32| StandbySample {
        at: Millis(f64::from(i) * 50.0 + 7.0),
        in_recovery: true,
        receive_lsn: None,
        replay_lsn: Some(Lsn(replayed(i))),
        replay_pause_state: Some("not paused".to_owned()),
        last_xact_replay_timestamp: None,
        receiver_status: Some("streaming".to_owned()),
        last_msg_age: Some(Millis(5.0)),
    };
    Standby {
        name: "r1".to_owned(),
        application_name: Some("r1".to_owned()),
        samples: (0..=198).map(sample).collect(),
        ..Standby::default()
    }
}

fn state(primary: Vec<LsnPoint>, standby: Standby) -> StandbyState {
    let window = ReplicationWindow {
        primary,
        standbys: vec![standby],
        ..ReplicationWindow::default()
    };
    all(&window, 60_000.0).remove(0)
}

#[test]
fn a_constant_delay_is_found() {
    // 100 bytes per ms; the standby is 300 ms behind: at 50 i + 7 it shows what was at 50 i − 293.
    let behind = standby(|i| (10_000_000 + u64::from(i) * 5000 + 700).saturating_sub(30_000));
    let found = state(primary(100), behind);
    assert_eq!(found.verdict, StandbyVerdict::Streaming);
    assert!(
        (found.lag_ms.p50.unwrap() - 300.0).abs() < 3.0,
        "{:?}",
        found.lag_ms
    );
    assert_eq!(found.basis, Basis::Measured);
    assert_eq!(found.lag_bytes, Some(30_000));
}

#[test]
fn an_idle_primary_has_no_lag_that_grows() {
    let found = state(primary(0), standby(|_| 10_000_000));
    assert_eq!(found.verdict, StandbyVerdict::Idle);
    assert_eq!(
        (found.lag_ms.last, found.lag_ms.max),
        (Some(0.0), Some(0.0))
    );
}

#[test]
fn a_paused_standby_falls_behind_for_as_long_as_it_is_paused() {
    let mut paused = standby(|_| 10_000_000);
    for sample in &mut paused.samples {
        sample.replay_pause_state = Some("paused".to_owned());
    }
    let found = state(primary(100), paused);
    assert_eq!(found.verdict, StandbyVerdict::Paused);
    assert!(
        (found.lag_ms.last.unwrap() - 9907.0).abs() < 10.0,
        "{:?}",
        found.lag_ms
    );
    assert_eq!(found.catch_up_sec, None, "it does not catch up");
}

#[test]
fn what_was_behind_before_the_window_is_a_bound() {
    let found = state(primary(100), standby(|_| 9_000_000));
    assert_eq!(found.basis, Basis::Bound);
    assert!(found.note.unwrap().contains("at least"));
}

#[test]
fn no_receiver_and_no_sender_is_severed_and_not_idle() {
    let mut cut = standby(|_| 10_000_000);
    for sample in &mut cut.samples {
        sample.receiver_status = None;
    }
    assert_eq!(state(primary(0), cut).verdict, StandbyVerdict::Severed);
    let unreachable = Standby {
        name: "r2".to_owned(),
        failure: Some("connection refused".to_owned()),
        failed_samples: 3,
        ..Standby::default()
    };
    let found = state(primary(100), unreachable);
    assert_eq!(
        (found.verdict, found.basis),
        (StandbyVerdict::Unknown, Basis::NotMeasured)
    );
    assert_eq!(found.lag_ms.p50, None);
}

#[test]
fn a_promoted_standby_receives_nothing_any_more() {
    let mut promoted = standby(|tenth| u64::from(tenth) * 1000);
    promoted.samples.last_mut().unwrap().in_recovery = false;
    let found = state(primary(1000), promoted);
    assert_eq!(found.verdict, StandbyVerdict::Severed);
    assert!(found.note.unwrap().contains("promoted"));
}

#[test]
fn a_standby_that_catches_up_says_when() {
    // 100 bytes per ms written, 200 replayed, 1 MB behind at the start.
    let found = state(
        primary(100),
        standby(|i| 9_000_000 + u64::from(i) * 50 * 200),
    );
    let left = found.lag_bytes.unwrap() as f64;
    let expected = left / 100.0 / 1000.0;
    assert!((found.catch_up_sec.unwrap() - expected).abs() / expected.max(1e-9) < 0.05);
}

/// A row of a streaming sender.
fn sender(pid: i32, name: &str, at: f64, replayed: u64) -> SenderSample {
    SenderSample {
        at: Millis(at),
        pid,
        application_name: name.to_owned(),
        client_addr: None,
        state: Some("streaming".to_owned()),
        sent_lsn: Some(Lsn(replayed)),
        write_lsn: Some(Lsn(replayed)),
        flush_lsn: Some(Lsn(replayed)),
        replay_lsn: Some(Lsn(replayed)),
        write_lag: None,
        flush_lag: None,
        replay_lag: None,
        sync_state: None,
        slot_type: None,
    }
}

/// So many positions, and the senders beside every fifth. The standby's row is there in the first
/// `rows` readings of them.
fn sampled(positions: usize, rows: usize) -> ReplicationWindow {
    let mut window = ReplicationWindow {
        primary: primary(100)[..positions].to_vec(),
        ..ReplicationWindow::default()
    };
    for (i, point) in window.primary.iter().step_by(5).enumerate() {
        let at = point.at.0 + 2.0;
        window.senders_read_at = Some(Millis(at));
        if i < rows {
            window.senders.push(sender(7, "s1", at, point.lsn.0));
        }
    }
    window
}

fn the_only(window: &ReplicationWindow) -> StandbyState {
    let mut states = all(window, 60_000.0);
    assert_eq!(states.len(), 1);
    states.remove(0)
}

#[test]
fn a_standby_of_the_last_reading_is_not_gone_wherever_the_positions_end() {
    for positions in 41..=50 {
        let mut window = sampled(positions, usize::MAX);
        let found = the_only(&window);
        assert_eq!(found.verdict, StandbyVerdict::Streaming, "{positions}");
        assert_eq!(found.state.as_deref(), Some("streaming"));
        window.senders_read_at = None;
        let found = the_only(&window);
        assert_eq!(found.verdict, StandbyVerdict::Streaming, "old {positions}");
    }
}

#[test]
fn a_standby_that_the_last_reading_does_not_have_is_severed_wherever_the_positions_end() {
    for positions in 41_usize..=50 {
        let readings = positions.div_ceil(5);
        let found = the_only(&sampled(positions, readings - 1));
        assert_eq!(found.verdict, StandbyVerdict::Severed, "{positions}");
        assert!(
            found
                .note
                .unwrap()
                .starts_with("it left the primary's view")
        );
    }
}

#[test]
fn a_run_of_before_tells_a_standby_that_is_gone_by_other_rows_or_by_two_readings_without_it() {
    let mut window = sampled(50, 7);
    let value = serde_json::to_value(&window).unwrap();
    let mut old = value.as_object().unwrap().clone();
    assert!(old.remove("senders_read_at").is_some());
    window = serde_json::from_value(old.into()).unwrap();
    assert_eq!(window.senders_read_at, None);
    assert_eq!(the_only(&window).verdict, StandbyVerdict::Severed);

    let mut other = sampled(50, 9);
    other.senders_read_at = None;
    assert_eq!(the_only(&other).verdict, StandbyVerdict::Streaming);
    other.senders.push(sender(8, "s2", 2252.0, 10_225_000));
    let verdicts: Vec<_> = all(&other, 60_000.0).iter().map(|s| s.verdict).collect();
    assert_eq!(
        verdicts,
        [StandbyVerdict::Severed, StandbyVerdict::Streaming]
    );
}

#[test]
fn a_silent_receiver_is_severed_by_its_own_limit_and_never_without_one() {
    let verdict = |age: f64, own: Option<f64>, of_primary: f64| {
        let mut silent = standby(|i| 10_000_000 + u64::from(i) * 5000);
        silent.samples.last_mut().unwrap().last_msg_age = Some(Millis(age));
        silent.wal_receiver_timeout = own.map(Millis);
        let window = ReplicationWindow {
            primary: primary(100),
            standbys: vec![silent],
            ..ReplicationWindow::default()
        };
        all(&window, of_primary).remove(0).verdict
    };
    assert_eq!(
        verdict(5001.0, Some(5000.0), 60_000.0),
        StandbyVerdict::Severed
    );
    assert_eq!(
        verdict(4999.0, Some(5000.0), 1000.0),
        StandbyVerdict::Streaming
    );
    assert_eq!(verdict(9e9, Some(0.0), 60_000.0), StandbyVerdict::Streaming);
    // An older file tells the primary's limit alone.
    assert_eq!(verdict(60_001.0, None, 60_000.0), StandbyVerdict::Severed);
    assert_eq!(verdict(5.0, None, 0.0), StandbyVerdict::Streaming);
}

/// A window in which a sender has so many rows and is not there in the last reading.
fn ended(rows: usize, change: impl Fn(usize, &mut SenderSample)) -> ReplicationWindow {
    let mut window = sampled(200, rows);
    for (i, sender) in window.senders.iter_mut().enumerate() {
        change(i, sender);
    }
    window
}

#[test]
fn what_is_no_standby_is_not_severed_when_it_ends() {
    assert_eq!(all(&ended(9, |_, _| ()), 60_000.0).len(), 1, "a standby");
    let state = |state: &'static str| {
        move |_, s: &mut SenderSample| {
            s.state = Some(state.to_owned());
            (s.write_lsn, s.flush_lsn, s.replay_lsn) = (None, None, None);
        }
    };
    // A backup, its stream of WAL before its first reply, and a copy of a table for a subscriber.
    for name in ["backup", "streaming", "startup"] {
        assert_eq!(all(&ended(9, state(name)), 60_000.0), [], "{name}");
    }
    let archiver = |i: usize, s: &mut SenderSample| {
        s.replay_lsn = None;
        if i < 5 {
            (s.write_lsn, s.flush_lsn) = (None, None);
        }
    };
    assert_eq!(all(&ended(9, archiver), 60_000.0), []);
}

#[test]
fn a_subscriber_is_no_standby_although_it_tells_what_it_replayed() {
    let by_slot = |i: usize, s: &mut SenderSample| {
        s.slot_type = (i > 3).then(|| "logical".to_owned());
    };
    assert_eq!(all(&ended(9, by_slot), 60_000.0), []);
    // Older files tell the slots of the end.
    let mut old = ended(usize::MAX, |_, _| ());
    old.slots = Some(vec![crate::record::replication::Slot {
        slot_type: "logical".to_owned(),
        active_pid: Some(7),
        ..crate::record::replication::Slot::default()
    }]);
    assert_eq!(all(&old, 60_000.0), []);
    let physical = |_, s: &mut SenderSample| s.slot_type = Some("physical".to_owned());
    let found = the_only(&ended(9, physical));
    assert_eq!(found.verdict, StandbyVerdict::Severed);
}

#[test]
fn hidden_rows_may_be_those_of_a_standby() {
    let hidden = |_, s: &mut SenderSample| {
        s.state = None;
        s.application_name = String::new();
        (s.write_lsn, s.flush_lsn, s.replay_lsn) = (None, None, None);
    };
    let found = the_only(&ended(usize::MAX, hidden));
    assert_eq!(found.basis, Basis::NotMeasured);
}

/// A standby that stands still far behind for so many readings and has everything from then on.
fn catches_up_after(readings: u32) -> StandbyState {
    let jumps = standby(|i| {
        if i < readings {
            1_000_000
        } else {
            10_000_000 + u64::from(i) * 5000 + 700
        }
    });
    state(primary(100), jumps)
}

#[test]
fn lag_of_before_the_window_counts_as_the_worst_although_the_standby_caught_up() {
    // A tenth of the window.
    let found = catches_up_after(20);
    let lag = found.lag_ms;
    assert_eq!((lag.p50, lag.last), (Some(0.0), Some(0.0)));
    assert_eq!(lag.bound_from, Some(LagFigure::P95));
    assert!((lag.p95.unwrap() - 507.0).abs() < 1.0, "{lag:?}");
    assert_eq!(lag.max, Some(957.0));
    assert_eq!(found.basis, Basis::Bound);
    assert!(found.note.unwrap().contains("from p95 on is at least"));
    // A fiftieth: it decides the largest percentile alone.
    let found = catches_up_after(4);
    assert_eq!(found.lag_ms.p95, Some(0.0));
    assert_eq!(found.lag_ms.bound_from, Some(LagFigure::P99));
    assert_eq!(found.basis, Basis::Measured);
    // One reading is the beginning of a window and nothing to tell.
    let found = catches_up_after(1);
    assert_eq!(found.lag_ms.bound_from, Some(LagFigure::Max));
    assert_eq!(found.note, None);
    assert_eq!(catches_up_after(0).lag_ms.bound_from, None);
    // Nothing but bounds: all figures are.
    let found = state(primary(100), standby(|_| 1_000_000));
    assert_eq!(found.lag_ms.bound_from, Some(LagFigure::P50));
}

#[test]
fn what_is_not_known_makes_no_percentile_smaller() {
    // A second and more behind for 4.5 % of the window; at its begin so many readings are unknown.
    let found = |unknown: u32| {
        let replayed = move |i: u32| {
            let now = 10_000_000 + u64::from(i) * 5000 + 700;
            if i < unknown {
                1_000_000
            } else if (100..109).contains(&i) {
                10_500_000 - 100_000
            } else {
                now
            }
        };
        state(primary(100), standby(replayed)).lag_ms
    };
    assert_eq!(found(0).p95, Some(0.0));
    let lag = found(4);
    assert!(lag.p95.unwrap() > 1000.0, "{lag:?}");
    assert!(!lag.is_bound(LagFigure::P95) && lag.is_bound(LagFigure::P99));
}

#[test]
fn a_reading_before_the_first_position_is_no_bound() {
    let found = state(
        primary(100)[3..].to_vec(),
        standby(|i| 10_000_000 + u64::from(i) * 5000 + 700),
    );
    assert_eq!(found.lag_ms.bound_from, None);
    assert_eq!(found.lag_ms.max, Some(0.0));
}

/// Two standbys under one name: rows of process 7, and of process 8 in the same readings.
fn two_of_one_name() -> ReplicationWindow {
    let mut window = sampled(200, usize::MAX);
    let other = window.senders.clone().into_iter().map(|mut s| {
        s.pid = 8;
        s.replay_lsn = Some(Lsn(10_000_000));
        s
    });
    let rows: Vec<SenderSample> = window
        .senders
        .iter()
        .cloned()
        .zip(other)
        .flat_map(|(a, b)| [a, b])
        .collect();
    window.senders = rows;
    window
}

fn named(asked: &str, received: bool) -> Standby {
    let mut standby = standby(|i| 10_000_000 + u64::from(i) * 5000 + 700);
    standby.application_name = Some(asked.to_owned());
    if !received {
        for sample in &mut standby.samples {
            sample.receiver_status = None;
        }
    }
    standby
}

#[test]
fn a_standby_without_a_receiver_does_not_stream_because_another_of_its_name_does() {
    let mut window = sampled(200, usize::MAX);
    window.standbys.push(named("s1", false));
    let states = all(&window, 60_000.0);
    let found: Vec<_> = states
        .iter()
        .map(|s| (s.name.as_str(), s.verdict))
        .collect();
    assert_eq!(
        found,
        [
            ("r1", StandbyVerdict::Severed),
            ("s1", StandbyVerdict::Streaming)
        ]
    );
    assert_eq!(states[0].state, None);
    // A receiver that was there a moment ago connects anew.
    let last = window.standbys[0].samples.len() - 1;
    window.standbys[0].samples[last - 2].receiver_status = Some("streaming".to_owned());
    assert_eq!(the_only(&window).verdict, StandbyVerdict::Streaming);
}

#[test]
fn standbys_of_one_name_that_were_not_asked_are_listed_one_by_one() {
    let mut window = two_of_one_name();
    let states = all(&window, 60_000.0);
    let names: Vec<&str> = states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["s1 (process 7)", "s1 (process 8)"]);
    assert!(states[0].lag_ms.max.unwrap() < 10.0);
    assert!(states[1].lag_ms.last.unwrap() > 9000.0);

    for row in window.senders.iter_mut().filter(|s| s.pid == 8) {
        row.client_addr = Some("10.0.0.2".to_owned());
    }
    let states = all(&window, 60_000.0);
    let names: Vec<&str> = states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["s1", "s1 at 10.0.0.2"]);
}

#[test]
fn a_standby_that_comes_back_with_another_process_is_one() {
    let mut window = sampled(200, usize::MAX);
    for row in window.senders.iter_mut().skip(20) {
        row.pid = 8;
    }
    assert_eq!(the_only(&window).verdict, StandbyVerdict::Streaming);
}

#[test]
fn that_a_name_is_not_unique_is_said_where_one_of_them_was_asked() {
    let mut window = two_of_one_name();
    window.standbys.push(named("s1", true));
    let note = the_only(&window).note.unwrap();
    assert!(note.starts_with("2 senders of the primary have the name s1"));
    window.standbys.push(named("s1", true));
    let notes: Vec<_> = all(&window, 60_000.0).into_iter().map(|s| s.note).collect();
    assert_eq!(notes, [None, None]);
}
