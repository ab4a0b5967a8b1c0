//! The fixtures of OpenTelemetry against what is true of them.

mod handmade;

use std::fmt::Write as _;
use std::io::Read as _;

use serde_json::Value;

use super::{MAX_SPANS, read};
use crate::import::{ImportFile, import};
use crate::record::fingerprint;
use crate::record::traces::{TraceSet, TracedEndpoint};

const FIXTURES: [(&str, &str, &str); 5] = [
    ("otel-node-2.12.0", "default settings", "default.jsonl.gz"),
    ("otel-node-2.12.0", "with query values", "values.jsonl.gz"),
    ("otel-python-1.45.1", "old conventions", "old.jsonl.gz"),
    ("otel-python-1.45.1", "new conventions", "new.jsonl.gz"),
    (
        "otel-python-1.45.1",
        "both at once (dup), sqlcommenter",
        "dup.jsonl.gz",
    ),
];

fn bytes(folder: &str, name: &str) -> Vec<u8> {
    crate::fixtures::bytes(&format!("load/{folder}/{name}"))
}

fn imported(name: &str, bytes: &[u8]) -> Result<TraceSet, String> {
    let mut all =
        import(vec![ImportFile::of_bytes(name, bytes)]).map_err(|error| error.to_string())?;
    assert_eq!(all.traces.len(), 1);
    Ok(all.traces.remove(0))
}

fn fixture(folder: &str, name: &str) -> TraceSet {
    imported(name, &bytes(folder, name)).unwrap()
}

fn endpoint<'a>(set: &'a TraceSet, name: &str) -> &'a TracedEndpoint {
    let found = set.endpoints.iter().find(|e| e.name == name);
    found.unwrap_or_else(|| panic!("{name} is missing: {:?}", set.endpoints))
}

fn close(found: f64, wanted: f64, within: f64) {
    assert!(
        (found - wanted).abs() <= within,
        "{found} instead of {wanted}"
    );
}

/// The identity of the four parts.
fn adds_up(endpoint: &TracedEndpoint) {
    let pool = endpoint.pool_wait.map_or(0.0, |m| m.0);
    let sum = endpoint.database.0 + pool + endpoint.other_calls.0 + endpoint.own.0;
    close(
        sum,
        endpoint.duration_total.0,
        1e-9 * endpoint.duration_total.0,
    );
}

#[test]
fn every_route_has_its_true_number_of_requests_and_mean() {
    for (folder, part, file) in FIXTURES {
        let truth: Value = serde_json::from_slice(&bytes(folder, "truth.json")).unwrap();
        let truth = &truth[part];
        let set = fixture(folder, file);
        let mut checked = 0;
        for (row, wanted) in truth["tool"].as_object().unwrap() {
            let Some(name) = row.strip_prefix("server spans ") else {
                continue;
            };
            let found = endpoint(&set, name);
            assert_eq!(
                Some(found.requests),
                wanted["requests"].as_u64(),
                "{file} {name}"
            );
            assert_eq!(
                Some(found.failures),
                wanted["failures"].as_u64(),
                "{file} {name}"
            );
            let mean = found.duration_total.0 / found.requests as f64;
            close(mean, wanted["mean_ms"].as_f64().unwrap(), 6e-4);
            assert_eq!(found.duration.count(), found.requests);
            let served = &truth["server"]["endpoints"][name];
            assert_eq!(
                Some(found.requests),
                served["requests"].as_u64(),
                "{file} {name}"
            );
            checked += 1;
        }
        assert_eq!(checked, 4, "{file}");
        set.endpoints.iter().for_each(adds_up);
        // Node's clock is in whole milliseconds.
        let of_node = set
            .warnings
            .iter()
            .filter(|w| w.contains("whole milliseconds"));
        assert_eq!(of_node.count(), usize::from(folder.contains("node")));
        assert!(set.warnings.len() < 2, "{file}: {:?}", set.warnings);
    }
}

#[test]
fn statements_are_called_as_often_as_the_server_counted() {
    for (folder, part, file) in FIXTURES {
        let truth: Value = serde_json::from_slice(&bytes(folder, "truth.json")).unwrap();
        let set = fixture(folder, file);
        let mut checked = 0;
        for row in truth[part]["server"]["pg_stat_statements"]
            .as_array()
            .unwrap()
        {
            let query = row["query"].as_str().unwrap();
            let Some(print) = fingerprint(query) else {
                continue;
            };
            let statements = set.endpoints.iter().flat_map(|e| &e.statements);
            let calls: u64 = statements
                .filter(|s| s.fingerprint.as_deref() == Some(&print))
                .map(|s| s.calls)
                .sum();
            if calls == 0 {
                // BEGIN, COMMIT and the driver's own questions have no span in Python.
                assert!(folder.contains("python"), "{query}");
                continue;
            }
            let counted: u64 = row["calls"].as_str().unwrap().parse().unwrap();
            // One executemany of three rows is one span.
            let rows = if folder.contains("python") && query.starts_with("INSERT INTO task") {
                3
            } else {
                1
            };
            assert_eq!(calls * rows, counted, "{file} {query}");
            checked += 1;
        }
        assert!(checked >= 6, "{file}: {checked}");
    }
}

#[test]
fn the_wait_for_the_pool_of_node_is_told_apart_from_the_database() {
    let set = fixture("otel-node-2.12.0", "default.jsonl.gz");
    let design = endpoint(&set, "POST /lords/architect/initiatives/design");
    assert!(design.pool_wait.unwrap().0 > 0.0);
    close(design.other_calls.0, 0.0, 0.0);
    // No span of acquiring or connecting is a statement.
    let names: Vec<&str> = set
        .endpoints
        .iter()
        .flat_map(|e| &e.statements)
        .map(|s| s.name.as_str())
        .collect();
    assert!(names.iter().all(|n| !n.contains("connect")), "{names:?}");
    assert_eq!(set.spans, 1622);
    let begin = set.started_at.unwrap().to_string();
    assert!(begin.starts_with("2026-11-23T10:43:5"), "{begin}");
    let messages = endpoint(&set, "GET /lords/herald/messages");
    let tail = messages.by_latency.slowest(1.0).unwrap();
    close(tail.parts["db"].0, messages.database.0, 1e-6);
    close(tail.parts["app"].0, messages.own.0, 1e-6);
    close(tail.parts["pool"].0, messages.pool_wait.unwrap().0, 1e-6);
    assert_eq!(messages.with_client, 0);
    // One statement and one more for each row.
    let lords = messages
        .statements
        .iter()
        .find(|s| s.name == "SELECT name FROM lord WHERE id = $1")
        .unwrap();
    assert_eq!(lords.calls, 371);
}

#[test]
fn the_sum_of_all_parts_is_that_of_a_reckoning_by_hand() {
    // All spans of the file again, without any of the importer's code: unions by sorted ends.
    let mut text = String::new();
    let packed = bytes("otel-node-2.12.0", "default.jsonl.gz");
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    let mut spans = Vec::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let scopes = value["resourceSpans"].as_array().unwrap().iter();
        for scope in scopes.flat_map(|r| r["scopeSpans"].as_array().unwrap()) {
            spans.extend(scope["spans"].as_array().unwrap().iter().cloned());
        }
    }
    let nano = |span: &Value, key: &str| -> u64 { span[key].as_str().unwrap().parse().unwrap() };
    let (mut database, mut pool) = (0_u64, 0_u64);
    for server in spans.iter().filter(|s| s["kind"] == 2) {
        // Requests of this file run one statement after the other, and never while they wait for the pool.
        for span in spans
            .iter()
            .filter(|s| s["parentSpanId"] == server["spanId"])
        {
            let took = nano(span, "endTimeUnixNano") - nano(span, "startTimeUnixNano");
            if span["name"] == "pg-pool.connect" {
                pool += took;
            } else {
                database += took;
            }
        }
    }
    let set = fixture("otel-node-2.12.0", "default.jsonl.gz");
    let sum = |of: fn(&TracedEndpoint) -> f64| set.endpoints.iter().map(of).sum::<f64>();
    let (database, pool) = (database as f64 / 1e6, pool as f64 / 1e6);
    // What the rounded starts let seem to overlap is set right, up to the ends of requests.
    close(sum(|e| e.database.0), database, 0.01 * database);
    close(sum(|e| e.pool_wait.unwrap().0), pool, 0.05 * pool);
}

#[test]
fn an_orm_around_its_driver_and_both_generations_of_attributes_count_once() {
    let set = fixture("otel-python-1.45.1", "dup.jsonl.gz");
    let initiatives = endpoint(&set, "GET /lords/architect/initiatives");
    let calls: u64 = initiatives.statements.iter().map(|s| s.calls).sum();
    assert_eq!(calls, 2 * 71);
    // `connect` of SQLAlchemy takes a connection from its pool.
    assert!(initiatives.pool_wait.unwrap().0 > 10.0);
    let messages = endpoint(&set, "GET /lords/herald/messages");
    // The list of connections that this route takes them from is in no span.
    assert_eq!(messages.pool_wait, None);
}

#[test]
fn values_of_parameters_and_literals_are_not_kept() {
    let set = fixture("otel-node-2.12.0", "values.jsonl.gz");
    let text = serde_json::to_string(&set).unwrap();
    assert!(
        !text.contains("it's new") && !text.contains("first"),
        "{text}"
    );
    let limit = set
        .endpoints
        .iter()
        .flat_map(|e| &e.statements)
        .find(|s| s.name.contains("JOIN lord"))
        .unwrap();
    assert!(limit.name.ends_with("LIMIT $2"), "{}", limit.name);
}
