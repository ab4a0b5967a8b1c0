//! The commands and their flags.

use serde_json::Value;

use crate::place::{SHOP, candidates, dbperf, filled, json, what_if_coverage};
use crate::support::{hypopg, value};

/// Watches a workload for a short while.
fn indexes(dsn: &str, more: &[&str]) -> Value {
    let file = SHOP.workload_file();
    let mut args = vec![
        "indexes",
        dsn,
        "--workload",
        &file,
        "--writes",
        "--target-db",
    ];
    args.extend([
        "postgres",
        "--duration",
        "4s",
        "--warmup",
        "0s",
        "--clients",
        "2",
    ]);
    args.extend(more);
    json(&args)
}

#[tokio::test]
async fn the_planner_is_asked_where_it_can_be_and_nothing_stays() {
    for server in hypopg() {
        let (lab, client) = filled(&server, SHOP.schema).await;
        let dsn = lab.primary().dsn();
        let catalogue = "SELECT md5(string_agg(c::text, ',' ORDER BY oid)) FROM \
                         (SELECT oid, relname, relkind FROM pg_class) c";
        let before = value(&client, catalogue).await;
        let report = indexes(&dsn, &[]);
        assert_eq!(value(&client, catalogue).await, before);
        assert_eq!(what_if_coverage(&report)["status"], "ok");

        let found = candidates(&report);
        let lines = found
            .iter()
            .find(|m| m["table"] == "order_lines")
            .expect("the sales of a product read all lines");
        assert_eq!(lines["columns"][0], "product_id");
        assert_eq!(lines["judged_by"], "hypopg");
        assert_eq!(lines["evidence"], "estimated");
        let cost = |key: &str| lines[key].as_f64().unwrap();
        assert!(cost("cost_after") < cost("cost_before") / 5.0, "{lines:#}");
        for index in &found {
            let helps = index["helps"].as_array().unwrap();
            assert!(!helps.is_empty(), "{index:#}");
            let sum: f64 = helps
                .iter()
                .map(|h| h["saves_ms_per_sec"].as_f64().unwrap())
                .sum();
            let saves = index["saves_ms_per_sec"].as_f64().unwrap();
            assert!((sum - saves).abs() < 1e-6 * saves.abs(), "{index:#}");
            // What is proposed can be created as it is written, and undone.
            let sql = index["create_sql"].as_str().unwrap();
            client.batch_execute(sql).await.unwrap();
        }
        // Events are inserted all the time: an index on them has to be written.
        let events = found.iter().find(|m| m["table"] == "events").unwrap();
        let writers = events["costs"].as_array().unwrap();
        assert!(
            writers
                .iter()
                .any(|w| w["query"].as_str().unwrap().contains("INSERT INTO events")),
            "{events:#}"
        );
        assert!(events["costs_ms_per_sec"].as_f64().unwrap() > 0.0);
        client.batch_execute("VACUUM ANALYZE").await.unwrap();
        let again = candidates(&indexes(&dsn, &[]));
        let same = |m: &Value| found.iter().any(|f| f["create_sql"] == m["create_sql"]);
        assert!(
            !again.iter().any(same),
            "what exists is proposed again: {again:#?}"
        );
    }
}

#[tokio::test]
async fn a_limit_of_bytes_holds() {
    let Some(server) = hypopg().pop() else { return };
    let (lab, _client) = filled(&server, SHOP.schema).await;
    let report = indexes(&lab.primary().dsn(), &["--max-index-size", "4MB"]);
    let found = candidates(&report);
    let sizes = found.iter().map(|m| m["size_bytes"].as_u64().unwrap());
    let total: u64 = sizes.sum();
    assert!(
        !found.is_empty() && total <= 4 << 20,
        "{total} bytes: {found:#?}"
    );
}

#[tokio::test]
async fn without_the_planner_conditions_alone_are_judged_and_that_is_said() {
    let Some(server) = hypopg().pop() else { return };
    let (lab, client) = filled(&server, SHOP.schema).await;
    let dsn = lab.primary().dsn();
    let report = indexes(&dsn, &["--no-hypopg"]);
    assert_eq!(what_if_coverage(&report)["reason"], "--no-hypopg");
    let found = candidates(&report);
    assert!(!found.is_empty());
    for index in found {
        assert_eq!(
            (&index["judged_by"], &index["cost_after"]),
            (&Value::Null, &Value::Null)
        );
    }
    client.batch_execute("DROP EXTENSION hypopg").await.unwrap();
    let report = indexes(&dsn, &[]);
    let coverage = what_if_coverage(&report);
    assert_eq!(coverage["status"], "skipped");
    assert!(
        coverage["reason"]
            .as_str()
            .unwrap()
            .contains("not installed")
    );
}

#[test]
fn a_size_that_is_none_is_refused() {
    let (code, _, stderr) = dbperf(&["indexes", "x", "--max-index-size", "much"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("expected a size such as 500MB"), "{stderr}");
}
