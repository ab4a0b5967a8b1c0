//! A database with planted situations, each beside its healthy variant.

use dbperf::analyze::conclusions::Plan;
use dbperf::analyze::plans;
use dbperf::explain::{Candidate, ExplainOptions, plans as ask};
use dbperf::lab::Lab;
use dbperf::record::plan::{PlanMode, PlanRecord};
use dbperf::record::{QueryId, Run};
use serde_json::Value;
use tokio_postgres::Client;

use crate::support::{connect, published};
use crate::without_autovacuum;

const SCHEMA: &str = "
    CREATE EXTENSION pg_stat_statements;
    CREATE TABLE part (id int PRIMARY KEY, grp int, name text);
    INSERT INTO part SELECT i, i % 100, 'part ' || i FROM generate_series(1, 20000) i;
    CREATE TABLE child (id int PRIMARY KEY, part_id int, v int);
    INSERT INTO child SELECT i, 1 + i % 20000, i % 977 FROM generate_series(1, 60000) i;
    CREATE INDEX child_part ON child (part_id);

    CREATE TABLE stale (id int, val int);
    INSERT INTO stale SELECT i, 1 FROM generate_series(1, 2000) i;
    ANALYZE stale;
    INSERT INTO stale SELECT i, 2 FROM generate_series(1, 50000) i;

    CREATE TABLE twins (id int, a int, b int);
    INSERT INTO twins SELECT i, i % 400, i % 400 FROM generate_series(1, 100000) i;

    CREATE TABLE skewed (id int, k int);
    INSERT INTO skewed SELECT i, i % 150 FROM generate_series(1, 45000) i;
    INSERT INTO skewed SELECT i, 1000 + i FROM generate_series(1, 55000) i;

    CREATE TABLE wide (id int, k int, filler text);
    INSERT INTO wide SELECT i, (i * 7919) % 1000, repeat('x', 700) FROM generate_series(1, 30000) i;
    CREATE INDEX wide_k ON wide (k);

    CREATE TABLE fresh (id int PRIMARY KEY, v int);
    INSERT INTO fresh SELECT i, i FROM generate_series(1, 50000) i;

    CREATE TABLE feed (id int, at int, status int);
    INSERT INTO feed SELECT i, i, CASE WHEN i > 99000 THEN 7 ELSE i % 5 END
        FROM generate_series(1, 100000) i;
    CREATE INDEX feed_at ON feed (at);
    CREATE TABLE feed_well (LIKE feed);
    INSERT INTO feed_well SELECT * FROM feed;
    CREATE INDEX feed_well_status_at ON feed_well (status, at);

    CREATE TABLE orders (id bigint PRIMARY KEY, code varchar(20), customer int, clerk int, at timestamp);
    INSERT INTO orders SELECT i, 'c' || i, i % 5000, i % 4000, timestamp '2026-01-01' + i * interval '1 minute'
        FROM generate_series(1, 60000) i;
    CREATE INDEX orders_customer ON orders (customer);
    CREATE INDEX orders_code ON orders (code);
    CREATE INDEX orders_at ON orders (at);
    CREATE TABLE orders_well (LIKE orders);
    INSERT INTO orders_well SELECT * FROM orders;
    CREATE INDEX ON orders_well (customer);
    CREATE INDEX ON orders_well (clerk);

    CREATE TABLE keys (id int, k int);
    INSERT INTO keys SELECT i, (i * 7919) % 20000 + 1 FROM generate_series(1, 24000) i;
    ALTER TABLE keys ALTER k SET (n_distinct = 50);

    CREATE TABLE events (at timestamp, v int) PARTITION BY RANGE (at);
    DO $$ BEGIN FOR m IN 1..6 LOOP EXECUTE format(
        'CREATE TABLE events_%s PARTITION OF events FOR VALUES FROM (%L) TO (%L)', m,
        timestamp '2026-01-01' + (m - 1) * interval '30 days',
        timestamp '2026-01-01' + m * interval '30 days'); END LOOP; END $$;
    INSERT INTO events SELECT timestamp '2026-01-01' + i * interval '5 minutes', i % 900
        FROM generate_series(0, 51000) i;

    CREATE TABLE referred (id int PRIMARY KEY);
    INSERT INTO referred SELECT i FROM generate_series(1, 2000) i;
    CREATE TABLE referring (id int, referred_id int REFERENCES referred);
    INSERT INTO referring SELECT i, 1001 + i % 900 FROM generate_series(1, 20000) i;
";

/// A transaction of its own: rows that come and are analysed in one count as changed since.
const ANALYZE: &str =
    "ANALYZE part, child, twins, skewed, wide, fresh, feed, feed_well, orders, orders_well,
    keys, events, referred, referring";

/// A server with the situations, and a run of dbperf that has read its catalogue.
pub(crate) struct Planted {
    pub(crate) client: Client,
    pub(crate) run: Run,
    pub(crate) major: u32,
    _lab: Lab,
}

impl Planted {
    pub(crate) async fn new(major: u32) -> Self {
        let lab = without_autovacuum(major);
        // Its counters are published when it ends.
        let client = connect(lab.primary()).await;
        client.batch_execute(SCHEMA).await.unwrap();
        // What ANALYZE has counted would otherwise be counted once more when this session's changes are published.
        published(lab.primary(), client).await;
        let client = connect(lab.primary()).await;
        client.batch_execute(ANALYZE).await.unwrap();
        published(lab.primary(), client).await;
        let run = observed(&lab);
        let client = connect(lab.primary()).await;
        client
            .batch_execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
            .await
            .unwrap();
        Self {
            client,
            run,
            major,
            _lab: lab,
        }
    }

    /// EXPLAIN ANALYZE as dbperf does it, with these settings of the session.
    pub(crate) async fn analyzed(&self, settings: &str, sql: &str) -> Plan {
        self.client.batch_execute(settings).await.unwrap();
        let asked = Candidate {
            query_id: QueryId(1),
            text: sql.to_owned(),
            sample_params: None,
            analyze: true,
        };
        let (records, _) = ask(&self.client, &[asked], &ExplainOptions::default()).await;
        self.client
            .batch_execute("RESET ALL; SET jit = off; SET max_parallel_workers_per_gather = 0")
            .await
            .unwrap();
        assert_eq!(
            records[0].mode,
            PlanMode::Analyzed,
            "{sql}: {:?}",
            records[0].error
        );
        plans::conclude(&records[0], &self.run)
    }

    /// EXPLAIN with other options, in a transaction that is rolled back.
    pub(crate) async fn explained(&self, options: &str, sql: &str) -> Plan {
        self.client.batch_execute("BEGIN").await.unwrap();
        let sql = format!("EXPLAIN (ANALYZE, VERBOSE, BUFFERS{options}, FORMAT JSON) {sql}");
        let row = self.client.query_one(&sql, &[]).await.unwrap();
        self.client.batch_execute("ROLLBACK").await.unwrap();
        let document: Value = row.get(0);
        let record = PlanRecord {
            query_id: QueryId(1),
            mode: PlanMode::Analyzed,
            plan: document.get(0).cloned(),
            error: None,
        };
        plans::conclude(&record, &self.run)
    }
}

/// What `dbperf analyze` reads of the server in a window of a second.
fn observed(lab: &Lab) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args([
            "analyze",
            &lab.primary().dsn(),
            "--window",
            "1s",
            "--explain",
            "0",
            "-q",
            "--save",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()
}
