//! Plans of a log beside the statements of a window.

use super::*;
use crate::support::servers;

const MORE: &str = "CREATE TABLE elsewhere AS SELECT 1 AS a";

fn slow(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
    command.args(arguments).env_remove("COLUMNS");
    command.output().unwrap()
}

/// A server whose log holds the plans of all that is executed.
fn logging(major: u32) -> Option<Lab> {
    lab(major, logging_plans("json", &[]))
}

#[tokio::test]
async fn plans_of_a_log_are_joined_with_the_statements_of_the_window() {
    for (major, _) in servers() {
        let Some(lab) = logging(major) else { continue };
        let client = connect(lab.primary()).await;
        let quiet = "SET auto_explain.log_min_duration = -1";
        client.batch_execute(quiet).await.unwrap();
        client.batch_execute(SCHEMA).await.unwrap();
        let loud = "SELECT pg_stat_statements_reset(); SET auto_explain.log_min_duration = 0";
        client.batch_execute(loud).await.unwrap();
        for age in [3, 4] {
            let sql = format!("SELECT count(*) FROM people WHERE name = 'canary{age}'");
            client.simple_query(&sql).await.unwrap();
        }
        client.batch_execute(quiet).await.unwrap();
        let (dsn, log) = (lab.primary().dsn(), lab.primary().log_file());
        let log = log.to_str().unwrap();
        let output = slow(&["slow", &dsn, "--plans", log, "--format", "json"]);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{major}: {words}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!report.to_string().contains("canary"), "{major}: {report}");
        let statements = report["statements"].as_array().unwrap();
        let counted = statements
            .iter()
            .find(|s| s["query"].as_str().unwrap().contains("FROM people"))
            .unwrap();
        assert_eq!(counted["plan"]["text_ref"], "analyzed", "{major}");
        let insights = counted["plan"]["insights"].as_array().unwrap();
        let filter = insights
            .iter()
            .find(|i| i["rule"] == "filter-discards-rows");
        let filter = filter.unwrap_or_else(|| panic!("{major}: {insights:?}"));
        assert_eq!(filter["evidence"], "measured", "{major}");
        let rows = report["coverage"].as_array().unwrap().iter();
        let row = rows.clone().find(|r| r["collector"] == "auto_explain");
        let reason = row.unwrap()["reason"].as_str().unwrap();
        let told = reason.contains("plans of 2 executions of 1 statements of the window");
        assert!(told, "{major}: {reason}");
    }
}

#[tokio::test]
async fn a_log_of_other_statements_is_refused_and_the_report_is_there() {
    let (major, _) = servers().pop().expect("a PostgreSQL server");
    let Some(lab) = logging(major) else { return };
    let client = connect(lab.primary()).await;
    client.batch_execute(SCHEMA).await.unwrap();
    client.batch_execute(MORE).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let plan = "[{\"Query Text\": \"SELECT 1 FROM nowhere\", \"Plan\": {\"Node Type\": \"Seq Scan\", \
                \"Relation Name\": \"nowhere\", \"Total Cost\": 10.5, \"Plan Rows\": 5, \"Plan Width\": 4}}]";
    std::fs::write(&file, plan).unwrap();
    let (dsn, file) = (lab.primary().dsn(), file.to_str().unwrap());
    let output = slow(&["slow", &dsn, "--plans", file]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{words}");
    assert!(words.contains("none of its 1 statements"), "{words}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Statements"));

    let output = slow(&["slow", &dsn, "--plans", "/nowhere/at.log"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{words}");
    assert!(words.contains("there is no such file"), "{words}");

    let output = slow(&["lag", &dsn, "--plans", file]);
    assert_eq!(output.status.code(), Some(2));
}
