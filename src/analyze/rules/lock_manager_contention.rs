//! `lock-manager-contention`: statements that lock many partitions and indexes contend for the lock manager.

use crate::analyze::conclusions::{Severity, WaitShare};

use super::draft::Draft;
use super::waits::Share;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "lock-manager-contention",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let time = facts.waits()?;
    let share = Share::of(time, belongs);
    if share.low() < t::LOCK_MANAGER_RATIO {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("server", "lock-manager-contention")
        .title(&format!(
            "{} of active session time is waiting for the lock manager",
            share.words()
        ))
        .detail(format!(
            "{} samples with {:.2} active sessions on average; the limit is {:.0} %",
            time.samples,
            time.average_active_sessions,
            100.0 * t::LOCK_MANAGER_RATIO
        ))
        .saves(share.ms_per_sec)
        .note(
            "a statement that touches many partitions or indexes takes many locks: prune partitions in the plan, prepare statements, drop indexes that nobody uses",
        );
    Ok(vec![finding.fire(facts)])
}

/// One wait event.
fn belongs(wait: &WaitShare) -> bool {
    super::waits::is(wait, "LWLock", "LockManager")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, database_time};

    fn case(event: &str, share: f64) -> Case {
        let mut case = Case::new();
        let waits = [("LWLock", event, share, 0.01)];
        case.conclusions.database_time = Some(database_time(2.0, &waits));
        case
    }

    #[test]
    fn the_lower_end_of_the_share_decides() {
        let finding = case("LockManager", 0.10).the_finding(&RULE);
        assert!(finding.title.contains("± 1.0 % of active session time"));
        assert_eq!(finding.saves_ms_per_sec, Some(0.10 * 2.0 * 1000.0));
        case("LockManager", t::LOCK_MANAGER_RATIO).assert_quiet(&RULE);
        case("Other", 0.9).assert_quiet(&RULE);
    }
}
