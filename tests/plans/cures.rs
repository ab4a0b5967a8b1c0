//! A cure in SQL is given to the server, and the situation is gone; its undo puts it back.

use dbperf::analyze::conclusions::{Insight, Plan};

use crate::planted::Planted;
use crate::support::{each_version, value};

fn of<'p>(plan: &'p Plan, rule: &str) -> Option<&'p Insight> {
    plan.insights.iter().find(|i| i.rule == rule)
}

/// Situations whose cure is a `work_mem`: rule, settings, statement.
const MEMORY: &[(&str, &str, &str)] = &[
    (
        "sort-spilled",
        "SET work_mem = '300kB';",
        "SELECT id, v FROM child ORDER BY v, part_id",
    ),
    (
        "sort-spilled",
        "SET work_mem = '300kB';",
        "SELECT id, filler FROM wide ORDER BY filler, id",
    ),
    (
        "sort-spilled",
        "SET work_mem = '64kB';",
        "SELECT name FROM part ORDER BY name DESC, grp",
    ),
    (
        "hash-batched",
        "SET work_mem = '64kB'; SET enable_mergejoin = off; SET enable_nestloop = off;",
        "SELECT count(*) FROM child c JOIN part p ON p.id = c.part_id",
    ),
    (
        "hash-batched",
        "SET work_mem = '64kB'; SET enable_mergejoin = off; SET enable_nestloop = off;",
        "SELECT count(w.filler) FROM wide w JOIN child c ON w.id = c.id",
    ),
    (
        "hash-batched",
        "SET work_mem = '64kB'; SET enable_sort = off; SET enable_indexscan = off; SET enable_indexonlyscan = off;",
        "SELECT part_id, count(*) FROM child GROUP BY part_id",
    ),
    (
        "hash-batched",
        "SET work_mem = '64kB'; SET enable_sort = off;",
        "SELECT name, max(grp), min(id) FROM part GROUP BY name",
    ),
    (
        "bitmap-lossy",
        "SET work_mem = '64kB'; SET enable_seqscan = off; SET enable_indexscan = off;",
        "SELECT count(filler) FROM wide WHERE k < 400",
    ),
];

#[test]
fn the_work_mem_that_is_proposed_holds_what_went_to_disk() {
    each_version(async |major| {
        let mut planted = Planted::new(major).await;
        // Proposals are for the settings of a new session; here the session's own are far smaller.
        let server = planted.run.server.as_mut().unwrap();
        server.settings.get_mut("work_mem").unwrap().reset_val = "64".to_owned();
        planted.run.host.memory_bytes = None;
        for (rule, settings, sql) in MEMORY {
            let place = format!("PostgreSQL {major}, {rule}: {sql}");
            let plan = planted.analyzed(settings, sql).await;
            let found = of(&plan, rule);
            let insight = found.unwrap_or_else(|| panic!("{place}: {plan:#?}"));
            let cure = insight.remediation.sql.as_ref().unwrap();
            let cure = cure.replace("SET LOCAL", "SET");
            let megabytes: f64 = cure
                .split('\'')
                .nth(1)
                .unwrap()
                .trim_end_matches("MB")
                .parse()
                .unwrap();
            assert!(
                megabytes <= 64.0,
                "{place}: {cure} is out of all proportion"
            );
            let cured = planted.analyzed(&format!("{settings} {cure}"), sql).await;
            assert!(
                of(&cured, rule).is_none(),
                "{place}: {cure} does not do: {cured:#?}"
            );
        }
    });
}

#[test]
fn statistics_that_are_proposed_mend_the_estimate() {
    each_version(async |major| {
        let planted = Planted::new(major).await;
        let heavy = uncommon(&planted).await;
        // The value that was too rare for the sample first: each ANALYZE takes another sample.
        let cases = [
            (
                format!("SELECT id FROM skewed WHERE k = {heavy} ORDER BY id"),
                "ALTER TABLE public.skewed ALTER COLUMN k SET STATISTICS 1000;",
            ),
            (
                "SELECT id FROM stale WHERE val = 2 ORDER BY id".to_owned(),
                "ANALYZE public.stale;",
            ),
            (
                "SELECT id FROM twins WHERE a = 5 AND b = 5 ORDER BY id".to_owned(),
                "CREATE STATISTICS public.twins_a_b_stats (dependencies)",
            ),
        ];
        for (sql, expected) in &cases {
            let place = format!("PostgreSQL {major}: {sql}");
            let plan = planted.analyzed("", sql).await;
            let found = of(&plan, "row-misestimate");
            let insight = found.unwrap_or_else(|| panic!("{place}: {plan:#?}"));
            let cure = insight.remediation.sql.as_ref().unwrap();
            assert!(cure.starts_with(expected), "{place}: {cure}");
            planted.client.batch_execute(cure).await.unwrap();
            let cured = planted.analyzed("", sql).await;
            assert!(
                of(&cured, "row-misestimate").is_none(),
                "{place}: {cured:#?}"
            );
            if let Some(undo) = &insight.remediation.undo_sql {
                planted.client.batch_execute(undo).await.unwrap();
            }
        }
        let again = planted.analyzed("", &cases[2].0).await;
        assert!(
            of(&again, "row-misestimate").is_some(),
            "the undo undoes nothing"
        );
        let target = "SELECT coalesce(attstattarget, -1)::text FROM pg_attribute
            WHERE attrelid = 'skewed'::regclass AND attname = 'k'";
        assert_eq!(
            value(&planted.client, target).await,
            "-1",
            "PostgreSQL {major}"
        );
    });
}

/// A frequent value of `skewed.k` that is not among the most common ones that the planner knows.
async fn uncommon(planted: &Planted) -> i32 {
    let sql = "SELECT v FROM generate_series(0, 149) v
        WHERE v::text <> ALL (SELECT unnest(most_common_vals::text::text[]) FROM pg_stats
                              WHERE tablename = 'skewed' AND attname = 'k') LIMIT 1";
    planted.client.query_one(sql, &[]).await.unwrap().get(0)
}

#[test]
fn a_vacuum_ends_heap_fetches() {
    each_version(async |major| {
        let planted = Planted::new(major).await;
        let settings = "SET enable_seqscan = off; SET enable_bitmapscan = off";
        let sql = "SELECT count(id) FROM fresh WHERE id < 40000";
        let plan = planted.analyzed(settings, sql).await;
        let insight = of(&plan, "heap-fetches").unwrap();
        assert!(
            insight.detail.contains("since it was loaded"),
            "{insight:?}"
        );
        let cure = insight.remediation.sql.clone().unwrap();
        planted.client.batch_execute(&cure).await.unwrap();
        let cured = planted.analyzed(settings, sql).await;
        assert!(
            of(&cured, "heap-fetches").is_none(),
            "PostgreSQL {major}: {cured:#?}"
        );
    });
}
