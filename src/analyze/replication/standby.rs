//! What one standby is doing: streaming, idle, paused, delayed on purpose, or severed.

use std::collections::BTreeMap;

use super::curve::{Curve, Delay, rate};
use crate::analyze::conclusions::{Basis, Lag, StandbyState, StandbyVerdict};
use crate::record::replication::{
    LsnPoint, ReplicationWindow, SenderSample, Standby, StandbySample,
};
use crate::stats::time_weighted_quantile;

/// A primary that wrote no more than this over the window is idle: one WAL page. Even an idle
/// server writes a record of running transactions now and then (ours).
const IDLE_GROWTH_BYTES: u64 = 8192;

/// All standbys: those that were asked, then those that only the primary knows.
pub(super) fn all(window: &ReplicationWindow, receiver_timeout_ms: f64) -> Vec<StandbyState> {
    let asked = window
        .standbys
        .iter()
        .map(|standby| asked(window, standby, receiver_timeout_ms));
    let mut states: Vec<StandbyState> = asked.collect();
    let names: Vec<&str> = window
        .standbys
        .iter()
        .filter_map(|s| s.application_name.as_deref())
        .collect();
    let mut others: BTreeMap<&str, Vec<&SenderSample>> = BTreeMap::new();
    for sender in &window.senders {
        if !names.contains(&sender.application_name.as_str()) {
            others
                .entry(&sender.application_name)
                .or_default()
                .push(sender);
        }
    }
    states.extend(
        others
            .iter()
            .map(|(name, samples)| seen(window, name, samples)),
    );
    states
}

/// A standby that dbperf was connected to.
fn asked(window: &ReplicationWindow, standby: &Standby, receiver_timeout_ms: f64) -> StandbyState {
    let positions: Vec<LsnPoint> = standby
        .samples
        .iter()
        .filter_map(|s| {
            Some(LsnPoint {
                at: s.at,
                lsn: s.replay_lsn?,
            })
        })
        .collect();
    let sender = standby.application_name.as_deref().and_then(|name| {
        let mut mine = window.senders.iter().filter(|s| s.application_name == name);
        mine.next_back()
    });
    let measured = Measured::new(&window.primary, &positions);
    let severed = severed(standby, sender, window, receiver_timeout_ms);
    let last = standby.samples.last();
    let delay = standby.recovery_min_apply_delay.filter(|d| d.0 > 0.0);
    let verdict = if last.is_none() {
        StandbyVerdict::Unknown
    } else if severed.is_some() {
        StandbyVerdict::Severed
    } else if last.is_some_and(is_paused) {
        StandbyVerdict::Paused
    } else if delay.is_some() {
        StandbyVerdict::Delayed
    } else if measured.idle() {
        StandbyVerdict::Idle
    } else {
        StandbyVerdict::Streaming
    };
    let mut notes: Vec<String> = Vec::new();
    notes.extend(severed);
    if verdict == StandbyVerdict::Paused {
        notes.push("replay is paused; resume it with SELECT pg_wal_replay_resume()".to_owned());
    }
    if let Some(delay) = delay {
        notes.push(format!("recovery_min_apply_delay is {} ms", delay.0));
    }
    if last.is_some_and(|s| !s.in_recovery) {
        notes.push("it was promoted inside the window: it is a primary of its own now".to_owned());
    }
    // Without any reading the reason has been said.
    if standby.failed_samples > 0 && last.is_some() {
        notes.push(format!(
            "{} readings of it failed{}",
            standby.failed_samples,
            standby
                .failure
                .as_ref()
                .map_or_else(String::new, |f| format!(": {f}"))
        ));
    }
    measured.state(
        &standby.name,
        sender.and_then(|s| s.state.clone()),
        verdict,
        Basis::Measured,
        notes,
    )
}

/// A standby that only the primary's view shows: positions come with the standby's own replies,
/// after every flush and at least every `wal_receiver_status_interval`.
fn seen(window: &ReplicationWindow, name: &str, samples: &[&SenderSample]) -> StandbyState {
    let positions: Vec<LsnPoint> = samples
        .iter()
        .filter_map(|s| {
            Some(LsnPoint {
                at: s.at,
                lsn: s.replay_lsn?,
            })
        })
        .collect();
    let measured = Measured::new(&window.primary, &positions);
    let gone = gone_at_the_end(window, name);
    let verdict = if gone {
        StandbyVerdict::Severed
    } else if measured.idle() {
        StandbyVerdict::Idle
    } else {
        StandbyVerdict::Streaming
    };
    let mut notes = vec![
        "as the standby reports to the primary: it may have replayed more than it said; ask it \
         directly with --replica"
            .to_owned(),
    ];
    if gone {
        notes.insert(0, "it left the primary's view inside the window".to_owned());
    }
    let state = samples.last().and_then(|s| s.state.clone());
    measured.state(
        name,
        state.filter(|_| !gone),
        verdict,
        Basis::Derived,
        notes,
    )
}

/// Why nothing reaches the standby any more; `None` if something does.
fn severed(
    standby: &Standby,
    sender: Option<&SenderSample>,
    window: &ReplicationWindow,
    receiver_timeout_ms: f64,
) -> Option<String> {
    let Some(last) = standby.samples.last() else {
        let why = standby.failure.as_deref().unwrap_or("no reading of it");
        return Some(format!("it could not be asked: {why}"));
    };
    if !last.in_recovery {
        return None;
    }
    let sends = sender.is_some() && !gone_at_the_end(window, standby.application_name.as_deref()?);
    if last.receiver_status.is_none() && !sends {
        return Some(
            "it has no WAL receiver: check primary_conninfo, the network and the primary's \
             pg_hba.conf"
                .to_owned(),
        );
    }
    let silent = last
        .last_msg_age
        .filter(|age| age.0 > receiver_timeout_ms)?;
    Some(format!(
        "its WAL receiver has heard nothing for {:.0} s, longer than wal_receiver_timeout",
        silent.secs()
    ))
}

/// The primary's view had the standby, and does not have it in its last reading.
fn gone_at_the_end(window: &ReplicationWindow, name: &str) -> bool {
    let mut mine = window.senders.iter().filter(|s| s.application_name == name);
    match (mine.next_back(), window.primary.last()) {
        // Positions and senders are read in one transaction; two readings apart means gone.
        (Some(sender), Some(end)) => {
            let interval = mean_interval(&window.primary);
            end.at.0 - sender.at.0 > 3.0 * interval
        }
        (None, _) => true,
        (Some(_), None) => false,
    }
}

fn mean_interval(points: &[LsnPoint]) -> f64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if points.len() > 1 => {
            (last.at.0 - first.at.0) / (points.len() - 1) as f64
        }
        _ => f64::INFINITY,
    }
}

fn is_paused(sample: &StandbySample) -> bool {
    matches!(
        sample.replay_pause_state.as_deref(),
        Some("paused" | "pause requested")
    )
}

/// The lag curve of one standby and what follows from it.
struct Measured {
    /// (moment, lag), both in milliseconds, where the lag is known.
    lags: Vec<(f64, f64)>,
    /// At the end only a lower bound is known.
    bounded: bool,
    lag_bytes: Option<u64>,
    catch_up_sec: Option<f64>,
    primary_growth: Option<u64>,
}

impl Measured {
    fn new(primary: &[LsnPoint], positions: &[LsnPoint]) -> Self {
        let Some(curve) = Curve::new(primary) else {
            return Self {
                lags: Vec::new(),
                bounded: false,
                lag_bytes: None,
                catch_up_sec: None,
                primary_growth: None,
            };
        };
        let delays: Vec<(f64, Delay)> = positions
            .iter()
            .map(|p| (p.at.0, curve.delay(p.at.0, p.lsn)))
            .collect();
        let known = |d: &Delay| !matches!(d, Delay::AtLeast(_));
        // A bound at the start of the window only says that the window began in the middle; a
        // bound up to the end is all there is to know.
        let bounded = delays.last().is_some_and(|(_, d)| !known(d));
        let lags = delays
            .iter()
            .filter(|(_, d)| bounded || known(d))
            .map(|(at, delay)| match delay {
                Delay::CaughtUp => (*at, 0.0),
                Delay::Behind(lag) | Delay::AtLeast(lag) => (*at, *lag),
            })
            .collect();
        let caught_up = delays.last().is_some_and(|(_, d)| *d == Delay::CaughtUp);
        let behind = positions
            .last()
            .map(|p| curve.at(p.at.0).bytes_since(p.lsn).0);
        let lag_bytes = behind.map(|bytes| if caught_up { 0 } else { bytes });
        Self {
            lags,
            bounded,
            lag_bytes,
            catch_up_sec: catch_up(lag_bytes, rate(positions), curve.rate()),
            primary_growth: Some(curve.growth()),
        }
    }

    fn idle(&self) -> bool {
        self.primary_growth.is_some_and(|g| g <= IDLE_GROWTH_BYTES) && self.lag_bytes == Some(0)
    }

    fn state(
        self,
        name: &str,
        state: Option<String>,
        verdict: StandbyVerdict,
        basis: Basis,
        mut notes: Vec<String>,
    ) -> StandbyState {
        let quantile = |q| time_weighted_quantile(&self.lags, q);
        if self.bounded {
            notes.push(
                "what it replays was written before the window began: its lag is at least this"
                    .to_owned(),
            );
        }
        StandbyState {
            name: name.to_owned(),
            state,
            verdict,
            basis: match (self.lags.is_empty(), self.bounded) {
                (true, _) => Basis::NotMeasured,
                (false, true) => Basis::Bound,
                (false, false) => basis,
            },
            lag_ms: Lag {
                p50: quantile(0.50),
                p95: quantile(0.95),
                p99: quantile(0.99),
                max: self.lags.iter().map(|l| l.1).max_by(f64::total_cmp),
                last: self.lags.last().map(|l| l.1),
            },
            lag_bytes: self.lag_bytes,
            catch_up_sec: self.catch_up_sec,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }
}

/// Bytes behind over the rate at which the standby gains on the primary (both per millisecond).
fn catch_up(lag_bytes: Option<u64>, replay_rate: f64, write_rate: f64) -> Option<f64> {
    let behind = lag_bytes.filter(|bytes| *bytes > 0)?;
    let gain = replay_rate - write_rate;
    (gain > 0.0).then(|| behind as f64 / gain / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
