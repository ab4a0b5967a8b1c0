//! Targets and the guide's checklist.

use crate::analyze::conclusions::{Conclusions, SlaStatus};
use crate::analyze::sla;
use crate::report::doc::{Cell, Column, Section, Table, Tone};
use crate::report::format;

/// Every target of the whole; those of endpoints and stages stand in their own tables.
pub(super) fn sla(c: &Conclusions) -> Section {
    const TITLE: &str = "Targets (SLA and KPIs)";
    let Some(rows) = &c.sla else {
        return Section::nothing(TITLE, "Not measured: no target was evaluated.");
    };
    let whole = || rows.iter().filter(|r| r.subject.is_none());
    let mut table = Table::new([
        Column::word("Target"),
        Column::number("Limit"),
        Column::number("Actual"),
        Column::word("Status"),
        Column::prose("How measured, or why not"),
    ]);
    let mut before = "";
    for row in whole() {
        let note = row.note.as_deref().unwrap_or_default();
        let shown = without_repetition(before, note);
        before = note;
        table.row([
            Cell::new(row.name.clone()),
            Cell::new(row.target.clone()),
            Cell::new(row.actual.clone().unwrap_or_default()),
            format::status(row.status),
            Cell::new(shown).tone(Tone::Dim),
        ]);
    }
    let mut section = Section::new(TITLE);
    section.text(tally(whole().map(|r| r.status)));
    section.table(table);
    for (kind, many) in [(sla::ENDPOINT, "Endpoints"), (sla::STAGE, "Stages")] {
        let mut names: Vec<&str> = rows
            .iter()
            .filter_map(|r| r.subject.as_ref())
            .filter(|s| s.kind == kind)
            .map(|s| s.name.as_str())
            .collect();
        names.dedup();
        if !names.is_empty() {
            let statuses = names.iter().filter_map(|n| sla::status_of(rows, kind, n));
            section.dim(format!("{many}: {}", tally(statuses)));
        }
    }
    section
}

/// A note whose first clause is that of the row before says `as above` instead of it.
fn without_repetition(before: &str, note: &str) -> String {
    let first = |n: &str| n.split("; ").next().unwrap_or_default().len();
    let clause = &note[..first(note)];
    if clause.is_empty() || clause != &before[..first(before)] {
        return note.to_owned();
    }
    format!("as above{}", &note[clause.len()..])
}

fn tally(statuses: impl Iterator<Item = SlaStatus>) -> String {
    let (mut pass, mut fail, mut open) = (0, 0, 0);
    for status in statuses {
        match status {
            SlaStatus::Pass => pass += 1,
            SlaStatus::Fail => fail += 1,
            SlaStatus::NotMeasured => open += 1,
        }
    }
    format!("{pass} met, {fail} missed, {open} not measured.")
}

/// The guide's checklist.
pub(super) fn checklist(c: &Conclusions) -> Section {
    const TITLE: &str = "Checklist";
    let Some(items) = &c.checklist else {
        return Section::nothing(TITLE, "Not measured: the checklist was not evaluated.");
    };
    let mut section = Section::new(TITLE);
    section.text(tally(items.iter().map(|i| i.status)));
    let mut rest = items.as_slice();
    while let Some(first) = rest.first() {
        let n = rest
            .iter()
            .take_while(|i| i.section == first.section)
            .count();
        let (group, later) = rest.split_at(n);
        rest = later;
        let mut table = Table::new([
            Column::word("Status"),
            Column::prose("Item"),
            Column::prose("What it rests on"),
        ]);
        for item in group {
            table.row([
                format::status(item.status),
                Cell::new(item.item.clone()),
                Cell::new(item.evidence.clone()).tone(Tone::Dim),
            ]);
        }
        section.heading(first.section.clone());
        section.table(table);
    }
    section
}
