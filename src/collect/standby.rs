//! A standby's own account: its positions, its receiver, whether replay is paused.

use jiff::Timestamp;

use crate::pg::column::{get, lsn};
use crate::pg::{PgError, Session, catalog};
use crate::record::Millis;
use crate::record::replication::StandbySample;

/// One reading; `at` is left at zero for the caller's clock.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<StandbySample, PgError> {
    let view = catalog::STANDBY.name;
    let row = &session.one(&catalog::STANDBY, &[]).await?;
    let received: Option<Timestamp> = get(row, view, "last_msg_receipt_time")?;
    let now: Timestamp = get(row, view, "clock_timestamp")?;
    Ok(StandbySample {
        at: Millis::default(),
        in_recovery: get(row, view, "in_recovery")?,
        receive_lsn: lsn(row, view, "receive_lsn")?,
        replay_lsn: lsn(row, view, "replay_lsn")?,
        replay_pause_state: get(row, view, "replay_pause_state")?,
        last_xact_replay_timestamp: get(row, view, "last_xact_replay_timestamp")?,
        receiver_status: receiver_status(
            get(row, view, "receiver_pid")?,
            get(row, view, "receiver_status")?,
        ),
        last_msg_age: received.map(|received| age(now, received)),
    })
}

/// Without `pg_monitor` a receiver shows its process id only: there is one, in an unknown state.
fn receiver_status(pid: Option<i32>, status: Option<String>) -> Option<String> {
    status.or_else(|| pid.map(|_| "(hidden)".to_owned()))
}

fn age(now: Timestamp, then: Timestamp) -> Millis {
    Millis(now.duration_since(then).as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_receiver_is_still_a_receiver() {
        assert_eq!(receiver_status(None, None), None);
        assert_eq!(receiver_status(Some(1), None).as_deref(), Some("(hidden)"));
        let streaming = Some("streaming".to_owned());
        assert_eq!(receiver_status(Some(1), streaming.clone()), streaming);
    }

    #[test]
    fn the_age_of_a_message_is_on_the_standbys_own_clock() {
        let then = Timestamp::from_second(10).unwrap();
        let now = Timestamp::from_millisecond(11_500).unwrap();
        assert_eq!(age(now, then), Millis(1500.0));
    }
}
