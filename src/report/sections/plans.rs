//! What is remarkable about the plans.

use crate::analyze::conclusions::{Conclusions, Evidence, Insight, Severity};
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
        Column::number("Share"),
        Column::prose("Node").drop(1),
        Column::prose("What"),
        Column::word("Evidence"),
    ]);
    let (mut seen, mut failed, mut lesser_remarks) = (0_usize, Vec::new(), 0_usize);
    for (label, plan) in plans {
        match (&plan.error, &plan.text) {
            (Some(error), None) => failed.push(format!("{label} has no plan: {error}")),
            _ => seen += 1,
        }
        let (worth, lesser): (Vec<_>, Vec<_>) = plan
            .insights
            .iter()
            .partition(|insight| insight.severity > Severity::Info);
        lesser_remarks += lesser.len();
        for insight in worth {
            table.row([
                Cell::new(label.clone()),
                format::severity(insight.severity),
                Cell::new(share(insight)),
                Cell::code(insight.node.clone()),
                Cell::new(what(insight)),
                Cell::new(format::evidence(insight.evidence)),
            ]);
        }
    }
    if seen == 0 && failed.is_empty() {
        return Section::nothing(TITLE, reason(c, "explain", "no plan was asked for."));
    }
    let mut section = Section::new(TITLE).source(format!(
        "EXPLAIN of {}; generic plans hold estimates only. Share: of all database time, ≈ by the \
         planner's costs",
        format::plural(seen as u64, "statement", "statements")
    ));
    if !table.rows.is_empty() {
        section.table(table);
    } else if seen > 0 {
        section.dim("Nothing in the plans that could be read calls for a change.");
    }
    if lesser_remarks > 0 {
        section.dim(format!(
            "The JSON has {} more.",
            format::plural(
                lesser_remarks as u64,
                "remark of lesser weight",
                "remarks of lesser weight"
            )
        ));
    }
    for reason in failed {
        section.dim(reason);
    }
    section
}

/// The share of the window's database time that it stands for; `≈` where that is an estimate.
fn share(insight: &Insight) -> String {
    let weight = insight.weight.as_ref();
    let Some((weight, share)) = weight.and_then(|w| Some((w, w.share_ratio?))) else {
        return format::NOT_MEASURED.to_owned();
    };
    let about = match weight.evidence {
        Evidence::Proved | Evidence::Measured => "",
        Evidence::Estimated | Evidence::RuleOfThumb => "≈ ",
    };
    format!("{about}{}", format::percent(share))
}

/// The rule and what it says in short; causes and cures stand with the recommendations.
fn what(insight: &Insight) -> String {
    if insight.title.is_empty() {
        return format!("{}: {}", insight.rule, insight.detail);
    }
    format!("{}: {}", insight.rule, insight.title)
}
