//! `connection-churn`: a new connection for every few transactions.

use crate::analyze::conclusions::{Severity, Summary};

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "connection-churn",
    judge,
};

/// The replay's own pool shows what new connections cost; elsewhere the server's counters show how
/// many there are.
fn judge(facts: &Facts<'_>) -> Judgement {
    if let Some(outcome) = of_the_replay(facts) {
        return Ok(vec![outcome]);
    }
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
    let connect = facts.replay_pool().ok().and_then(|p| p.connect_ms);
    let connect = connect.map(|c| c.mean);
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("server", &facts.server()?.database)
        .title(&format!(
            "{per_sec:.1} new connections per second, one for every {:.1} transactions",
            1.0 / per_transaction
        ))
        .detail(format!(
            "{sessions} sessions were opened for {transactions} transactions; a connection costs \
             a process, authentication and a cold catalogue cache"
        ))
        .saves(connect.map(|ms| ms * per_sec))
        .note(CURE);
    Ok(vec![finding.fire(facts)])
}

const CURE: &str = "keep connections in a pool, in the application or as PgBouncer; where there is \
                    one, look at its largest lifetime and idle timeout";

/// The verdict on the pool's size says that connecting is what requests wait for.
fn of_the_replay(facts: &Facts<'_>) -> Option<Outcome> {
    let recommendation = facts.recommendation().ok()?;
    let replay = facts.replay_pool().ok()?;
    let (connect, lease) = (replay.connect_ms?, replay.lease_ms?);
    if recommendation.verdict != "connection-churn" {
        return None;
    }
    let total = |s: Summary| s.mean * s.count as f64;
    let pool = facts.run.pool.as_ref();
    let seconds = pool.map_or(facts.window_sec(), |p| p.length.secs());
    let draft = Draft::new(RULE.id, Severity::Warning)
        .about("pool", &replay.pool)
        .title(&format!(
            "{} new connections of {:.1} ms took {} of the time of all leases",
            connect.count,
            connect.mean,
            percent(total(connect) / total(lease).max(f64::MIN_POSITIVE))
        ))
        .detail(recommendation.reasons.join(". "))
        .saves(total(connect) / seconds.max(f64::MIN_POSITIVE))
        .note(CURE);
    Some(draft.fire(facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, span, stat_database};
    use crate::analyze::rules::testing::{Case, pool_case, summary};

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
    fn the_verdict_on_the_pool_is_reported_with_its_cost() {
        let mut case = pool_case("connection-churn");
        let replay = case.conclusions.pool.as_mut().unwrap().replay.as_mut();
        // Leases: 6000 of 20 ms.
        replay.unwrap().connect_ms = Some(summary(6_000, 15.0));
        let finding = case.the_finding(&RULE);
        assert_eq!(
            finding.title,
            "6000 new connections of 15.0 ms took 75.0 % of the time of all leases"
        );
        assert_eq!(finding.saves_ms_per_sec, Some(1_500.0));
    }

    #[test]
    fn before_14_it_is_not_evaluated() {
        assert!(case(None, 10).missing_fact(&RULE).contains("PostgreSQL 14"));
    }
}
