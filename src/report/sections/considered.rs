//! What was thought of for one table that the user asked about.

use crate::analyze::conclusions::Conclusions;
use crate::report::doc::{Cell, Column, Section, Table, Tone};
use crate::report::format::{bytes, count, number};

/// Why the planner reads the table, and every index that was thought of.
pub(super) fn considered(c: &Conclusions) -> Section {
    const TITLE: &str = "Indexes that were thought of";
    let Some(advice) = &c.table_advice else {
        return Section::nothing(TITLE, "Not measured: no table was asked about.");
    };
    let name = format!("{}.{}", advice.schema, advice.table);
    if let Some(note) = &advice.note {
        return Section::nothing(TITLE, format!("Not measured: {note}"));
    }
    let mut section =
        Section::new(TITLE).source("plans of the statements that were seen, with them");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of rows is no fraction and not negative"
    )]
    let rows = advice.rows.max(0.0) as u64;
    section.text(format!("{name} has {} rows.", count(rows)));
    if advice.scans.is_empty() {
        section.text("No statement that was asked about reads all of it.");
    } else {
        let mut scans = Table::new([
            Column::prose("Reads all of it"),
            Column::number("Keeps"),
            Column::prose("Why"),
        ]);
        for scan in &advice.scans {
            scans.row([
                Cell::code(scan.query.clone()),
                Cell::new(number(scan.rows_kept)),
                Cell::new(scan.reason.clone()),
            ]);
        }
        section.table(scans);
    }
    if advice.considered.is_empty() {
        section.text("No statement asks for an index on it.");
        return section;
    }
    let mut indexes = Table::new([
        Column::prose("Index"),
        Column::number("Size"),
        Column::number("Alone, ms/s"),
        Column::prose("Why"),
    ]);
    for index in &advice.considered {
        let short = index.definition.replacen("CREATE INDEX ON ", "", 1);
        let tone = if index.recommended {
            Tone::Strong
        } else {
            Tone::Plain
        };
        indexes.row([
            Cell::code(short),
            Cell::known(index.size_bytes, bytes),
            Cell::known(index.saves_alone_ms_per_sec, number),
            Cell::new(index.reason.clone()).tone(tone),
        ]);
    }
    section.table(indexes);
    section
}
