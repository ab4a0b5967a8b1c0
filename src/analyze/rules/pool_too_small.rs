//! `pool-too-small`: requests wait for a connection while the database has room.

use crate::analyze::conclusions::{Evidence, Severity};

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "pool-too-small",
    judge,
};

/// The conditions (wait p95, share of the time, room in the database) are decided where the pool
/// size is recommended; this rule reports that verdict.
fn judge(facts: &Facts<'_>) -> Judgement {
    let replay = facts.replay_pool()?;
    let recommendation = facts.recommendation()?;
    if recommendation.verdict != "too-small" {
        return Ok(Vec::new());
    }
    let wait = replay.permit_wait_ms;
    let wait = wait.ok_or_else(|| "the wait for a permit was not recorded".to_owned())?;
    let per_sec = wait.mean * wait.count as f64 / facts.window_sec();
    let finding = Draft::new(RULE.id, Severity::Warning)
        .evidence(Evidence::Estimated)
        .about("pool", &replay.pool)
        .title(&format!(
            "requests wait {:.1} ms (p95) for one of {} connections; {} would do",
            wait.p95, replay.pool_size, recommendation.pool_size
        ))
        .detail(format!(
            "{} of {} acquires waited, {:.1} ms on average over all. {}",
            replay.waited,
            replay.acquires,
            wait.mean,
            recommendation.reasons.join(". ")
        ))
        .saves(per_sec)
        .note(format!(
            "set the pool size to {} and measure again; mind the server's max_connections times \
             the instances of the application",
            recommendation.pool_size
        ));
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::pool_case;

    #[test]
    fn the_verdict_is_reported_with_the_measured_wait() {
        let finding = pool_case("too-small").the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("wait 9.0 ms (p95) for one of 4 connections; 8 would do")
        );
        // 9 ms × 6000 acquires in 60 s.
        assert_eq!(finding.saves_ms_per_sec, Some(900.0));
    }

    #[test]
    fn other_verdicts_are_quiet_and_no_replay_decides_nothing() {
        pool_case("fits").assert_quiet(&RULE);
        pool_case("database-saturated").assert_quiet(&RULE);
        let mut case = pool_case("too-small");
        case.conclusions.pool.as_mut().unwrap().replay = None;
        assert!(
            case.missing_fact(&RULE)
                .contains("no workload was replayed")
        );
    }
}
