//! `jit-heavy`: a fifth of a statement's time is just-in-time compilation.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "jit-heavy",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let statements = facts.tunable()?;
    let mut found = Vec::new();
    for s in statements {
        let jit = s.jit_ms.ok_or_else(|| {
            "pg_stat_statements measures JIT only from extension 1.10 on".to_owned()
        })?;
        let share = jit / s.total_exec_ms.max(f64::MIN_POSITIVE);
        if share < t::JIT_HEAVY_RATIO || jit < t::JIT_MIN_MS {
            continue;
        }
        let draft = Draft::new(RULE.id, Severity::Warning)
            .about("statement", &s.query_id)
            .title(&format!(
                "{} of its time is just-in-time compilation: {}",
                percent(share),
                one_line(&s.query)
            ))
            .detail(format!(
                "{jit:.0} of {:.0} ms in {} calls",
                s.total_exec_ms, s.calls
            ))
            .saves(facts.per_sec(jit))
            .note(
                "for short statements: ALTER ROLE app SET jit = off (RESET takes it back), or a \
                 higher jit_above_cost",
            );
        found.push(draft.fire(facts));
    }
    facts.of_statements(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;

    fn case(each_ms: Option<f64>) -> Case {
        let mut statement = delta(1, 10, 1_000.0);
        let ms = each_ms.map(Millis);
        statement.counters.jit_generation_time = ms;
        statement.counters.jit_inlining_time = ms;
        statement.counters.jit_optimization_time = ms;
        statement.counters.jit_emission_time = ms;
        Case::with_statements(vec![statement])
    }

    #[test]
    fn compilation_is_added_up() {
        let finding = case(Some(75.0)).the_finding(&RULE);
        assert!(finding.title.starts_with("30.0 % of its time"));
        assert_eq!(finding.saves_ms_per_sec, Some(5.0));
        case(Some(1.0)).assert_quiet(&RULE);
        assert!(case(None).missing_fact(&RULE).contains("1.10"));
    }
}
