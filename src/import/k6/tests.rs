//! The fixtures of k6 against what is true of them.

mod handmade;

use std::io::Read as _;

use serde_json::Value;

use crate::import::{ImportFile, import};
use crate::record::load::{Arrival, LoadResult, Omission, Operation, PercentileMethod};

const FOLDERS: [&str; 2] = ["k6-0.57.0", "k6-1.1.0"];

fn bytes(folder: &str, name: &str) -> Vec<u8> {
    crate::fixtures::bytes(&format!("load/{folder}/{name}"))
}

/// The text of a packed fixture.
fn text(folder: &str, name: &str) -> String {
    let mut text = String::new();
    let bytes = bytes(folder, name);
    let mut packed = flate2::read::GzDecoder::new(bytes.as_slice());
    packed.read_to_string(&mut text).unwrap();
    text
}

fn read(name: &str, bytes: &[u8]) -> Result<LoadResult, String> {
    let mut all =
        import(vec![ImportFile::of_bytes(name, bytes)]).map_err(|error| error.to_string())?;
    assert_eq!(all.loads.len(), 1);
    Ok(all.loads.remove(0))
}

fn fixture(folder: &str, name: &str) -> LoadResult {
    read(name, &bytes(folder, name)).unwrap()
}

fn truth(folder: &str) -> Value {
    serde_json::from_slice(&bytes(folder, "truth.json")).unwrap()
}

/// The operation of a row of the table of truth, which has names as k6 tags them.
fn operation<'a>(result: &'a LoadResult, row: &str) -> &'a Operation {
    if row == "all" {
        return &result.total;
    }
    let (method, name) = row.split_once(' ').unwrap();
    let wanted = super::name::Name::of(method, name, "").shown(false);
    let found = result.operations.iter().find(|o| o.name == wanted);
    found.unwrap_or_else(|| panic!("{wanted} is missing: {:?}", result.operations))
}

fn close(found: f64, wanted: f64, within: f64) {
    assert!(
        (found - wanted).abs() <= within,
        "{found} instead of {wanted}"
    );
}

fn check_row(operation: &Operation, row: &Value) {
    let name = &operation.name;
    assert_eq!(Some(operation.requests), row["requests"].as_u64(), "{name}");
    assert_eq!(Some(operation.failures), row["failures"].as_u64(), "{name}");
    close(
        operation.latency.mean.unwrap().0,
        row["mean_ms"].as_f64().unwrap(),
        6e-4,
    );
}

const PARTS: [(&str, &str); 3] = [
    ("thresholds that pass", "pass"),
    ("thresholds that fail", "fail"),
    ("websocket scenario", "ws"),
];

#[test]
fn lines_give_the_true_counts_and_means_of_every_endpoint() {
    for folder in FOLDERS {
        let truth = truth(folder);
        for (part, stem) in PARTS {
            for ending in ["ndjson.gz", "csv.gz"] {
                let result = fixture(folder, &format!("{stem}.{ending}"));
                let mut checked = 0;
                for (row, wanted) in truth[part]["tool"].as_object().unwrap() {
                    if row.starts_with('`') || row.starts_with("ws_") {
                        continue;
                    }
                    if row.starts_with("all") || row.starts_with(['G', 'P']) {
                        check_row(operation(&result, row), wanted);
                        checked += 1;
                    }
                }
                assert!(checked >= 2, "{part}: {checked}");
                assert_eq!(
                    result.source.warnings.len(),
                    expected_warnings(stem),
                    "{:?}",
                    result.source.warnings
                );
            }
        }
    }
}

/// `server_timing_db` of the script has no tags of a request.
fn expected_warnings(stem: &str) -> usize {
    usize::from(stem != "ws")
}

#[test]
fn the_server_counted_the_same_and_took_no_longer() {
    for folder in FOLDERS {
        let truth = truth(folder);
        for (part, stem) in PARTS {
            let result = fixture(folder, &format!("{stem}.ndjson.gz"));
            let server = &truth[part]["server"];
            for (name, row) in server["endpoints"].as_object().unwrap() {
                let operation = operation(&result, name);
                assert_eq!(Some(operation.requests), row["requests"].as_u64());
                assert_eq!(Some(operation.failures), row["failures_5xx"].as_u64());
                let (mean, theirs) = (operation.latency.mean.unwrap().0, &row["mean_ms"]);
                assert!(mean >= theirs.as_f64().unwrap() && mean < theirs.as_f64().unwrap() + 1.0);
                let phases = operation.phases.as_ref().unwrap();
                assert_eq!(phases.requests, operation.requests);
                assert_eq!(phases.dns, None);
            }
        }
    }
}

#[test]
fn phases_add_up_to_the_latency_and_setup_is_counted_once() {
    let result = fixture("k6-1.1.0", "pass.ndjson.gz");
    for operation in result.operations.iter().chain([&result.total]) {
        let phases = operation.phases.as_ref().unwrap();
        let latency = operation.latency.mean.unwrap().0 * operation.requests as f64;
        let parts = [phases.sending, phases.waiting, phases.receiving];
        let sum: f64 = parts.iter().map(|p| p.unwrap().0).sum();
        close(sum, latency, 1e-6 * latency);
        assert!(!phases.setup_in_latency);
    }
    let phases = result.total.phases.as_ref().unwrap();
    // k6's own mean of `http_req_blocked` has the opening of connections in it.
    let own = 0.016_478_817_749_603_83 * 631.0;
    let setup = phases.connecting.unwrap().0 + phases.tls.unwrap().0;
    close(phases.blocked.unwrap().0 + setup, own, 1e-9);
    assert!(setup > 0.3 * own);
    // The shortest opening of a connection, not the 0 of the requests that reused one.
    let round_trip = phases.round_trip.unwrap().0;
    assert!(round_trip > 0.05 && round_trip < 1.5, "{round_trip}");
    let tail = result
        .total
        .by_latency
        .as_ref()
        .unwrap()
        .slowest(1.0)
        .unwrap();
    close(tail.requests, 631.0, 1e-6);
    let network = phases.sending.unwrap().0 + phases.receiving.unwrap().0;
    close(tail.parts["network"].0, network, 1e-6);
}

#[test]
fn lines_and_table_of_one_run_say_the_same() {
    for folder in FOLDERS {
        for stem in ["pass", "fail", "ws"] {
            let lines = fixture(folder, &format!("{stem}.ndjson.gz"));
            let table = fixture(folder, &format!("{stem}.csv.gz"));
            assert_eq!(lines.operations, table.operations);
            assert_eq!(lines.total, table.total);
            let sums = |r: &LoadResult| -> (u64, u64, f64) {
                let all = r.intervals.iter();
                (
                    all.clone().flat_map(|i| i.requests.values()).sum(),
                    all.clone().flat_map(|i| i.failures.values()).sum(),
                    all.filter_map(|i| i.latency_total).map(|m| m.0).sum(),
                )
            };
            let (lines, table) = (sums(&lines), sums(&table));
            assert_eq!((lines.0, lines.1), (table.0, table.1));
            close(lines.2, table.2, 1e-6);
        }
    }
}

#[test]
fn the_run_has_seconds_stages_and_a_closed_loop() {
    let result = fixture("k6-1.1.0", "pass.ndjson.gz");
    assert_eq!(result.source.arrival, Arrival::Closed);
    assert_eq!(result.source.omission, Omission::Omitted);
    assert_eq!(result.source.percentile_method, PercentileMethod::Histogram);
    let requests: u64 = result
        .intervals
        .iter()
        .flat_map(|i| i.requests.values())
        .sum();
    assert_eq!(requests, 631);
    let spent: f64 = result
        .intervals
        .iter()
        .filter_map(|i| i.latency_total)
        .map(|m| m.0)
        .sum();
    close(spent, 17.194_331_949_286_82 * 631.0, 1e-3);
    let inner = &result.intervals[2];
    assert_eq!(inner.users, Some(5));
    assert!(inner.requests["GET /lords/herald/messages"] > 10);
    let stage = &result.stages[0];
    assert_eq!((stage.users, stage.name.as_str()), (5, "5 VUs"));
    assert!(stage.total.requests > 500 && stage.total.requests <= 631);
    close(stage.total.latency.mean.unwrap().0, 17.2, 1.0);
    // 10 s of VUs, of which the last iteration ends a moment later.
    close(result.length.unwrap().0, 10_000.0, 300.0);
    assert_eq!(
        result.started_at.unwrap().to_string().get(..19),
        Some("2026-11-23T09:19:04")
    );
    let notes = result.source.notes.join("\n");
    assert!(
        notes.contains("629 of 631 checks passed; failed: `tasks 200` 2 time(s)"),
        "{notes}"
    );
    assert_eq!(result.total.server_timing["db"].requests, 197);
    close(
        result.total.server_timing["db"].total.0,
        15.060_456_852_791_878 * 197.0,
        1e-6,
    );
    let errors = &operation(&result, "GET /lords/strategos/tasks").errors;
    assert_eq!(errors["HTTP 500"], 2);
    assert_eq!(
        result.total.latency.percentile("50").map(|m| m.0.round()),
        Some(13.0)
    );
}

#[test]
fn a_websocket_is_an_operation_of_its_own_and_not_in_the_total() {
    for (folder, sessions, lasted) in [("k6-0.57.0", 48, 107.7), ("k6-1.1.0", 46, 113.1)] {
        let result = fixture(folder, "ws.ndjson.gz");
        let ws = result
            .operations
            .iter()
            .find(|o| o.name == "WS architect ws")
            .unwrap();
        assert_eq!((ws.requests, ws.failures), (sessions, 0));
        assert_eq!(ws.phases, None);
        // Connecting, and not the session.
        assert!(ws.latency.mean.unwrap().0 < 10.0);
        assert_eq!(result.total.requests, sessions);
        let notes = result.source.notes.join("\n");
        let messages = sessions * 15;
        let words = format!(
            "{sessions} sessions, {lasted} ms long on average, {messages} messages sent and {messages} received"
        );
        assert!(notes.contains(&words), "{notes}");
    }
}

#[test]
fn summaries_give_the_totals_of_their_runs() {
    for folder in FOLDERS {
        let truth = truth(folder);
        for (part, stem) in PARTS {
            let result = fixture(folder, &format!("{stem}-summary-export.json"));
            let tool = &truth[part]["tool"];
            check_row(&result.total, &tool["all"]);
            assert_eq!(result.source.percentile_method, PercentileMethod::Tool);
            assert_eq!(result.source.arrival, Arrival::Closed, "{stem}");
            assert_eq!(result.total.failures_untold, None);
            assert_eq!(result.intervals.len(), 0);
            let lines = fixture(folder, &format!("{stem}.ndjson.gz"));
            let p95 = result.total.latency.percentile("95").unwrap().0;
            // k6 interpolates between neighbours, the histogram takes one of them.
            close(
                p95,
                lines.total.latency.percentile("95").unwrap().0,
                0.15 * p95,
            );
            let (theirs, ours) = (result.total.phases.unwrap(), lines.total.phases.unwrap());
            let near = |a: Option<crate::record::Millis>, b: Option<crate::record::Millis>| {
                close(a.unwrap().0, b.unwrap().0, 1e-6);
            };
            near(theirs.waiting, ours.waiting);
            near(theirs.blocked, ours.blocked);
            near(theirs.connecting, ours.connecting);
            assert_eq!(theirs.round_trip, None);
        }
    }
}

#[test]
fn the_data_of_handle_summary_says_the_same_as_the_export() {
    for folder in FOLDERS {
        let data = fixture(folder, "pass-handle-summary.json");
        let export = fixture(folder, "pass-summary-export.json");
        assert_eq!(data.total, export.total);
        assert_eq!(data.source.notes, export.source.notes);
        close(data.length.unwrap().0, export.length.unwrap().0, 1.0);
        assert!(
            data.source
                .notes
                .iter()
                .any(|n| n == "3 of 3 thresholds were met" || n == "4 of 4 thresholds were met"),
            "{:?}",
            data.source.notes
        );
    }
    let legacy = fixture("k6-1.1.0", "legacy-summary-export.json");
    check_row(
        &legacy.total,
        &truth("k6-1.1.0")["summary modes"]["tool"]["`legacy-summary-export.json` http_req_duration"],
    );
}

#[test]
fn a_true_threshold_of_the_export_is_a_missed_one() {
    for folder in FOLDERS {
        let result = fixture(folder, "fail-summary-export.json");
        let notes = result.source.notes.join("\n");
        assert!(
            notes.contains("1 of 5 thresholds were met; missed: "),
            "{notes}"
        );
        assert!(notes.contains("`http_req_duration: med<5`"), "{notes}");
        assert!(!notes.contains("`http_req_duration: p(95)<500`"), "{notes}");
        let operation = &result.operations[0];
        assert_eq!(operation.name, "/lords/architect/initiatives");
        let row = &truth(folder)["thresholds that fail"]["server"]["endpoints"]["GET /lords/architect/initiatives"];
        assert_eq!(Some(operation.requests), row["requests"].as_u64());
        assert!(result.source.warnings.iter().any(|w| {
            w.contains("does not tell how many requests of /lords/architect/initiatives failed")
        }));
    }
}

#[test]
fn the_machine_readable_summary_says_the_same_with_fewer_words() {
    let result = fixture("k6-machine-readable", "summary.json");
    let data = fixture("k6-1.1.0", "pass-handle-summary.json");
    assert_eq!(result.source.version.as_deref(), Some("1.5.0"));
    assert_eq!((result.total.requests, result.total.failures), (631, 2));
    assert_eq!(result.total.latency.mean, data.total.latency.mean);
    assert_eq!(result.total.latency.percentile("99"), None);
    assert_eq!(result.length, data.length);
    assert_eq!(result.source.arrival, Arrival::Closed);
    assert_eq!(result.total.phases.unwrap().connecting, None);
    let notes = result.source.notes.join("\n");
    assert!(notes.contains("392 of 394 checks passed"), "{notes}");
    assert!(notes.contains("does not tell which thresholds"), "{notes}");
}

#[test]
fn the_loop_of_each_executor_is_told_as_far_as_the_file_does() {
    let folder = "k6-1.1.0-executors";
    let kinds = [
        ("open", Arrival::Open),
        ("roomy", Arrival::Unknown),
        ("tight", Arrival::Unknown),
        ("pervu", Arrival::Closed),
        ("closed", Arrival::Closed),
        ("ramp", Arrival::Closed),
    ];
    for (kind, arrival) in kinds {
        let result = fixture(folder, &format!("{kind}.ndjson.gz"));
        assert_eq!(result.source.arrival, arrival, "{kind}");
        let summary = fixture(folder, &format!("{kind}-summary-export.json"));
        assert_eq!(result.total.requests, summary.total.requests);
        // A summary never claims more than the lines.
        if summary.source.arrival != Arrival::Unknown {
            assert_eq!(summary.source.arrival, arrival, "{kind}");
        }
        let dropped = |r: &LoadResult| {
            let mut notes = r.source.notes.iter();
            notes.find_map(|n| n.split_once(" iteration(s)").map(|(n, _)| n.to_owned()))
        };
        assert_eq!(dropped(&result), dropped(&summary), "{kind}");
        assert_eq!(
            dropped(&result).is_some(),
            ["open", "tight", "pervu"].contains(&kind)
        );
    }
    for (kind, arrival) in [("roomy", Arrival::Unknown), ("closed", Arrival::Closed)] {
        let result = fixture(folder, &format!("{kind}.csv.gz"));
        assert_eq!(result.source.arrival, arrival, "{kind}");
    }
}

#[test]
fn the_script_of_the_page_keeps_server_timing_by_endpoint() {
    let result = fixture("k6-1.1.0-executors", "closed.ndjson.gz");
    assert_eq!(result.operations.len(), 1);
    let operation = &result.operations[0];
    assert_eq!(
        (operation.name.as_str(), operation.requests),
        ("GET /orders", 103)
    );
    for (entry, ms) in [("pool", 1.5), ("db", 12.25), ("app", 3.0)] {
        let timing = &operation.server_timing[entry];
        assert_eq!(timing.requests, 103, "{entry}");
        close(timing.total.0, 103.0 * ms, 1e-9);
    }
    assert_eq!(result.source.warnings, Vec::<String>::new());
    // The page shows the script that made this file.
    let page = include_str!("../../../docs/importers/k6.md");
    let script = include_str!("../../../fixtures/load/k6-1.1.0-executors/executors.js");
    let shown = page
        .split("```js\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    for line in shown.lines().filter(|l| !l.is_empty()) {
        assert!(script.contains(line), "{line}");
    }
}
