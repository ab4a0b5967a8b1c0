//! What was loaded.

use super::fidelity;
use crate::analyze::conclusions::Conclusions;
use crate::analyze::figures::number;
use crate::record::SeedSummary;
use crate::record::fidelity::Fidelity;
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{bytes, count, duration, plural, rate};

/// Tables with their rows, and what was done otherwise.
pub(super) fn seed(c: &Conclusions) -> Section {
    const TITLE: &str = "Loaded tables";
    let Some(seed) = &c.seed else {
        return Section::nothing(TITLE, "Not measured: nothing was loaded.");
    };
    let mut section = Section::new(TITLE).source(format!(
        "scale {}, seed {}, {}",
        seed.scale_ratio,
        seed.seed,
        plural(seed.jobs, "thread", "threads")
    ));
    section.text(format!(
        "{} in {}, {}, committed after {}{}.",
        plural(seed.rows, "row", "rows"),
        plural(seed.tables.len() as u64, "table", "tables"),
        bytes(seed.copied_bytes),
        duration(seed.transaction_ms),
        seed.rows_per_sec
            .map_or_else(String::new, |per_sec| format!(
                "; copied at {} rows/s",
                number(per_sec)
            ))
    ));
    if let Some(fidelity) = &c.fidelity {
        section.text(fidelity::summary(fidelity));
    }
    section.table(tables(seed, c.fidelity.as_ref()));
    for (heading, lines) in [
        ("Filled otherwise", &seed.left),
        ("Done otherwise", &seed.notes),
    ] {
        if lines.is_empty() {
            continue;
        }
        section.heading(heading);
        for line in lines {
            section.text(format!("{line}."));
        }
    }
    section
}

/// Tables with their rows, beside those of the source where they were compared.
fn tables(seed: &SeedSummary, fidelity: Option<&Fidelity>) -> Table {
    let mut columns = vec![
        Column::name("Table"),
        Column::number("Rows"),
        Column::number("Copied"),
        Column::number("Time"),
        Column::number("Rows/s"),
        Column::word("Statistics").drop(1),
    ];
    if fidelity.is_some() {
        columns.insert(2, Column::number("To source"));
    }
    let mut table = Table::new(columns);
    for loaded in &seed.tables {
        let name = match loaded.schema.as_str() {
            "public" => loaded.table.clone(),
            schema => format!("{schema}.{}", loaded.table),
        };
        let source = fidelity.map(|all| all.tables.iter().find(|t| t.table == name));
        let mut cells = vec![
            Cell::code(name),
            Cell::new(count(loaded.rows)),
            Cell::new(bytes(loaded.copied_bytes)),
            Cell::new(duration(loaded.copy_ms)),
            Cell::known(loaded.rows_per_sec, rate),
            Cell::new(if loaded.analyzed {
                "gathered"
            } else {
                "missing"
            }),
        ];
        if let Some(source) = source {
            let rows = source.map(|t| t.source_rows).filter(|rows| *rows > 0.0);
            let ratio = rows.map(|rows| loaded.rows as f64 / rows);
            cells.insert(2, Cell::known(ratio, |ratio| format!("×{ratio:.2}")));
        }
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SeedTable;
    use crate::record::fidelity::TableFidelity;
    use crate::report::{Format, Style, render};

    #[test]
    fn tables_stand_with_their_rows_and_what_was_done_otherwise() {
        let table = SeedTable {
            schema: "app".to_owned(),
            table: "orders".to_owned(),
            rows: 120_000,
            copied_bytes: 9_000_000,
            copy_ms: 400.0,
            rows_per_sec: Some(300_000.0),
            frozen: true,
            analyzed: false,
        };
        let summary = SeedSummary {
            rows: table.rows,
            copied_bytes: table.copied_bytes,
            transaction_ms: 1200.0,
            scale_ratio: 0.1,
            seed: 42,
            jobs: 2,
            notes: vec!["app.orders has no statistics: the role may not".to_owned()],
            tables: vec![table],
            ..SeedSummary::default()
        };
        let all = Conclusions {
            seed: Some(summary),
            ..Conclusions::empty()
        };
        let style = Style {
            width: 120,
            color: false,
            unicode: true,
        };
        let shown = String::from_utf8(render(&all, Format::Text, &style).unwrap()).unwrap();
        for part in [
            "Loaded tables",
            "scale 0.1, seed 42, 2 threads",
            "app.orders",
            "300,000",
            "missing",
            "Done otherwise",
            "the role may not.",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(!shown.contains("Not measured"), "{shown}");
        assert!(!shown.contains("To source"), "{shown}");
        let compared = Fidelity {
            tables: vec![TableFidelity {
                table: "app.orders".to_owned(),
                source_rows: 1_200_000.0,
                target_rows: None,
            }],
            ..Fidelity::default()
        };
        let both = Conclusions {
            fidelity: Some(compared),
            ..all
        };
        let shown = String::from_utf8(render(&both, Format::Text, &style).unwrap()).unwrap();
        for part in ["To source", "×0.10", "plans were not compared"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
