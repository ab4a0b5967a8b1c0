use serde_json::json;

use super::super::testing::{look, of, ran, run};
use super::*;
use crate::analyze::fixture::set;
use crate::record::Run;

fn cured(
    run: &Run,
    extra: &serde_json::Value,
) -> (String, crate::analyze::conclusions::Remediation) {
    let mut scan = ran(
        "Seq Scan",
        &json!({"Relation Name": "tasks", "Plan Rows": 10,
        "Actual Rows": 20_000.0}),
        vec![],
    );
    scan.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let top = json!({"Plan Rows": 10, "Actual Rows": 20_000.0});
    let document = json!({"Plan": ran("Sort", &top, vec![scan])});
    let insight = of("row-misestimate", look(run, &document, true).0).unwrap();
    (insight.detail, insight.remediation)
}

#[test]
fn one_column_gets_finer_statistics() {
    let mut run = run();
    let filter = json!({"Filter": "(a = $1)"});
    let (detail, remedy) = cured(&run, &filter);
    assert!(detail.contains("are not old"), "{detail}");
    assert_eq!(
        remedy.sql.as_deref(),
        Some("ALTER TABLE public.tasks ALTER COLUMN a SET STATISTICS 1000; ANALYZE public.tasks;")
    );
    assert!(remedy.undo_sql.unwrap().contains("SET STATISTICS -1;"));
    run.tables.facts.as_mut().unwrap()[0].columns[1].stattarget = Some(1000);
    let (detail, remedy) = cured(&run, &filter);
    assert_eq!(remedy.sql, None);
    assert!(
        detail.contains("a statistics target of 1000 already"),
        "{detail}"
    );
}

#[test]
fn several_columns_get_statistics_together_unless_they_have_them() {
    let mut run = run();
    let filter = json!({"Filter": "((a = $1) AND (b = $2))"});
    let (_, remedy) = cured(&run, &filter);
    assert_eq!(
        remedy.sql.as_deref(),
        Some(
            "CREATE STATISTICS public.tasks_a_b_stats (dependencies) ON a, b FROM \
              public.tasks; ANALYZE public.tasks;"
        )
    );
    assert_eq!(
        remedy.undo_sql.as_deref(),
        Some("DROP STATISTICS public.tasks_a_b_stats;")
    );
    let range = json!({"Filter": "((a = $1) AND (b > $2))"});
    let (_, remedy) = cured(&run, &range);
    let sql = remedy.sql.unwrap();
    assert!(
        sql.contains("(mcv) ON a, b") && sql.contains("SET STATISTICS 1000;"),
        "{sql}"
    );
    let mut have = |kind: &str| {
        run.tables.extended_statistics = Some(vec![ExtendedStatistics {
            stxrelid: 1,
            schemaname: "public".to_owned(),
            stxname: "together".to_owned(),
            stxkeys: vec![2, 3],
            stxkind: vec![kind.to_owned()],
        }]);
        cured(&run, &filter).1.sql.unwrap()
    };
    assert!(have("d").contains("(dependencies) ON a, b"));
    assert!(have("f").contains("(mcv) ON a, b"));
    assert!(have("m").starts_with("ALTER STATISTICS public.together SET STATISTICS 1000"));
}

#[test]
fn what_is_wrapped_is_not_described_by_the_columns() {
    let filter = json!({"Filter": "((a = $1) AND (lower(name) = $2))"});
    let (_, remedy) = cured(&run(), &filter);
    assert!(remedy.sql.unwrap().contains("ON (lower(name)) FROM"));
}

#[test]
fn an_expression_gets_statistics_where_the_server_has_them() {
    let mut run = run();
    let filter = json!({"Filter": "(lower(name) = $1)"});
    let (_, remedy) = cured(&run, &filter);
    assert!(
        remedy
            .sql
            .unwrap()
            .contains("tasks_name_stats ON (lower(name)) FROM public.tasks")
    );
    run.server.as_mut().unwrap().version_num = 130_023;
    let (_, remedy) = cured(&run, &filter);
    assert_eq!(remedy.sql, None);
}

#[test]
fn stale_is_what_the_rule_of_the_table_calls_so() {
    let mut run = run();
    let stats = |run: &mut Run, changed| {
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        stats.last[0].n_mod_since_analyze = changed;
    };
    let filter = json!({"Filter": "(a = $1)"});
    stats(&mut run, 20_100);
    assert!(!cured(&run, &filter).1.sql.unwrap().starts_with("ANALYZE"));
    stats(&mut run, 20_101);
    assert_eq!(cured(&run, &filter).1.sql.unwrap(), "ANALYZE public.tasks;");
    set(&mut run, "autovacuum_analyze_threshold", "1000");
    assert!(!cured(&run, &filter).1.sql.unwrap().starts_with("ANALYZE"));
    run.tables.stat_user_tables = None;
    assert!(cured(&run, &filter).0.contains("not known"));
}
