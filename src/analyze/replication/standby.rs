//! One standby: what it is doing, and how far behind it is.

use crate::analyze::conclusions::{Basis, Lag, StandbyState, StandbyVerdict};
use crate::record::Lsn;
use crate::record::replication::{SenderSample, Standby, StandbySample};
use crate::stats::{quantile, time_weighted_quantile};

use super::curve::{Curve, Delay};

/// Up to one page behind a primary that stands still is the tail of its log: a position can lie
/// inside a record whose rest is not written yet, which nobody can replay.
const TAIL_BYTES: f64 = 8192.0;

/// How long the primary must have stood still for that.
const TAIL_STILL_MS: f64 = 1000.0;

/// A sender that was not seen for this long is gone, or three times its usual gap.
const SENDER_GONE_MS: f64 = 2000.0;

/// What all standbys are held against.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) curve: Curve,
    pub(super) receiver_timeout_ms: f64,
}

/// A replayed position at a moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: f64,
    replayed: u64,
    /// Everything that arrived is replayed.
    drained: bool,
    severed: bool,
}

/// A standby that was asked itself; `senders` are the primary's rows of it.
pub(super) fn by_itself(
    standby: &Standby,
    senders: &[&SenderSample],
    context: &Context,
) -> StandbyState {
    let Some(last) = standby.samples.last() else {
        return unread(standby, senders, context);
    };
    let readings: Vec<Reading> = standby
        .samples
        .iter()
        .filter_map(|s| reading(s, context))
        .collect();
    let mut notes = Vec::new();
    let connected = sender_present(senders, context);
    let verdict = if !last.in_recovery {
        notes.push("it is no standby any more: it was promoted".to_owned());
        StandbyVerdict::Severed
    } else if is_severed(last, context) && !connected {
        notes.push(severed_note(last, context));
        StandbyVerdict::Severed
    } else if is_paused(last) {
        StandbyVerdict::Paused
    } else if is_idle(&readings, context) {
        StandbyVerdict::Idle
    } else if standby.recovery_min_apply_delay.is_some_and(|d| d.0 > 0.0) {
        StandbyVerdict::Delayed
    } else {
        StandbyVerdict::Streaming
    };
    if let Some(delay) = standby.recovery_min_apply_delay.filter(|d| d.0 > 0.0) {
        notes.push(format!(
            "it delays by recovery_min_apply_delay = {} ms",
            delay.0
        ));
    }
    if standby.failed_samples > 0 {
        notes.push(format!(
            "{} reading(s) failed{}",
            standby.failed_samples,
            reason(standby)
        ));
    }
    let measure = Measure {
        basis: Basis::Measured,
        readings: &readings,
    };
    state(&standby.name, verdict, senders, &measure, context, notes)
}

/// A standby of which only the primary's row is known.
pub(super) fn by_sender(name: &str, senders: &[&SenderSample], context: &Context) -> StandbyState {
    let readings: Vec<Reading> = senders
        .iter()
        .filter_map(|s| {
            let replayed = s.replay_lsn?;
            Some(Reading {
                at: s.at.0,
                replayed: replayed.0,
                drained: s.flush_lsn == Some(replayed),
                severed: false,
            })
        })
        .collect();
    let mut notes = vec![
        "seen only from the primary: the position is the last one that the standby reported; \
         name it with --replica to ask it directly"
            .to_owned(),
    ];
    let verdict = if !sender_present(senders, context) {
        notes.push("its row disappeared from pg_stat_replication".to_owned());
        StandbyVerdict::Severed
    } else if is_idle(&readings, context) {
        StandbyVerdict::Idle
    } else {
        StandbyVerdict::Streaming
    };
    let measure = Measure {
        basis: Basis::Derived,
        readings: &readings,
    };
    state(name, verdict, senders, &measure, context, notes)
}

fn unread(standby: &Standby, senders: &[&SenderSample], context: &Context) -> StandbyState {
    let mut found = by_sender(&standby.name, senders, context);
    let problem = format!("the standby could not be read{}", reason(standby));
    found.note = Some(match found.note {
        Some(note) if !senders.is_empty() => format!("{problem}; {note}"),
        _ => format!("{problem}; the primary has no row of it that could be told by name either"),
    });
    found
}

fn reason(standby: &Standby) -> String {
    let failure = standby.failure.as_ref();
    failure.map_or_else(String::new, |f| format!(": {f}"))
}

struct Measure<'a> {
    basis: Basis,
    readings: &'a [Reading],
}

fn state(
    name: &str,
    verdict: StandbyVerdict,
    senders: &[&SenderSample],
    measure: &Measure<'_>,
    context: &Context,
    mut notes: Vec<String>,
) -> StandbyState {
    let delays: Vec<(f64, Delay)> = measure
        .readings
        .iter()
        .filter_map(|r| Some((r.at, delay(r, context)?)))
        .collect();
    let censored = delays.iter().any(|d| matches!(d.1, Delay::AtLeast(_)));
    let basis = if delays.is_empty() {
        notes.push(if context.curve.last().is_none() {
            "no lag: the position of the primary was not read".to_owned()
        } else {
            "no lag: nothing tells how far behind it is".to_owned()
        });
        Basis::NotMeasured
    } else if censored {
        notes.push(
            "it was already behind when the window began: the lag is at least what is shown"
                .to_owned(),
        );
        Basis::Bound
    } else {
        measure.basis
    };
    let last = measure.readings.last();
    StandbyState {
        name: name.to_owned(),
        state: senders.last().and_then(|s| s.state.clone()),
        verdict,
        basis,
        lag_ms: lag(&delays),
        lag_bytes: last.and_then(|r| bytes_behind(r, context)).map(whole_bytes),
        catch_up_sec: catch_up(measure.readings, context),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

fn reading(sample: &StandbySample, context: &Context) -> Option<Reading> {
    let Lsn(replayed) = sample.replay_lsn?;
    Some(Reading {
        at: sample.at.0,
        replayed,
        drained: sample.receive_lsn.is_none_or(|r| r.0 <= replayed),
        severed: is_severed(sample, context),
    })
}

fn is_severed(sample: &StandbySample, context: &Context) -> bool {
    let silent = sample
        .last_msg_age
        .is_some_and(|age| age.0 > context.receiver_timeout_ms);
    sample.receiver_status.is_none() || silent
}

fn severed_note(sample: &StandbySample, context: &Context) -> String {
    match (&sample.receiver_status, sample.last_msg_age) {
        (Some(_), Some(age)) => format!(
            "its receiver has heard nothing for {:.0} s (wal_receiver_timeout is {:.0} s)",
            age.secs(),
            context.receiver_timeout_ms / 1000.0
        ),
        _ => "it has no WAL receiver".to_owned(),
    }
}

fn is_paused(sample: &StandbySample) -> bool {
    sample
        .replay_pause_state
        .as_deref()
        .is_some_and(|s| s != "not paused")
}

fn is_idle(readings: &[Reading], context: &Context) -> bool {
    let caught_up = readings
        .last()
        .and_then(|r| delay(r, context))
        .is_some_and(|d| d.ms() <= 0.0);
    caught_up && context.curve.is_idle()
}

/// The primary had a row of it to the end.
fn sender_present(senders: &[&SenderSample], context: &Context) -> bool {
    let (Some(last), Some((end, _))) = (senders.last(), context.curve.last()) else {
        return !senders.is_empty();
    };
    let gaps: Vec<f64> = senders.windows(2).map(|w| w[1].at.0 - w[0].at.0).collect();
    let usual = quantile(&gaps, 0.5).unwrap_or(0.0);
    end - last.at.0 <= SENDER_GONE_MS.max(3.0 * usual)
}

fn bytes_behind(reading: &Reading, context: &Context) -> Option<f64> {
    let here = context.curve.at(reading.at)?;
    Some((here - reading.replayed as f64).max(0.0))
}

fn delay(reading: &Reading, context: &Context) -> Option<Delay> {
    let behind = bytes_behind(reading, context)?;
    if reading.severed && behind <= 0.0 {
        // It has everything only because nothing was written: how long a write would take to
        // become visible is not known.
        return None;
    }
    let still = context.curve.still_for(reading.at) >= TAIL_STILL_MS;
    if reading.drained && !reading.severed && behind < TAIL_BYTES && still {
        return Some(Delay::Known(0.0));
    }
    context.curve.delay(reading.at, reading.replayed)
}

fn lag(delays: &[(f64, Delay)]) -> Lag {
    let points: Vec<(f64, f64)> = delays.iter().map(|d| (d.0, d.1.ms())).collect();
    Lag {
        p50: time_weighted_quantile(&points, 0.50),
        p95: time_weighted_quantile(&points, 0.95),
        p99: time_weighted_quantile(&points, 0.99),
        max: points.iter().map(|p| p.1).reduce(f64::max),
        last: points.last().map(|p| p.1),
    }
}

/// Bytes behind ÷ (replay rate − generation rate) over the second half of the readings.
fn catch_up(readings: &[Reading], context: &Context) -> Option<f64> {
    let from = readings.get(readings.len() / 2)?;
    let to = readings.last()?;
    let seconds = (to.at - from.at) / 1000.0;
    let behind = bytes_behind(to, context)?;
    if seconds <= 0.0 || delay(to, context)?.ms() <= 0.0 {
        return None;
    }
    let replayed = to.replayed.saturating_sub(from.replayed) as f64 / seconds;
    let generated = (context.curve.at(to.at)? - context.curve.at(from.at)?) / seconds;
    let gain = replayed - generated;
    // A standby that keeps its distance gains a little by chance; within 1 % it gains nothing.
    (gain > 0.01 * generated.max(1.0)).then(|| behind / gain)
}

fn whole_bytes(bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a difference of two positions of 64 bits, never negative"
    )]
    let whole = bytes.round() as u64;
    whole
}
