use super::super::testing::{ask, question, scan};
use super::*;
use crate::analyze::fixture::{run, run_with_indexes, table};
use crate::record::{Coverage, Status};

const ON_A: &str = "CREATE INDEX ON public.tasks (a)";

#[test]
fn a_name_that_is_no_table_or_several_says_so() {
    let note = |run: &Run, name: &str| conclude(run, name).note.unwrap();
    assert_eq!(note(&run(), "tasks"), "the catalogue was not read");
    let mut run = run_with_indexes(vec![]);
    assert_eq!(
        note(&run, "nosuch"),
        "there is no table nosuch in this database"
    );
    assert_eq!(
        note(&run, "other.tasks"),
        "there is no table other.tasks in this database"
    );
    let mut twin = table(2, "tasks");
    twin.schemaname = "other".to_owned();
    run.tables.facts.as_mut().unwrap().push(twin);
    let which = note(&run, "tasks");
    assert!(
        which.ends_with("say which: other.tasks, public.tasks"),
        "{which}"
    );

    // Found, and no planner was asked: the coverage has the reason.
    assert!(note(&run, "public.tasks").contains("was not asked"));
    run.coverage
        .push(Coverage::not_ok("what_if", Status::Skipped, "--no-hypopg"));
    assert_eq!(note(&run, "public.tasks"), "--no-hypopg");
}

/// `tasks` under one statement, and the advice about it.
fn advised(
    filter: Option<&str>,
    rows: f64,
    costs: &[(i64, &str, f64)],
    refused: &str,
) -> TableAdvice {
    let mut run = run_with_indexes(vec![]);
    run.tables.stat_user_tables = None;
    let what_if = question(&mut run, vec![scan(1, filter, rows)]);
    run.what_if = Some(ask(&run, what_if, costs, refused));
    let advice = conclude(&run, "tasks");
    assert_eq!(
        (advice.note.as_ref(), advice.schema.as_str()),
        (None, "public")
    );
    advice
}

#[test]
fn each_index_has_its_reason_the_recommended_one_first() {
    let filter = Some("((tasks.a = $1) AND (tasks.b > $2))");
    let advice = advised(
        filter,
        10.0,
        &[(1, ON_A, 20.0)],
        "CREATE INDEX ON public.tasks (b)",
    );
    let reasons: Vec<(&str, &str)> = advice
        .considered
        .iter()
        .map(|c| (c.definition.as_str(), c.reason.as_str()))
        .collect();
    assert_eq!(reasons[0], (ON_A, "recommended"));
    assert!(advice.considered[0].recommended);
    let reason = |end: &str| reasons.iter().find(|(d, _)| d.ends_with(end)).unwrap().1;
    assert_eq!(
        reason("(a, b)"),
        "the planner does not use it for any statement"
    );
    assert_eq!(reason("tasks (b)"), "the server refuses it: no");
    let [scan] = &advice.scans[..] else {
        panic!("{advice:#?}");
    };
    assert_eq!(
        scan.reason,
        "no index begins with a column that it seeks: a, b"
    );
}

#[test]
fn a_statement_that_wants_many_rows_or_all_of_them_is_told_so() {
    let many = advised(Some("(tasks.a = $1)"), 50_000.0, &[], "");
    assert_eq!(
        many.scans[0].reason,
        "it keeps 50 % of the rows, for which reading all is cheaper"
    );
    assert_eq!(
        many.considered[0].reason,
        "the planner does not use it for any statement"
    );
    let all = advised(None, 100_000.0, &[], "");
    assert!(all.scans[0].reason.contains("no condition"), "{all:#?}");
    assert!(all.considered.is_empty());
}

#[test]
fn a_table_that_nobody_reads_has_neither_scans_nor_indexes() {
    let mut run = run_with_indexes(vec![]);
    run.tables.facts.as_mut().unwrap().push(table(2, "unread"));
    let what_if = question(&mut run, vec![scan(1, Some("(tasks.a = $1)"), 10.0)]);
    run.what_if = Some(ask(&run, what_if, &[], ""));
    let advice = conclude(&run, "unread");
    assert!(advice.note.is_none() && advice.scans.is_empty() && advice.considered.is_empty());
}
