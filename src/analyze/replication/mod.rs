//! Lag of standbys by the curve of positions in the write-ahead log.
//!
//! The primary's position over time and a standby's replayed position over time, both on dbperf's
//! clock, give the delay of visibility without writing anything: a standby that has replayed up to
//! `r` at the moment `t` lags by `t − τ`, where `τ` is the moment at which the primary went past
//! `r`. Nothing is missing, and the lag is 0, where the primary never went past `r`; so an idle
//! primary has no lag, and a severed stream is told by its receiver and not by a lag.

mod curve;
mod standby;

use std::collections::BTreeMap;

use crate::record::Run;
use crate::record::replication::{ReplicationWindow, SenderSample, Slot};

use super::conclusions::{Replication, SlotState};

use curve::Curve;
use standby::{Context, by_itself, by_sender};

/// `wal_receiver_timeout` where the setting is not visible: `PostgreSQL`'s default of one minute.
const RECEIVER_TIMEOUT_MS: f64 = 60_000.0;

/// Standbys and slots; `None` where replication was not looked at.
#[must_use]
pub fn conclude(run: &Run) -> Option<Replication> {
    let window = run.replication.as_ref()?;
    let server = run.server.as_ref();
    let timeout = server
        .and_then(|s| s.setting("wal_receiver_timeout"))
        .and_then(|v| v.parse::<f64>().ok())
        // 0 turns the timeout off; then only the receiver itself tells.
        .map_or(RECEIVER_TIMEOUT_MS, |ms| {
            if ms > 0.0 { ms } else { f64::INFINITY }
        });
    let context = Context {
        curve: Curve::new(&window.primary),
        receiver_timeout_ms: timeout,
    };
    let mut groups = groups_of(&window.senders);
    let mut pairs: Vec<_> = window
        .standbys
        .iter()
        .map(|standby| {
            let name = standby.application_name.as_ref();
            (standby, name.and_then(|n| take_group(&mut groups, n)))
        })
        .collect();
    // One row and one standby without a common name are each other's.
    let mut nameless = pairs.iter_mut().filter(|p| p.1.is_none());
    if let (Some(pair), None) = (nameless.next(), nameless.next())
        && groups.len() == 1
    {
        pair.1 = groups.pop_first().map(|g| g.1);
    }
    let mut standbys: Vec<_> = pairs
        .iter()
        .map(|(standby, rows)| by_itself(standby, rows.as_deref().unwrap_or_default(), &context))
        .collect();
    standbys.extend(
        groups
            .iter()
            .map(|((name, _), senders)| by_sender(name, senders, &context)),
    );
    Some(Replication {
        standbys,
        slots: slots(window),
    })
}

type Groups<'a> = BTreeMap<(String, Option<String>), Vec<&'a SenderSample>>;

/// Rows of one standby keep its name and address when it reconnects; base backups are none.
fn groups_of(senders: &[SenderSample]) -> Groups<'_> {
    let mut groups = Groups::new();
    for sender in senders {
        if sender.state.as_deref() != Some("backup") {
            let key = (sender.application_name.clone(), sender.client_addr.clone());
            groups.entry(key).or_default().push(sender);
        }
    }
    groups
}

fn take_group<'a>(groups: &mut Groups<'a>, name: &str) -> Option<Vec<&'a SenderSample>> {
    let key = groups.keys().find(|k| k.0 == name).cloned()?;
    groups.remove(&key)
}

fn slots(window: &ReplicationWindow) -> Vec<SlotState> {
    let position = window.primary.last().map(|p| p.lsn);
    let state = |slot: &Slot| SlotState {
        name: slot.slot_name.clone(),
        active: slot.active,
        wal_status: slot.wal_status.clone(),
        retained_bytes: position
            .zip(slot.restart_lsn)
            .map(|(now, kept)| now.bytes_since(kept).0),
    };
    window.slots.iter().flatten().map(state).collect()
}

#[cfg(test)]
mod tests;
