//! The fixtures of OpenTelemetry against what is true of them, handmade traces, and damaged files.

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

/// One span of a handmade trace; times in milliseconds.
fn span(
    id: u64,
    parent: u64,
    kind: &str,
    name: &str,
    from: u64,
    to: u64,
    attributes: &str,
) -> String {
    format!(
        "{{\"traceId\":\"0000000000000000000000000000000a\",\"spanId\":\"{id:016x}\",\"parentSpanId\":\"{parent:016x}\",\
         \"name\":\"{name}\",\"kind\":{kind},\"startTimeUnixNano\":\"{}\",\"endTimeUnixNano\":{},\
         \"attributes\":[{attributes}],\"unknown\":{{\"deep\":[1]}}}}",
        from * 1_000_000,
        to * 1_000_000
    )
}

fn attribute(key: &str, value: &str) -> String {
    format!("{{\"value\":{{\"stringValue\":\"{value}\"}},\"key\":\"{key}\"}}")
}

fn export(spans: &[String]) -> String {
    format!(
        "{{\"resourceSpans\":[{{\"resource\":{{}},\"scopeSpans\":[{{\"scope\":null,\"spans\":[{}]}}]}}]}}",
        spans.join(",")
    )
}

fn set(spans: &[String]) -> TraceSet {
    imported("made.json", export(spans).as_bytes()).unwrap()
}

#[test]
fn a_request_is_divided_by_precedence_and_its_client_is_outside() {
    let postgres = attribute("db.system.name", "postgresql");
    let text = attribute("db.query.text", "SELECT 1 WHERE 'secret' = $1");
    let with_text = format!("{postgres},{text}");
    let method = attribute("http.request.method", "GET");
    let (a, b) = (attribute("http.route", "/a"), attribute("http.route", "/b"));
    let redis = attribute("db.system", "redis");
    let rows: [(u64, u64, &str, &str, u64, u64, &str); 11] = [
        (1, 0, "3", "GET", 1000, 1110, &method),
        (2, 1, "2", "GET /a", 1005, 1105, &a),
        (3, 2, "1", "work", 1005, 1100, ""),
        // Acquiring, with the opening of a connection inside.
        (
            4,
            3,
            "\"SPAN_KIND_CLIENT\"",
            "pg-pool.connect",
            1010,
            1030,
            &postgres,
        ),
        (5, 4, "3", "pg.connect", 1012, 1028, &postgres),
        // An ORM around its driver, and a call of another service that overlaps with it.
        (6, 3, "3", "orm", 1030, 1060, &with_text),
        (7, 6, "3", "driver", 1035, 1055, &with_text),
        (8, 3, "3", "GET", 1050, 1080, &method),
        // The other service, in the same file: its database is not that of the first.
        (9, 8, "2", "GET /b", 1055, 1075, &b),
        (10, 9, "3", "SELECT", 1060, 1070, &with_text),
        // Redis is no PostgreSQL.
        (11, 2, "3", "GET key", 1090, 1095, &redis),
    ];
    let spans = rows.map(|(id, parent, kind, name, from, to, more)| {
        span(id, parent, kind, name, from, to, more)
    });
    let made = set(&spans);
    let a = endpoint(&made, "/a");
    assert_eq!((a.requests, a.with_client), (1, 1));
    let parts = [
        a.pool_wait.unwrap().0,
        a.database.0,
        a.other_calls.0,
        a.own.0,
        a.outside.0,
    ];
    for (found, wanted) in parts.into_iter().zip([20.0, 30.0, 25.0, 25.0, 10.0]) {
        close(found, wanted, 1e-9);
    }
    adds_up(a);
    assert_eq!(a.statements.len(), 1);
    assert_eq!(a.statements[0].name, "SELECT $2 WHERE $3 = $1");
    assert_eq!(a.statements[0].calls, 1);
    close(a.statements[0].total.0, 20.0, 1e-9);
    let b = endpoint(&made, "/b");
    close(b.database.0, 10.0, 1e-9);
    close(b.outside.0, 10.0, 1e-9);
    let network = b.by_latency.slowest(1.0).unwrap().parts["network"].0;
    close(network, 10.0, 1e-9);
    assert_eq!(
        made.warnings,
        ["1 spans of redis count as calls of other services"]
    );
}

#[test]
fn what_does_not_add_up_is_said() {
    let postgres = attribute("db.system.name", "postgresql");
    let twice = span(2, 0, "2", "GET /a", 10, 20, "");
    let made = set(&[
        twice.clone(),
        twice,
        span(3, 99, "3", "SELECT", 10, 20, &postgres),
        span(4, 2, "3", "SELECT", 20, 10, &postgres),
        span(
            5,
            2,
            "3",
            "SELECT",
            12,
            13,
            &format!(
                "{postgres},{}",
                attribute("db.query.text", "SELEC 'secret'")
            ),
        ),
        // Each other's parent.
        span(6, 7, "1", "a", 1, 2, ""),
        span(7, 6, "1", "b", 1, 2, ""),
    ]);
    assert_eq!(endpoint(&made, "GET /a").requests, 1);
    assert_eq!(endpoint(&made, "GET /a").pool_wait, None);
    assert_eq!(endpoint(&made, "GET /a").statements[0].name, "SELECT");
    let all = made.warnings.join("\n");
    for words in [
        "1 spans have no start or end before it",
        "1 spans are in the file more than once",
        "1 spans of the database or a pool belong to no server span",
        "1 texts of statements are not read by PostgreSQL's parser",
    ] {
        assert!(all.contains(words), "{all}");
    }
}

/// `traces` traces of three spans, one span of each after the other.
fn many(traces: u32) -> String {
    let mut lines = String::new();
    for number in 0..traces {
        let text = export(&[
            span(
                3,
                2,
                "3",
                "SELECT",
                1002,
                1005,
                &attribute("db.system", "postgresql"),
            ),
            span(2, 0, "2", "GET /a", 1000, 1010, ""),
        ]);
        let id = format!("{:032x}", number + 1);
        writeln!(
            lines,
            "{}",
            text.replace("0000000000000000000000000000000a", &id)
        )
        .unwrap();
    }
    lines
}

#[test]
fn more_spans_than_are_held_change_nothing_as_long_as_traces_end() {
    let text = many(500);
    let all = read("f", Box::new(text.as_bytes()), MAX_SPANS).unwrap();
    let few = read("f", Box::new(text.as_bytes()), 20).unwrap();
    assert_eq!(all, few);
    assert_eq!((all.endpoints[0].requests, all.spans), (500, 1000));
    close(all.endpoints[0].database.0, 1500.0, 1e-9);
    // All spans of one trace: nothing can be forgotten.
    let one = text.replace(
        "\"spanId\":\"0000000000000003\"",
        "\"spanId\":\"00000000000000ff\"",
    );
    let mut same = String::new();
    for (n, line) in one.lines().enumerate() {
        let at = line.find("\"traceId\":\"").unwrap() + 11;
        let line = line.replace(&line[at..at + 32], &format!("{:032x}", 1));
        let line = line.replace("00000000000000ff", &format!("{:016x}", n + 1000));
        writeln!(same, "{line}").unwrap();
    }
    let dropped = read("f", Box::new(same.as_bytes()), 20).unwrap();
    assert!(
        dropped
            .warnings
            .iter()
            .any(|w| w.contains("980 spans are left out")),
        "{:?}",
        dropped.warnings
    );
}

#[test]
fn a_file_in_one_object_over_many_lines_reads_the_same() {
    let text = export(&[span(2, 0, "2", "GET /a", 10, 20, "")]);
    let value: Value = serde_json::from_str(&text).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let (one, other) = (
        imported("f", text.as_bytes()).unwrap(),
        imported("f", pretty.as_bytes()).unwrap(),
    );
    assert_eq!(one, other);
    assert_eq!(one.endpoints.len(), 1);
}

#[test]
fn ids_may_be_in_base64() {
    let text = export(&[span(2, 0, "2", "GET /a", 10, 20, "")])
        .replace(
            "\"0000000000000000000000000000000a\"",
            "\"AAAAAAAAAAAAAAAAAAAACg==\"",
        )
        .replace("\"0000000000000002\"", "\"AAAAAAAAAAI=\"");
    assert_eq!(
        imported("f", text.as_bytes()).unwrap().endpoints[0].requests,
        1
    );
}

#[test]
fn pools_are_read_from_metrics() {
    let set = fixture("otlp-metrics", "pool.json");
    assert_eq!(set.endpoints.len(), 0);
    let pool = &set.pools[0];
    assert_eq!((set.pools.len(), pool.name.as_str()), (1, "main"));
    // Cumulative: the last export has everything.
    assert_eq!((pool.waits, pool.uses, pool.timeouts), (250, 248, 3));
    close(pool.wait.0, 2000.0, 1e-9);
    close(pool.used.0, 6200.0, 1e-9);
    assert_eq!(
        (pool.connections_max["used"], pool.connections_max["idle"]),
        (7, 8)
    );
    assert_eq!(pool.pending_max, Some(4));
    // Deltas add up.
    let text = String::from_utf8(bytes("otlp-metrics", "pool.json")).unwrap();
    let deltas = text.replace(
        "\"aggregationTemporality\":2",
        "\"aggregationTemporality\":1",
    );
    let pool = &imported("deltas", deltas.as_bytes()).unwrap().pools[0];
    assert_eq!((pool.waits, pool.timeouts), (350, 4));
    close(pool.wait.0, 2500.0, 1e-9);
    // Another instance is another pool.
    let two = text.clone() + &text.replace("shop-1", "shop-2");
    let names: Vec<String> = imported("two", two.as_bytes())
        .unwrap()
        .pools
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["main (shop-1)", "main (shop-2)"]);
}

fn refused(text: &str) -> String {
    imported("bad.json", text.as_bytes()).unwrap_err()
}

#[test]
fn damaged_files_are_told_with_their_line() {
    let good = export(&[span(2, 0, "2", "GET /a", 10, 20, "")]);
    let cut = refused(&format!("{good}\n{}", &good[..good.len() - 5]));
    assert!(
        cut.contains("`bad.json` is cut off: the JSON ends at line 2"),
        "{cut}"
    );
    let foreign = refused(&format!("{good}\n{{\"latency\":1}}\n"));
    assert!(
        foreign.contains("line 2")
            && foreign.contains("an object of another kind")
            && foreign.contains("OTLP JSON"),
        "{foreign}"
    );
    let id = refused(&good.replace("\"0000000000000002\"", "\"2\""));
    assert!(
        id.contains("line 1") && id.contains("`spanId` that is not 16 hex digits"),
        "{id}"
    );
    let missing = refused(&good.replace("\"traceId\"", "\"trace\""));
    assert!(missing.contains("missing field `traceId`"), "{missing}");
    let time = refused(&good.replace("\"10000000\"", "\"soon\""));
    assert!(time.contains("not a number of nanoseconds"), "{time}");
    let list = refused("{\"resourceSpans\":{}}");
    assert!(list.contains("`resourceSpans`"), "{list}");
    let null = imported("null.json", b"{\"resourceSpans\":null}").unwrap();
    assert_eq!(
        null,
        TraceSet {
            files: vec!["null.json".to_owned()],
            ..TraceSet::default()
        }
    );
}
