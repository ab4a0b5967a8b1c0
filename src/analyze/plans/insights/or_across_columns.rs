//! `or-across-columns`: an OR whose arms stand on different columns or tables.

use std::collections::BTreeSet;

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::disjunctions::{Arms, ColumnName, disjunctions};
use crate::analyze::rules::thresholds as t;
use crate::record::tables::TableFacts;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "or-across-columns",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    look.executed_or_tables()?;
    let found = look.relevant().filter_map(|visit| {
        if visit.node.is_join() {
            of_join(look, visit)
        } else {
            of_scan(look, visit)
        }
    });
    Ok(found.collect())
}

fn of_scan(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    visit.node.relation.as_ref()?;
    let filter = visit.node.text("Filter")?;
    let arms = disjunctions(filter)?.into_iter().find(spread)?;
    let evidence = discards_most(look, visit)?;
    let names: Vec<String> = arms.iter().map(column_list).collect();
    let without = look
        .table(visit.node)
        .and_then(|table| without_index(look, table, &arms));
    let cause = match &without {
        None => "One arm without an index makes every row be looked at".to_owned(),
        Some(without) if without.is_empty() => {
            "Every arm has an index, and the planner expects so many rows that it reads all of them"
                .to_owned()
        }
        Some(without) => format!(
            "No index begins with a column of the arm on {}, so every row is looked at",
            without.join(" or of that on ")
        ),
    };
    let remark = Remark::new(look, visit, Severity::Warning)
        .evidence(evidence)
        .title(&format!("an OR across {} makes it look at every row", names.join(" and ")))
        .detail(format!("{filter} is an OR whose arms stand on different columns. {cause}"))
        .note(
            "with an index for each arm PostgreSQL adds up their bitmaps (BitmapOr); a UNION of one \
             query for each arm does the same where it does not. Every write to the table pays for \
             an index",
        );
    Some(remark)
}

fn of_join(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let actual = visit.node.actual.filter(|_| look.analyzed)?;
    let keys = [
        ("Join Filter", "Rows Removed by Join Filter"),
        ("Filter", "Rows Removed by Filter"),
    ];
    keys.iter().find_map(|(key, removed)| {
        let filter = visit.node.text(key)?;
        let removed = visit.node.number(removed)? * actual.loops;
        let arms = disjunctions(filter)?
            .into_iter()
            .find(|arms| spread(arms) || joins(arms))?;
        let tables: BTreeSet<&String> = arms
            .iter()
            .flatten()
            .filter_map(|c| c.qualifier.as_ref())
            .collect();
        if tables.len() < 2 || removed < t::OR_JOIN_MIN_ROWS_REMOVED {
            return None;
        }
        let names: Vec<&str> = tables.iter().map(|t| t.as_str()).collect();
        let remark = Remark::new(look, visit, Severity::Warning)
            .title(&format!(
                "an OR across the tables {} compares {removed:.0} pairs of rows for nothing",
                names.join(" and ")
            ))
            .detail(format!(
                "{filter} is an OR over columns of several tables, which neither an index nor a \
                 hash can serve, so rows were joined first and {removed:.0} pairs thrown away"
            ))
            .note(
                "a UNION of one query for each arm lets each use its own index or hash: UNION, not \
                 UNION ALL, where a row may match both",
            );
        Some(remark)
    })
}

/// The arms stand on different columns, and none that an index could serve for all of them.
fn spread(arms: &Arms) -> bool {
    let Some((first, rest)) = arms.split_first() else {
        return false;
    };
    let common = first.iter().any(|c| rest.iter().all(|arm| arm.contains(c)));
    !common && arms.iter().all(|arm| !arm.is_empty())
}

/// The arms compare columns of one table with those of another.
fn joins(arms: &Arms) -> bool {
    let tables = |arm: &BTreeSet<ColumnName>| {
        let names: BTreeSet<_> = arm.iter().filter_map(|c| c.qualifier.clone()).collect();
        names.len()
    };
    arms.len() > 1 && arms.iter().all(|arm| tables(arm) > 1)
}

fn column_list(arm: &BTreeSet<ColumnName>) -> String {
    let names: Vec<&str> = arm.iter().map(|c| c.column.as_str()).collect();
    names.join(", ")
}

/// The scan throws away nearly all that it reads, or is expected to. `None` where it does not.
fn discards_most(look: &Look<'_>, visit: &Visit<'_>) -> Option<Evidence> {
    if look.analyzed {
        let actual = visit.node.actual?;
        let removed = visit.node.number("Rows Removed by Filter")?;
        let most = removed / (removed + actual.rows) > t::FILTER_WARNING_RATIO;
        return (most && removed * actual.loops >= t::FILTER_MIN_ROWS_REMOVED)
            .then_some(Evidence::Measured);
    }
    let rows = f64::from(look.table(visit.node)?.reltuples);
    let kept = visit.estimated_rows / rows.max(1.0);
    (visit.node.is_seq_scan()
        && rows >= t::SEQ_SCAN_MIN_TABLE_ROWS
        && kept < 1.0 - t::FILTER_WARNING_RATIO)
        .then_some(Evidence::Estimated)
}

/// The arms that no valid index begins with; `None` where the indexes were not read.
fn without_index(look: &Look<'_>, table: &TableFacts, arms: &Arms) -> Option<Vec<String>> {
    let indexes = look.run.indexes.facts.as_ref()?;
    let leads = |column: &ColumnName| {
        let of = table.columns.iter().find(|c| c.attname == column.column);
        of.is_some_and(|of| {
            indexes.iter().any(|i| {
                i.indrelid == table.relid && i.indisvalid && i.indkey.first() == Some(&of.attnum)
            })
        })
    };
    let bare = arms.iter().filter(|arm| !arm.iter().any(leads));
    Some(bare.map(column_list).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{insights, node, of, ran};
    use super::*;
    use crate::analyze::conclusions::Insight;

    fn scan(filter: &str, removed: f64) -> Option<Insight> {
        let extra = json!({"Relation Name": "tasks", "Filter": filter,
            "Rows Removed by Filter": removed});
        of(
            "or-across-columns",
            insights(&ran("Seq Scan", &extra, vec![]), true),
        )
    }

    #[test]
    fn the_arm_without_an_index_is_named() {
        let found = scan("((name = $1) OR (b = $2))", 99_900.0).unwrap();
        assert_eq!(
            found.title,
            "an OR across name and b makes it look at every row"
        );
        assert!(
            found.detail.contains("the arm on b, so"),
            "{}",
            found.detail
        );
        assert_eq!(
            (found.severity, found.evidence),
            (Severity::Warning, Evidence::Measured)
        );
    }

    #[test]
    fn an_or_that_an_index_serves_is_none() {
        assert_eq!(scan("((a = $1) OR (a = $2))", 99_900.0), None, "one column");
        assert_eq!(
            scan(
                "(((a = $1) AND (b = $2)) OR ((a = $3) AND (b = $4)))",
                99_900.0
            ),
            None
        );
        assert_eq!(scan("((name = $1) OR (b = $2))", 100.0), None, "few rows");
        assert_eq!(scan("((name = $1) AND (b = $2))", 99_900.0), None);
    }

    #[test]
    fn an_estimate_says_so() {
        let extra = |rows: u32| json!({"Relation Name": "tasks", "Filter": "((name = $1) OR (b = $2))", "Plan Rows": rows});
        let found = |rows| {
            of(
                "or-across-columns",
                insights(&node("Seq Scan", &extra(rows), vec![]), false),
            )
        };
        assert_eq!(found(50).unwrap().evidence, Evidence::Estimated);
        assert_eq!(found(50_000), None);
    }

    #[test]
    fn an_or_across_tables_joins_for_nothing() {
        let join = |filter: &str, removed: f64| {
            let extra: Value =
                json!({"Join Filter": filter, "Rows Removed by Join Filter": removed});
            of(
                "or-across-columns",
                insights(&ran("Nested Loop", &extra, vec![]), true),
            )
        };
        let found = join("((t.a = o.id) OR (t.b = o.id))", 2e6).unwrap();
        assert!(
            found.title.starts_with("an OR across the tables o and t"),
            "{}",
            found.title
        );
        assert!(found.remediation.note.unwrap().contains("UNION"));
        assert!(join("((t.a = $1) OR (o.b = $2))", 2e6).is_some());
        assert_eq!(join("((t.a = o.id) OR (t.b = o.id))", 200.0), None);
        assert_eq!(join("(t.a < o.id)", 2e6), None);
    }
}
