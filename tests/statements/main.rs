//! Statements on real servers, where the right numbers are known.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod causes;
mod counts;
#[expect(dead_code, reason = "the tests of health use the rest")]
#[path = "../health/observed.rs"]
mod observed;
mod own;
#[path = "../support/mod.rs"]
mod support;

use std::process::Output;

use serde_json::Value;

/// Runs `dbperf` to its end, with no server in the environment.
fn dbperf(args: &[&str]) -> Output {
    let mut command = support::dbperf();
    command.args(args).output().unwrap()
}

/// The JSON document of a command.
fn json(args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.extend(["--format", "json"]);
    let output = dbperf(&all);
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{args:?}: no JSON ({e}): {errors}"))
}
