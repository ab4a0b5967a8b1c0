//! `rollback-share`: many transactions are rolled back, which statement statistics do not show.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "rollback-share",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let (first, last) = facts.database()?;
    let rollbacks = last.xact_rollback - first.xact_rollback;
    let all = rollbacks + last.xact_commit - first.xact_commit;
    let share = rollbacks as f64 / (all as f64).max(1.0);
    if all < t::ROLLBACK_MIN_TRANSACTIONS || share < t::ROLLBACK_RATIO {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("server", "transactions")
        .title(&format!(
            "{} of transactions were rolled back",
            percent(share)
        ))
        .detail(format!(
            "{rollbacks} of {all} transactions. pg_stat_statements does not count statements that \
             fail, so their time is in no sum"
        ))
        .note("look for errors in the server's log and in the application's");
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, span, stat_database};
    use crate::analyze::rules::testing::Case;

    fn case(rollbacks: i64, commits: i64) -> Case {
        let mut run = run();
        let mut last = stat_database();
        last.xact_rollback = rollbacks;
        last.xact_commit = commits;
        run.database.stat_database = Some(span(vec![stat_database()], vec![last]));
        Case::of(run)
    }

    #[test]
    fn a_twentieth_is_worth_a_word() {
        let finding = case(10, 90).the_finding(&RULE);
        assert!(finding.title.starts_with("10.0 %") && finding.detail.contains("10 of 100"));
        case(1, 99).assert_quiet(&RULE);
        case(5, 5).assert_quiet(&RULE);
    }
}
