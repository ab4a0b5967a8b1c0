//! `blocking-tree`: sessions wait for one that holds a lock.

use crate::analyze::conclusions::{BlockingSession, BlockingTree, Severity};
use crate::analyze::figures::{duration, plural};
use crate::analyze::health::blocking::trees;
use crate::analyze::health::session_name;

use super::draft::Draft;
use super::remedies::literal;
use super::text::one_line;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "blocking-tree",
    judge,
};

/// Sessions of a tree that the detail names; the section and the JSON have the others.
const NAMED: usize = 4;

fn judge(facts: &Facts<'_>) -> Judgement {
    let trees = trees(facts.run).ok_or_else(|| facts.missing("pg_stat_activity"))?;
    let long = trees
        .iter()
        .filter(|tree| tree.longest_wait_ms >= 1000.0 * t::BLOCKED_WARNING_SEC);
    let mut found: Vec<Outcome> = long.map(|tree| fired(facts, tree)).collect();
    if found.is_empty() && facts.hides_sessions() {
        found.push(Outcome::NotEvaluated(facts.missing("pg_stat_activity")));
    }
    Ok(found)
}

fn fired(facts: &Facts<'_>, tree: &BlockingTree) -> Outcome {
    let severity = if tree.longest_wait_ms >= 1000.0 * t::BLOCKED_CRITICAL_SEC {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let Some(root) = tree.sessions.first() else {
        return Outcome::Quiet;
    };
    let name = name(root);
    let draft = Draft::new(RULE.id, severity)
        .about("session", &name)
        .title(&format!(
            "{} waited for {name}, for {} at least",
            plural(u64::from(tree.waiting_max), "session", "sessions"),
            duration(tree.longest_wait_ms)
        ))
        .detail(format!(
            "The root is {}{}. Behind it: {}",
            described(root),
            if tree.lasts {
                ""
            } else {
                ", and was gone before the window ended"
            },
            waiters(tree)
        ));
    remedy(draft, root).fire(facts)
}

fn name(session: &BlockingSession) -> String {
    match (session.pid, session.name.as_str()) {
        (0, "") => "a prepared transaction".to_owned(),
        (0, gid) => format!("the prepared transaction {gid}"),
        (pid, application) => session_name(application, pid),
    }
}

fn described(session: &BlockingSession) -> String {
    let state = session.state.as_deref();
    let begun = session.transaction_since.as_ref();
    let begun = begun.map(|since| format!(", its transaction begun at {since}"));
    let which = if state == Some("active") {
        "executing"
    } else {
        "last executed"
    };
    let query = session.query.as_deref();
    let query = query.map(|q| format!(", {which}: {}", one_line(q)));
    [
        state.unwrap_or("in a state that is not visible").to_owned(),
        begun.unwrap_or_default(),
        query.unwrap_or_default(),
    ]
    .concat()
}

fn waiters(tree: &BlockingTree) -> String {
    let waiting = tree.sessions.iter().skip(1);
    let mut named: Vec<String> = waiting
        .take(NAMED)
        .map(|s| {
            let waited = s.waited_ms.map_or(String::new(), |ms| {
                format!(", waiting for {} at least", duration(ms))
            });
            let query = s
                .query
                .as_deref()
                .map_or(String::new(), |q| format!(": {}", one_line(q)));
            format!("{}{waited}{query}", name(s))
        })
        .collect();
    let rest = tree.sessions.len().saturating_sub(1 + NAMED);
    if rest > 0 {
        named.push(format!("{rest} more"));
    }
    named.join("; ")
}

/// A cancel reaches a running statement only; a session that is idle in its transaction gives its
/// locks back only when it is ended.
fn remedy(draft: Draft, root: &BlockingSession) -> Draft {
    const BOUND: &str = "Shorter transactions and one order of locking cure it; ALTER ROLE app SET \
                         lock_timeout = '5s' bounds the wait (RESET takes it back)";
    if root.pid == 0 {
        return draft
            .sql(
                (!root.name.is_empty() && !root.name.contains(", "))
                    .then(|| format!("ROLLBACK PREPARED {};", literal(&root.name))),
            )
            .note(format!(
                "in its own database, and only if its transaction manager has forgotten it: its \
                 work is lost and there is no undo; COMMIT PREPARED keeps it. {BOUND}"
            ));
    }
    let idle = root
        .state
        .as_deref()
        .is_some_and(|state| state.starts_with("idle in transaction"));
    let function = if idle {
        "pg_terminate_backend"
    } else {
        "pg_cancel_backend"
    };
    draft
        .sql(format!("SELECT {function}({});", root.pid))
        .note(format!(
            "only if it still blocks (the pid may be another's by now): its work is lost, and \
             there is no undo. {BOUND}"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{at, run};
    use crate::analyze::rules::testing::{Case, session};
    use crate::record::Millis;
    use crate::record::activity::{ActivitySample, ActivitySeries, SessionSample};

    /// A session waits for another from the start of the window to these seconds.
    fn case(root: &SessionSample, seconds: u32) -> Case {
        let mut waiter = session(8, "active");
        waiter.blocked_by = vec![root.pid];
        waiter.query_start = Some(at(0));
        waiter.text = Some(0);
        let sample = |second: u32| ActivitySample {
            at: Millis(1000.0 * f64::from(second)),
            sessions: vec![root.clone(), waiter.clone()],
            ..ActivitySample::default()
        };
        let mut run = run();
        run.activity = Some(ActivitySeries {
            samples: (0..=seconds).map(sample).collect(),
            texts: vec!["UPDATE tasks SET a = $1".to_owned()],
            ..ActivitySeries::default()
        });
        Case::of(run)
    }

    #[test]
    fn a_second_is_a_warning_and_a_minute_critical() {
        let idle = session(7, "idle in transaction");
        let finding = case(&idle, 1).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(
            finding.title,
            "1 session waited for web (pid 7), for 1.00 s at least"
        );
        assert!(finding.detail.contains("web (pid 8), waiting for 1.00 s"));
        assert!(finding.detail.contains("UPDATE tasks SET a = $1"));
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("SELECT pg_terminate_backend(7);")
        );
        let long = case(&session(7, "active"), 60).the_finding(&RULE);
        assert_eq!(long.severity, Severity::Critical);
        assert_eq!(
            long.remediation.sql.as_deref(),
            Some("SELECT pg_cancel_backend(7);")
        );
        case(&idle, 0).assert_quiet(&RULE);
    }

    #[test]
    fn hidden_sessions_decide_nothing() {
        let mut hidden = case(&session(7, "active"), 0);
        let activity = hidden.run.activity.as_mut().unwrap();
        let session = &mut activity.samples[0].sessions[0];
        (session.state, session.backend_type) = (None, "(hidden)".to_owned());
        assert!(hidden.missing_fact(&RULE).contains("pg_stat_activity"));
        hidden.run.activity = None;
        assert!(hidden.missing_fact(&RULE).contains("pg_stat_activity"));
    }
}
