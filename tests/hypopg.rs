//! HypoPG on the servers that have it: that the installed extension does what dbperf builds on.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use dbperf::lab::LabOptions;
use support::{connect, hypopg, hypopg_lab};
use tokio_postgres::Client;

/// The plan of a statement, as text.
async fn plan(client: &Client, sql: &str) -> String {
    let explain = format!("EXPLAIN (COSTS OFF) {sql}");
    let rows = client.query(&explain, &[]).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_hypothetical_index_is_planned_and_a_hidden_one_is_not() {
    for server in hypopg() {
        let lab = hypopg_lab(&server, LabOptions::default());
        let client = connect(lab.primary()).await;
        let setup = "CREATE EXTENSION hypopg;
            CREATE TABLE t AS SELECT g AS a, g AS b FROM generate_series(1, 10000) AS g;
            CREATE INDEX t_a ON t (a);
            ANALYZE t";
        client.batch_execute(setup).await.unwrap();

        client.batch_execute("BEGIN READ ONLY").await.unwrap();
        let make = "SELECT indexname FROM hypopg_create_index('CREATE INDEX ON t (b)')";
        client.query_one(make, &[]).await.unwrap();
        let by_b = plan(&client, "SELECT * FROM t WHERE b = 5").await;
        assert!(by_b.contains("Index Scan"), "{server:?}: {by_b}");

        let hide = "SELECT hypopg_hide_index('t_a'::regclass)";
        let hidden = client.query_one(hide, &[]).await;
        assert_eq!(hidden.is_ok(), server.hides(), "{server:?}: {hidden:?}");
        if server.hides() {
            let by_a = plan(&client, "SELECT * FROM t WHERE a = 5").await;
            assert!(by_a.contains("Seq Scan"), "{server:?}: {by_a}");
        }
        client.batch_execute("ROLLBACK").await.unwrap();

        let other = connect(lab.primary()).await;
        for (column, node) in [("a", "Index Scan"), ("b", "Seq Scan")] {
            let plan = plan(&other, &format!("SELECT * FROM t WHERE {column} = 5")).await;
            assert!(plan.contains(node), "other sessions see nothing: {plan}");
        }
    }
}

#[test]
fn one_server_at_least_can_hide_an_index() {
    let found = hypopg();
    if found.iter().any(|server| server.major == 17) {
        assert!(found.iter().any(support::Hypopg::hides), "{found:?}");
    }
}
