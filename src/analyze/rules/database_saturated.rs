//! `database-saturated`: requests wait for connections because the database has no room.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::permit_wait::{PermitWait, processors};
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "database-saturated",
    judge,
};

/// Decided where the pool size is recommended, which weighs the waits against the processors of the
/// server; this rule reports that verdict.
fn judge(facts: &Facts<'_>) -> Judgement {
    let recommendation = facts.recommendation()?;
    if recommendation.verdict != "database-saturated" {
        return Ok(Vec::new());
    }
    let replay = facts.replay_pool().ok();
    let wait = replay.map(|replay| (replay, PermitWait::of(facts, replay)));
    let busy = processors(facts);
    let full = format!("the database is full: {busy}");
    let (title, waits) = match wait {
        Some((replay, Ok(wait))) => (
            format!("{full}; {}", wait.words(replay)),
            format!("{}. ", wait.acquires(replay)),
        ),
        _ => (full, String::new()),
    };
    let finding = Draft::new(RULE.id, Severity::Critical)
        .about("pool", replay.map_or("observed", |r| r.pool.as_str()))
        .title(&title)
        .detail(format!("{waits}{}", recommendation.reasons.join(". ")))
        .note(format!(
            "the opposite of a larger pool: {} connections per instance are enough, more only move \
             the queue into the database. Cure what its sessions wait for: where that is a core, make \
             the statements cheaper that take most time, or give the server more cores",
            recommendation.pool_size
        ));
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{database_time, pool_case};

    #[test]
    fn the_title_has_both_the_wait_and_the_load() {
        let mut case = pool_case("database-saturated");
        case.conclusions.database_time = Some(database_time(5.5, &[]));
        let finding = case.the_finding(&RULE);
        assert_eq!(
            finding.title,
            "the database is full: 5.5 sessions were active on average on 4 cores; requests wait \
             9.0 ms (31 %) for one of 4 connections"
        );
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(
            finding.saves_ms_per_sec, None,
            "a larger pool saves nothing"
        );
    }

    #[test]
    fn without_a_replay_the_observed_verdict_is_reported() {
        let mut case = pool_case("database-saturated");
        case.conclusions.pool.as_mut().unwrap().replay = None;
        let finding = case.the_finding(&RULE);
        assert!(finding.title.starts_with("the database is full"));
        assert_eq!(finding.subject.name, "observed");
    }

    #[test]
    fn other_verdicts_are_quiet() {
        pool_case("too-small").assert_quiet(&RULE);
    }
}
