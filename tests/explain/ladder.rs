//! Plans from real servers: every rung of the ladder, and that nothing is written or leaked.

use std::time::Duration;

use crate::support::{connect, each_version, lab, servers, setting, value};
use dbperf::explain::{Candidate, ExplainOptions, plans};
use dbperf::lab::{Lab, LabOptions};
use dbperf::record::plan::{PlanMode, PlanRecord};
use dbperf::record::{QueryId, Status};
use tokio_postgres::Client;

const SCHEMA: &str = "
    CREATE TABLE people (id int PRIMARY KEY, name text, age int);
    INSERT INTO people SELECT i, 'canary' || i, i % 90 FROM generate_series(1, 20000) i;
    CREATE FUNCTION sneaky(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN $1; END $$;
    CREATE VIEW hiding AS SELECT sneaky(id) AS id, name FROM people;
    ANALYZE people;
    CREATE ROLE poor LOGIN;
";

/// A lab whose log holds every statement.
async fn prepared(major: u32) -> Option<(Lab, Client)> {
    let options = LabOptions {
        settings: setting("log_statement", "all"),
        ..LabOptions::default()
    };
    let lab = lab(major, options)?;
    let client = connect(lab.primary()).await;
    client.batch_execute(SCHEMA).await.unwrap();
    Some((lab, client))
}

fn candidate(text: &str, values: Option<&[&str]>, analyze: bool) -> Candidate {
    let values = values.map(|all| all.iter().map(|v| Some((*v).to_owned())).collect());
    Candidate {
        query_id: QueryId(1),
        text: text.to_owned(),
        sample_params: values,
        analyze,
    }
}

async fn one(client: &Client, asked: Candidate) -> PlanRecord {
    one_within(client, asked, &ExplainOptions::default()).await
}

async fn one_within(client: &Client, asked: Candidate, limits: &ExplainOptions) -> PlanRecord {
    let (mut records, coverage) = plans(client, &[asked], limits).await;
    assert_eq!((records.len(), coverage.len()), (1, 1));
    // The session is usable afterwards, outside any transaction, without a statement left behind.
    let left = "SELECT count(*)::text FROM pg_prepared_statements WHERE name = 'dbperf_probe'";
    assert_eq!(value(client, left).await, "0");
    let writable = "SELECT current_setting('transaction_read_only')";
    assert_eq!(value(client, writable).await, "off");
    records.remove(0)
}

fn node_type(record: &PlanRecord) -> &str {
    let plan = record.plan.as_ref().unwrap_or_else(|| panic!("{record:?}"));
    plan.pointer("/Plan/Node Type").unwrap().as_str().unwrap()
}

#[test]
fn generic_plans_need_no_values_and_dml_is_planned_only() {
    each_version(async |major| {
        let Some((_lab, client)) = prepared(major).await else {
            return;
        };
        let read = one(
            &client,
            candidate("SELECT * FROM people WHERE id = $1", None, true),
        )
        .await;
        assert_eq!(
            (read.mode, node_type(&read)),
            (PlanMode::Generic, "Index Scan"),
            "{major}"
        );
        let plan = read.plan.unwrap();
        assert_eq!(plan["Plan"]["Index Cond"], "(people.id = $1)", "{major}");
        assert_eq!(
            plan.get("Query Identifier").is_some(),
            major >= 14,
            "{major}"
        );
        let recent = "SELECT now() - INTERVAL $1 FROM people WHERE age > $2";
        let cast = one(&client, candidate(recent, None, false)).await;
        assert_eq!(
            node_type(&cast),
            "Seq Scan",
            "{major}: a typed literal became $1"
        );
        for text in [
            "INSERT INTO people VALUES ($1, $2, $3)",
            "UPDATE people SET age = $1 WHERE id = $2",
            "DELETE FROM people WHERE id = $1",
        ] {
            let write = one(&client, candidate(text, None, true)).await;
            assert_eq!(node_type(&write), "ModifyTable", "{major} {text}");
        }
        assert_eq!(
            value(&client, "SELECT count(*)::text FROM people").await,
            "20000"
        );
    });
}

#[test]
fn values_are_planned_with_and_leak_nowhere() {
    each_version(async |major| {
        let Some((lab, client)) = prepared(major).await else {
            return;
        };
        client
            .batch_execute("SET log_parameter_max_length = 0")
            .await
            .unwrap();
        let text = "SELECT * FROM people WHERE name = $1 AND age > $2";
        let values = ["canary777", "3"];
        let custom = one(&client, candidate(text, Some(&values), false)).await;
        assert_eq!(custom.mode, PlanMode::Custom, "{major}: {custom:?}");
        let analyzed = one(&client, candidate(text, Some(&values), true)).await;
        assert_eq!(analyzed.mode, PlanMode::Analyzed, "{major}: {analyzed:?}");
        let plan = analyzed.plan.as_ref().unwrap();
        let actual = &plan["Plan"];
        assert_eq!(actual["Actual Rows"].as_f64(), Some(1.0), "{major}");
        assert_eq!(
            actual["Rows Removed by Filter"].as_f64(),
            Some(19_999.0),
            "{major}"
        );
        assert!(
            actual["Actual Total Time"].as_f64().unwrap() > 0.0,
            "{major}"
        );
        for record in [&custom, &analyzed] {
            let filter = record.plan.as_ref().unwrap()["Plan"]["Filter"]
                .as_str()
                .unwrap();
            assert!(
                filter.contains("name = $?") && filter.contains("age > $?"),
                "{filter}"
            );
            assert!(!format!("{record:?}").contains("canary777"), "{major}");
        }
        let log = std::fs::read_to_string(lab.primary().log_file()).unwrap();
        assert!(
            log.contains("EXPLAIN /* dbperf */"),
            "{major}: the log is the wrong one"
        );
        assert!(
            !log.contains("canary777"),
            "{major}: a value stands in a statement's text"
        );
    });
}

#[test]
fn values_that_do_not_fit_fall_back_to_the_generic_plan_unquoted() {
    each_version(async |major| {
        let Some((_lab, client)) = prepared(major).await else {
            return;
        };
        let text = "SELECT * FROM people WHERE id = $1";
        let record = one(&client, candidate(text, Some(&["canary"]), true)).await;
        assert_eq!(
            (record.mode, node_type(&record)),
            (PlanMode::Generic, "Index Scan")
        );
        let error = record.error.unwrap();
        assert!(
            error.contains("22P02") && !error.contains("canary"),
            "{major}: {error}"
        );
    });
}

#[test]
fn what_may_do_more_than_read_is_never_executed() {
    each_version(async |major| {
        let Some((lab, client)) = prepared(major).await else {
            return;
        };
        let refused = [
            ("SELECT sneaky($1)", &["1"][..], "sneaky"),
            ("SELECT * FROM hiding WHERE name = $1", &["x"], "sneaky"),
            ("SELECT pg_sleep($1)", &["0"], "pg_sleep"),
            ("SELECT pg_advisory_lock($1)", &["7"], "pg_advisory"),
            (
                "SELECT * FROM people WHERE id = $1 FOR UPDATE",
                &["1"],
                "plain SELECT",
            ),
            ("DELETE FROM people WHERE id = $1", &["1"], "plain SELECT"),
            (
                "WITH gone AS (DELETE FROM people WHERE id = $1 RETURNING id) SELECT * FROM gone",
                &["1"],
                "plain SELECT",
            ),
        ];
        for (text, values, why) in refused {
            let record = one(&client, candidate(text, Some(values), true)).await;
            assert_eq!(record.mode, PlanMode::Custom, "{major} {text}: {record:?}");
            let error = record.error.unwrap();
            assert!(error.contains(why), "{major} {text}: {error}");
        }
        let log = std::fs::read_to_string(lab.primary().log_file()).unwrap();
        assert!(
            !log.contains("ANALYZE, BUFFERS"),
            "{major}: something was executed"
        );
        assert_eq!(
            value(&client, "SELECT count(*)::text FROM people").await,
            "20000"
        );
    });
}

#[tokio::test]
async fn more_than_one_statement_and_utilities_are_refused() {
    let Some(major) = servers().last().map(|(major, _)| *major) else {
        return;
    };
    let Some((_lab, client)) = prepared(major).await else {
        return;
    };
    for text in [
        "COMMIT; INSERT INTO people VALUES (0)",
        "VACUUM people",
        "SELEC 1",
    ] {
        let record = one(&client, candidate(text, None, true)).await;
        assert!(
            record.plan.is_none() && record.error.is_some(),
            "{text}: {record:?}"
        );
    }
    assert_eq!(
        value(&client, "SELECT count(*)::text FROM people").await,
        "20000"
    );
}

#[tokio::test]
async fn dear_and_slow_statements_stay_plans() {
    let Some(major) = servers().last().map(|(major, _)| *major) else {
        return;
    };
    let Some((_lab, client)) = prepared(major).await else {
        return;
    };
    let text = "SELECT count(*) FROM people a, people b WHERE a.age + b.age > $1";
    let asked = || candidate(text, Some(&["5"]), true);
    let dear = ExplainOptions {
        cost_limit: 100.0,
        ..ExplainOptions::default()
    };
    let record = one_within(&client, asked(), &dear).await;
    assert_eq!(record.mode, PlanMode::Custom);
    assert!(record.error.unwrap().contains("above the limit of 100"));
    let short = ExplainOptions {
        cost_limit: 1e12,
        statement_timeout: Duration::from_millis(200),
        ..ExplainOptions::default()
    };
    let record = one_within(&client, asked(), &short).await;
    assert_eq!(
        record.mode,
        PlanMode::Custom,
        "the plan with values is kept"
    );
    assert!(record.error.unwrap().contains("too long"));
}

#[test]
fn a_role_without_select_gets_the_cure_and_the_others_go_on() {
    each_version(async |major| {
        let Some((_lab, client)) = prepared(major).await else {
            return;
        };
        client.batch_execute("SET ROLE poor").await.unwrap();
        let asked = [
            candidate("SELECT * FROM people WHERE id = $1", None, false),
            candidate("SELECT * FROM elsewhere WHERE id = $1", None, false),
            candidate("SELECT $1::int + 1", None, false),
        ];
        let (records, coverage) = plans(&client, &asked, &ExplainOptions::default()).await;
        let error = |i: usize| records[i].error.clone().unwrap_or_default();
        assert!(error(0).contains("GRANT SELECT"), "{major}: {}", error(0));
        assert!(error(1).contains("search_path"), "{major}: {}", error(1));
        assert!(records[2].plan.is_some(), "{major}: {}", error(2));
        assert_eq!(coverage[0].status, Status::Partial);
        assert!(coverage[0].reason.as_ref().unwrap().starts_with("2 of 3"));
    });
}

#[test]
fn what_shaped_a_plan_and_what_an_execution_cost_beside_it_is_told() {
    each_version(async |major| {
        let Some((_lab, client)) = prepared(major).await else {
            return;
        };
        let set = "SET random_page_cost = 1.25";
        client.batch_execute(set).await.unwrap();
        let limits = ExplainOptions {
            major: Some(major),
            ..ExplainOptions::default()
        };
        let text = "SELECT * FROM people WHERE id = $1";
        for values in [None, Some(&["7"][..])] {
            let record = one_within(&client, candidate(text, values, true), &limits).await;
            let plan = record.plan.as_ref().unwrap();
            let wanted = serde_json::json!({"random_page_cost": "1.25"});
            // The setting that makes a plan generic is dbperf's.
            assert_eq!(plan["Settings"], wanted, "{major}: {record:?}");
            let executed = values.is_some();
            assert_eq!(plan["Plan"]["WAL Bytes"].is_u64(), executed, "{major}");
            let serialized = plan.pointer("/Serialization/Time").is_some();
            assert_eq!(serialized, executed && major >= 17, "{major}");
        }
    });
}
