//! `statement-dominates-time`: one statement takes a third of the window's execution time.

use crate::analyze::conclusions::Severity;
use crate::analyze::figures::plural;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "statement-dominates-time",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let dominating = facts.tunable()?.filter_map(|s| {
        let share = s.share_ratio?;
        (share >= t::STATEMENT_DOMINATES_RATIO).then(|| {
            let per_sec = facts.per_sec(s.total_exec_ms);
            let severity = if per_sec.is_some_and(|ms| ms >= t::STATEMENT_DOMINATES_MS_PER_SEC) {
                Severity::Warning
            } else {
                Severity::Info
            };
            let rate =
                per_sec.map_or_else(String::new, |ms| format!(", {ms:.1} ms in every second"));
            Draft::new(RULE.id, severity)
                .about("statement", &s.query_id)
                .title(&format!(
                    "{} of the execution time: {}",
                    percent(share),
                    one_line(&s.query)
                ))
                .detail(format!(
                    "{} took {:.0} ms{rate}. Statements that \
                     failed or were cancelled are in no sum",
                    plural(u64::try_from(s.calls).unwrap_or(0), "call", "calls"),
                    s.total_exec_ms
                ))
                .note("this is where a change pays most: run it faster, or run it less often")
                .fire(facts)
        })
    });
    facts.of_statements(dominating.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn a_third_of_the_time_dominates() {
        let case = Case::with_statements(vec![
            delta(1, 10, 400.0),
            delta(2, 10, 300.0),
            delta(3, 10, 300.0),
        ]);
        let finding = case.the_finding(&RULE);
        assert!(finding.title.starts_with("40.0 % of the execution time"));
        assert_eq!(finding.subject.name, "1");
        // 400 ms of a minute: a server with little to do is no reason to warn.
        assert_eq!(finding.severity, Severity::Info);
        let busy = Case::with_statements(vec![delta(1, 10, 6_000.0)]);
        assert_eq!(busy.the_finding(&RULE).severity, Severity::Warning);
    }

    #[test]
    fn evenly_spread_time_is_quiet() {
        let even = (1..=4).map(|id| delta(id, 10, 100.0)).collect();
        Case::with_statements(even).assert_quiet(&RULE);
    }
}
