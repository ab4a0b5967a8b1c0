//! `lease-held-idle`: connections are held half of the time without a statement, and are scarce.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
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
    if replay.waited + replay.timed_out == 0 {
        let trap = "no request waited for a connection".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let lease = replay.lease_ms.as_ref();
    let lease_ms = lease.map_or(0.0, |lease| lease.mean * lease.count as f64);
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("pool", &replay.pool)
        .title(&format!(
            "{} of the time that connections are leased they do nothing",
            percent(idle)
        ))
        .detail(format!(
            "{} of {} acquires waited or timed out while leased connections were idle: the \
             application works on something else, such as a call over HTTP, and holds one",
            replay.waited + replay.timed_out,
            replay.acquires
        ))
        .saves(idle * lease_ms / facts.window_sec())
        .note("return the connection before other work begins, and acquire it as late as possible");
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, pool_case};

    fn case(idle: f64, waited: u64) -> Case {
        let mut case = pool_case("held-idle");
        let replay = case.conclusions.pool.as_mut().unwrap().replay.as_mut();
        let replay = replay.unwrap();
        replay.held_idle_ratio = Some(idle);
        replay.waited = waited;
        case
    }

    #[test]
    fn idle_leases_that_others_wait_for_are_found() {
        let finding = case(0.6, 500).the_finding(&RULE);
        assert!(finding.title.starts_with("60.0 % of the time"));
        // 60 % of 6000 leases of 20 ms in 60 s.
        assert!((finding.saves_ms_per_sec.unwrap() - 1200.0).abs() < 1e-9);
    }

    #[test]
    fn without_a_wait_it_does_not_matter() {
        assert!(case(0.6, 0).suppressed(&RULE).contains("no request waited"));
        case(0.4, 500).assert_quiet(&RULE);
    }
}
