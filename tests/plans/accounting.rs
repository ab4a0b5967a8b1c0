//! Own times of every kind of node add up to what the server says the statement took.

use std::collections::BTreeSet;

use dbperf::analyze::plans::account::Account;
use dbperf::analyze::plans::tree::PlanTree;
use serde_json::Value;
use tokio_postgres::Client;

use crate::support::{connect, measured_async, servers, value};
use crate::without_autovacuum;

const SCHEMA: &str = "
    CREATE TABLE part (id int PRIMARY KEY, grp int, name text);
    INSERT INTO part SELECT i, i % 100, 'part ' || i FROM generate_series(1, 20000) i;
    CREATE INDEX part_grp ON part (grp);
    CREATE INDEX part_name ON part (name);
    CREATE TABLE child (id int PRIMARY KEY, part_id int REFERENCES part ON DELETE CASCADE, v int);
    INSERT INTO child SELECT i, 1 + i % 20000, i % 977 FROM generate_series(1, 60000) i;
    CREATE INDEX child_part ON child (part_id);
    CREATE TABLE logged (id int, v int);
    INSERT INTO logged SELECT i, i FROM generate_series(1, 3000) i;
    CREATE FUNCTION plus() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.v := NEW.v + 1; RETURN NEW; END $$;
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM count(*) FROM part WHERE grp = NEW.v % 100; RETURN NULL; END $$;
    CREATE TRIGGER before_it BEFORE UPDATE ON logged FOR EACH ROW EXECUTE FUNCTION plus();
    CREATE TRIGGER after_it AFTER UPDATE ON logged FOR EACH ROW EXECUTE FUNCTION noted();
    CREATE TABLE events (at int, v int) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10000);
    CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10000) TO (20000);
    CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (20000) TO (30001);
    INSERT INTO events SELECT i, i % 500 FROM generate_series(0, 30000) i;
    CREATE INDEX events_at ON events (at);
    CREATE INDEX events_v ON events (v);
    CREATE EXTENSION postgres_fdw;
    ANALYZE;
";

/// Statements by the settings that make the planner choose the node.
const STATEMENTS: &[(&str, &str)] = &[
    ("", "SELECT count(*) FROM part WHERE grp % 7 = 3"),
    ("", "SELECT * FROM part WHERE id = 77"),
    (
        "enable_bitmapscan=off",
        "SELECT grp FROM part WHERE grp < 50 ORDER BY grp",
    ),
    (
        "enable_seqscan=off",
        "SELECT count(*) FROM part WHERE grp = 5 OR name = 'part 9'",
    ),
    (
        "enable_seqscan=off",
        "SELECT count(name) FROM part WHERE grp < 40 AND name < 'part 3'",
    ),
    ("", "SELECT * FROM part WHERE ctid = '(3,4)'"),
    ("", "SELECT count(*) FROM child TABLESAMPLE SYSTEM (50)"),
    ("", "SELECT sum(g) FROM generate_series(1, 40000) g"),
    (
        "",
        "SELECT count(*) FROM (VALUES (1), (2), (3)) v (x) JOIN part ON id = x",
    ),
    (
        "",
        "SELECT * FROM (SELECT id, v, row_number() OVER (ORDER BY v) n FROM child) s WHERE n % 9 = 1",
    ),
    (
        "",
        "WITH x AS MATERIALIZED (SELECT part_id, sum(v) s FROM child GROUP BY part_id)
         SELECT count(*) FROM x a JOIN x b ON a.s = b.part_id",
    ),
    (
        "",
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 20000)
         SELECT sum(n) FROM r",
    ),
    (
        "",
        "SELECT count(*) FROM part WHERE grp > (SELECT avg(v) / 20 FROM child)",
    ),
    (
        "",
        "SELECT id, (SELECT max(v) FROM child WHERE part_id = part.id) FROM part WHERE grp < 30",
    ),
    (
        "",
        "SELECT count(*) FROM part WHERE id NOT IN (SELECT v FROM child WHERE v > 5)",
    ),
    (
        "",
        "SELECT count(*) FROM part WHERE EXISTS (SELECT FROM child WHERE part_id = part.id AND v = 3)",
    ),
    ("", "SELECT count(*) FROM events WHERE v = 7"),
    (
        "enable_sort=off",
        "SELECT * FROM events ORDER BY v LIMIT 25000",
    ),
    (
        "enable_hashjoin=off enable_mergejoin=off",
        "SELECT count(*) FROM part JOIN child ON part_id = part.id",
    ),
    (
        "enable_hashjoin=off enable_nestloop=off",
        "SELECT count(*) FROM part JOIN child ON part_id = part.id",
    ),
    (
        "",
        "SELECT count(*) FROM part LEFT JOIN child ON part_id = part.id AND v = 4",
    ),
    (
        "",
        "SELECT count(*) FROM part FULL JOIN (SELECT * FROM child WHERE v < 100) c ON c.id = part.id",
    ),
    (
        "enable_hashjoin=off enable_mergejoin=off",
        "SELECT count(*) FROM events e JOIN (SELECT id FROM part WHERE grp = 3) p ON e.at = p.id",
    ),
    ("parallel", "SELECT count(*) FROM child WHERE v % 11 = 2"),
    (
        "parallel parallel_leader_participation=off",
        "SELECT sum(v) FROM child",
    ),
    (
        "parallel",
        "SELECT part_id, count(*) FROM child GROUP BY part_id ORDER BY part_id",
    ),
    (
        "parallel enable_mergejoin=off enable_nestloop=off",
        "SELECT count(*) FROM part JOIN child ON part_id = part.id",
    ),
    ("parallel", "SELECT sum(v) FROM events"),
    (
        "parallel",
        "SELECT count(*) FROM child WHERE v > (SELECT avg(grp) FROM part)",
    ),
    (
        "parallel enable_hashjoin=off enable_mergejoin=off",
        "SELECT count(*) FROM part JOIN child ON part_id = part.id WHERE grp < 50",
    ),
    (
        "",
        "SELECT part_id, v FROM child ORDER BY part_id, v LIMIT 9000",
    ),
    ("enable_hashagg=off", "SELECT DISTINCT grp FROM part"),
    (
        "",
        "SELECT v, part_id % 10, count(*) FROM child GROUP BY GROUPING SETS ((v), (part_id % 10), ())",
    ),
    (
        "",
        "SELECT id FROM part EXCEPT SELECT part_id FROM child WHERE v < 300",
    ),
    ("", "SELECT grp, generate_series(1, 3) FROM part"),
    ("", "SELECT * FROM part WHERE grp = 3 FOR UPDATE"),
    ("", "SELECT * FROM part WHERE false AND id = 3"),
    (
        "",
        "INSERT INTO child SELECT 100000 + i, i, i FROM generate_series(1, 4000) i",
    ),
    ("", "UPDATE logged SET v = v + 1"),
    ("", "DELETE FROM part WHERE grp < 10"),
    (
        "",
        "WITH gone AS (DELETE FROM child WHERE v < 200) SELECT count(*) FROM part",
    ),
    (
        "",
        "WITH gone AS (DELETE FROM child WHERE v < 200 RETURNING part_id) SELECT part_id FROM gone LIMIT 5",
    ),
    ("", "SELECT count(*) FROM far_all"),
];

/// Every kind of node that the statements have to bring forth, on every version.
const SHAPES: &[&str] = &[
    "Aggregate",
    "Append",
    "Bitmap Heap Scan",
    "BitmapOr",
    "CTE Scan",
    "Foreign Scan",
    "Function Scan",
    "Gather",
    "Hash",
    "Hash Join",
    "Incremental Sort",
    "Index Only Scan",
    "Index Scan",
    "Limit",
    "LockRows",
    "Merge Append",
    "Merge Join",
    "ModifyTable",
    "Nested Loop",
    "ProjectSet",
    "Recursive Union",
    "Result",
    "Sample Scan",
    "Seq Scan",
    "SetOp",
    "Sort",
    "Subquery Scan",
    "Tid Scan",
    "Unique",
    "Values Scan",
    "WindowAgg",
    "WorkTable Scan",
];

const PARALLEL: &str = "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;
    SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL min_parallel_index_scan_size = 0;
    SET LOCAL max_parallel_workers_per_gather = 2;";

/// A partitioned table of foreign tables on the server itself, which Append scans asynchronously
/// from PostgreSQL 14 on.
async fn foreign(client: &Client, major: u32) {
    let folder = value(
        client,
        "SELECT split_part(current_setting('unix_socket_directories'), ',', 1)",
    );
    let options = format!(
        "host '{}', port '{}', dbname '{}'{}",
        folder.await,
        value(client, "SELECT current_setting('port')").await,
        value(client, "SELECT current_database()::text").await,
        if major >= 14 {
            ", async_capable 'true'"
        } else {
            ""
        },
    );
    for n in 1..=2 {
        let sql = format!(
            "CREATE SERVER loop{n} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({options});
             CREATE USER MAPPING FOR CURRENT_USER SERVER loop{n} OPTIONS (user 'postgres');"
        );
        client.batch_execute(&sql).await.unwrap();
    }
    let tables = "CREATE TABLE far_all (at int, v int) PARTITION BY RANGE (at);
        CREATE FOREIGN TABLE far_1 PARTITION OF far_all FOR VALUES FROM (0) TO (10000)
            SERVER loop1 OPTIONS (table_name 'events_1');
        CREATE FOREIGN TABLE far_2 PARTITION OF far_all FOR VALUES FROM (10000) TO (20000)
            SERVER loop2 OPTIONS (table_name 'events_2');";
    client.batch_execute(tables).await.unwrap();
}

async fn explained(client: &Client, how: &str, sql: &str) -> Value {
    client
        .batch_execute("BEGIN; SET LOCAL jit = off")
        .await
        .unwrap();
    for setting in how.split_whitespace() {
        let set = match setting.split_once('=') {
            Some((name, value)) => format!("SET LOCAL {name} = {value}"),
            None => PARALLEL.to_owned(),
        };
        client.batch_execute(&set).await.unwrap();
    }
    let sql = format!("EXPLAIN (ANALYZE, VERBOSE, BUFFERS, FORMAT JSON) {sql}");
    let row = client.query_one(&sql, &[]).await.unwrap();
    client.batch_execute("ROLLBACK").await.unwrap();
    row.get::<_, Value>(0)
}

/// What the server claims of the statement that no node and no trigger has, in milliseconds; checks
/// what holds on every execution.
fn unaccounted(tree: &PlanTree, place: &str) -> f64 {
    let account = Account::of(tree);
    let total = account.total_ms().unwrap();
    let own: Vec<f64> = account.visits.iter().map(|v| v.own_ms.unwrap()).collect();
    assert!(own.iter().all(|ms| *ms >= 0.0), "{place}: {own:?}");
    let sum: f64 = own.iter().sum();
    assert!(
        (sum - total).abs() < 1e-6 * total.max(1.0),
        "{place}: {sum} of {total} ms"
    );
    // EXPLAIN rounds to a microsecond per loop.
    let rounding: f64 = account
        .visits
        .iter()
        .filter_map(|v| Some(0.001 * v.node.actual?.loops / v.processes))
        .sum();
    assert!(
        account.excess_ms <= rounding + 0.02 * total + 0.1,
        "{place}: {} ms were claimed twice, rounding explains {rounding}: {:#?}",
        account.excess_ms,
        account
            .visits
            .iter()
            .map(|v| (v.node.label(), v.elapsed_ms, v.own_ms))
            .collect::<Vec<_>>(),
    );
    let execution = tree.execution_ms.unwrap();
    let statement = account.statement_ms().unwrap();
    assert!(
        statement <= execution + rounding + 0.1,
        "{place}: {statement} of {execution} ms"
    );
    execution - statement
}

#[test]
fn own_times_add_up_to_the_execution_time_whatever_the_nodes() {
    measured_async(|| async {
        for (major, _) in servers() {
            let lab = without_autovacuum(major);
            let client = connect(lab.primary()).await;
            client.batch_execute(SCHEMA).await.unwrap();
            foreign(&client, major).await;
            client.batch_execute("VACUUM part").await.unwrap();
            let mut seen = BTreeSet::new();
            for (how, sql) in STATEMENTS {
                let place = format!("PostgreSQL {major}, {how} {sql}");
                let mut least = f64::INFINITY;
                let mut execution = 0.0;
                // A machine that is busy elsewhere may stop the server between two nodes, but not
                // every time.
                for _ in 0..30 {
                    let plan = explained(&client, how, sql).await;
                    let tree = PlanTree::read(&plan).unwrap();
                    let all = Account::of(&tree);
                    seen.extend(all.visits.iter().map(|v| v.node.node_type.clone()));
                    least = least.min(unaccounted(&tree, &place));
                    execution = tree.execution_ms.unwrap();
                    if least <= 1.0 + 0.05 * execution {
                        break;
                    }
                }
                assert!(
                    least <= 1.0 + 0.1 * execution,
                    "{place}: {least} of {execution} ms are in no node and no trigger"
                );
            }
            let missing: Vec<_> = SHAPES.iter().filter(|s| !seen.contains(**s)).collect();
            assert!(
                missing.is_empty(),
                "PostgreSQL {major}: no plan had {missing:?}"
            );
            if major >= 14 {
                assert!(seen.contains("Memoize"), "PostgreSQL {major}: {seen:?}");
            }
        }
    });
}
