//! `slow-statement`: a statement that runs often and takes long on average.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::one_line;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "slow-statement",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let slow = facts.tunable()?.filter_map(|s| {
        let mean = s
            .mean_exec_ms
            .filter(|mean| *mean >= t::SLOW_STATEMENT_MEAN_MS)?;
        if s.calls < t::SLOW_STATEMENT_MIN_CALLS {
            return None;
        }
        let excess = facts.per_sec((mean - t::SLOW_STATEMENT_MEAN_MS) * s.calls as f64);
        let finding = Draft::new(RULE.id, Severity::Warning)
            .about("statement", &s.query_id)
            .title(&format!("{mean:.1} ms on average: {}", one_line(&s.query)))
            .detail(format!(
                "{} calls took {:.1} ms each, {:.0} ms in all; the limit is {} ms. The time it \
                 gives back is what it takes above the limit",
                s.calls,
                mean,
                s.total_exec_ms,
                t::SLOW_STATEMENT_MEAN_MS
            ))
            .saves(excess)
            .note("look at its plan and at the index candidates; fetch fewer rows or columns");
        Some(finding.fire(facts))
    });
    facts.of_statements(slow.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::Outcome;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn a_frequent_slow_statement_is_found_with_what_it_takes_too_much() {
        let case = Case::with_statements(vec![delta(7, 600, 30_000.0)]);
        let finding = case.the_finding(&RULE);
        assert!(finding.title.starts_with("50.0 ms on average: select"));
        assert_eq!(finding.subject.name, "7");
        // (50 − 20) ms × 600 calls in 60 s.
        assert_eq!(finding.saves_ms_per_sec, Some(300.0));
    }

    #[test]
    fn nothing_found_among_a_part_of_the_statements_is_not_evaluated() {
        let hide = |mut case: Case| {
            let coverage = case.conclusions.statements_coverage.as_mut();
            coverage.unwrap().hidden_rows = 26;
            case
        };
        let case = hide(Case::with_statements(vec![delta(1, 1_000, 19_000.0)]));
        let outcomes = case.outcomes(&RULE);
        assert!(
            matches!(&outcomes[..], [Outcome::NotEvaluated(why)] if why.contains("26 statements")),
            "{outcomes:?}"
        );
        let case = hide(Case::with_statements(vec![delta(7, 600, 30_000.0)]));
        assert_eq!(case.the_finding(&RULE).subject.name, "7");
    }

    #[test]
    fn rare_fast_and_sleeping_statements_are_left_alone() {
        let rare = delta(1, 99, 9_900.0);
        let fast = delta(2, 1_000, 19_000.0);
        let mut case = Case::with_statements(vec![rare, fast, delta(3, 600, 30_000.0)]);
        let texts = &mut case.run.statements.as_mut().unwrap().texts;
        texts.get_mut(&3).unwrap().query = "select pg_sleep($1)".to_owned();
        case.conclude();
        case.assert_quiet(&RULE);
    }
}
