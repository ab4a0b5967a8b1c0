//! Small standbys for the tests of the rules on replication.

use crate::analyze::conclusions::{Basis, Lag, Replication, StandbyState, StandbyVerdict};
use crate::record::replication::{
    LsnPoint, ReplicationWindow, SenderSample, Standby, StandbySample,
};
use crate::record::{Lsn, Millis};

use super::testing::Case;

/// Where the primary stands all the time.
pub(super) const PRIMARY: u64 = 10 << 30;

/// A window in which replication was looked at, and no slot exists.
pub(super) fn replicated(states: Vec<StandbyState>, asked: Vec<Standby>) -> Case {
    let mut case = Case::new();
    case.conclusions.replication = Some(Replication {
        standbys: states,
        slots: Vec::new(),
    });
    case.run.replication = Some(ReplicationWindow {
        primary: vec![LsnPoint {
            at: Millis(0.0),
            lsn: Lsn(PRIMARY),
        }],
        senders: Vec::new(),
        senders_read_at: None,
        standbys: asked,
        slots: Some(Vec::new()),
    });
    case
}

/// What was concluded of a standby.
pub(super) fn standby(name: &str, verdict: StandbyVerdict) -> StandbyState {
    StandbyState {
        name: name.to_owned(),
        state: None,
        verdict,
        basis: Basis::Measured,
        lag_ms: Lag::default(),
        lag_bytes: None,
        catch_up_sec: None,
        note: None,
    }
}

/// A standby that was asked once a second and was so many bytes behind.
pub(super) fn asked(name: &str, behind: &[u64]) -> Standby {
    let samples = behind.iter().enumerate().map(|(i, bytes)| StandbySample {
        at: Millis(1000.0 * i as f64),
        in_recovery: true,
        receive_lsn: Some(Lsn(PRIMARY)),
        replay_lsn: Some(Lsn(PRIMARY - bytes)),
        replay_pause_state: Some("not paused".to_owned()),
        last_xact_replay_timestamp: None,
        receiver_status: Some("streaming".to_owned()),
        last_msg_age: Some(Millis(0.0)),
    });
    Standby {
        name: name.to_owned(),
        samples: samples.collect(),
        ..Standby::default()
    }
}

/// The primary's row of a standby, a second apart.
pub(super) fn sender(name: &str, second: u32, replay_lsn: Option<Lsn>) -> SenderSample {
    SenderSample {
        at: Millis(1000.0 * f64::from(second)),
        pid: 1,
        application_name: name.to_owned(),
        client_addr: None,
        // The view hides all of it from those who may not see it.
        state: replay_lsn.map(|_| "streaming".to_owned()),
        sent_lsn: replay_lsn,
        write_lsn: replay_lsn,
        flush_lsn: replay_lsn,
        replay_lsn,
        write_lag: None,
        flush_lag: None,
        replay_lag: None,
        sync_state: None,
        slot_type: None,
    }
}
