use super::super::testing::{column, question, scan};
use super::*;
use crate::analyze::fixture::{index, run_with_indexes, table};

/// Definitions of the candidates, and of what was passed over with the reason.
fn wished(run: &Run, what_if: &WhatIf) -> (Vec<String>, Vec<String>) {
    let wishes = of_run(run, what_if);
    let short = |candidate: &Candidate| {
        let sql = candidate.definition(&table(1, "tasks"));
        sql.replace("CREATE INDEX ON public.tasks ", "")
    };
    let passed = wishes.passed_over.iter();
    (
        wishes.candidates.iter().map(short).collect(),
        passed
            .map(|(candidate, why)| format!("{}: {why}", short(candidate)))
            .collect(),
    )
}

#[test]
fn a_range_follows_what_is_equal() {
    let mut run = run_with_indexes(vec![]);
    let filter = "((tasks.a = $1) AND (tasks.b > $2))";
    let what_if = question(&mut run, vec![scan(1, Some(filter), 10.0)]);
    let (mut candidates, passed) = wished(&run, &what_if);
    candidates.sort();
    assert_eq!(candidates, ["(a)", "(a, b)", "(b)"]);
    assert!(passed.is_empty(), "{passed:?}");
}

#[test]
fn any_of_equal_columns_may_lead_and_the_most_selective_is_thought_of_first() {
    let mut run = run_with_indexes(vec![]);
    let filter = "((tasks.a = $1) AND (tasks.b = $2))";
    let what_if = question(&mut run, vec![scan(1, Some(filter), 10.0)]);
    assert_eq!(wished(&run, &what_if).0, ["(b)", "(b, a)", "(a)", "(a, b)"]);
}

#[test]
fn a_test_for_null_alone_is_sought_too_and_beside_others_only_narrows_them() {
    let mut run = run_with_indexes(vec![]);
    let mut wished_by = |filter| {
        let mut what_if = question(&mut run, vec![scan(1, Some(filter), 10.0)]);
        let rare = ColumnStats {
            null_frac: Some(0.9),
            ..column("a", 100.0)
        };
        what_if.columns = vec![rare, column("b", 10.0)];
        wished(&run, &what_if).0
    };
    let alone = wished_by("(tasks.a IS NOT NULL)");
    assert_eq!(alone, ["(a)", "(a) WHERE a IS NOT NULL"]);
    // Most rows are NULL: an index of them alone would be no smaller.
    assert_eq!(wished_by("(tasks.a IS NULL)"), ["(a)"]);
    let beside = wished_by("((tasks.a IS NOT NULL) AND (tasks.b = $1))");
    assert_eq!(beside, ["(b)", "(b) WHERE a IS NOT NULL"]);
}

#[test]
fn what_the_statement_needs_is_carried_along_where_pages_are_visible() {
    let mut run = run_with_indexes(vec![]);
    let mut what_if = question(&mut run, vec![scan(1, Some("(tasks.a = $1)"), 10.0)]);
    let seen = ColumnStats {
        relallvisible: 6_400,
        ..column("a", 100.0)
    };
    what_if.columns = vec![seen];
    assert_eq!(wished(&run, &what_if).0, ["(a)", "(a) INCLUDE (id)"]);
}

#[test]
fn small_tables_and_what_an_index_serves_are_passed_over_with_the_reason() {
    let mut run = run_with_indexes(vec![(index(7, 1, "tasks_a_idx", &[2]), 0)]);
    let filter = "((tasks.a = $1) AND (tasks.b > $2))";
    let what_if = question(&mut run, vec![scan(1, Some(filter), 10.0)]);
    let (candidates, passed) = wished(&run, &what_if);
    assert_eq!(candidates, ["(b)", "(a, b)"]);
    assert_eq!(passed, ["(a): tasks_a_idx serves it already"]);

    run.tables.stat_user_tables = None;
    run.tables.facts.as_mut().unwrap()[0].reltuples = 500.0;
    let (candidates, passed) = wished(&run, &what_if);
    assert!(candidates.is_empty(), "{candidates:?}");
    assert!(
        passed.len() == 3
            && passed
                .iter()
                .all(|why| why.contains("the table has 500 rows")),
        "{passed:?}"
    );
}

#[test]
fn a_statement_without_a_condition_or_a_plan_wishes_nothing() {
    let mut run = run_with_indexes(vec![]);
    let unplanned = crate::record::plan::PlanRecord {
        plan: None,
        ..scan(2, None, 1.0)
    };
    let what_if = question(&mut run, vec![scan(1, None, 100_000.0), unplanned]);
    assert_eq!(wished(&run, &what_if), (vec![], vec![]));
    assert_eq!(of_run(&run, &what_if).uses.len(), 1);
}
