//! The server's time by wait class, from samples of `pg_stat_activity`.
//!
//! A share is (active sessions seen in a wait) over (active sessions seen), over all samples. Its
//! error is the Wilson interval with the number of *distinct executions* seen, not of samples: ten
//! readings of one long statement are one observation.

use std::collections::{BTreeMap, HashSet};

use super::conclusions::{DatabaseTime, WaitShare};
use crate::record::Run;
use crate::record::activity::{ActivitySeries, SessionSample};
use crate::stats::wilson;

/// Name of the class for an active session that waits for nothing that is instrumented.
pub const CPU: &str = "CPU*";

/// Concludes the wait shares; `None` where activity was not sampled, or where the role may not see
/// what other sessions do (then every share would be of dbperf's own role only).
#[must_use]
pub fn conclude(run: &Run) -> Option<DatabaseTime> {
    let series = run.activity.as_ref()?;
    let samples = series.samples.len();
    if samples == 0 || hides_sessions(series) {
        return None;
    }
    let active: Vec<&SessionSample> = all(series).filter(|s| counts_as_active(s)).collect();
    let busy =
        all(series).filter(|s| is_client(s) && (s.is_active() || s.is_idle_in_transaction()));
    let per_sample = |count: usize| count as f64 / samples as f64;
    Some(DatabaseTime {
        samples: samples as u64,
        average_active_sessions: per_sample(active.len()),
        busy_connections: per_sample(busy.count()),
        by_wait_class: shares(&active, samples, run.meta.window.secs()),
    })
}

fn all(series: &ActivitySeries) -> impl Iterator<Item = &SessionSample> {
    series.samples.iter().flat_map(|s| &s.sessions)
}

fn hides_sessions(series: &ActivitySeries) -> bool {
    all(series).any(|s| s.state.is_none() && is_client(s))
}

fn is_client(session: &SessionSample) -> bool {
    session.backend_type == "client backend"
}

/// Client backends and their parallel workers; a worker that waits in class Activity is parked.
fn counts_as_active(session: &SessionSample) -> bool {
    session.is_active() && session.wait_event_type.as_deref() != Some("Activity")
}

fn shares(active: &[&SessionSample], samples: usize, window_secs: f64) -> Vec<WaitShare> {
    let mut counts: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for session in active {
        let class = session.wait_event_type.clone();
        let event = session.wait_event.clone().filter(|_| class.is_some());
        *counts
            .entry((class.unwrap_or_else(|| CPU.to_owned()), event))
            .or_default() += 1;
    }
    let executions = distinct_executions(active);
    let mut shares: Vec<WaitShare> = counts
        .into_iter()
        .map(|((wait_class, wait_event), count)| {
            let share = count as f64 / active.len() as f64;
            let interval = wilson(share, executions as f64);
            WaitShare {
                wait_class,
                wait_event,
                share_ratio: share,
                share_error_ratio: (share - interval.low).max(interval.high - share),
                backend_sec: count as f64 / samples as f64 * window_secs,
            }
        })
        .collect();
    shares.sort_by(|a, b| b.share_ratio.total_cmp(&a.share_ratio));
    shares
}

/// Executions that can be told apart: a session runs one statement from its `query_start` on.
fn distinct_executions(active: &[&SessionSample]) -> usize {
    let distinct: HashSet<_> = active.iter().map(|s| (s.pid, s.query_start)).collect();
    distinct.len()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::record::Millis;
    use crate::record::activity::ActivitySample;

    fn session(pid: i32, query_start: i64, wait: Option<(&str, &str)>) -> SessionSample {
        SessionSample {
            pid,
            leader_pid: None,
            datname: None,
            usename: None,
            application_name: "app".to_owned(),
            backend_type: "client backend".to_owned(),
            state: Some("active".to_owned()),
            wait_event_type: wait.map(|w| w.0.to_owned()),
            wait_event: wait.map(|w| w.1.to_owned()),
            query_id: None,
            query_start: Some(Timestamp::from_second(query_start).unwrap()),
            xact_start: None,
            state_change: None,
            blocked_by: Vec::new(),
        }
    }

    fn series(samples: Vec<Vec<SessionSample>>) -> ActivitySeries {
        let sample = |(i, sessions)| ActivitySample {
            at: Millis(100.0 * f64::from(i)),
            sessions,
            ..ActivitySample::default()
        };
        ActivitySeries {
            samples: (0..).zip(samples).map(sample).collect(),
            ..ActivitySeries::default()
        }
    }

    fn active_of(series: &ActivitySeries) -> Vec<&SessionSample> {
        all(series).filter(|s| counts_as_active(s)).collect()
    }

    #[test]
    fn shares_are_of_active_sessions_and_long_statements_count_once() {
        let lock = Some(("Lock", "transactionid"));
        let hundred = (0..100)
            .map(|i| vec![session(1, 0, lock), session(2, i, None)])
            .collect();
        let series = series(hundred);
        let found = shares(&active_of(&series), 100, 10.0);
        assert_eq!(found.len(), 2);
        for share in &found {
            assert!((share.share_ratio - 0.5).abs() < 1e-9);
            assert!((share.backend_sec - 10.0).abs() < 1e-9);
            // 101 executions and not 200 samples: the error is that of n = 101.
            let expected = wilson(0.5, 101.0).half_width();
            assert!((share.share_error_ratio - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn idle_in_transaction_is_busy_but_not_active_and_parked_workers_are_neither() {
        let mut holder = session(1, 0, Some(("Client", "ClientRead")));
        holder.state = Some("idle in transaction".to_owned());
        let mut parked = session(2, 0, Some(("Activity", "LogicalApplyMain")));
        parked.backend_type = "parallel worker".to_owned();
        let series = series(vec![vec![holder, parked, session(3, 0, None)]]);
        let active = active_of(&series);
        assert_eq!(active.len(), 1);
        assert_eq!(shares(&active, 1, 1.0)[0].wait_class, CPU);
    }

    #[test]
    fn a_hidden_session_is_seen_to_be_hidden() {
        let mut hidden = session(1, 0, None);
        hidden.state = None;
        assert!(hides_sessions(&series(vec![vec![hidden]])));
    }
}
