use super::*;
use crate::analyze::fixture::{delta, index, run_with_indexes, statement_window};
use crate::analyze::rules::testing::Case;
use crate::record::statements::StatementText;

/// 20 000 updates in the window, so many of them HOT; the statement updated as many rows. `tasks` has an
/// index on `a` that is scanned.
fn case(text: &str, hot: i64, newpage: Option<i64>) -> Case {
    let mut run = run_with_indexes(vec![(index(1, 1, "tasks_a_idx", &[2]), 9)]);
    let mut window = statement_window(vec![delta(1, 20_000, 60.0)]);
    let text = StatementText {
        query: text.to_owned(),
        fingerprint: None,
    };
    window.texts.insert(1, text);
    run.statements = Some(window);
    let span = run.tables.stat_user_tables.as_mut().unwrap();
    span.first[0].n_tup_newpage_upd = newpage.map(|_| 0);
    let last = &mut span.last[0];
    last.n_tup_upd += 20_000;
    last.n_tup_hot_upd += hot;
    last.n_tup_newpage_upd = newpage;
    Case::of(run)
}

const SETS_A: &str = "update tasks set a = $1 where id = $2";
const SETS_B: &str = "update tasks set b = $1 where id = $2";

#[test]
fn an_index_that_is_in_the_way_is_named_and_kept() {
    let finding = case(SETS_A, 2_000, None).the_finding(&RULE);
    assert_eq!(
        finding.title,
        "10.0 % of 20000 updates of public.tasks are HOT: statements set columns that are indexed"
    );
    assert!(
        finding
            .detail
            .contains("20000 rows set columns of tasks_a_idx (a)"),
        "{}",
        finding.detail
    );
    assert_eq!(finding.remediation.sql, None);
    let note = finding.remediation.note.unwrap();
    assert!(note.contains("fillfactor does not help"), "{note}");
    case(SETS_A, 10_000, None).assert_quiet(&RULE);
}

#[test]
fn fewer_updates_do_not_matter() {
    let mut few = case(SETS_A, 0, None);
    let span = few.run.tables.stat_user_tables.as_mut().unwrap();
    span.last[0].n_tup_upd -= 10_001;
    few.assert_quiet(&RULE);
}

#[test]
fn an_index_that_is_to_go_anyway_is_dropped_and_a_constraint_never() {
    let mut unused = case(SETS_A, 0, None);
    let scans = unused.run.indexes.stat_user_indexes.as_mut().unwrap();
    scans.first[0].idx_scan = 0;
    scans.last[0].idx_scan = 0;
    let remedy = unused.the_finding(&RULE).remediation;
    assert_eq!(
        remedy.sql.as_deref(),
        Some("DROP INDEX CONCURRENTLY public.tasks_a_idx;")
    );
    assert!(
        remedy
            .undo_sql
            .unwrap()
            .starts_with("CREATE INDEX CONCURRENTLY tasks_a_idx")
    );
    let facts = &mut unused.run.indexes.facts.as_mut().unwrap()[0];
    facts.indisunique = true;
    facts.constraint_name = Some("tasks_a_key".to_owned());
    assert_eq!(unused.the_finding(&RULE).remediation.sql, None);
}

#[test]
fn columns_of_predicates_and_expressions_are_in_the_way_too() {
    let mut partial = case(SETS_B, 0, None);
    partial.run.indexes.facts.as_mut().unwrap()[0].predicate = Some("(b IS NULL)".to_owned());
    let finding = partial.the_finding(&RULE);
    assert!(
        finding.detail.contains("tasks_a_idx (b)"),
        "{}",
        finding.detail
    );
}

#[test]
fn pages_without_room_are_measured_and_before_16_inferred() {
    let finding = case(SETS_B, 2_000, Some(17_000)).the_finding(&RULE);
    assert_eq!(finding.evidence, Evidence::Measured);
    assert!(
        finding.title.ends_with("no room for the new row"),
        "{}",
        finding.title
    );
    let remedy = finding.remediation;
    assert_eq!(
        remedy.sql.as_deref(),
        Some("ALTER TABLE public.tasks SET (fillfactor = 85);")
    );
    assert_eq!(
        remedy.undo_sql.as_deref(),
        Some("ALTER TABLE public.tasks RESET (fillfactor);")
    );
    let inferred = case(SETS_B, 2_000, None).the_finding(&RULE);
    assert_eq!(inferred.evidence, Evidence::Estimated);
    assert!(inferred.remediation.sql.is_some());
}

#[test]
fn a_fillfactor_that_is_set_comes_back_and_is_not_lowered_for_ever() {
    let with = |options: &str| {
        let mut case = case(SETS_B, 0, Some(20_000));
        case.run.tables.facts.as_mut().unwrap()[0].reloptions = vec![options.to_owned()];
        case.the_finding(&RULE).remediation
    };
    let lower = with("fillfactor=80");
    assert!(lower.sql.unwrap().contains("fillfactor = 65"));
    assert!(lower.undo_sql.unwrap().contains("SET (fillfactor = 80)"));
    assert_eq!(with("fillfactor=70").sql, None);
}

#[test]
fn what_no_statement_shows_is_told_apart() {
    let finding = case(SETS_B, 2_000, Some(100)).the_finding(&RULE);
    assert!(finding.remediation.note.unwrap().contains("trigger"));
    let unseen = case("select 1", 2_000, None);
    assert!(unseen.missing_fact(&RULE).contains("were not seen"));
    // From 16 on the counter tells without them.
    case("select 1", 2_000, Some(17_000)).the_finding(&RULE);
}

#[test]
fn a_brin_index_is_in_the_way_before_16_only() {
    let mut brin = case(SETS_A, 2_000, None);
    brin.run.indexes.facts.as_mut().unwrap()[0].amname = "brin".to_owned();
    assert!(brin.the_finding(&RULE).title.contains("indexed"));
    brin.run.server.as_mut().unwrap().version_num = 160_001;
    assert!(brin.the_finding(&RULE).title.contains("no room"));
}

#[test]
fn updates_of_a_partitioned_table_are_those_of_its_partitions() {
    let mut parts = case("update all_tasks set a = 1", 0, None);
    let facts = parts.run.tables.facts.as_mut().unwrap();
    let mut parent = crate::analyze::fixture::table(7, "all_tasks");
    parent.relkind = "p".to_owned();
    facts[0].parent = Some(7);
    facts.push(parent);
    assert!(parts.the_finding(&RULE).detail.contains("tasks_a_idx (a)"));
}

#[test]
fn each_missing_fact_is_named() {
    let mut case = case(SETS_A, 0, None);
    case.run.statements = None;
    assert!(case.missing_fact(&RULE).contains("pg_stat_statements"));
    case.run.indexes.facts = None;
    case.run.statements = Some(statement_window(Vec::new()));
    assert!(case.missing_fact(&RULE).contains("pg_index"));
    case.run.tables.stat_user_tables = None;
    assert!(case.missing_fact(&RULE).contains("pg_stat_user_tables"));
}
