//! The join of an API's load result with the server's statements, end to end: a small application of
//! known composition on a real server, driven by a real Locust.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod app;
mod commands;
mod constant;
mod evidence;
mod joined;
mod locust;
#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;

/// A number at a place of a report.
#[track_caller]
fn number(value: &Value, pointer: &str) -> f64 {
    value
        .pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{pointer} is not a number in {value:#}"))
}

/// The element of a list whose `key` is `name`.
#[track_caller]
fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = list
        .as_array()
        .and_then(|l| l.iter().find(|e| e[key] == name));
    found.unwrap_or_else(|| panic!("no {key} {name} in {list:#}"))
}

/// A part of an endpoint's response time.
#[track_caller]
fn part<'a>(endpoint: &'a Value, name: &str) -> &'a Value {
    named(&endpoint["parts"], "part", name)
}

/// Shares add up to 1 in total and for every endpoint.
#[track_caller]
fn shares_add_up(report: &Value) {
    let breakdown = &report["breakdown"];
    let endpoints = breakdown["endpoints"].as_array().expect("endpoints");
    for whole in endpoints.iter().chain([&breakdown["total"]]) {
        let parts = whole["parts"].as_array().expect("parts");
        let sum: f64 = parts.iter().filter_map(|p| p["share_ratio"].as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum} in {whole:#}");
    }
}
