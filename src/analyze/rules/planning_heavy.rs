//! `planning-heavy`: a statement is planned longer than it is executed.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::one_line;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "planning-heavy",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let statements = facts.tunable()?;
    if facts
        .setting("pg_stat_statements.track_planning")?
        .reset_val
        != "on"
    {
        return Err(
            "pg_stat_statements.track_planning is off, so planning is not measured".to_owned(),
        );
    }
    let all: f64 = facts.statements()?.iter().map(|s| s.total_exec_ms).sum();
    let found = statements.filter_map(|s| {
        let plan = s.total_plan_ms?;
        let share = plan / (plan + s.total_exec_ms).max(f64::MIN_POSITIVE);
        let matters = plan >= t::STATEMENT_MATTERS_RATIO * all;
        (matters && share >= t::PLANNING_HEAVY_RATIO).then(|| {
            Draft::new(RULE.id, Severity::Warning)
                .about("statement", &s.query_id)
                .title(&format!(
                    "planned for {plan:.0} ms, executed for {:.0} ms: {}",
                    s.total_exec_ms,
                    one_line(&s.query)
                ))
                .detail(format!("{} calls", s.calls))
                .saves(facts.per_sec(plan))
                .note("prepare it once and execute it often; fewer partitions or joins to consider")
                .fire(facts)
        })
    });
    facts.of_statements(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{delta, set};
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;

    fn case(plan_ms: f64, tracked: &str) -> Case {
        let mut statement = delta(1, 10, 600.0);
        statement.counters.total_plan_time = Millis(plan_ms);
        let mut case = Case::with_statements(vec![statement]);
        set(&mut case.run, "pg_stat_statements.track_planning", tracked);
        case.conclude();
        case
    }

    #[test]
    fn planning_longer_than_executing_is_found() {
        let finding = case(900.0, "on").the_finding(&RULE);
        assert!(
            finding
                .title
                .starts_with("planned for 900 ms, executed for 600 ms")
        );
        assert_eq!(finding.saves_ms_per_sec, Some(15.0));
        case(500.0, "on").assert_quiet(&RULE);
        assert!(
            case(900.0, "off")
                .missing_fact(&RULE)
                .contains("track_planning")
        );
    }
}
