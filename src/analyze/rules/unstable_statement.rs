//! `unstable-statement`: executions that vary by more than twice their mean.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::one_line;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "unstable-statement",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let unstable = facts.tunable()?.filter_map(|s| {
        let (mean, deviation) = (s.mean_exec_ms?, s.stddev_exec_ms?);
        let variation = deviation / mean.max(f64::MIN_POSITIVE);
        let matters = s.calls >= t::SLOW_STATEMENT_MIN_CALLS && mean >= t::UNSTABLE_MIN_MEAN_MS;
        (matters && variation >= t::UNSTABLE_VARIATION_RATIO).then(|| {
            Draft::new(RULE.id, Severity::Info)
                .about("statement", &s.query_id)
                .title(&format!(
                    "{mean:.1} ms ± {deviation:.1} ms: {}",
                    one_line(&s.query)
                ))
                .detail(format!(
                    "The executions of {} calls have a standard deviation of {variation:.1} times \
                     their mean: some wait for locks, or some parameters are far more expensive",
                    s.calls
                ))
                .note(
                    "compare the waits; if a generic plan does not fit all parameters: \
                     SET LOCAL plan_cache_mode = force_custom_plan, which plans every time",
                )
                .fire(facts)
        })
    });
    facts.of_statements(unstable.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;

    fn case(calls: i64, deviation: Option<f64>) -> Case {
        let mut statement = delta(1, calls, 5.0 * calls as f64);
        statement.stddev_exec_time = deviation.map(Millis);
        Case::with_statements(vec![statement])
    }

    #[test]
    fn a_wide_spread_is_found() {
        let finding = case(100, Some(12.0)).the_finding(&RULE);
        assert!(finding.title.starts_with("5.0 ms ± 12.0 ms"));
        case(100, Some(9.0)).assert_quiet(&RULE);
        case(99, Some(12.0)).assert_quiet(&RULE);
        case(100, None).assert_quiet(&RULE);
    }
}
