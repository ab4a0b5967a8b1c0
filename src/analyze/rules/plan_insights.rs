//! Which insights of the plans are findings: those that stand for a large enough share of the
//! window's database time. What an insight is, is decided in [`crate::analyze::plans`].

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::conclusions::{
    Evidence, Finding, Insight, InsightWeight, MissingIndex, MissingIndexKind, Plan, Severity,
    Statement,
};
use crate::analyze::missing_indexes::{mentions, undo_sql};
use crate::analyze::plans::insights::{InsightRule, Promotion};
use crate::analyze::plans::table_at;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Outcome, thresholds as t};

/// Insights that name the cause of what a filter discards on the same node.
const EXPLAIN_A_FILTER: [&str; 4] = [
    "casted-column",
    "limit-wrong-index",
    "or-across-columns",
    "partitions-not-pruned",
];

/// What one rule on plans came to, over the statements whose plans were read.
pub(super) fn evaluate(rule: &InsightRule, facts: &Facts<'_>) -> Vec<Outcome> {
    match judge(rule, facts) {
        Ok(outcomes) if outcomes.is_empty() => vec![Outcome::Quiet],
        Ok(outcomes) => outcomes,
        Err(missing) => vec![Outcome::NotEvaluated(missing)],
    }
}

/// A finding of the window's own counters says more than that of one execution.
pub(super) fn leave_out_covered(findings: &mut Vec<Finding>) {
    let heavy: Vec<String> = findings
        .iter()
        .filter(|f| f.rule == "jit-heavy")
        .map(|f| f.subject.name.clone())
        .collect();
    findings.retain(|f| f.rule != "jit-cost" || !heavy.contains(&f.subject.name));
}

fn judge(rule: &InsightRule, facts: &Facts<'_>) -> Result<Vec<Outcome>, String> {
    let statements = facts.tunable()?;
    let planned: Vec<(&Statement, &Plan)> = statements
        .filter_map(|s| Some((s, s.plan.as_ref().filter(|p| p.text.is_some())?)))
        .collect();
    if planned.is_empty() {
        return Err(
            "no plan was read (--explain N asks for them; EXPLAIN needs SELECT on the tables)"
                .to_owned(),
        );
    }
    let mut found: Vec<Outcome> = Vec::new();
    for (statement, plan) in of_each_id(&planned) {
        for insight in plan.insights.iter().filter(|i| i.rule == rule.id) {
            found.extend(finding(rule, facts, statement, plan, insight));
        }
    }
    if found.iter().any(|o| matches!(o, Outcome::Fired(_))) {
        return Ok(found);
    }
    undecided(rule, &planned).map_or(Ok(found), Err)
}

/// One statement of each id: an id with several users or databases is one plan, and its largest
/// entry stands for it.
fn of_each_id<'a>(planned: &[(&'a Statement, &'a Plan)]) -> Vec<(&'a Statement, &'a Plan)> {
    let mut seen = BTreeSet::new();
    // Statements come with the most time first.
    let first = planned
        .iter()
        .filter(|(s, _)| seen.insert(s.query_id.as_str()));
    first.copied().collect()
}

/// Why the rule was not decided on plans that were read, the most frequent reason.
fn undecided(rule: &InsightRule, planned: &[(&Statement, &Plan)]) -> Option<String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, plan) in planned {
        for missing in plan.not_evaluated.iter().filter(|m| m.rule == rule.id) {
            *reasons.entry(&missing.reason).or_default() += 1;
        }
    }
    let all: usize = reasons.values().sum();
    let (reason, _) = reasons.into_iter().max_by_key(|(_, count)| *count)?;
    Some(if all == planned.len() {
        reason.to_owned()
    } else {
        format!("on {all} of {} plans: {reason}", planned.len())
    })
}

fn finding(
    rule: &InsightRule,
    facts: &Facts<'_>,
    statement: &Statement,
    plan: &Plan,
    insight: &Insight,
) -> Option<Outcome> {
    let weight = insight.weight.as_ref()?;
    let share = weight.share_ratio?;
    if rule.finding == Promotion::Never || !matters(insight, weight, share) {
        return None;
    }
    if let Some(other) = explained(insight, statement, plan, facts) {
        return Some(Outcome::Suppressed(other));
    }
    let evidence = insight.evidence.max(weight.evidence);
    let how = match weight.evidence {
        Evidence::Estimated => "about ",
        _ => "",
    };
    let small = weight
        .ms_per_sec
        .is_some_and(|ms| ms < t::INSIGHT_WARNING_MS_PER_SEC);
    let severity = if small {
        Severity::Info
    } else {
        insight.severity
    };
    let remedy = &insight.remediation;
    let title = format!(
        "{how}{} of database time: {} ({}): {}",
        percent(share),
        insight.title,
        insight.node,
        one_line(&statement.query)
    );
    let mut draft = Draft::new(rule.id, severity)
        .about("statement", &statement.query_id)
        .evidence(evidence)
        .title(&title)
        .detail(format!(
            "{}. {}",
            sentence(&insight.detail),
            basis(plan, weight)
        ))
        .sql(remedy.sql.clone())
        .undo(remedy.undo_sql.clone());
    let filter = rule.id == "filter-discards-rows";
    let index = filter.then(|| proposed(insight, statement, plan, facts));
    if let Some(index) = index.flatten() {
        draft = draft
            .sql(index.create_sql.clone())
            .undo(undo_sql(index))
            .note("the index of missing-index, which has its lock and its size; both give the same back");
    } else if let Some(note) = &remedy.note {
        draft = draft.note(note.clone());
    }
    if rule.finding == Promotion::Saves {
        draft = draft.saves(weight.ms_per_sec);
    }
    Some(draft.fire(facts))
}

/// The first letter large, no full stop at the end.
fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// What the share rests on.
fn basis(plan: &Plan, weight: &InsightWeight) -> String {
    let part = percent(weight.plan_ratio);
    match (weight.evidence, plan.execution_ms) {
        (Evidence::Estimated, None) => format!(
            "It is {part} of the plan by the planner's costs, which are no times: an upper bound"
        ),
        (Evidence::Estimated, Some(ms)) => format!(
            "It is {part} of one execution of {ms:.1} ms, which is not like the others of the \
             window, or is inferred from it"
        ),
        (_, Some(ms)) => format!("It is {part} of one execution of {ms:.1} ms"),
        (_, None) => format!("It is {part} of the plan"),
    }
}

/// Warnings from a twentieth of the database time, measured remarks from a fifth.
fn matters(insight: &Insight, weight: &InsightWeight, share: f64) -> bool {
    if insight.severity > Severity::Info {
        share >= t::INSIGHT_MATTERS_RATIO
    } else {
        share >= t::REMARK_MATTERS_RATIO && weight.evidence == Evidence::Measured
    }
}

/// Why a filter is no finding of its own: another insight on its node names the cause, or an index
/// for its table is proposed from the same estimate.
fn explained(
    insight: &Insight,
    statement: &Statement,
    plan: &Plan,
    facts: &Facts<'_>,
) -> Option<String> {
    if insight.rule != "filter-discards-rows" {
        return None;
    }
    let mut others = plan.insights.iter();
    let cause = others.find(|i| {
        i.position == insight.position
            && i.severity > Severity::Info
            && EXPLAIN_A_FILTER.contains(&i.rule.as_str())
    });
    if let Some(cause) = cause {
        return Some(format!("{} names its cause", cause.rule));
    }
    (insight.evidence == Evidence::Estimated && proposed(insight, statement, plan, facts).is_some())
        .then(|| "missing-index proposes an index from the same estimate".to_owned())
}

/// The index that `missing-index` proposes for the statement and the table that its filter reads. An
/// index for another statement gives back what that one takes, and nothing of this one.
fn proposed<'a>(
    insight: &Insight,
    statement: &Statement,
    plan: &Plan,
    facts: &Facts<'a>,
) -> Option<&'a MissingIndex> {
    let position = insight.position?;
    let table = table_at(facts.run, &statement.query_id, position)?;
    let helps = |m: &MissingIndex| {
        if m.judged_by.is_some() {
            return m.helps.iter().any(|h| h.query_id == statement.query_id);
        }
        // Without a planner an index is made of the conditions of a scan: its first column is in them.
        let conditions = plan.nodes.get(position).map(|node| &node.conditions);
        let first = m.columns.first();
        first.zip(conditions).is_some_and(|(column, conditions)| {
            conditions.iter().any(|text| mentions(text, column))
        })
    };
    let mut all = facts.conclusions.missing_indexes.iter().flatten();
    all.find(|m| {
        m.kind == MissingIndexKind::Candidate
            && m.schema == table.schemaname
            && m.table == table.relname
            && helps(m)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::Case;
    use super::*;
    use crate::analyze::conclusions::{Finding, HelpedStatement, JudgedBy};
    use crate::analyze::fixture::{delta, run_with_indexes, statement_window};
    use crate::analyze::plans::insights::INSIGHTS;
    use crate::record::QueryId;
    use crate::record::plan::{PlanMode, PlanRecord};

    fn rule(id: &str) -> &'static InsightRule {
        INSIGHTS.iter().find(|r| r.id == id).unwrap()
    }

    /// Statement 1 takes `ms` of a minute and of 10 s in all, 50 ms for each call.
    fn case(mode: PlanMode, plan: &Value, ms: f64) -> Case {
        let mut run = run_with_indexes(vec![]);
        #[expect(clippy::cast_possible_truncation, reason = "a few hundred calls")]
        let calls = (ms / 50.0) as i64;
        let deltas = vec![delta(1, calls, ms), delta(2, 100, 10_000.0 - ms)];
        run.statements = Some(statement_window(deltas));
        run.plans = vec![PlanRecord {
            query_id: QueryId(1),
            mode,
            plan: Some(json!({ "Plan": plan })),
            error: None,
        }];
        Case::of(run)
    }

    fn scan(extra: &Value) -> Value {
        let mut scan = json!({"Node Type": "Seq Scan", "Relation Name": "tasks",
            "Total Cost": 4000.0, "Plan Rows": 10, "Plan Width": 8, "Filter": "(a = $1)"});
        scan.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        scan
    }

    fn executed() -> Value {
        let scan = scan(&json!({"Parent Relationship": "Outer", "Actual Rows": 10,
            "Actual Loops": 1, "Actual Total Time": 40.0, "Rows Removed by Filter": 99_990}));
        json!({"Node Type": "Aggregate", "Strategy": "Plain", "Total Cost": 4001.0, "Plan Rows": 1,
            "Plan Width": 8, "Actual Rows": 1, "Actual Loops": 1, "Actual Total Time": 50.0,
            "Plans": [scan]})
    }

    fn fired(case: &Case, id: &str) -> Vec<Finding> {
        let outcomes = evaluate(rule(id), &case.facts()).into_iter();
        let fired = outcomes.filter_map(|o| match o {
            Outcome::Fired(finding) => Some(finding),
            _ => None,
        });
        fired.collect()
    }

    #[test]
    fn a_filter_costs_its_share_of_the_database_time() {
        // 40 of 50 ms are the scan's own, and the statement is 40 % of the time.
        let case = case(PlanMode::Analyzed, &executed(), 4_000.0);
        let found = fired(&case, "filter-discards-rows").remove(0);
        assert!(
            found.title.starts_with(
                "32.0 % of database time: its filter discards 100.0 % of the rows read (Seq Scan on \
                 tasks): select"
            ),
            "{}",
            found.title
        );
        assert_eq!(
            (found.evidence, found.severity),
            (Evidence::Measured, Severity::Warning)
        );
        assert_eq!(
            (found.subject.kind.as_str(), found.subject.name.as_str()),
            ("statement", "1")
        );
        // 4000 ms in 60 s, of which four fifths.
        assert!((found.saves_ms_per_sec.unwrap() - 53.333).abs() < 1e-2);
        assert!(
            found.detail.contains("80.0 % of one execution of 50.0 ms"),
            "{}",
            found.detail
        );
        assert!(found.detail.contains("Window: 60 s"));
        let sql = found.remediation.sql.unwrap();
        assert!(
            sql.starts_with("CREATE INDEX CONCURRENTLY tasks_a_idx"),
            "{sql}"
        );
        assert!(
            found
                .remediation
                .undo_sql
                .unwrap()
                .starts_with("DROP INDEX")
        );
    }

    #[test]
    fn what_is_a_small_part_of_the_time_is_no_finding() {
        let case = case(PlanMode::Analyzed, &executed(), 500.0);
        assert_eq!(fired(&case, "filter-discards-rows"), []);
        let statements = case.conclusions.statements.as_ref().unwrap();
        let plan = statements
            .iter()
            .find(|s| s.query_id == "1")
            .unwrap()
            .plan
            .as_ref()
            .unwrap();
        let weight = plan.insights[0].weight.as_ref().unwrap();
        assert!(
            (weight.share_ratio.unwrap() - 0.04).abs() < 1e-9,
            "the insight has its share"
        );
    }

    #[test]
    fn an_estimate_is_no_measurement_and_no_second_finding() {
        let estimated = json!({"Node Type": "Aggregate", "Strategy": "Plain", "Total Cost": 4001.0,
            "Plan Rows": 1, "Plan Width": 8,
            "Plans": [scan(&json!({"Parent Relationship": "Outer"}))]});
        let mut case = case(PlanMode::Generic, &estimated, 4_000.0);
        let outcomes = evaluate(rule("filter-discards-rows"), &case.facts());
        assert!(
            matches!(&outcomes[..], [Outcome::Suppressed(why)] if why.contains("missing-index")),
            "{outcomes:?}"
        );
        case.conclusions.missing_indexes = None;
        let found = fired(&case, "filter-discards-rows").remove(0);
        assert!(
            found.title.starts_with("about 40.0 % of database time"),
            "{}",
            found.title
        );
        assert_eq!(found.evidence, Evidence::Estimated);
        assert!(found.detail.contains("no times"), "{}", found.detail);
    }

    /// The only proposal, changed as told.
    fn with_index(change: impl Fn(&mut MissingIndex)) -> Case {
        let mut case = case(PlanMode::Analyzed, &executed(), 4_000.0);
        let indexes = case.conclusions.missing_indexes.as_mut().unwrap();
        assert_eq!(indexes.len(), 1);
        change(&mut indexes[0]);
        case
    }

    #[test]
    fn an_index_for_another_statement_is_no_cure_of_a_filter() {
        let judged = |id: &str| {
            with_index(|index| {
                index.judged_by = Some(JudgedBy::Hypopg);
                index.helps = vec![HelpedStatement {
                    query_id: id.to_owned(),
                    query: String::new(),
                    cost_before: 2.0,
                    cost_after: 1.0,
                    saves_ms_per_sec: None,
                }];
            })
        };
        let offered = |case: &Case| {
            let found = fired(case, "filter-discards-rows").remove(0);
            found.remediation.sql.is_some()
        };
        assert!(offered(&judged("1")));
        assert!(!offered(&judged("2")));
        let with = |change: fn(&mut MissingIndex)| with_index(change);
        assert!(offered(&with(|_| {})));
        assert!(!offered(&with(|i| i.columns = vec!["b".to_owned()])));
        assert!(!offered(&with(|i| i.schema = "archive".to_owned())));
        assert!(!offered(&with(|i| i.table = "plans".to_owned())));
    }

    #[test]
    fn an_index_for_another_statement_does_not_hide_an_estimate() {
        let estimated = json!({"Node Type": "Aggregate", "Strategy": "Plain", "Total Cost": 4001.0,
            "Plan Rows": 1, "Plan Width": 8,
            "Plans": [scan(&json!({"Parent Relationship": "Outer"}))]});
        let mut case = case(PlanMode::Generic, &estimated, 4_000.0);
        let indexes = case.conclusions.missing_indexes.as_mut().unwrap();
        indexes[0].judged_by = Some(JudgedBy::Hypopg);
        assert_eq!(fired(&case, "filter-discards-rows").len(), 1);
    }

    #[test]
    fn what_could_not_be_looked_at_is_said() {
        let estimated = scan(&json!({}));
        let mut case = case(PlanMode::Generic, &estimated, 4_000.0);
        let outcomes = evaluate(rule("heap-fetches"), &case.facts());
        assert!(
            matches!(&outcomes[..], [Outcome::NotEvaluated(why)] if why.contains("not executed")),
            "{outcomes:?}"
        );
        case.run.plans.clear();
        case.conclude();
        let outcomes = evaluate(rule("node-dominates"), &case.facts());
        assert!(
            matches!(&outcomes[..], [Outcome::NotEvaluated(why)] if why.contains("no plan")),
            "{outcomes:?}"
        );
    }

    #[test]
    fn the_windows_own_counters_come_first() {
        let finding = |rule: &str, name: &str| {
            let case = Case::new();
            let drawn = Draft::new(rule, Severity::Warning).about("statement", name);
            match drawn.fire(&case.facts()) {
                Outcome::Fired(finding) => finding,
                other => panic!("{other:?}"),
            }
        };
        let mut all = vec![
            finding("jit-heavy", "1"),
            finding("jit-cost", "1"),
            finding("jit-cost", "2"),
        ];
        leave_out_covered(&mut all);
        let left: Vec<_> = all
            .iter()
            .map(|f| (f.rule.as_str(), f.subject.name.as_str()))
            .collect();
        assert_eq!(left, [("jit-heavy", "1"), ("jit-cost", "2")]);
    }
}
