//! `missing-limit`: a statement without LIMIT returns a thousand rows and more.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::statements::shape;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "missing-limit",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let found = facts.tunable()?.filter_map(|s| {
        let share = s.share_ratio.filter(|share| *share >= t::STATEMENT_MATTERS_RATIO)?;
        let rows = s.rows_per_call().filter(|rows| *rows >= t::MISSING_LIMIT_ROWS_PER_CALL)?;
        // What a function reads does not leave the server by itself.
        if s.toplevel == Some(false) {
            return None;
        }
        shape(&s.query).filter(|shape| !shape.limited)?;
        let draft = Draft::new(RULE.id, Severity::Info)
            .evidence(Evidence::RuleOfThumb)
            .about("statement", &s.query_id)
            .title(&format!("{rows:.0} rows per call and no LIMIT: {}", one_line(&s.query)))
            .detail(format!(
                "{} calls returned {} rows, {} of the execution time, and nothing bounds how many it will be as the \
                 table grows. An export wants them all",
                s.calls,
                s.rows,
                percent(share)
            ))
            .note("page by key with a LIMIT, aggregate in the database, or read an export through a cursor");
        Some(draft.fire(facts))
    });
    facts.of_statements(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    fn case(query: &str, rows: i64, nested: bool) -> Case {
        let mut list = delta(1, 10, 1_000.0);
        list.counters.rows = rows;
        let mut outer = delta(2, 10, 1_000.0);
        outer.counters.rows = 10;
        list.key.toplevel = Some(!nested);
        let mut case = Case::with_statements(vec![list, outer]);
        let texts = &mut case.run.statements.as_mut().unwrap().texts;
        query.clone_into(&mut texts.get_mut(&1).unwrap().query);
        case.conclude();
        case
    }

    #[test]
    fn many_rows_without_a_bound_are_found() {
        let finding = case("select id from tasks", 25_000, false).the_finding(&RULE);
        assert!(finding.title.starts_with("2500 rows per call and no LIMIT"));
    }

    #[test]
    fn few_rows_bounds_and_statements_of_functions_are_not() {
        case("select id from tasks", 5_000, false).assert_quiet(&RULE);
        case("select id from tasks limit $1", 25_000, false).assert_quiet(&RULE);
        case("select id from tasks", 25_000, true).assert_quiet(&RULE);
        case("insert into a select * from tasks", 25_000, false).assert_quiet(&RULE);
    }

    #[test]
    fn without_statements_nothing_is_said() {
        assert!(
            Case::new()
                .missing_fact(&RULE)
                .contains("pg_stat_statements")
        );
    }
}
