//! What is remarkable about the plans.

use crate::analyze::conclusions::Conclusions;
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format;

use super::reason;

/// Insights of all plans.
pub(super) fn insights(c: &Conclusions) -> Section {
    const TITLE: &str = "Plans";
    let Some(statements) = &c.statements else {
        return Section::nothing(
            TITLE,
            reason(
                c,
                "pg_stat_statements",
                "without statements there is nothing to explain.",
            ),
        );
    };
    let plans = statements
        .iter()
        .enumerate()
        .filter_map(|(i, s)| s.plan.as_ref().map(|p| (format!("S{}", i + 1), p)));
    let mut table = Table::new([
        Column::word("Id"),
        Column::word("Severity"),
        Column::prose("Node").drop(1),
        Column::prose("What"),
        Column::word("Evidence"),
    ]);
    let (mut seen, mut failed) = (0_usize, Vec::new());
    for (label, plan) in plans {
        match (&plan.error, &plan.text) {
            (Some(error), None) => failed.push(format!("{label} has no plan: {error}")),
            _ => seen += 1,
        }
        for insight in &plan.insights {
            table.row([
                Cell::new(label.clone()),
                format::severity(insight.severity),
                Cell::code(insight.node.clone()),
                Cell::new(format!("{}: {}", insight.rule, insight.detail)),
                Cell::new(format::evidence(insight.evidence)),
            ]);
        }
    }
    if seen == 0 && failed.is_empty() {
        return Section::nothing(TITLE, reason(c, "explain", "no plan was asked for."));
    }
    let mut section = Section::new(TITLE).source(format!(
        "EXPLAIN of {}; generic plans hold estimates only",
        format::plural(seen as u64, "statement", "statements")
    ));
    if table.rows.is_empty() {
        if seen > 0 {
            section.dim("Nothing remarkable in the plans that could be read.");
        }
    } else {
        section.table(table);
    }
    for reason in failed {
        section.dim(reason);
    }
    section
}
