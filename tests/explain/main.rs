//! Plans from real servers: every rung of the ladder, and that nothing is written or leaked.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod changes;
mod command;
mod ends;
mod given;
mod joined;
mod ladder;
#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, Output};

use dbperf::lab::{Lab, LabOptions};
use support::{connect, lab};
use tokio_postgres::Client;

/// What the tests of the command ask about.
const SCHEMA: &str = "
    CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
    CREATE TABLE people (id int PRIMARY KEY, name text, age int);
    INSERT INTO people SELECT i, 'canary' || i, i % 90 FROM generate_series(1, 20000) i;
    CREATE TABLE pets (id serial PRIMARY KEY, owner int REFERENCES people, name text);
    CREATE TABLE watched (id int);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER noted BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note();
    ANALYZE people;
    CREATE ROLE poor LOGIN;
";

/// A lab whose log holds every statement, filled.
async fn filled(major: u32) -> Option<(Lab, Client)> {
    filled_with(major, LabOptions::default()).await
}

async fn filled_with(major: u32, options: LabOptions) -> Option<(Lab, Client)> {
    let options = LabOptions {
        settings: support::setting("log_statement", "all"),
        ..options
    };
    let lab = lab(major, options)?;
    let client = connect(lab.primary()).await;
    client.batch_execute(SCHEMA).await.unwrap();
    Some((lab, client))
}

/// A server that logs the plan of whatever is executed, in this format.
fn logging_plans(format: &str, more: &[(&str, &str)]) -> LabOptions {
    let settings = [
        (
            "shared_preload_libraries",
            "pg_stat_statements,auto_explain",
        ),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_format", format),
    ];
    let settings = settings.iter().chain(more);
    LabOptions {
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..LabOptions::default()
    }
}

/// `dbperf explain` with this connection in the environment.
fn explain(dsn: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
    command.arg("explain").args(arguments);
    command
        .env("DBPERF_DATABASE_URL", dsn)
        .env_remove("COLUMNS");
    command
}

/// The exit code, and both outputs.
fn run(dsn: &str, arguments: &[&str]) -> (i32, String, String) {
    told(&explain(dsn, arguments).output().unwrap())
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

/// The document of `--format json`.
fn json(dsn: &str, arguments: &[&str]) -> serde_json::Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    let (_, stdout, stderr) = run(dsn, &arguments);
    serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}{stderr}"))
}

/// What the server logged, from a place on.
fn log_from(lab: &Lab, from: usize) -> String {
    let log = std::fs::read_to_string(lab.primary().log_file()).unwrap();
    log[from..].to_owned()
}

fn log_length(lab: &Lab) -> usize {
    log_from(lab, 0).len()
}

/// The newest version that is installed.
fn newest() -> u32 {
    support::servers().last().map_or(18, |(major, _)| *major)
}
