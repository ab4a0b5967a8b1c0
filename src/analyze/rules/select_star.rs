//! `select-star`: a statement that matters returns every column of a wide table.

use crate::analyze::conclusions::{Evidence, Severity, Statement};
use crate::analyze::statements::{Shape, shape};
use crate::record::tables::TableFacts;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "select-star",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let statements = facts.tunable()?;
    let tables = facts.run.tables.facts.as_deref();
    let tables = tables.ok_or_else(|| facts.missing("pg_class"))?;
    let here = facts.server()?.database.as_str();
    let found = statements.filter_map(|s| {
        let matters = s.share_ratio? >= t::STATEMENT_MATTERS_RATIO && s.rows > 0;
        // The columns of other databases' tables are not known.
        if !matters || s.database.as_deref().is_some_and(|d| d != here) {
            return None;
        }
        let shape = shape(&s.query).filter(|shape| shape.star)?;
        let columns = columns(&shape, tables);
        (columns >= t::SELECT_STAR_MIN_COLUMNS).then(|| finding(s, columns))
    });
    let found = found.map(|draft| draft.fire(facts)).collect();
    facts.of_statements(found)
}

/// Columns of the tables that it reads, as far as they are known.
fn columns(shape: &Shape, tables: &[TableFacts]) -> usize {
    let of = |(schema, name): &(Option<String>, String)| {
        let table = tables
            .iter()
            .find(|t| t.relname == *name && schema.as_ref().is_none_or(|s| *s == t.schemaname));
        table.map_or(0, |t| t.columns.len())
    };
    shape.tables.iter().map(of).sum()
}

fn finding(s: &Statement, columns: usize) -> Draft {
    let share = percent(s.share_ratio.unwrap_or(0.0));
    Draft::new(RULE.id, Severity::Info)
        .evidence(Evidence::RuleOfThumb)
        .about("statement", &s.query_id)
        .title(&format!("every one of {columns} columns is returned: {}", one_line(&s.query)))
        .detail(format!(
            "{} rows with all columns of the tables in {} calls, {share} of the execution time. All columns are read, \
             sent and decoded, large values are fetched from their own storage, and no index alone can answer",
            s.rows, s.calls
        ))
        .note("name the columns that the application uses")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{delta, run, statement_window, table};
    use crate::analyze::rules::testing::Case;

    /// `select * from tasks …`, this share of the time, with this many columns.
    fn case(share: f64, columns: usize) -> Case {
        let mut run = run();
        let all = vec![
            delta(1, 10, 1_000.0 * share),
            delta(2, 10, 1_000.0 * (1.0 - share)),
        ];
        let mut window = statement_window(all);
        let other = window.texts.get_mut(&2).unwrap();
        other.query = "select count(*) from tasks".to_owned();
        run.statements = Some(window);
        let mut tasks = table(1, "tasks");
        let column = tasks.columns[0].clone();
        tasks.columns = vec![column; columns];
        run.tables.facts = Some(vec![tasks]);
        Case::of(run)
    }

    #[test]
    fn all_columns_of_a_wide_table_are_worth_a_word() {
        let finding = case(0.3, 12).the_finding(&RULE);
        assert!(
            finding.title.starts_with("every one of 12 columns"),
            "{}",
            finding.title
        );
        assert_eq!(finding.evidence, Evidence::RuleOfThumb);
    }

    #[test]
    fn narrow_tables_and_trifles_are_not() {
        case(0.3, 4).assert_quiet(&RULE);
        case(0.01, 12).assert_quiet(&RULE);
    }

    #[test]
    fn without_the_tables_nothing_is_said() {
        let mut case = case(0.3, 12);
        case.run.tables.facts = None;
        assert!(case.missing_fact(&RULE).contains("pg_class"));
    }
}
