//! `pool-too-small`: requests wait for a connection while the database has room.

use crate::analyze::conclusions::{Evidence, Recommendation, Severity};

use super::draft::Draft;
use super::permit_wait::{PermitWait, processors};
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "pool-too-small",
    judge,
};

/// The conditions (wait, its share of the time, room in the database) are decided where the pool
/// size is recommended; this rule reports that verdict, so that the two never disagree.
fn judge(facts: &Facts<'_>) -> Judgement {
    let replay = facts.replay_pool()?;
    let recommendation = facts.recommendation()?;
    if recommendation.verdict != "too-small" {
        return Ok(Vec::new());
    }
    let wait = PermitWait::of(facts, replay)?;
    let finding = Draft::new(RULE.id, Severity::Warning)
        .evidence(evidence(recommendation))
        .about("pool", &replay.pool)
        .title(&wait.words(replay))
        .detail(format!(
            "{}; {}. A size of {} would do ({}). {}",
            wait.acquires(replay),
            processors(facts),
            recommendation.wanted_pool_size(),
            interval(recommendation),
            recommendation.reasons.join(". ")
        ))
        .saves(wait.ms_per_sec)
        .note(cure(recommendation, replay.pool_size));
    Ok(vec![finding.fire(facts)])
}

fn cure(recommendation: &Recommendation, now: u32) -> String {
    let each = match recommendation.instances {
        1 => String::new(),
        instances => format!(" for each of {instances} instances"),
    };
    let wanted = recommendation.wanted_pool_size();
    if recommendation.needs_pooler() {
        return format!(
            "the server does not have {wanted} connections{each}: put PgBouncer between, with the \
             settings of the section on the pool, or run fewer instances; a larger max_connections by \
             itself is no cure. The undo is to connect past it again, with the old size, {now}"
        );
    }
    format!(
        "set the pool size to {wanted}{each} and measure again; all instances together, and everything \
         else that connects, have to fit into max_connections; the undo is the old size, {now}"
    )
}

/// The wait is measured; that the other size cures it is so only where it was tried.
fn evidence(recommendation: &Recommendation) -> Evidence {
    if recommendation.verified.is_some() {
        Evidence::Proved
    } else {
        Evidence::Measured
    }
}

fn interval(recommendation: &Recommendation) -> String {
    let low = recommendation.pool_size_low;
    match low.zip(recommendation.pool_size_high) {
        Some((low, high)) => format!("{low} to {high} at 95 %, by the model"),
        None => "by the model".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::{Expected, Fleet};
    use crate::analyze::rules::testing::pool_case;

    #[test]
    fn the_verdict_is_reported_with_the_measured_wait() {
        let finding = pool_case("too-small").the_finding(&RULE);
        assert_eq!(
            finding.title,
            "requests wait 9.0 ms (31 %) for one of 4 connections"
        );
        assert!(finding.detail.starts_with("5000 of 6000 acquires waited"));
        assert!(finding.detail.contains("A size of 8 would do"));
        // 9 ms × 6000 acquires in 60 s.
        assert_eq!(finding.saves_ms_per_sec, Some(900.0));
        assert_eq!(finding.evidence, Evidence::Measured);
    }

    #[test]
    fn where_the_budget_binds_the_cure_is_a_pooler() {
        let mut case = pool_case("too-small");
        let pool = case.conclusions.pool.as_mut().unwrap();
        let recommendation = pool.recommendation.as_mut().unwrap();
        (recommendation.pool_size, recommendation.instances) = (3, 20);
        recommendation.fleet = Some(Fleet {
            usable_connections: 97,
            other_connections: 0,
            headroom_ratio: 0.2,
            surge_ratio: 0.0,
            instances_in_rollout: 20,
            budget_connections: 77,
            budget_per_instance: 3,
            connection_limit: None,
            wanted_pool_size: 8,
            connections_in_rollout: 60,
        });
        let finding = case.the_finding(&RULE);
        assert!(finding.detail.contains("A size of 8 would do"));
        let note = finding.remediation.note.unwrap();
        assert!(
            note.starts_with("the server does not have 8 connections for each of 20 instances"),
            "{note}"
        );
    }

    #[test]
    fn a_size_that_was_tried_is_proved() {
        let mut case = pool_case("too-small");
        let pool = case.conclusions.pool.as_mut().unwrap();
        let recommendation = pool.recommendation.as_mut().unwrap();
        recommendation.verified = Some(Expected {
            throughput_per_sec: Some(200.0),
            p99_ms: None,
            wait_p99_ms: Some(0.1),
        });
        assert_eq!(case.the_finding(&RULE).evidence, Evidence::Proved);
    }

    #[test]
    fn other_verdicts_are_quiet_and_no_replay_decides_nothing() {
        pool_case("fits").assert_quiet(&RULE);
        pool_case("database-saturated").assert_quiet(&RULE);
        let mut case = pool_case("too-small");
        case.conclusions.pool.as_mut().unwrap().replay = None;
        let missing = case.missing_fact(&RULE);
        assert!(missing.contains("no workload was replayed"));
    }

    #[test]
    fn without_a_recommendation_its_reason_is_given() {
        let mut case = pool_case("too-small");
        let pool = case.conclusions.pool.as_mut().unwrap();
        pool.recommendation = None;
        pool.no_recommendation = Some("9 leases are too few".to_owned());
        assert_eq!(case.missing_fact(&RULE), "9 leases are too few");
    }
}
