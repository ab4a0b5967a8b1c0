//! Index candidates from the conditions of expensive sequential scans.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{Evidence, MissingIndex, MissingIndexKind, Statement};
use crate::analyze::plans::account::{Account, Visit};
use crate::analyze::plans::conditions::{Comparison, Condition, conditions, sort_column};
use crate::analyze::plans::insights::find_table;
use crate::analyze::plans::tree::PlanTree;
use crate::analyze::plans::{self};
use crate::analyze::rules::text::one_line;
use crate::analyze::rules::thresholds as t;
use crate::record::tables::TableFacts;
use crate::record::{QueryId, Run};

use super::{create_sql, estimated_size, leads_with};

/// One wish of one scan.
struct Wish<'a> {
    table: &'a TableFacts,
    columns: Vec<String>,
    cost_before: f64,
    /// `None` where the time that the counters cover is not known.
    saves_ms_per_sec: Option<f64>,
    reason: String,
}

/// Candidates of all statements with a plan; the same wish of several statements is one.
pub(super) fn find(run: &Run, statements: &[Statement]) -> Vec<MissingIndex> {
    let mut wishes = Vec::new();
    for (id, record) in plans::best_records(run) {
        let Some(tree) = record.plan.as_ref().and_then(|p| PlanTree::read(p).ok()) else {
            continue;
        };
        wishes.extend(wishes_of(run, id, &tree, statements));
    }
    merge(run, wishes)
}

fn wishes_of<'a>(
    run: &'a Run,
    id: QueryId,
    tree: &PlanTree,
    statements: &[Statement],
) -> Vec<Wish<'a>> {
    let name = id.to_string();
    let same = || statements.iter().filter(|s| s.has_id(&name));
    let Some(first) = same().next() else {
        return Vec::new();
    };
    let exec_ms: f64 = same().map(|s| s.total_exec_ms).sum();
    let per_sec = run.statements_ms_per_sec(exec_ms);
    let account = Account::of(tree);
    let scans = account.visits.iter().filter(|v| v.node.is_seq_scan());
    scans
        .filter_map(|scan| {
            let share = dominating_share(&account, scan)?;
            let table = find_table(run, scan.node)?;
            let kept = kept_ratio(scan, table)?;
            let columns = columns(run, table, &account, scan)?;
            let reason = format!(
                "{} reads all of {:.0} rows to keep {:.0} of them, and is {:.0} % of the plan of \
                 statement {id}: {}",
                scan.node.label(),
                table.reltuples,
                kept * f64::from(table.reltuples),
                100.0 * share,
                one_line(&first.query),
            );
            Some(Wish {
                table,
                columns,
                cost_before: tree.root.total_cost,
                saves_ms_per_sec: per_sec.map(|ms| ms * share),
                reason,
            })
        })
        .collect()
}

/// Share of the plan in this scan alone, by time where it was measured, if it dominates.
fn dominating_share(account: &Account<'_>, scan: &Visit<'_>) -> Option<f64> {
    let total = account.total_ms().filter(|ms| *ms > 0.0);
    let share = match (total, scan.own_ms) {
        (Some(total), Some(own)) => own / total,
        _ => scan.cost_ratio,
    };
    (share >= t::CANDIDATE_MIN_COST_RATIO).then_some(share)
}

/// The share of the table's rows that the scan keeps, where it is small enough for an index.
fn kept_ratio(scan: &Visit<'_>, table: &TableFacts) -> Option<f64> {
    let rows = f64::from(table.reltuples);
    if rows < t::SEQ_SCAN_MIN_TABLE_ROWS {
        return None;
    }
    let kept = scan.actual_rows.unwrap_or(scan.estimated_rows) / rows;
    (kept <= t::CANDIDATE_MAX_KEPT_RATIO).then_some(kept)
}

/// Key columns: equalities first, those with NULL last among them, then one range or, without one, the first sort column. `None`
/// where nothing is left or an index has them already.
fn columns(
    run: &Run,
    table: &TableFacts,
    account: &Account<'_>,
    scan: &Visit<'_>,
) -> Option<Vec<String>> {
    let all = conditions(scan.node.text("Filter")?)?;
    let usable: Vec<&Condition> = all.iter().filter(|c| is_plain(c, table)).collect();
    let pick = |comparison| {
        let of = usable.iter().filter(move |c| c.comparison == comparison);
        of.map(|c| c.column.clone())
    };
    let mut columns: Vec<String> = Vec::new();
    let nulls = pick(Comparison::IsNull);
    for column in pick(Comparison::Equality).chain(nulls) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns.truncate(t::CANDIDATE_MAX_COLUMNS);
    let last = pick(Comparison::Range).next();
    let last = last.or_else(|| (!columns.is_empty()).then(|| sorted_by(account, scan, table))?);
    if let Some(last) = last
        && columns.len() < t::CANDIDATE_MAX_COLUMNS
        && !columns.contains(&last)
    {
        columns.push(last);
    }
    let numbers: Vec<i16> = columns.iter().filter_map(|c| attnum(table, c)).collect();
    let exists = run.indexes.facts.iter().flatten().any(|i| {
        i.indrelid == table.relid
            && i.indisvalid
            && i.predicate.is_none()
            && leads_with(i, &numbers)
    });
    (!columns.is_empty() && !exists).then_some(columns)
}

/// The condition is on a bare column of the table; a varchar compared as text counts as bare.
fn is_plain(condition: &Condition, table: &TableFacts) -> bool {
    let Some(column) = table.columns.iter().find(|c| c.attname == condition.column) else {
        return false;
    };
    match condition.wrapped.as_deref() {
        None => true,
        Some("::text") => column.type_name.starts_with("character varying"),
        Some(_) => false,
    }
}

fn attnum(table: &TableFacts, name: &str) -> Option<i16> {
    let column = table.columns.iter().find(|c| c.attname == name)?;
    Some(column.attnum)
}

/// The first sort column of a Sort right above the scan, with nothing but Gather and Limit between.
fn sorted_by(account: &Account<'_>, scan: &Visit<'_>, table: &TableFacts) -> Option<String> {
    let mut above = scan.parent;
    while let Some(position) = above {
        let visit = &account.visits[position];
        match visit.node.node_type.as_str() {
            "Sort" => {
                let keys = visit.node.fields.get("Sort Key")?.as_array()?;
                let key = sort_column(keys.first()?.as_str()?)?;
                return attnum(table, &key.column).map(|_| key.column);
            }
            "Gather" | "Gather Merge" | "Limit" => above = visit.parent,
            _ => return None,
        }
    }
    None
}

/// The same columns wished by several statements are one candidate, and a candidate whose columns
/// begin another one is served by it.
fn merge(run: &Run, wishes: Vec<Wish<'_>>) -> Vec<MissingIndex> {
    let mut by_columns: BTreeMap<(u32, Vec<String>), Vec<Wish<'_>>> = BTreeMap::new();
    for wish in wishes {
        let key = (wish.table.relid, wish.columns.clone());
        by_columns.entry(key).or_default().push(wish);
    }
    let keys: Vec<_> = by_columns.keys().cloned().collect();
    for key in &keys {
        let longer = keys.iter().find(|other| {
            other.0 == key.0 && other.1.len() > key.1.len() && other.1.starts_with(&key.1)
        });
        if let Some(longer) = longer {
            let served = by_columns.remove(key).unwrap_or_default();
            by_columns.entry(longer.clone()).or_default().extend(served);
        }
    }
    let groups = by_columns.into_iter();
    groups
        .filter_map(|((_, columns), wishes)| candidate(run, columns, &wishes))
        .collect()
}

fn candidate(run: &Run, columns: Vec<String>, wishes: &[Wish<'_>]) -> Option<MissingIndex> {
    let by_saving = |a: &&Wish<'_>, b: &&Wish<'_>| {
        let saves = |w: &Wish<'_>| w.saves_ms_per_sec.unwrap_or(0.0);
        saves(a).total_cmp(&saves(b))
    };
    let main = wishes.iter().max_by(by_saving)?;
    let others = match wishes.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more scans)"),
    };
    Some(MissingIndex {
        schema: main.table.schemaname.clone(),
        table: main.table.relname.clone(),
        kind: MissingIndexKind::Candidate,
        create_sql: create_sql(run, main.table, &columns),
        size_bytes: estimated_size(main.table, &columns),
        cost_before: Some(main.cost_before),
        cost_after: None,
        saves_ms_per_sec: wishes.iter().map(|w| w.saves_ms_per_sec).sum(),
        evidence: Evidence::Estimated,
        reason: format!("{}{others}", main.reason),
        columns,
        ..MissingIndex::none()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::analyze::fixture::{delta, index, run_with_indexes, statement_window};
    use crate::analyze::{missing_indexes, statements};
    use crate::record::indexes::IndexFacts;
    use crate::record::plan::{PlanMode, PlanRecord};

    fn scan(filter: &str) -> Value {
        json!({"Node Type": "Seq Scan", "Relation Name": "tasks", "Schema": "public",
            "Total Cost": 4000.0, "Plan Rows": 50, "Plan Width": 40, "Filter": filter,
            "Parent Relationship": "Outer"})
    }

    fn found(plans: &[Value], indexes: Vec<IndexFacts>) -> Vec<MissingIndex> {
        let mut run = run_with_indexes(indexes.into_iter().map(|i| (i, 1)).collect());
        let deltas = (1..).zip(plans).map(|(id, _)| delta(id, 100, 6_000.0));
        run.statements = Some(statement_window(deltas.collect()));
        run.plans = (1..)
            .zip(plans)
            .map(|(id, plan)| PlanRecord {
                query_id: QueryId(id),
                mode: PlanMode::Generic,
                plan: Some(json!({ "Plan": plan })),
                error: None,
            })
            .collect();
        let statements = statements::conclude(&run).0.unwrap();
        missing_indexes::conclude(&run, &statements).unwrap()
    }

    #[test]
    fn equalities_come_before_the_range() {
        let missing = found(&[scan("((b > $1) AND (a = $2))")], vec![]).remove(0);
        assert_eq!(missing.columns, ["a", "b"]);
        // 6000 ms in 60 s are 100 ms/s, and the scan is the whole plan.
        assert_eq!(missing.saves_ms_per_sec, Some(100.0));
        assert_eq!(
            (missing.cost_before, missing.cost_after),
            (Some(4000.0), None)
        );
        assert!(
            missing.reason.contains("100000 rows to keep 50"),
            "{}",
            missing.reason
        );
        assert_eq!(missing.evidence, Evidence::Estimated);
    }

    #[test]
    fn a_null_test_comes_after_the_equalities() {
        let missing = found(&[scan("((b IS NULL) AND (a = $1))")], vec![]).remove(0);
        assert_eq!(missing.columns, ["a", "b"]);
    }

    #[test]
    fn a_sort_above_adds_its_column() {
        let sort = json!({"Node Type": "Sort", "Total Cost": 4100.0, "Plan Rows": 50,
            "Plan Width": 40, "Sort Key": ["tasks.b DESC"], "Plans": [scan("(a = $1)")]});
        assert_eq!(found(&[sort], vec![])[0].columns, ["a", "b"]);
    }

    #[test]
    fn an_index_that_exists_is_not_proposed() {
        assert!(found(&[scan("(a = $1)")], vec![index(9, 1, "i", &[2, 3])]).is_empty());
        let mut partial = index(9, 1, "i", &[2]);
        partial.predicate = Some("(b > 0)".to_owned());
        assert_eq!(found(&[scan("(a = $1)")], vec![partial]).len(), 1);
    }

    #[test]
    fn what_an_index_would_not_serve_is_not_proposed() {
        for filter in [
            "(lower(name) = $1)",
            "((a = $1) OR (b = $2))",
            "(name ~~ $1)",
            "(gone = $1)",
        ] {
            assert!(found(&[scan(filter)], vec![]).is_empty(), "{filter}");
        }
        let mut wide = scan("(a = $1)");
        wide["Plan Rows"] = json!(20_000);
        assert!(
            found(&[wide], vec![]).is_empty(),
            "keeps a fifth of the table"
        );
        let top = json!({"Node Type": "Aggregate", "Total Cost": 40_000.0, "Plan Rows": 1,
            "Plan Width": 8, "Plans": [scan("(a = $1)")]});
        assert!(found(&[top], vec![]).is_empty(), "a tenth of the plan");
    }

    #[test]
    fn wishes_of_several_statements_are_merged() {
        let plans = [
            scan("(a = $1)"),
            scan("(a = $1)"),
            scan("((a = $1) AND (b > $2))"),
        ];
        let missing = found(&plans, vec![]);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].columns, ["a", "b"]);
        assert_eq!(missing[0].saves_ms_per_sec, Some(300.0));
        assert!(missing[0].reason.contains("2 more"));
    }
}
