//! Databases without secondary indexes, and the program as a user runs it on them.

use std::path::Path;
use std::process::Stdio;

use dbperf::lab::{Lab, LabOptions};
use serde_json::Value;
use tokio_postgres::Client;

use crate::support::{Hypopg, connect, hypopg_lab};

/// A schema with rows, and statements on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) workload: &'static str,
}

pub(crate) const SHOP: Scenario = Scenario {
    name: "shop",
    schema: include_str!("shop.sql"),
    workload: include_str!("shop.workload.sql"),
};

pub(crate) const TPCH: Scenario = Scenario {
    name: "tpch",
    schema: include_str!("tpch.sql"),
    workload: include_str!("tpch.workload.sql"),
};

impl Scenario {
    /// Where the file with the workload is.
    pub(crate) fn workload_file(&self) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/advice");
        let file = folder.join(format!("{}.workload.sql", self.name));
        file.display().to_string()
    }
}

/// A server with HypoPG that holds a schema, vacuumed.
pub(crate) async fn filled(server: &Hypopg, schema: &str) -> (Lab, Client) {
    let settings = [("autovacuum", "off"), ("shared_buffers", "256MB")];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let options = LabOptions {
        settings: settings.into_iter().map(owned).collect(),
        ..LabOptions::default()
    };
    let lab = hypopg_lab(server, options);
    let client = connect(lab.primary()).await;
    let extensions = "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hypopg";
    client.batch_execute(extensions).await.unwrap();
    client.batch_execute(schema).await.unwrap();
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    (lab, client)
}

/// Runs `dbperf` to its end: the exit code, standard output and standard error.
pub(crate) fn dbperf(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = crate::support::dbperf();
    let output = command.args(args).stdin(Stdio::null()).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The JSON document of a command that has to succeed.
pub(crate) fn json(args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.extend(["--format", "json"]);
    let (code, stdout, stderr) = dbperf(&all);
    assert_eq!(code, Some(0), "{all:?}\n{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// The row of the coverage about questions to the planner.
pub(crate) fn what_if_coverage(report: &Value) -> Value {
    let rows = report["coverage"].as_array().unwrap().iter();
    let mut rows = rows.filter(|row| row["collector"] == "what_if");
    rows.next().cloned().unwrap_or(Value::Null)
}

/// The recommended candidates of a report.
pub(crate) fn candidates(report: &Value) -> Vec<Value> {
    let all = report["missing_indexes"].as_array().unwrap().iter();
    all.filter(|m| m["kind"] == "candidate").cloned().collect()
}
