//! All findings with their cure, and the rules that could not be decided.

use crate::analyze::conclusions::{Conclusions, Finding, NotEvaluated};
use crate::report::doc::{Block, Cell, Column, Item, Section, Table, Tone};
use crate::report::format;

/// Every finding, most time given back first.
pub(super) fn recommendations(c: &Conclusions) -> Section {
    const TITLE: &str = "Recommendations";
    let Some(findings) = &c.findings else {
        return Section::nothing(TITLE, "Not measured: the findings were not evaluated.");
    };
    if findings.is_empty() {
        return Section::nothing(TITLE, "No finding among the rules that could be decided.");
    }
    let mut section = Section::new(TITLE).source(
        "time given back per second of load is an upper bound unless proved; dbperf changes nothing",
    );
    let items = findings.iter().map(|f| item(c, f)).collect();
    section.blocks.push(Block::Items(items));
    section
}

fn item(c: &Conclusions, finding: &Finding) -> Item {
    let mut facts = vec![
        finding.rule.clone(),
        format::evidence(finding.evidence).to_owned(),
    ];
    facts.extend(format::gives_back(
        finding.saves_ms_per_sec,
        finding.evidence,
    ));
    facts.push(subject(c, finding));
    let mut lines = vec![("", Cell::new(facts.join(" · ")).tone(Tone::Dim))];
    if !finding.detail.is_empty() {
        lines.push(("", Cell::new(finding.detail.clone())));
    }
    let remedy = &finding.remediation;
    lines.extend(remedy.sql.clone().map(|sql| ("do", Cell::code(sql))));
    lines.extend(remedy.undo_sql.clone().map(|sql| ("undo", Cell::code(sql))));
    lines.extend(remedy.note.clone().map(|note| ("note", Cell::new(note))));
    Item {
        mark: Some(format::severity(finding.severity)),
        title: Cell::new(finding.title.clone()).tone(Tone::Strong),
        lines,
    }
}

/// What it is about; a statement by its place in the list, so that it can be found there.
fn subject(c: &Conclusions, finding: &Finding) -> String {
    let subject = &finding.subject;
    let label = (subject.kind == "statement")
        .then(|| format::label(c.statements.as_deref(), &subject.name))
        .flatten();
    match label {
        Some(label) => format!("statement {label} (queryid {})", subject.name),
        None => format!("{} {}", subject.kind, subject.name),
    }
}

/// Rules that could not be decided.
pub(super) fn not_evaluated(c: &Conclusions) -> Section {
    const TITLE: &str = "Not evaluated";
    let Some(rules) = &c.not_evaluated else {
        return Section::nothing(TITLE, "Not measured: the rules were not evaluated.");
    };
    if rules.is_empty() {
        return Section::nothing(TITLE, "Every rule could be decided.");
    }
    let mut table = Table::new([Column::prose("Rule"), Column::prose("Missing fact")]);
    for (reason, names) in by_reason(rules) {
        table.row([Cell::code(names.join(", ")), Cell::new(reason)]);
    }
    let mut section =
        Section::new(TITLE).source("a fact was missing; this does not mean that nothing is wrong");
    section.table(table);
    section
}

/// Rules that lack the same fact in one row, in the order in which they come.
fn by_reason(rules: &[NotEvaluated]) -> Vec<(&str, Vec<&str>)> {
    let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
    for rule in rules {
        match rows.iter_mut().find(|(reason, _)| *reason == rule.reason) {
            Some((_, names)) => names.push(&rule.rule),
            None => rows.push((&rule.reason, vec![&rule.rule])),
        }
    }
    rows
}
