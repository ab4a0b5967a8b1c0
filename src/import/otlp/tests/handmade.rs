//! Spans and metrics written by hand: what the fixtures do not show, and damaged files.

use super::*;

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
    // Rows of one pool that differ in another attribute are counted apart: none is the later number of another.
    let pool_name = r#"{"key":"db.client.connection.pool.name","value":{"stringValue":"main"}}"#;
    let port = format!(r#"{pool_name},{{"key":"server.port","value":{{"intValue":"5433"}}}}"#);
    let ports = text.clone() + &text.replace(pool_name, &port);
    let pool = &imported("ports", ports.as_bytes()).unwrap().pools[0];
    assert_eq!((pool.waits, pool.uses, pool.timeouts), (500, 496, 6));
    close(pool.wait.0, 4000.0, 1e-9);
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

#[test]
fn series_of_pools_beyond_the_most_are_said() {
    let points: Vec<String> = (0..10_003)
        .map(|number| {
            let pool = attribute("db.client.connection.pool.name", &format!("pool {number}"));
            format!(r#"{{"attributes":[{pool}],"asInt":"1"}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"db.client.connection.timeouts",
        "unit":"{{timeout}}","sum":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    );
    let set = imported("metrics.json", text.as_bytes()).unwrap();
    assert_eq!(set.pools.len(), 10_000);
    let told = set.warnings.join(" ");
    assert!(told.contains("more than 10000 series; 3 points"), "{told}");
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
