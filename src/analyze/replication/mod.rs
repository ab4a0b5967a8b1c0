//! Replication lag as the delay of visibility, from two position curves on one clock.
//!
//! At a moment t a standby has replayed up to R. The oldest byte that it has not replayed was
//! written when the primary's curve passed R, at `t_R`; so what is committed now becomes visible with
//! a lag of about t − `t_R`. Nothing is written to measure this, and it does not freeze when the
//! primary stops writing, as the view's own `replay_lag` does: then R catches up and the lag is 0.

mod curve;
mod lag;
mod senders;
mod standby;

pub(super) use senders::others as standbys_not_asked;

use super::conclusions::{Replication, SlotState};
use crate::record::Run;
use crate::record::replication::{LsnPoint, ReplicationWindow, Slot};

/// Concludes the state of every standby that was asked or seen; `None` where replication was not
/// looked at.
#[must_use]
pub fn conclude(run: &Run) -> Option<Replication> {
    let window = run.replication.as_ref()?;
    // For a standby whose own was not read; most often both servers are configured alike.
    let timeout = run
        .server
        .as_ref()
        .and_then(|s| s.setting("wal_receiver_timeout"))
        .and_then(|v| v.parse().ok())
        // The compiled-in default, 60 s (PostgreSQL, `wal_receiver_timeout`).
        .unwrap_or(60_000.0);
    Some(Replication {
        standbys: standby::all(window, timeout),
        slots: slots(window),
    })
}

fn slots(window: &ReplicationWindow) -> Vec<SlotState> {
    let now = window.primary.last();
    window
        .slots
        .iter()
        .flatten()
        .map(|slot| SlotState {
            name: slot.slot_name.clone(),
            active: slot.active,
            wal_status: slot.wal_status.clone(),
            retained_bytes: retained(slot, now),
        })
        .collect()
}

fn retained(slot: &Slot, now: Option<&LsnPoint>) -> Option<u64> {
    Some(now?.lsn.bytes_since(slot.restart_lsn?).0)
}
