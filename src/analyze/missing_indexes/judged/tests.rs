use super::super::testing::{WITHOUT, ask, question, scan};
use super::*;
use crate::analyze::fixture::{index, run_with_indexes};
use crate::record::indexes::IndexFacts;

const ON_A: &str = "CREATE INDEX ON public.tasks (a)";
const ON_A_B: &str = "CREATE INDEX ON public.tasks (a, b)";

/// Two statements: the first seeks `a`, the second `a` and a range of `b`. An index on `a` alone serves the first.
fn advice(
    indexes: Vec<IndexFacts>,
    costs: &[(i64, &str, f64)],
    refused: &str,
) -> Vec<MissingIndex> {
    let indexes = indexes.into_iter().map(|i| (i, 0)).collect();
    let mut run = run_with_indexes(indexes);
    // What is written costs: this table is only read.
    run.tables.stat_user_tables = None;
    let both = "((tasks.a = $1) AND (tasks.b > $2))";
    let statements = vec![
        scan(1, Some("(tasks.a = $1)"), 10.0),
        scan(2, Some(both), 5.0),
    ];
    let what_if = question(&mut run, statements);
    let what_if = ask(&run, what_if, costs, refused);
    let matter = Matter::of(&run, &what_if);
    matter.recommended(&matter.choice())
}

#[test]
fn an_index_gives_back_what_its_statements_save() {
    let found = advice(vec![], &[(1, ON_A, WITHOUT / 100.0)], "");
    let [one] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(
        one.create_sql,
        "CREATE INDEX CONCURRENTLY tasks_a_idx ON public.tasks (a);"
    );
    // 6 s in a minute, of which a hundredth is left.
    assert!(
        (one.saves_ms_per_sec.unwrap() - 99.0).abs() < 1e-6,
        "{one:#?}"
    );
    assert_eq!(
        (one.cost_before, one.cost_after),
        (Some(2_000.0), Some(20.0))
    );
    assert_eq!(one.judged_by, Some(JudgedBy::Hypopg));
    assert_eq!(one.evidence, Evidence::Estimated);
    let helped: Vec<&str> = one.helps.iter().map(|h| h.query_id.as_str()).collect();
    assert_eq!(helped, ["1"]);
    assert!(one.reason.contains("costs 20 with"), "{}", one.reason);
}

#[test]
fn one_index_that_serves_both_is_taken_for_both() {
    let costs = [
        (1, ON_A, 20.0),
        (1, ON_A_B, 20.5),
        (2, ON_A, 1_500.0),
        (2, ON_A_B, 10.0),
    ];
    let found = advice(vec![], &costs, "");
    let [one] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(one.columns, ["a", "b"]);
    assert_eq!(one.helps.len(), 2);
    assert!(
        one.reason.contains("(and 1 more statement)"),
        "{}",
        one.reason
    );
}

#[test]
fn what_the_server_refuses_or_the_planner_does_not_use_is_not_recommended() {
    assert!(advice(vec![], &[(1, ON_A, 20.0)], ON_A).is_empty());
    assert!(advice(vec![], &[], "").is_empty());
}

#[test]
fn an_index_that_does_all_that_another_one_does_says_so() {
    let there = index(7, 1, "tasks_a_idx", &[2]);
    let found = advice(vec![there], &[(2, ON_A_B, 10.0)], "");
    let [one] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(one.extends.as_deref(), Some("tasks_a_idx"));
    assert!(one.reason.contains("which can go then"), "{}", one.reason);
}

#[test]
fn a_statement_that_cannot_be_planned_any_more_gains_nothing_and_ends_the_questions() {
    let mut run = run_with_indexes(vec![]);
    let statement = scan(1, Some("(tasks.a = $1)"), 10.0);
    let what_if = question(&mut run, vec![statement]);
    let mut questions = Questions::of(&run, &what_if);
    assert_eq!(questions.definitions(), [ON_A]);
    questions.tried(&[TriedIndex {
        definition: ON_A.to_owned(),
        size_bytes: None,
        refused: None,
    }]);
    assert!(!questions.next().is_empty());
    questions.give_up(QueryId(1));
    assert!(questions.next().is_empty(), "{:?}", questions.next());
}
