//! `lease-held-idle`: connections are held half of the time without a statement, and are scarce.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::permit_wait::PermitWait;
use super::text::percent;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "lease-held-idle",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let replay = facts.replay_pool()?;
    let idle = replay.held_idle_ratio;
    let idle = idle.ok_or_else(|| "held idle time was not recorded".to_owned())?;
    if idle < t::HELD_IDLE_RATIO {
        return Ok(Vec::new());
    }
    let recommendation = facts.recommendation()?;
    if recommendation.verdict != "held-idle" {
        return Ok(vec![Outcome::Suppressed(format!(
            "connections are held idle, but are not what requests wait for (the verdict on the \
             pool is {})",
            recommendation.verdict
        ))]);
    }
    let wait = PermitWait::of(facts, replay)?;
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("pool", &replay.pool)
        .title(&format!(
            "{} of the time that connections are leased they do nothing, and {}",
            percent(idle),
            wait.words(replay)
        ))
        .detail(format!(
            "{}. Between its statements the application works on something else, such as a call \
             over HTTP, and keeps the connection. {}",
            wait.acquires(replay),
            recommendation.reasons.join(". ")
        ))
        .saves(wait.ms_per_sec)
        .note(
            "acquire the connection as late as possible and return it before other work begins; \
             take calls to other services out of transactions. A larger pool only hides it, and \
             costs the server connections",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, pool_case};

    fn case(idle: f64, verdict: &str) -> Case {
        let mut case = pool_case(verdict);
        let replay = case.conclusions.pool.as_mut().unwrap().replay.as_mut();
        replay.unwrap().held_idle_ratio = Some(idle);
        case
    }

    #[test]
    fn idle_leases_that_others_wait_for_are_found() {
        let finding = case(0.6, "held-idle").the_finding(&RULE);
        assert_eq!(
            finding.title,
            "60.0 % of the time that connections are leased they do nothing, and requests wait \
             9.0 ms (31 %) for one of 4 connections"
        );
        // No more than the waits themselves: 9 ms × 6000 acquires in 60 s.
        assert_eq!(finding.saves_ms_per_sec, Some(900.0));
    }

    #[test]
    fn where_nobody_waits_it_does_not_matter() {
        let fits = case(0.6, "fits").suppressed(&RULE);
        assert!(fits.contains("the verdict on the pool is fits"));
        case(0.4, "held-idle").assert_quiet(&RULE);
    }

    #[test]
    fn without_the_time_held_idle_nothing_is_decided() {
        let mut case = case(0.6, "held-idle");
        let replay = case.conclusions.pool.as_mut().unwrap().replay.as_mut();
        replay.unwrap().held_idle_ratio = None;
        assert!(case.missing_fact(&RULE).contains("held idle"));
    }
}
