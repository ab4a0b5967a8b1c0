//! `standby-conflicts`: queries on a standby were cancelled because replay needed what they saw.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "standby-conflicts",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.replication.as_ref();
    let asked = window.map(|w| w.standbys.as_slice()).unwrap_or_default();
    if asked.is_empty() {
        return Err(
            "no standby was asked: only a standby counts conflicts (--replica DSN)".to_owned(),
        );
    }
    let outcomes = asked.iter().map(|standby| match standby.conflicts {
        Some((first, last)) if last >= first => fired(facts, &standby.name, last - first),
        Some(_) => Outcome::NotEvaluated(format!(
            "the counters of the standby {} were reset in the window",
            standby.name
        )),
        None => Outcome::NotEvaluated(format!(
            "the conflicts of the standby {} were not read",
            standby.name
        )),
    });
    Ok(outcomes.collect())
}

fn fired(facts: &Facts<'_>, name: &str, count: i64) -> Outcome {
    if count == 0 {
        return Outcome::Quiet;
    }
    Draft::new(RULE.id, Severity::Info)
        .about("standby", name)
        .title(&format!(
            "{count} queries were cancelled on the standby {name} by conflicts with replay"
        ))
        .detail(
            "Replay had to remove rows, or take a lock, that a query there still needed, and had \
             waited for max_standby_streaming_delay. The client gets SQLSTATE 40001",
        )
        .note(
            "a client that tries again is the cure that costs nothing; a larger \
             max_standby_streaming_delay lets replay lag instead; hot_standby_feedback = on there \
             keeps dead rows on the primary for as long as queries run. Each is a setting of the \
             standby, in force after a reload",
        )
        .fire(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;
    use crate::analyze::rules::testing_replication::{asked, replicated};

    fn case(conflicts: Option<(i64, i64)>) -> Case {
        let mut standby = asked("s1", &[0]);
        standby.conflicts = conflicts;
        replicated(vec![], vec![standby])
    }

    #[test]
    fn conflicts_of_the_window_are_counted() {
        let finding = case(Some((5, 8))).the_finding(&RULE);
        assert!(finding.title.starts_with("3 queries were cancelled"));
        case(Some((5, 5))).assert_quiet(&RULE);
    }

    #[test]
    fn a_standby_that_was_not_asked_decides_nothing() {
        assert!(case(Some((5, 4))).missing_fact(&RULE).contains("reset"));
        assert!(case(None).missing_fact(&RULE).contains("not read"));
        assert!(Case::new().missing_fact(&RULE).contains("--replica"));
    }
}
