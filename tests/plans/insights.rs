//! Each planted situation is found at its node, and its healthy variant is quiet.

use dbperf::analyze::conclusions::{Insight, Plan, Severity};

use crate::planted::Planted;
use crate::support::servers;

/// One situation.
struct Case {
    rule: &'static str,
    /// The node as far as all versions call it the same.
    node: &'static str,
    /// The first version that has it.
    since: u32,
    settings: &'static str,
    planted: &'static str,
    healthy_settings: &'static str,
    healthy: &'static str,
}

const CASES: &[Case] = &[
    Case {
        rule: "filter-discards-rows",
        node: "Seq Scan on child",
        since: 13,
        settings: "",
        planted: "SELECT id FROM child WHERE v = 3",
        healthy_settings: "",
        healthy: "SELECT id FROM child WHERE part_id = 3",
    },
    Case {
        rule: "row-misestimate",
        node: "Seq Scan on stale",
        since: 13,
        settings: "",
        planted: "SELECT id FROM stale WHERE val = 2 ORDER BY id",
        healthy_settings: "",
        healthy: "SELECT id FROM part WHERE grp = 2 ORDER BY id",
    },
    Case {
        rule: "stale-statistics",
        node: "Seq Scan on stale",
        since: 13,
        settings: "",
        planted: "SELECT id FROM stale WHERE val = 2",
        healthy_settings: "",
        healthy: "SELECT id FROM part WHERE grp = 2",
    },
    Case {
        rule: "row-misestimate",
        node: "Seq Scan on twins",
        since: 13,
        settings: "",
        planted: "SELECT id FROM twins WHERE a = 5 AND b = 5 ORDER BY id",
        healthy_settings: "",
        healthy: "SELECT id FROM twins WHERE a = 5 ORDER BY id",
    },
    Case {
        rule: "bitmap-lossy",
        node: "Bitmap Heap Scan on wide",
        since: 13,
        settings: "SET work_mem = '64kB'; SET enable_seqscan = off; SET enable_indexscan = off",
        planted: "SELECT count(filler) FROM wide WHERE k < 400",
        healthy_settings: "SET enable_seqscan = off; SET enable_indexscan = off",
        healthy: "SELECT count(filler) FROM wide WHERE k < 400",
    },
    Case {
        rule: "heap-fetches",
        node: "Index Only Scan using fresh_pkey on fresh",
        since: 13,
        settings: "SET enable_seqscan = off; SET enable_bitmapscan = off",
        planted: "SELECT count(id) FROM fresh WHERE id < 40000",
        healthy_settings: "SET enable_seqscan = off; SET enable_indexonlyscan = off",
        healthy: "SELECT count(id) FROM fresh WHERE id < 40000",
    },
    Case {
        rule: "sort-spilled",
        node: "Sort",
        since: 13,
        settings: "SET work_mem = '500kB'",
        planted: "SELECT id, v FROM child ORDER BY v, part_id",
        healthy_settings: "SET work_mem = '32MB'",
        healthy: "SELECT id, v FROM child ORDER BY v, part_id",
    },
    Case {
        rule: "hash-batched",
        node: "Hash",
        since: 13,
        settings: "SET work_mem = '200kB'; SET enable_mergejoin = off; SET enable_nestloop = off",
        planted: "SELECT count(*) FROM child c JOIN part p ON p.id = c.part_id",
        healthy_settings: "SET work_mem = '32MB'; SET enable_mergejoin = off; SET enable_nestloop = off",
        healthy: "SELECT count(*) FROM child c JOIN part p ON p.id = c.part_id",
    },
    Case {
        rule: "hash-batched",
        node: "HashAggregate",
        since: 13,
        settings: "SET work_mem = '200kB'; SET enable_sort = off; SET enable_indexscan = off; SET enable_indexonlyscan = off",
        planted: "SELECT part_id, count(*) FROM child GROUP BY part_id",
        healthy_settings: "SET work_mem = '32MB'; SET enable_sort = off",
        healthy: "SELECT part_id, count(*) FROM child GROUP BY part_id",
    },
    Case {
        rule: "nested-loop-blowup",
        node: "Nested Loop",
        since: 13,
        settings: "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off",
        // What the inner side does once must take longer than the microsecond that its mean time is told in.
        planted: "SELECT count(*) FROM stale s JOIN part p ON p.id = s.id AND md5(md5(md5(p.name))) <> '' WHERE s.val = 2",
        healthy_settings: "SET enable_hashjoin = off; SET enable_mergejoin = off",
        healthy: "SELECT count(*) FROM child c JOIN part p ON p.id = c.part_id WHERE c.v < 100",
    },
    Case {
        rule: "limit-wrong-index",
        node: "Index Scan using feed_at on feed",
        since: 13,
        settings: "SET enable_bitmapscan = off; SET enable_seqscan = off",
        planted: "SELECT id FROM feed WHERE status = 7 ORDER BY at LIMIT 10",
        healthy_settings: "",
        healthy: "SELECT id FROM feed_well WHERE status = 7 ORDER BY at LIMIT 10",
    },
    Case {
        rule: "large-offset",
        node: "Limit",
        since: 13,
        settings: "",
        planted: "SELECT id FROM part ORDER BY id LIMIT 10 OFFSET 15000",
        healthy_settings: "",
        healthy: "SELECT id FROM part WHERE id > 15000 ORDER BY id LIMIT 10",
    },
    Case {
        rule: "subplan-per-row",
        node: "Aggregate",
        since: 13,
        settings: "",
        planted: "SELECT id, (SELECT count(*) FROM child c WHERE c.part_id = p.id) FROM part p WHERE id <= 3000",
        healthy_settings: "",
        healthy: "SELECT p.id, count(c.id) FROM part p LEFT JOIN child c ON c.part_id = p.id WHERE p.id <= 3000 GROUP BY p.id",
    },
    Case {
        rule: "memoize-thrash",
        node: "Memoize",
        since: 14,
        settings: "SET work_mem = '64kB'; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = on",
        planted: "SELECT count(p.name) FROM keys k JOIN part p ON p.id = k.k",
        healthy_settings: "SET work_mem = '32MB'; SET enable_hashjoin = off; SET enable_mergejoin = off",
        healthy: "SELECT count(p.name) FROM keys k JOIN part p ON p.id = k.k",
    },
    Case {
        rule: "workers-missing",
        node: "Gather",
        since: 13,
        settings: "SET max_parallel_workers = 0; SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0",
        planted: "SELECT count(*) FROM child WHERE v % 3 = 1",
        healthy_settings: "",
        healthy: "SELECT count(*) FROM child WHERE v % 3 = 1",
    },
    Case {
        rule: "casted-column",
        node: "Seq Scan on orders",
        since: 13,
        settings: "",
        planted: "SELECT code FROM orders WHERE customer::numeric = 77",
        healthy_settings: "",
        healthy: "SELECT code FROM orders WHERE customer = 77",
    },
    Case {
        rule: "casted-column",
        node: "Seq Scan on orders",
        since: 13,
        settings: "",
        planted: "SELECT code FROM orders WHERE date_trunc('day', at) = timestamp '2026-01-05'",
        healthy_settings: "SET enable_indexscan = off; SET enable_bitmapscan = off",
        // A varchar compared as text is no conversion that keeps an index from being used.
        healthy: "SELECT clerk FROM orders WHERE code = 'c77'",
    },
    Case {
        rule: "or-across-columns",
        node: "Seq Scan on orders",
        since: 13,
        settings: "",
        planted: "SELECT code FROM orders WHERE customer = 77 OR clerk = 77",
        healthy_settings: "",
        healthy: "SELECT code FROM orders_well WHERE customer = 77 OR clerk = 77",
    },
    Case {
        rule: "or-across-columns",
        node: "Nested Loop",
        since: 13,
        settings: "SET enable_indexscan = off; SET enable_bitmapscan = off",
        planted: "SELECT count(*) FROM part p JOIN twins t ON p.grp = 3 AND (p.id = t.a OR p.grp = t.id)",
        healthy_settings: "",
        healthy: "SELECT count(*) FROM part p JOIN twins t ON p.grp = 3 AND p.id = t.a",
    },
    Case {
        rule: "partitions-not-pruned",
        node: "Append",
        since: 13,
        settings: "",
        planted: "SELECT count(*) FROM events WHERE date_trunc('day', at) = timestamp '2026-02-05'",
        healthy_settings: "",
        healthy: "SELECT count(*) FROM events WHERE at >= timestamp '2026-02-05' AND at < timestamp '2026-02-06'",
    },
    Case {
        rule: "repeated-index-descents",
        node: "Index",
        since: 18,
        settings: "SET enable_seqscan = off; SET enable_bitmapscan = off",
        planted: "SELECT name FROM part WHERE id = ANY (ARRAY[1, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000, 12000, 13000, 14000, 15000])",
        healthy_settings: "SET enable_seqscan = off",
        healthy: "SELECT name FROM part WHERE id BETWEEN 1 AND 900",
    },
];

fn of<'p>(plan: &'p Plan, rule: &str) -> Vec<&'p Insight> {
    plan.insights.iter().filter(|i| i.rule == rule).collect()
}

#[tokio::test]
async fn every_situation_is_found_at_its_node_and_its_healthy_variant_is_quiet() {
    for (major, _) in servers() {
        let planted = Planted::new(major).await;
        for case in CASES.iter().filter(|case| case.since <= major) {
            let place = format!("PostgreSQL {major}, {}: {}", case.rule, case.planted);
            let plan = planted.analyzed(case.settings, case.planted).await;
            let found = of(&plan, case.rule);
            assert_eq!(found.len(), 1, "{place}: {found:?} in {plan:#?}");
            let insight = found[0];
            assert!(insight.node.starts_with(case.node), "{place}: {insight:?}");
            let line = plan
                .text
                .as_ref()
                .unwrap()
                .lines()
                .nth(insight.position.unwrap());
            assert!(line.unwrap().contains(&insight.node), "{place}: {line:?}");
            assert!(
                insight.remediation.note.is_some() || insight.remediation.sql.is_some(),
                "{place}"
            );
            let plan = planted.analyzed(case.healthy_settings, case.healthy).await;
            let found = of(&plan, case.rule);
            assert!(found.is_empty(), "{place}, healthy: {found:?} in {plan:#?}");
        }
        beside_the_tree(&planted).await;
    }
}

/// What EXPLAIN prints beside the tree, and what not every build or version has.
async fn beside_the_tree(planted: &Planted) {
    let major = planted.major;
    let delete = "DELETE FROM referred WHERE id <= 1000";
    let plan = planted.explained("", delete).await;
    let found = of(&plan, "trigger-time");
    assert_eq!(found.len(), 1, "PostgreSQL {major}: {plan:#?}");
    assert!(
        found[0].detail.contains("referring_referred_id_fkey"),
        "{:?}",
        found[0]
    );
    assert!(
        of(
            &planted
                .explained("", "DELETE FROM stale WHERE val = 1")
                .await,
            "trigger-time"
        )
        .is_empty()
    );

    let compiled = "SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0";
    let sql = "SELECT count(*) FROM part WHERE grp % 7 = 3 AND id % 5 = 2 AND length(name) > 3";
    // A session without jit is told that there is none.
    planted.client.batch_execute("SET jit = on").await.unwrap();
    let row = planted
        .client
        .query_one("SELECT pg_jit_available()", &[])
        .await
        .unwrap();
    let available: bool = row.get(0);
    let plan = planted.analyzed(compiled, sql).await;
    assert_eq!(
        of(&plan, "jit-cost").len(),
        usize::from(available),
        "PostgreSQL {major}: {plan:#?}"
    );
    assert!(of(&planted.analyzed("", sql).await, "jit-cost").is_empty());

    let wide = "SELECT filler, k FROM wide";
    let unmeasured = planted.explained("", wide).await;
    let reason = unmeasured
        .not_evaluated
        .iter()
        .find(|n| n.rule == "serialize-cost");
    assert!(
        reason.unwrap().reason.contains("SERIALIZE"),
        "PostgreSQL {major}"
    );
    if major >= 17 {
        let plan = planted.explained(", SERIALIZE TEXT", wide).await;
        assert!(
            plan.not_evaluated
                .iter()
                .all(|n| n.rule != "serialize-cost"),
            "{plan:#?}"
        );
    }
}

#[tokio::test]
async fn a_partition_without_a_condition_on_the_key_is_a_remark() {
    for (major, _) in servers() {
        let planted = Planted::new(major).await;
        let sql = "SELECT count(*) FROM events WHERE v = 100000";
        let plan = planted.analyzed("", sql).await;
        let found = of(&plan, "partitions-not-pruned");
        assert_eq!(found.len(), 1, "PostgreSQL {major}: {plan:#?}");
        assert_eq!(found[0].severity, Severity::Info);
        let all = planted
            .analyzed("", "SELECT count(*) FROM events WHERE v = 3")
            .await;
        assert!(of(&all, "partitions-not-pruned").is_empty(), "{all:#?}");
    }
}
