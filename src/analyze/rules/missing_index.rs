//! `missing-index`: an index that the conditions of an expensive scan ask for.

use crate::analyze::conclusions::{MissingIndex, MissingIndexKind, Severity};
use crate::analyze::figures::plural;
use crate::analyze::missing_indexes::{lock_note, undo_sql};

use super::draft::Draft;
use super::text::size;
use super::thresholds as t;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "missing-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let statements = facts.statements()?.iter();
    let total = facts.per_sec(statements.map(|s| s.total_exec_ms).sum());
    let planned = facts.run.plans.iter().any(|p| p.plan.is_some());
    if !planned {
        return Err(
            "no plan was read (--explain N asks for them; EXPLAIN needs SELECT on the tables)"
                .to_owned(),
        );
    }
    let missing = facts.conclusions.missing_indexes.as_ref();
    let missing = missing.ok_or_else(|| facts.missing("pg_index"))?;
    let candidates = missing
        .iter()
        .filter(|m| m.kind == MissingIndexKind::Candidate);
    let found = candidates.map(|m| {
        Draft::new(RULE.id, severity(m, total))
            .evidence(m.evidence)
            .about("table", &format!("{}.{}", m.schema, m.table))
            .title(&title(m))
            .detail(format!("{}. {}", m.reason, price(m)))
            .saves(m.saves_ms_per_sec)
            .sql(m.create_sql.clone())
            .undo(undo_sql(m))
            .note(format!(
                "{}. Measure the load again with it before keeping it",
                lock_note(m)
            ))
            .fire(facts)
    });
    Ok(found.collect())
}

/// A partial index by its condition too: it is another one than that of all rows.
fn title(m: &MissingIndex) -> String {
    let condition = m.predicate.as_ref().map(|p| format!(" WHERE {p}"));
    format!(
        "an index on {} ({}){} is missing",
        m.table,
        m.columns.join(", "),
        condition.unwrap_or_default()
    )
}

/// A trifle is told, and warned of only what gives back a visible share of all execution time.
fn severity(m: &MissingIndex, total: Option<f64>) -> Severity {
    match m.saves_ms_per_sec.zip(total) {
        Some((saves, total)) if saves < t::STATEMENT_MATTERS_RATIO * total => Severity::Info,
        _ => Severity::Warning,
    }
}

/// What the index takes: bytes, and time of those who write.
fn price(m: &MissingIndex) -> String {
    let bytes = m
        .size_bytes
        .map_or_else(|| "of unknown size".to_owned(), size);
    match (m.costs.as_slice(), m.costs_ms_per_sec) {
        ([], Some(ms)) if m.judged_by.is_some() && ms > 0.0 => format!(
            "The index would take about {bytes}; rows of the table are written by what no statement of the window \
             tells, which would take about {ms:.2} ms per second more"
        ),
        ([], Some(_)) if m.judged_by.is_some() => {
            format!("The index would take about {bytes}; no statement of the window writes to it")
        }
        ([writer, ..], Some(ms)) => {
            let all = m.costs.iter().filter_map(|c| c.costs_ms_per_sec);
            let told: f64 = all.sum();
            let most = if told < ms / 2.0 {
                "what no statement of the window tells"
            } else {
                &writer.query
            };
            let writers = plural(m.costs.len() as u64, "statement writes", "statements write");
            format!(
                "The index would take about {bytes}; {writers} to it, which would take about {ms:.2} ms per second more, \
                 most of it in {most}"
            )
        }
        _ => format!("The index would take about {bytes}; every write to the table pays for it"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::analyze::conclusions::{Evidence, WritingStatement};
    use crate::analyze::fixture::{delta, run_with_indexes, statement_window};
    use crate::analyze::rules::testing::Case;
    use crate::record::QueryId;
    use crate::record::plan::{PlanMode, PlanRecord};

    fn case(rows: u32) -> Case {
        let mut run = run_with_indexes(vec![]);
        run.statements = Some(statement_window(vec![delta(1, 100, 6_000.0)]));
        run.plans = vec![PlanRecord {
            query_id: QueryId(1),
            mode: PlanMode::Generic,
            plan: Some(
                json!({"Plan": {"Node Type": "Seq Scan", "Relation Name": "tasks",
                "Total Cost": 4000.0, "Plan Rows": rows, "Plan Width": 8, "Filter": "(a = $1)"}}),
            ),
            error: None,
        }];
        Case::of(run)
    }

    #[test]
    fn a_candidate_is_estimated_with_what_it_saves_at_most() {
        let finding = case(10).the_finding(&RULE);
        assert_eq!(finding.evidence, Evidence::Estimated);
        assert!(finding.title.contains("an index on tasks (a) is missing"));
        assert_eq!(finding.saves_ms_per_sec, Some(100.0));
        case(50_000).assert_quiet(&RULE);
    }

    #[test]
    fn a_partial_index_is_named_with_its_condition() {
        let mut missing = MissingIndex::none();
        missing.table = "messages".to_owned();
        missing.columns = vec!["sent_at".to_owned()];
        assert_eq!(title(&missing), "an index on messages (sent_at) is missing");
        missing.predicate = Some("read_at IS NULL".to_owned());
        let expected = "an index on messages (sent_at) WHERE read_at IS NULL is missing";
        assert_eq!(title(&missing), expected);
    }

    #[test]
    fn its_writers_are_counted() {
        let mut missing = MissingIndex::none();
        missing.costs_ms_per_sec = Some(0.03);
        for (writers, told) in [
            (1, "1 statement writes to it"),
            (2, "2 statements write to it"),
        ] {
            missing.costs = vec![
                WritingStatement {
                    query_id: "1".to_owned(),
                    query: "INSERT INTO tasks".to_owned(),
                    entries_per_sec: Some(5.0),
                    costs_ms_per_sec: Some(0.03),
                };
                writers
            ];
            assert!(price(&missing).contains(told), "{}", price(&missing));
        }
    }

    #[test]
    fn a_trifle_is_told_without_a_warning() {
        let severity_of = |saves: Option<f64>, total: Option<f64>| {
            let mut missing = MissingIndex::none();
            missing.saves_ms_per_sec = saves;
            severity(&missing, total)
        };
        assert_eq!(severity_of(Some(4.9), Some(100.0)), Severity::Info);
        assert_eq!(severity_of(Some(5.0), Some(100.0)), Severity::Warning);
        assert_eq!(severity_of(None, None), Severity::Warning);
    }

    #[test]
    fn without_a_plan_nothing_is_said() {
        let mut case = case(10);
        case.run.plans.clear();
        assert!(case.missing_fact(&RULE).contains("no plan"));
    }
}
