//! `casted-column`: a cast or function on a column keeps its index from being used.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::conditions::{Comparison, Condition, conditions};
use crate::analyze::rules::thresholds as t;
use crate::record::indexes::IndexFacts;
use crate::record::tables::{ColumnFacts, TableFacts};

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "casted-column",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    let indexes = look
        .run
        .indexes
        .facts
        .as_ref()
        .ok_or("the indexes were not read")?;
    look.run
        .tables
        .facts
        .as_ref()
        .ok_or("the tables were not read")?;
    let found = look.relevant().filter_map(|v| wrapped(look, v, indexes));
    Ok(found.collect())
}

/// A condition on a wrapped column whose bare column leads an index.
fn wrapped(look: &Look<'_>, visit: &Visit<'_>, indexes: &[IndexFacts]) -> Option<Remark> {
    let table = look.table(visit.node)?;
    let all = conditions(visit.node.text("Filter")?)?;
    let (condition, column, index) = all.iter().find_map(|condition| {
        let (column, index) = defeated(condition, visit, table, indexes)?;
        Some((condition, column, index))
    })?;
    let by = condition.wrapped.as_deref()?;
    let cast = by.starts_with("::");
    let severity = if discards_most(visit) {
        Severity::Warning
    } else {
        Severity::Info
    };
    let remark = Remark::new(look, visit, severity)
        .evidence(Evidence::Estimated)
        .title(&format!("{by} on {} keeps {} from being used", column.attname, index.indexrelname))
        .detail(format!(
            "the filter applies {by} to {} ({}), so the index {} on the bare column cannot serve it",
            column.attname, column.type_name, index.indexrelname,
        ))
        .note(if cast {
            "compare the bare column with a value of its own type: the type of a bound parameter \
             decides which side is cast"
        } else {
            "compare the bare column (a range instead of a function of it), or index the expression \
             if its function is immutable; every write to the table pays for an index"
        });
    Some(remark)
}

/// The column and the index that a condition would use without what is around the column.
fn defeated<'a>(
    condition: &Condition,
    visit: &Visit<'_>,
    table: &'a TableFacts,
    indexes: &'a [IndexFacts],
) -> Option<(&'a ColumnFacts, &'a IndexFacts)> {
    let by = condition.wrapped.as_deref()?;
    let could_be_bare = by.starts_with("::") || by.ends_with("()") || "+-*/".contains(by);
    if condition.comparison == Comparison::Other || !could_be_bare {
        return None;
    }
    let alias = visit.node.text("Alias");
    let other = condition
        .qualifier
        .as_deref()
        .zip(alias)
        .is_some_and(|(q, a)| q != a);
    if other {
        return None;
    }
    let column = table
        .columns
        .iter()
        .find(|c| c.attname == condition.column)?;
    // A varchar compared as text needs no conversion.
    if by == "::text" && column.type_name.starts_with("character varying") {
        return None;
    }
    if indexes
        .iter()
        .any(|i| i.indrelid == table.relid && is_on(i, by, &column.attname))
    {
        return None;
    }
    let index = indexes.iter().find(|i| {
        i.indrelid == table.relid && i.indisvalid && i.indkey.first() == Some(&column.attnum)
    })?;
    Some((column, index))
}

/// The index has the expression: that it is not used has another reason.
fn is_on(index: &IndexFacts, by: &str, column: &str) -> bool {
    let name = by.trim_end_matches("()");
    let expressions = index.expressions.as_deref().unwrap_or_default();
    expressions.contains(name) && expressions.contains(column)
}

/// The scan was executed and threw away most of what it read.
fn discards_most(visit: &Visit<'_>) -> bool {
    let (Some(actual), Some(removed)) = (
        visit.node.actual,
        visit.node.number("Rows Removed by Filter"),
    ) else {
        return false;
    };
    removed * actual.loops >= t::FILTER_MIN_ROWS_REMOVED
        && removed / (removed + actual.rows) > t::FILTER_WARNING_RATIO
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, look, missing_of, node, of, ran, run};
    use super::*;

    fn scan(filter: &str) -> serde_json::Value {
        node(
            "Seq Scan",
            &json!({"Relation Name": "tasks", "Alias": "x", "Filter": filter}),
            vec![],
        )
    }

    #[test]
    fn a_wrapped_column_with_an_index_is_named() {
        let found = |filter| of("casted-column", insights(&scan(filter), false));
        let function = found("(lower(x.name) = $1)").unwrap();
        assert_eq!(
            function.title,
            "lower() on name keeps i_name from being used"
        );
        assert!(
            function
                .remediation
                .note
                .unwrap()
                .contains("index the expression")
        );
        let cast = found("((x.name)::integer = $1)").unwrap();
        assert!(cast.remediation.note.unwrap().contains("its own type"));
        assert_eq!(found("(name = $1)"), None);
        assert_eq!(found("((name ->> $1) = $2)"), None, "nothing to rewrite");
        assert_eq!(found("(lower(a) = $1)"), None, "a has no index");
        assert_eq!(
            found("(lower(y.name) = $1)"),
            None,
            "another table's column"
        );
        assert_eq!(found("(lower(name) <> $1)"), None, "no index serves that");
    }

    #[test]
    fn an_index_on_the_expression_is_no_defeated_index() {
        let mut run = run();
        let mut index = crate::analyze::fixture::index(51, 1, "i_lower", &[0]);
        index.expressions = Some("lower(name)".to_owned());
        run.indexes.facts.as_mut().unwrap().push(index);
        let document = json!({"Plan": scan("(lower(name) = $1)")});
        assert_eq!(of("casted-column", look(&run, &document, false).0), None);
        let document = json!({"Plan": scan("(upper(name) = $1)")});
        assert!(of("casted-column", look(&run, &document, false).0).is_some());
    }

    #[test]
    fn it_matters_where_most_rows_were_thrown_away() {
        let extra = json!({"Relation Name": "tasks", "Filter": "(lower(name) = $1)",
            "Rows Removed by Filter": 99_900.0});
        let found = of(
            "casted-column",
            insights(&ran("Seq Scan", &extra, vec![]), true),
        )
        .unwrap();
        assert_eq!(
            (found.severity, found.evidence),
            (Severity::Warning, Evidence::Estimated)
        );
    }

    #[test]
    fn without_the_catalogue_nothing_is_said() {
        let mut run = run();
        run.indexes.facts = None;
        let document = json!({"Plan": scan("(lower(name) = $1)")});
        assert!(
            missing_of(&run, "casted-column", &document, false)
                .unwrap()
                .contains("indexes")
        );
        assert!(of("casted-column", look(&run, &document, false).0).is_none());
    }
}
