//! How well generated rows stand for those of the source.

use crate::analyze::conclusions::Conclusions;
use crate::record::fidelity::{ColumnFidelity, Fidelity, StatementFidelity};
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{count, percent, plural};

/// Columns in the table; the JSON has all.
const ROWS: usize = 20;

/// Columns that are named with a reason; the JSON has all.
const NAMED: usize = 5;

/// A summary, then the worst columns first.
pub(super) fn columns(c: &Conclusions) -> Section {
    const TITLE: &str = "Fidelity";
    let Some(fidelity) = &c.fidelity else {
        return Section::nothing(TITLE, "Not measured: nothing was compared with a profile.");
    };
    let mut section =
        Section::new(TITLE).source("the planner's statistics, of the source and of here");
    if c.seed.is_none() {
        // Beside what was loaded it stands already.
        section.text(summary(fidelity));
    }
    if let Some(words) = sampling(fidelity) {
        section.text(words);
    }
    let mut table = Table::new([
        Column::name("Column"),
        Column::number("Distance"),
        Column::word("On").drop(1),
        Column::number("Common"),
        Column::number("Nulls"),
        Column::number("Distinct"),
        Column::number("Order"),
    ]);
    let mut worst: Vec<&ColumnFidelity> = fidelity.columns.iter().collect();
    worst.sort_by(|a, b| badness(b).total_cmp(&badness(a)));
    for column in worst.iter().take(ROWS) {
        table.row([
            Cell::code(format!("{}.{}", column.table, column.column)),
            Cell::known(column.histogram_distance, distance),
            Cell::known(column.histogram_basis.clone(), |basis| basis),
            Cell::known(column.most_common_distance, distance),
            Cell::known(column.null_frac_difference, difference),
            Cell::known(column.distinct_ratio, |ratio| format!("×{ratio:.2}")),
            Cell::known(column.correlation_difference, difference),
        ]);
    }
    section.table(table);
    section.more(worst.len(), ROWS.min(worst.len()), "column", "columns");
    section.dim(
        "Distance is that of distributions, on values, on positions between the ends of histograms, or on the order of \
         common values; Common that of common values' frequencies; Nulls and Order (correlation) are differences, Distinct \
         is a ratio.",
    );
    for line in reasons(&worst) {
        section.dim(line);
    }
    section
}

/// What sampling has to do with distances; `None` where nothing was compared.
fn sampling(fidelity: &Fidelity) -> Option<String> {
    let compared = fidelity.tables.iter().any(|t| t.target_rows.is_some());
    match fidelity.sampling_distance {
        Some(apart) => Some(format!(
            "Statistics of tables of more than 30,000 rows are samples of so many, at the default statistics target: \
             samples of the same rows are up to {} apart in 95 of 100 cases. Those of smaller tables are of all rows.",
            distance(apart)
        )),
        None => compared.then(|| {
            "No table has more than 30,000 rows: at the default statistics target statistics are of all of them, and no \
             distance comes from sampling."
                .to_owned()
        }),
    }
}

/// What was not measured and why, once for all columns that it is true of.
fn reasons(columns: &[&ColumnFidelity]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for column in columns {
        for reason in &column.not_measured {
            let name = format!("{}.{}", column.table, column.column);
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, names)) => names.push(name),
                None => reasons.push((reason, vec![name])),
            }
        }
    }
    let line = |(reason, names): (&str, Vec<String>)| {
        let more = names.len().saturating_sub(NAMED);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = &names[..names.len().min(NAMED)];
        format!("Not measured: {reason} ({}{more}).", named.join(", "))
    };
    reasons.into_iter().map(line).collect()
}

/// Plans of a workload, those that differ first.
pub(super) fn plans(c: &Conclusions) -> Section {
    const TITLE: &str = "Plans as on the source";
    let statements = c.fidelity.as_ref().map(|fidelity| &fidelity.statements);
    let Some(statements) = statements.filter(|statements| !statements.is_empty()) else {
        return Section::nothing(
            TITLE,
            "Not measured: the profile has no plans; it is read with a workload to have them.",
        );
    };
    let mut section = Section::new(TITLE).source("EXPLAIN, on the source and here");
    let mut table = Table::new([
        Column::name("Statement"),
        Column::word("Same shape"),
        Column::number("Expected rows"),
        Column::prose("First difference"),
    ]);
    let mut ordered: Vec<&StatementFidelity> = statements.iter().collect();
    ordered.sort_by_key(|statement| statement.same_shape == Some(true));
    for statement in ordered.iter().take(ROWS) {
        let shape = |same| if same { "yes" } else { "no" };
        let differs = match (&statement.differs, &statement.not_measured) {
            (Some((source, here)), _) => {
                format!("{} instead of {}", or_nothing(here), or_nothing(source))
            }
            (None, Some(reason)) => format!("not measured: {reason}"),
            (None, None) => String::new(),
        };
        table.row([
            Cell::code(statement.statement.clone()),
            Cell::known(statement.same_shape, |same| shape(same).to_owned()),
            Cell::known(statement.rows_ratio, |ratio| format!("×{ratio:.2}")),
            Cell::new(differs),
        ]);
    }
    section.table(table);
    section.more(
        ordered.len(),
        ROWS.min(ordered.len()),
        "statement",
        "statements",
    );
    section
}

/// How alike it is, in a sentence or two.
pub(super) fn summary(fidelity: &Fidelity) -> String {
    let measured = fidelity
        .columns
        .iter()
        .filter(|c| c.histogram_distance.is_some());
    let measured = measured.count() as u64;
    let columns = match fidelity.median_histogram_distance {
        Some(median) => format!(
            "The distributions of {} are {} away from those of the source in the median (Kolmogorov–Smirnov, 0 is the \
             same, 1 has nothing in common)",
            plural(measured, "column", "columns"),
            distance(median)
        ),
        None => "How far distributions are from those of the source was not measured".to_owned(),
    };
    let compared = fidelity
        .statements
        .iter()
        .filter(|s| s.same_shape.is_some());
    let compared = compared.count() as u64;
    let plans = match fidelity.same_shape_ratio {
        Some(same) => format!(
            "{} of {} have the same shape",
            percent(same),
            plural(compared, "plan", "plans")
        ),
        None => "plans were not compared".to_owned(),
    };
    let left = fidelity.columns.len() as u64 - measured;
    let left = match left {
        0 => String::new(),
        left => format!(" Of {} more the distance was not measured.", count(left)),
    };
    format!("{columns}; {plans}.{left}")
}

/// What a column is sorted by: whatever is furthest away. Of what was not measured nothing is known.
fn badness(column: &ColumnFidelity) -> f64 {
    let distinct = column
        .distinct_ratio
        .map(|ratio| (ratio - 1.0).abs().min(1.0));
    let correlation = column
        .correlation_difference
        .map(|difference| difference.abs() / 2.0);
    let parts = [
        column.histogram_distance,
        column.most_common_distance,
        column.null_frac_difference.map(f64::abs),
        distinct,
        correlation,
    ];
    parts.into_iter().flatten().fold(-1.0, f64::max)
}

fn distance(distance: f64) -> String {
    format!("{distance:.3}")
}

fn difference(difference: f64) -> String {
    format!("{difference:+.3}")
}

fn or_nothing(line: &str) -> &str {
    if line.is_empty() { "nothing" } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fidelity::TableFidelity;

    fn with(fidelity: Fidelity) -> Conclusions {
        Conclusions {
            fidelity: Some(fidelity),
            ..Conclusions::empty()
        }
    }

    #[test]
    fn the_summary_says_what_was_not_measured() {
        let column = |name: &str, histogram_distance: Option<f64>| ColumnFidelity {
            table: "t".into(),
            column: name.into(),
            histogram_distance,
            not_measured: match histogram_distance {
                Some(_) => Vec::new(),
                None => vec!["histogram distance: unknown".to_owned()],
            },
            ..ColumnFidelity::default()
        };
        let three = vec![
            column("good", Some(0.01)),
            column("bad", Some(0.3)),
            column("text", None),
        ];
        let fidelity = Fidelity::of(Vec::new(), three, Vec::new(), Some(0.0111));
        let words = summary(&fidelity);
        assert!(words.contains("2 columns are 0.155 away"), "{words}");
        assert!(words.contains("plans were not compared"), "{words}");
        assert!(words.contains("Of 1 more"), "{words}");
        let text = format!("{:?}", columns(&with(fidelity)));
        let at = |name: &str| text.find(name).unwrap();
        assert!(at("t.bad") < at("t.good") && at("t.good") < at("t.text"));
        assert!(text.contains("0.011"));
        let reason = "Not measured: histogram distance: unknown (t.text).";
        assert!(text.contains(reason), "{text}");
    }

    #[test]
    fn distances_come_from_sampling_only_where_there_are_samples() {
        let table = TableFidelity {
            table: "t".into(),
            source_rows: 1_000.0,
            target_rows: Some(1_000.0),
        };
        let text = |tables: &[TableFidelity], sampling| {
            let fidelity = Fidelity::of(tables.to_vec(), Vec::new(), Vec::new(), sampling);
            format!("{:?}", columns(&with(fidelity)))
        };
        let small = text(std::slice::from_ref(&table), None);
        assert!(small.contains("no distance comes from sampling"), "{small}");
        assert!(!small.contains("95 of 100"), "{small}");
        let large = text(&[table], Some(0.0111));
        assert!(large.contains("up to 0.011 apart in 95 of 100"), "{large}");
        assert!(!large.contains("no distance"), "{large}");
        let nothing = text(&[], None);
        assert!(!nothing.contains("sampling"), "{nothing}");
    }

    #[test]
    fn plans_that_differ_come_first() {
        let statement = |name: &str, same| StatementFidelity {
            statement: name.into(),
            same_shape: Some(same),
            rows_ratio: Some(1.0),
            differs: (!same).then(|| ("Index Scan on t".into(), "Seq Scan on t".into())),
            not_measured: None,
        };
        let statements = vec![statement("same", true), statement("other", false)];
        let fidelity = Fidelity::of(Vec::new(), Vec::new(), statements, None);
        assert_eq!(fidelity.same_shape_ratio, Some(0.5));
        let text = format!("{:?}", plans(&with(fidelity)));
        assert!(text.find("other").unwrap() < text.find("\"same\"").unwrap());
        assert!(
            text.contains("Seq Scan on t instead of Index Scan on t"),
            "{text}"
        );
    }
}
