//! `connection-churn`: a new connection for every few transactions.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "connection-churn",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let (first, last) = facts.database()?;
    let sessions = first.sessions.zip(last.sessions).map(|(a, b)| b - a);
    let sessions = sessions
        .ok_or_else(|| "pg_stat_database counts sessions only from PostgreSQL 14 on".to_owned())?;
    let ended = |row: &crate::record::database::StatDatabase| row.xact_commit + row.xact_rollback;
    let transactions = ended(last) - ended(first);
    let per_transaction = sessions as f64 / (transactions as f64).max(1.0);
    let per_sec = sessions as f64 / facts.window_sec();
    if per_transaction < t::CHURN_SESSIONS_PER_TRANSACTION || per_sec < t::CHURN_SESSIONS_PER_SEC {
        return Ok(Vec::new());
    }
    let pool = facts
        .conclusions
        .pool
        .as_ref()
        .and_then(|p| p.replay.as_ref());
    let connect = pool.and_then(|p| p.connect_ms).map(|c| c.mean);
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("server", "connections")
        .title(&format!(
            "{per_sec:.1} new connections per second, one for every {:.1} transactions",
            1.0 / per_transaction
        ))
        .detail(format!(
            "{sessions} sessions were opened for {transactions} transactions; a connection costs \
             a process, authentication and a cold catalogue cache"
        ))
        .saves(connect.map(|ms| ms * per_sec))
        .note("keep connections in a pool, in the application or as PgBouncer");
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, span, stat_database};
    use crate::analyze::rules::testing::Case;

    fn case(sessions: Option<i64>, transactions: i64) -> Case {
        let mut run = run();
        let mut last = stat_database();
        last.sessions = sessions;
        last.xact_commit = transactions;
        run.database.stat_database = Some(span(vec![stat_database()], vec![last]));
        Case::of(run)
    }

    #[test]
    fn a_connection_for_every_other_transaction_is_churn() {
        let finding = case(Some(600), 1_200).the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("10.0 new connections per second, one for every 2.0")
        );
        case(Some(600), 100_000).assert_quiet(&RULE);
        case(Some(30), 60).assert_quiet(&RULE);
    }

    #[test]
    fn before_14_it_is_not_evaluated() {
        assert!(case(None, 10).missing_fact(&RULE).contains("PostgreSQL 14"));
    }
}
