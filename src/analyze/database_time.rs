//! The server's time by wait class, from samples of `pg_stat_activity`.
//!
//! A share is the number of active sessions seen in a wait over the number of active sessions seen
//! in all. Samples of one long statement are not independent: the number of samples is divided by
//! the mean number of consecutive samples that saw the same statement before the interval is
//! computed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::record::Run;
use crate::record::activity::{ActivitySeries, SessionSample};
use crate::stats::wilson;

use super::conclusions::{DatabaseTime, WaitShare};

/// How an active session without a wait event is named: not waiting as far as `PostgreSQL` is
/// instrumented, which includes waiting for a free core.
pub const CPU: &str = "CPU*";

/// Begin of the `application_name` of a replay's sessions.
const REPLAY_PREFIX: &str = "dbperf-replay";

/// The time of active sessions by wait; `None` without any sample, or where the role may not see
/// what other sessions do: then every share would be of a part that nobody chose.
#[must_use]
pub fn conclude(run: &Run) -> Option<DatabaseTime> {
    let series = run.activity.as_ref()?;
    if series.samples.is_empty() || hides_sessions(run) {
        return None;
    }
    let samples = series.samples.len() as f64;
    let mut by_wait: BTreeMap<(String, Option<String>), u64> = BTreeMap::new();
    let mut active = 0u64;
    let mut busy = 0u64;
    for session in series.samples.iter().flat_map(|s| &s.sessions) {
        if counts(session) {
            active += 1;
            *by_wait.entry(wait_of(session)).or_default() += 1;
        }
        busy += u64::from(is_busy_client(session));
    }
    let average_active_sessions = active as f64 / samples;
    let effective_n = effective_samples(series);
    let mut by_wait_class: Vec<WaitShare> = by_wait
        .into_iter()
        .map(|((wait_class, wait_event), seen)| {
            let share = seen as f64 / active as f64;
            let interval = wilson(share, effective_n);
            WaitShare {
                wait_class,
                wait_event,
                share_ratio: share,
                // The farther end: the interval is not symmetric around the share.
                share_error_ratio: (share - interval.low).max(interval.high - share),
                backend_sec: share * average_active_sessions * run.meta.window.secs(),
            }
        })
        .collect();
    by_wait_class.sort_by(|a, b| b.share_ratio.total_cmp(&a.share_ratio));
    Some(DatabaseTime {
        samples: series.samples.len() as u64,
        average_active_sessions,
        busy_connections: busy as f64 / samples,
        by_wait_class,
    })
}

/// The role may see its own sessions only; those of others are rows without state and type.
#[must_use]
pub fn hides_sessions(run: &Run) -> bool {
    run.server
        .as_ref()
        .is_some_and(|s| !s.privileges.superuser && !s.privileges.read_all_stats)
}

/// Mean number of active sessions that were not waiting; `None` without any sample.
#[must_use]
pub fn average_on_cpu(series: &ActivitySeries) -> Option<f64> {
    if series.samples.is_empty() {
        return None;
    }
    let on_cpu = series
        .samples
        .iter()
        .flat_map(|s| &s.sessions)
        .filter(|s| counts(s) && s.wait_event_type.is_none())
        .count();
    Some(on_cpu as f64 / series.samples.len() as f64)
}

/// The session is part of the session load: active, of a client or one of its parallel workers,
/// and not in a wait of class Activity (a background process at rest).
#[must_use]
pub fn counts(session: &SessionSample) -> bool {
    session.is_active()
        && matches!(
            session.backend_type.as_str(),
            "client backend" | "parallel worker"
        )
        && session.wait_event_type.as_deref() != Some("Activity")
}

/// The session is of a client and is active or idle in transaction.
#[must_use]
pub fn is_busy_client(session: &SessionSample) -> bool {
    session.backend_type == "client backend"
        && (session.is_active() || session.is_idle_in_transaction())
}

/// The session is one of dbperf's own replay.
#[must_use]
pub fn is_own_replay(session: &SessionSample) -> bool {
    is_replay_name(&session.application_name)
}

/// The `application_name` is that of a replay's sessions.
#[must_use]
pub fn is_replay_name(application_name: &str) -> bool {
    application_name.starts_with(REPLAY_PREFIX)
}

fn wait_of(session: &SessionSample) -> (String, Option<String>) {
    match &session.wait_event_type {
        Some(class) => (class.clone(), session.wait_event.clone()),
        None => (CPU.to_owned(), None),
    }
}

/// The number of independent samples: every stretch of consecutive samples that saw one statement
/// (by session and `query_start`, workers with their leader) counts once, so that n divided by the
/// mean length of a stretch is the number of stretches.
fn effective_samples(series: &ActivitySeries) -> f64 {
    type Seen = BTreeSet<(i32, Option<Timestamp>)>;
    let mut stretches = 0u64;
    let mut before = Seen::new();
    for sample in &series.samples {
        let now: Seen = sample
            .sessions
            .iter()
            .filter(|s| counts(s))
            .map(|s| {
                let owner = s.leader_pid.unwrap_or(s.pid);
                (owner, s.query_start.filter(|_| s.leader_pid.is_none()))
            })
            .collect();
        let leaders: BTreeSet<i32> = now
            .iter()
            .filter(|(_, start)| start.is_some())
            .map(|(pid, _)| *pid)
            .collect();
        // A worker whose leader is there adds nothing of its own.
        let now: Seen = now
            .into_iter()
            .filter(|(pid, start)| start.is_some() || !leaders.contains(pid))
            .collect();
        stretches += now.difference(&before).count() as u64;
        before = now;
    }
    stretches as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::{activity, run, session};
    use crate::record::Millis;

    fn starting(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// One session waits for a lock throughout, one runs short statements.
    fn staged(samples: u32) -> Run {
        let series = activity((0..samples).map(|i| {
            let mut blocked = session(1, "app", "active");
            blocked.wait_event_type = Some("Lock".to_owned());
            blocked.wait_event = Some("transactionid".to_owned());
            blocked.query_start = Some(starting(i64::from(i / 10)));
            let mut short = session(2, "app", "active");
            short.query_start = Some(starting(i64::from(i)));
            vec![blocked, short]
        }));
        let mut run = run(Millis(10_000.0));
        run.activity = Some(series);
        run
    }

    #[test]
    fn shares_follow_what_was_seen() {
        let time = conclude(&staged(100)).unwrap();
        assert_eq!(time.samples, 100);
        assert!((time.average_active_sessions - 2.0).abs() < 1e-12);
        assert_eq!(time.by_wait_class.len(), 2);
        let lock = time
            .by_wait_class
            .iter()
            .find(|w| w.wait_class == "Lock")
            .unwrap();
        assert_eq!(lock.wait_event.as_deref(), Some("transactionid"));
        assert!((lock.share_ratio - 0.5).abs() < 1e-12);
        assert!((lock.backend_sec - 10.0).abs() < 1e-9);
        // 10 stretches of the blocked session and 100 of the other count as 110, not as 200.
        let expected = wilson(0.5, 110.0).half_width();
        assert!((lock.share_error_ratio - expected).abs() < 1e-12);
    }

    #[test]
    fn few_samples_have_a_wide_error() {
        let time = conclude(&staged(2)).unwrap();
        assert!(time.by_wait_class[0].share_error_ratio > 0.25);
    }

    #[test]
    fn idle_and_background_sessions_are_no_load() {
        let series = activity((0..4).map(|_| {
            let mut launcher = session(9, "", "active");
            launcher.backend_type = "autovacuum launcher".to_owned();
            let mut resting = session(8, "app", "active");
            resting.wait_event_type = Some("Activity".to_owned());
            vec![launcher, resting, session(3, "app", "idle in transaction")]
        }));
        let mut run = run(Millis(1000.0));
        run.activity = Some(series);
        let time = conclude(&run).unwrap();
        assert!(time.by_wait_class.is_empty());
        assert!(time.average_active_sessions.abs() < 1e-12);
        // A client in a wait of class Activity still holds its connection.
        assert!((time.busy_connections - 2.0).abs() < 1e-12);
    }

    #[test]
    fn parallel_workers_count_as_load_but_not_as_evidence() {
        let series = activity((0..5).map(|_| {
            let mut leader = session(1, "app", "active");
            leader.query_start = Some(starting(1));
            let mut worker = session(2, "app", "active");
            worker.leader_pid = Some(1);
            worker.query_start = Some(starting(1));
            worker.backend_type = "parallel worker".to_owned();
            vec![leader, worker]
        }));
        assert!((effective_samples(&series) - 1.0).abs() < 1e-12);
        assert!((average_on_cpu(&series).unwrap() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_sampled_is_not_measured() {
        assert_eq!(conclude(&run(Millis(1000.0))), None);
        let mut empty = run(Millis(1000.0));
        empty.activity = Some(ActivitySeries::default());
        assert_eq!(conclude(&empty), None);
        assert_eq!(average_on_cpu(&ActivitySeries::default()), None);
    }
}
