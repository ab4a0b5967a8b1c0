//! What one standby is doing: streaming, idle, paused, delayed on purpose, or severed.

use super::lag::Measured;
use super::senders;
use crate::analyze::conclusions::{Basis, StandbyState, StandbyVerdict};
use crate::record::replication::{
    LsnPoint, ReplicationWindow, SenderSample, Standby, StandbySample,
};

/// All standbys: those that were asked, then those that only the primary knows.
/// `receiver_timeout_ms` serves where a standby's own was not read; 0 is never.
pub(super) fn all(window: &ReplicationWindow, receiver_timeout_ms: f64) -> Vec<StandbyState> {
    let asked = window
        .standbys
        .iter()
        .map(|standby| asked(window, standby, receiver_timeout_ms));
    let mut states: Vec<StandbyState> = asked.collect();
    let others = senders::others(window);
    let seen = others.iter().map(|(name, rows)| seen(window, name, rows));
    states.extend(seen);
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
    let sender = senders::own(window, standby);
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
    notes.extend(senders::namesakes(window, standby));
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
    let last = samples.last();
    let gone = last.is_some_and(|last| senders::is_gone(window, last));
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
    let state = last.and_then(|s| s.state.clone());
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
        return Some("it was promoted: it is a primary of its own now".to_owned());
    }
    let sends = sender.is_some_and(|sender| !senders::is_gone(window, sender));
    if last.receiver_status.is_none() && !sends {
        return Some(
            "it has no WAL receiver: check primary_conninfo, the network and the primary's \
             pg_hba.conf"
                .to_owned(),
        );
    }
    let own = standby.wal_receiver_timeout;
    let timeout = own.map_or(receiver_timeout_ms, |own| own.0);
    // 0 turns the limit off: then a receiver may be silent for as long as it likes.
    let silent = last
        .last_msg_age
        .filter(|age| timeout > 0.0 && age.0 > timeout)?;
    Some(format!(
        "its WAL receiver has heard nothing for {:.0} s, longer than wal_receiver_timeout",
        silent.secs()
    ))
}

fn is_paused(sample: &StandbySample) -> bool {
    matches!(
        sample.replay_pause_state.as_deref(),
        Some("paused" | "pause requested")
    )
}

#[cfg(test)]
mod tests;
