//! `long-transaction`: a client's transaction has been open for long and still executes.

use crate::analyze::conclusions::{LongTransaction, Severity};
use crate::analyze::figures::duration;
use crate::analyze::health::{open_transactions, session_name};

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "long-transaction",
    judge,
};

/// One that is idle is the subject of `idle-in-transaction`.
fn judge(facts: &Facts<'_>) -> Judgement {
    let missing = || facts.missing("open_transactions");
    let health = facts.run.health.as_ref().ok_or_else(missing)?;
    let open = open_transactions(health).ok_or_else(missing)?;
    let busy = open.iter().filter(|t| {
        let state = t.state.as_deref().unwrap_or_default();
        !state.starts_with("idle in transaction")
    });
    let mut found: Vec<Outcome> = busy.filter_map(|t| judged(facts, t)).collect();
    if found.is_empty() && health.hidden_sessions > 0 {
        found.push(Outcome::NotEvaluated(missing()));
    }
    Ok(found)
}

fn judged(facts: &Facts<'_>, transaction: &LongTransaction) -> Option<Outcome> {
    let minutes = transaction.open_ms / 60_000.0;
    let severity = if minutes >= t::LONG_TRANSACTION_WARNING_MIN {
        Severity::Warning
    } else if minutes >= t::LONG_TRANSACTION_INFO_MIN {
        Severity::Info
    } else {
        return None;
    };
    let name = session_name(&transaction.application_name, transaction.pid);
    let database = transaction.database.as_deref().unwrap_or("no database");
    let query = transaction.query.as_deref().unwrap_or("not visible");
    let writes = if transaction.writes {
        "it has written, so others may wait for its rows"
    } else {
        "it has written nothing so far"
    };
    let draft = Draft::new(RULE.id, severity)
        .about("session", &name)
        .title(&format!(
            "{name} has been in one transaction for {}",
            duration(transaction.open_ms)
        ))
        .detail(format!(
            "In {database}, since {}; {writes}. Its statement: {query}. A long transaction keeps \
             its locks, and VACUUM cannot remove rows that it might still see",
            transaction.since
        ))
        .sql(format!("SELECT pg_cancel_backend({});", transaction.pid))
        .note(
            "ask its owner first: a dump or a migration may be meant to take so long, its work is \
             lost and there is no undo, and the pid may be another's by now. Reports belong on a \
             standby; writes in portions",
        );
    Some(draft.fire(facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::run;
    use crate::analyze::health::testing::{open, window};
    use crate::analyze::rules::testing::Case;
    use crate::record::health::OpenTransaction;

    fn case(transactions: Vec<OpenTransaction>) -> Case {
        let mut run = run();
        let mut health = window();
        health.transactions = Some(transactions);
        run.health = Some(health);
        Case::of(run)
    }

    #[test]
    fn five_minutes_are_good_to_know_and_fifteen_a_warning() {
        let of = |second| case(vec![open(7, "report", second)]);
        assert_eq!(of(-240).the_finding(&RULE).severity, Severity::Info);
        let finding = of(-840).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(
            finding.title,
            "report (pid 7) has been in one transaction for 15.0 min"
        );
        of(-239).assert_quiet(&RULE);
    }

    #[test]
    fn an_idle_one_and_a_worker_are_the_subject_of_others() {
        let mut idle = open(7, "web", -3_600);
        idle.state = Some("idle in transaction (aborted)".to_owned());
        let mut worker = open(8, "", -3_600);
        worker.backend_type = "autovacuum worker".to_owned();
        case(vec![idle, worker]).assert_quiet(&RULE);
    }

    #[test]
    fn hidden_sessions_decide_nothing() {
        let mut hidden = case(Vec::new());
        hidden.run.health.as_mut().unwrap().hidden_sessions = 1;
        assert!(hidden.missing_fact(&RULE).contains("open_transactions"));
        hidden.run.health = None;
        assert!(hidden.missing_fact(&RULE).contains("open_transactions"));
    }
}
