//! Statements that somebody asked about, each with its plan.

use crate::analyze::conclusions::{
    Conclusions, Evidence, ExplainedStatement, Insight, InsightWeight, LoggedPlans, Plan, Severity,
};
use crate::report::doc::{Block, Cell, Item, Section, Tone};
use crate::report::format::{self, count, duration};

use super::plan_tree;

/// Every statement, its plan as a tree, and what is remarkable about it.
pub(super) fn plans(c: &Conclusions) -> Section {
    let mut section = Section::new("Plans");
    let statements = c.explained.as_deref().unwrap_or_default();
    for (i, statement) in statements.iter().enumerate() {
        one(i, statements.len(), statement, &mut section);
    }
    section
}

fn one(i: usize, of: usize, statement: &ExplainedStatement, section: &mut Section) {
    let id = statement
        .query_id
        .as_ref()
        .map(|id| format!("queryid {id}"));
    let from = statement.source.clone();
    // A statement that was asked for by its id needs it once.
    let names: Vec<String> = match (from, id) {
        (Some(from), Some(id)) if from != id => vec![from, id],
        (from, id) => from.or(id).into_iter().collect(),
    };
    if of > 1 {
        let number = format!("{} of {of}", i + 1);
        section.heading([vec![number], names].concat().join(" · "));
    } else if !names.is_empty() {
        section.heading(names.join(" · "));
    }
    if let Some(query) = &statement.query {
        let text = Cell::code(format::one_line(query));
        section.blocks.push(Block::Text(text));
    }
    if let Some(logged) = &statement.logged {
        section.dim(in_log(logged));
    }
    if !statement.parameter_types.is_empty() {
        let types = statement.parameter_types.iter().enumerate();
        let types: Vec<String> = types.map(|(i, t)| format!("${} {t}", i + 1)).collect();
        section.dim(format!("Parameters: {}.", types.join(", ")));
    }
    shown(&statement.plan, section);
    for note in &statement.notes {
        section.dim(note.clone());
    }
}

fn shown(plan: &Plan, section: &mut Section) {
    match (plan_tree::tree(plan), &plan.error) {
        (Some(tree), error) => {
            section.dim(how(plan));
            if !plan.settings.is_empty() {
                section.dim(settings(plan));
            }
            section.blocks.push(Block::Tree(tree));
            if let Some(error) = error {
                section
                    .blocks
                    .push(Block::Text(Cell::new(error.clone()).tone(Tone::Warn)));
            }
        }
        (None, Some(error)) => {
            let text = format!("No plan: {error}");
            section
                .blocks
                .push(Block::Text(Cell::new(text).tone(Tone::Bad)));
            return;
        }
        (None, None) => section.dim("No plan."),
    }
    if plan.insights.is_empty() {
        section.dim(nothing(plan));
        return;
    }
    let items = plan.insights.iter().map(item).collect();
    section.blocks.push(Block::Items(items));
    if !plan.not_evaluated.is_empty() {
        section.dim(format!(
            "{} could not be decided on this plan; the JSON says why.",
            format::plural(plan.not_evaluated.len() as u64, "rule", "rules")
        ));
    }
}

/// How the plan was obtained, and what it took.
fn how(plan: &Plan) -> String {
    let mut words = vec![
        match plan.text_ref.as_str() {
            "generic" => "Generic plan, without values: rows and costs are the planner's estimates",
            "custom" => "Plan with values: rows and costs are the planner's estimates",
            "analyzed" => "Executed",
            other => other,
        }
        .to_owned(),
    ];
    let times = [
        ("planning", plan.planning_ms),
        ("execution", plan.execution_ms),
        ("triggers", plan.trigger_ms.filter(|ms| *ms > 0.0)),
        ("serialisation", plan.serialization_ms),
    ];
    for (what, ms) in times {
        words.extend(ms.map(|ms| format!("{what} {}", duration(ms))));
    }
    let wal = plan.wal_bytes.filter(|bytes| *bytes > 0);
    words.extend(wal.map(|bytes| format!("WAL {}", format::bytes(bytes))));
    words.extend(plan.total_cost.map(|cost| format!("cost {cost:.0}")));
    format!("{}.", words.join("; "))
}

/// What shaped the plan beside the data and the statement.
fn settings(plan: &Plan) -> String {
    let all = plan
        .settings
        .iter()
        .map(|(name, value)| format!("{name} = {value}"));
    let all: Vec<String> = all.collect();
    format!("Planned with {}.", all.join(", "))
}

/// Rules that need executed rows are silent on estimates, and that is not the same as a good plan.
fn nothing(plan: &Plan) -> &'static str {
    if plan.execution_ms.is_some() || plan.text_ref == "analyzed" {
        "Nothing in it calls for a change."
    } else {
        "Nothing in its estimates calls for a change; an execution can tell more."
    }
}

/// One insight: what it is, by which rule and how well known, the numbers, and the cure.
fn item(insight: &Insight) -> Item {
    let title = if insight.title.is_empty() {
        &insight.rule
    } else {
        &insight.title
    };
    let mut facts = vec![
        insight.rule.clone(),
        format::evidence(insight.evidence).to_owned(),
    ];
    facts.extend(insight.weight.as_ref().map(of_plan));
    let mut lines = vec![
        ("", Cell::new(facts.join(" · ")).tone(Tone::Dim)),
        ("", Cell::new(insight.detail.clone())),
    ];
    let remedy = &insight.remediation;
    lines.extend(remedy.sql.clone().map(|sql| ("do", Cell::code(sql))));
    lines.extend(remedy.undo_sql.clone().map(|sql| ("undo", Cell::code(sql))));
    lines.extend(remedy.note.clone().map(|note| ("note", Cell::new(note))));
    Item {
        mark: Some(format::severity(insight.severity)),
        title: Cell::new(format!("{title} ({})", insight.node)).tone(
            if insight.severity > Severity::Info {
                Tone::Strong
            } else {
                Tone::Plain
            },
        ),
        lines,
    }
}

/// The part of the plan that an insight stands for.
fn of_plan(weight: &InsightWeight) -> String {
    let share = format::percent(weight.plan_ratio);
    match weight.evidence {
        Evidence::Proved | Evidence::Measured => format!("{share} of the plan's time"),
        Evidence::Estimated | Evidence::RuleOfThumb => format!("about {share} of the plan"),
    }
}

fn in_log(logged: &LoggedPlans) -> String {
    let mut words = vec![format!(
        "{} with a plan in the log, {} in total, the longest {}",
        format::plural(logged.count, "execution", "executions"),
        duration(logged.total_ms),
        duration(logged.max_ms)
    )];
    if let Some(at) = &logged.slowest_at {
        words.push(format!("at {}", format::moment(at)));
    }
    if !logged.databases.is_empty() {
        words.push(format!("in {}", logged.databases.join(", ")));
    }
    if logged.shapes > 1 {
        words.push(format!(
            "plans of {} shapes, here that of the longest",
            count(logged.shapes)
        ));
    }
    format!("{}.", words.join("; "))
}
