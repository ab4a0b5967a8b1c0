//! `lock-waits`: sessions wait for each other's locks.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Severity;
use crate::record::activity::ActivitySample;

use super::draft::Draft;
use super::waits::Share;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "lock-waits",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let share = Share::of(facts.waits()?, |w| w.wait_class == "Lock");
    if share.low() < t::LOCK_WAIT_RATIO {
        return Ok(Vec::new());
    }
    let samples = facts.run.activity.iter().flat_map(|a| &a.samples);
    let root = root_blocker(samples);
    let who = root.as_ref().map_or_else(
        || "The root blocker was not seen".to_owned(),
        |(pid, blocker)| {
            format!(
                "The root blocker was most often pid {pid} ({}, {}), seen blocking in {} samples",
                blocker.application, blocker.state, blocker.samples
            )
        },
    );
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("server", "locks")
        .title(&format!(
            "{} of active session time is waiting for locks",
            share.words()
        ))
        .detail(who)
        .saves(share.ms_per_sec)
        .sql(root.and_then(|(pid, blocker)| release(pid, &blocker)))
        .note(
            "only if it still blocks (the pid may be another's by now): its work is lost, and \
             there is no undo. Shorter transactions and one order of locking cure it; ALTER ROLE \
             app SET lock_timeout = '5s' bounds the wait (RESET takes it back)",
        );
    Ok(vec![finding.fire(facts)])
}

/// A cancel reaches a running statement only; a session that is idle in its transaction gives its
/// locks back only when it is ended. Pid 0 stands for a prepared transaction.
fn release(pid: i32, blocker: &Blocker) -> Option<String> {
    let function = if blocker.state.starts_with("idle in transaction") {
        "pg_terminate_backend"
    } else {
        "pg_cancel_backend"
    };
    (pid != 0).then(|| format!("SELECT {function}({pid});"))
}

struct Blocker {
    samples: u64,
    application: String,
    state: String,
}

/// The session that most often blocks others without being blocked itself.
fn root_blocker<'a>(samples: impl Iterator<Item = &'a ActivitySample>) -> Option<(i32, Blocker)> {
    let mut roots: BTreeMap<i32, Blocker> = BTreeMap::new();
    for sample in samples {
        let blocked = |pid: &i32| {
            let mut all = sample.sessions.iter();
            all.any(|s| s.pid == *pid && !s.blocked_by.is_empty())
        };
        let mut pids: Vec<i32> = sample
            .sessions
            .iter()
            .flat_map(|s| s.blocked_by.clone())
            .collect();
        pids.sort_unstable();
        pids.dedup();
        for pid in pids.into_iter().filter(|pid| !blocked(pid)) {
            let session = sample.sessions.iter().find(|s| s.pid == pid);
            let entry = roots.entry(pid).or_insert_with(|| Blocker {
                samples: 0,
                application: "unknown application".to_owned(),
                state: "state not visible".to_owned(),
            });
            entry.samples += 1;
            if let Some(session) = session {
                entry.application.clone_from(&session.application_name);
                if let Some(state) = &session.state {
                    entry.state.clone_from(state);
                }
            }
        }
    }
    roots.into_iter().max_by_key(|(_, blocker)| blocker.samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, database_time, session};
    use crate::record::activity::ActivitySeries;

    fn case(share: f64, error: f64) -> Case {
        let mut case = Case::new();
        let waits = [("Lock", "transactionid", share, error)];
        case.conclusions.database_time = Some(database_time(2.0, &waits));
        case
    }

    #[test]
    fn the_lower_end_decides_and_the_root_is_named() {
        let mut case = case(0.25, 0.05);
        let mut holder = session(7, "idle in transaction");
        holder.application_name = "batch".to_owned();
        let mut middle = session(8, "active");
        middle.blocked_by = vec![7];
        let mut waiter = session(9, "active");
        waiter.blocked_by = vec![8];
        case.run.activity = Some(ActivitySeries {
            samples: vec![ActivitySample {
                sessions: vec![holder, middle, waiter],
                ..ActivitySample::default()
            }],
            ..ActivitySeries::default()
        });
        let finding = case.the_finding(&RULE);
        assert!(finding.title.starts_with("25.0 % ± 5.0 %"));
        assert!(
            finding
                .detail
                .contains("pid 7 (batch, idle in transaction)"),
            "{}",
            finding.detail
        );
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("SELECT pg_terminate_backend(7);")
        );
        assert_eq!(finding.saves_ms_per_sec, Some(500.0));
    }

    #[test]
    fn a_cancel_is_for_running_statements_and_nothing_for_prepared_transactions() {
        let blocker = |state: &str| Blocker {
            samples: 1,
            application: "batch".to_owned(),
            state: state.to_owned(),
        };
        let cancel = release(7, &blocker("active"));
        assert_eq!(cancel.as_deref(), Some("SELECT pg_cancel_backend(7);"));
        assert_eq!(release(0, &blocker("state not visible")), None);
    }

    #[test]
    fn a_share_within_its_error_is_quiet_and_few_samples_decide_nothing() {
        case(0.08, 0.04).assert_quiet(&RULE);
        let mut few = case(0.5, 0.01);
        few.conclusions.database_time.as_mut().unwrap().samples = 99;
        assert!(few.missing_fact(&RULE).contains("99 activity samples"));
    }
}
