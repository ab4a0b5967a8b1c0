//! Every fixture against every importer, and the tables of truth.

use super::*;
use crate::record::load::{Arrival, PercentileMethod};

macro_rules! fixture {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../fixtures/load/locust-2.47.0/", $name)).as_slice(),
        )
    };
}

const FILES: [(&str, &[u8]); 11] = [
    fixture!("full_stats.csv"),
    fixture!("full_stats_history.csv"),
    fixture!("full_failures.csv"),
    fixture!("full_exceptions.csv"),
    fixture!("full.json"),
    fixture!("plain_stats.csv"),
    fixture!("plain_stats_history.csv"),
    fixture!("plain_failures.csv"),
    fixture!("plain_exceptions.csv"),
    fixture!("plain.json"),
    fixture!("json-stdout.json"),
];

fn named<'a>(names: &[&str]) -> Vec<ImportFile<'a>> {
    names
        .iter()
        .map(|name| {
            let found = FILES.iter().find(|f| f.0 == *name).unwrap();
            ImportFile::of_bytes(found.0, found.1)
        })
        .collect()
}

fn one(names: &[&str]) -> LoadResult {
    let mut results = import(named(names)).unwrap().loads;
    assert_eq!(results.len(), 1, "{results:?}");
    results.remove(0)
}

fn truth() -> serde_json::Value {
    let text = include_str!("../../../fixtures/load/locust-2.47.0/truth.json");
    serde_json::from_str(text).unwrap()
}

/// What the table of truth says of the tool's own numbers, by endpoint.
fn check_tool(result: &LoadResult, part: &str, file: &str) {
    let truth = truth();
    let table = truth[part]["tool"].as_object().unwrap();
    let mut checked = 0;
    for (key, row) in table {
        let Some(name) = key.strip_prefix(&format!("`{file}` ")) else {
            continue;
        };
        let operation = if name == super::super::AGGREGATED {
            &result.total
        } else {
            result.operations.iter().find(|o| o.name == name).unwrap()
        };
        assert_eq!(operation.requests, row["requests"].as_u64().unwrap());
        assert_eq!(operation.failures, row["failures"].as_u64().unwrap());
        let mean = operation.latency.mean.unwrap().0;
        assert!((mean - row["mean_ms"].as_f64().unwrap()).abs() < 6e-4);
        checked += 1;
    }
    assert!(checked >= 5, "{part} {file}: {checked} rows");
}

/// Files beside the results of a tool: what made them, and what is true of them.
fn is_beside(name: &str) -> bool {
    let ends = [
        ".md",
        ".js",
        ".py",
        ".lua",
        ".yml",
        ".jmx",
        ".html",
        "-stdout.txt",
        "truth.json",
        "urls.txt",
        "siegerc",
        "post.json-body",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

/// All fixtures by path and contents.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let files = crate::fixtures::in_folders("load");
    assert!(files.len() > 10, "{files:?}");
    files
}

#[test]
fn exactly_one_importer_recognises_each_fixture() {
    for (name, bytes) in fixtures() {
        let Ok(source) = Source::open(ImportFile::of_bytes(&name, &bytes)) else {
            assert!(is_beside(&name), "{name} is not text");
            continue;
        };
        let labels: Vec<&str> = list::IMPORTERS
            .iter()
            .filter(|i| (i.recognises)(source.head()))
            .map(|i| i.label)
            .collect();
        let wanted = usize::from(!is_beside(&name));
        assert_eq!(labels.len(), wanted, "{name}: {labels:?}");
    }
}

#[test]
fn statistics_alone_give_the_tool_numbers() {
    let result = one(&["full_stats.csv"]);
    check_tool(&result, "full history", "_stats.csv");
    assert_eq!(result.source.arrival, Arrival::Closed);
    assert_eq!(
        result.source.percentile_method,
        PercentileMethod::RoundedByTool
    );
    let messages = result
        .operations
        .iter()
        .find(|o| o.name == "GET /lords/herald/messages?limit=[n]")
        .unwrap();
    assert_eq!(messages.latency.percentile("99.9"), Some(Millis(78.0)));
    assert_eq!(messages.latency.percentile("95"), Some(Millis(25.0)));
    let seconds = result.length.unwrap().secs();
    assert!((seconds - 768.0 / 69.713_409_254_816_9).abs() < 1e-9);
    assert!(result.intervals.is_empty() && result.stages.is_empty());
}

#[test]
fn the_csv_files_of_one_call_are_one_result() {
    let result = one(&[
        "full_stats_history.csv",
        "full_exceptions.csv",
        "full_failures.csv",
        "full_stats.csv",
    ]);
    assert_eq!(result.source.files.len(), 4);
    check_tool(&result, "full history", "_stats.csv");
    let in_intervals: u64 = result
        .intervals
        .iter()
        .flat_map(|i| i.requests.values())
        .sum();
    assert_eq!(in_intervals, 768);
    let spent: f64 = result
        .intervals
        .iter()
        .map(|i| i.latency_total.unwrap().0)
        .sum();
    assert!((spent / 768.0 - result.total.latency.mean.unwrap().0).abs() < 1e-6);
    let tasks = result
        .operations
        .iter()
        .find(|o| o.name == "GET /lords/strategos/tasks")
        .unwrap();
    assert_eq!(tasks.errors.values().sum::<u64>(), 1);
    assert!(tasks.errors.keys().next().unwrap().contains("500"));
    assert!(
        result
            .source
            .warnings
            .iter()
            .any(|w| w.contains("'owner' 8 time(s)"))
    );
    let [stage] = &result.stages[..] else {
        panic!("{:?}", result.stages)
    };
    assert_eq!((stage.users, stage.length), (10, Millis(9000.0)));
    assert_eq!(stage.total.requests, 768 - 116);
    assert_eq!(stage.total.latency.percentile("95"), None);
}

#[test]
fn a_history_without_endpoints_counts_under_the_total() {
    let result = one(&["plain_stats.csv", "plain_stats_history.csv"]);
    check_tool(&result, "without full history", "_stats.csv");
    assert!(
        result
            .intervals
            .iter()
            .all(|i| i.requests.keys().all(|k| k == super::super::AGGREGATED))
    );
    assert_eq!(result.stages[0].users, 6);
    let alone = one(&["plain_stats_history.csv"]);
    assert_eq!(alone.total.requests, 393);
    assert_eq!(alone.total.latency.percentile("50"), Some(Millis(13.0)));
}

#[test]
fn the_json_is_preferred_and_has_every_latency() {
    let result = one(&["full.json", "full_stats.csv", "full_stats_history.csv"]);
    check_tool(&result, "full history", "full.json");
    assert_eq!(result.total.requests, 806);
    assert!(result.source.warnings.iter().any(|w| w.contains("806")));
    for operation in &result.operations {
        let histogram = operation.latency.histogram.as_ref().unwrap();
        assert_eq!(histogram.count(), operation.requests);
    }
    let initiatives = result
        .operations
        .iter()
        .find(|o| o.name == "GET /lords/architect/initiatives")
        .unwrap();
    let median = initiatives.latency.percentile("50").unwrap().0;
    assert!((median - 21.0).abs() < 1.1, "{median}");
    let in_intervals: u64 = result
        .intervals
        .iter()
        .flat_map(|i| i.requests.values())
        .sum();
    assert_eq!(in_intervals, 806);
    assert_eq!(result.intervals[5].users, Some(10));
    let stdout = one(&["json-stdout.json"]);
    check_tool(&stdout, "--json on standard output", "json-stdout.json");
}

#[test]
fn two_calls_stay_two_results_and_renamed_files_find_each_other() {
    let both = import(named(&["full_stats.csv", "plain_stats.csv", "full.json"]))
        .unwrap()
        .loads;
    assert_eq!(both.len(), 2);
    let mut renamed = named(&["full_stats.csv", "full_stats_history.csv"]);
    renamed[0].name = "a.csv";
    renamed[1].name = "b.csv";
    assert_eq!(import(renamed).unwrap().loads.len(), 1);
    let mut foreign = named(&["plain_stats.csv", "full_stats_history.csv"]);
    foreign[0].name = "a.csv";
    assert_eq!(import(foreign).unwrap().loads.len(), 2);
}

#[test]
fn intervals_are_aligned_to_the_window() {
    let mut result = one(&["full_stats_history.csv"]);
    assert!(result.intervals.iter().all(|i| i.from.is_none()));
    align(&mut result, Timestamp::from_second(1_795_427_119).unwrap());
    // Half a second more than the file says: it rounds down.
    assert_eq!(result.intervals[0].from, Some(Millis(-1500.0)));
    assert_eq!(result.intervals[3].from, Some(Millis(1500.0)));
}

#[test]
fn names_with_commas_quotes_and_control_characters_survive() {
    let header = "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,100%";
    let text = format!(
        "{header}\nGET,\"/a,\"\"b\"\"\u{1b}[2J\",2,3,1,1.5,1,2,0,1,0,1,2\n,Aggregated,2,3,1,1.5,1,2,0,1,0,1,N/A\n"
    );
    let file = ImportFile::of_bytes("x", text.as_bytes());
    let results = import(vec![file]).unwrap().loads;
    assert_eq!(results[0].operations[0].name, "GET /a,\"b\"\u{FFFD}[2J");
    assert_eq!(results[0].total.latency.percentile("100"), None);
    let warnings = results[0].source.warnings.join("\n");
    assert!(
        warnings.contains("3 failures among 2 requests"),
        "{warnings}"
    );
}

#[test]
fn wrong_files_are_refused_with_file_place_and_expectation() {
    let stats = std::str::from_utf8(FILES[0].1).unwrap();
    let history = std::str::from_utf8(FILES[1].1).unwrap();
    let json = std::str::from_utf8(FILES[4].1).unwrap();
    let cut = |text: &str, at: usize| text[..at].to_owned();
    let first_lines = |text: &str, n: usize| {
        let lines: Vec<&str> = text.lines().take(n).collect();
        format!("{}\n", lines.join("\n"))
    };
    for (text, parts) in [
        (String::new(), ["is empty", "x.csv"]),
        (" \n\n".to_owned(), ["is empty", "x.csv"]),
        ("hello\n".to_owned(), ["not a load result", "Locust JSON"]),
        ("{\"a\":1}".to_owned(), ["not a load result", "Locust"]),
        (cut(stats, 700), ["line 4", "22 fields"]),
        (first_lines(stats, 4), ["cut off", "Aggregated"]),
        (first_lines(history, 5), ["cut off", "Aggregated"]),
        (cut(json, 900), ["cut off", "line"]),
        (format!("{stats}{stats}"), ["line 8", "end of the file"]),
        (format!("{stats}{history}"), ["line 8", "22 fields"]),
        (
            stats.replace(",186,", ",many,"),
            ["line 2", "a whole number"],
        ),
        (
            stats.replace("Failure Count", "Broken Count"),
            ["line 1", "`Failure Count`"],
        ),
        (
            json.replace("\"num_failures\"", "\"failures\""),
            ["line", "num_failures"],
        ),
        (
            json.replace("\"37\": 1", "\"x\": 1"),
            ["response_times", "milliseconds"],
        ),
    ] {
        let file = ImportFile::of_bytes("x.csv", text.as_bytes());
        let message = import(vec![file]).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
        assert!(message.contains("x.csv"), "{message}");
    }
}

#[test]
fn bytes_that_are_no_text_and_lone_failures_are_refused() {
    let import_bytes = |bytes| import(vec![ImportFile::of_bytes("x", bytes)]).unwrap_err();
    let packed = import_bytes(b"\x1f\x8b\x08".as_slice()).to_string();
    assert!(
        packed.contains("cut off") && packed.contains("packed"),
        "{packed}"
    );
    let binary = import_bytes(b"a\xff\x00b".as_slice()).to_string();
    assert!(binary.contains("not UTF-8"), "{binary}");
    let alone = import(named(&["full_failures.csv"])).unwrap_err();
    assert!(alone.to_string().contains("_stats.csv"), "{alone}");
    let twice = import(named(&["full_stats.csv", "full_stats.csv"])).unwrap_err();
    assert!(twice.to_string().contains("only one"), "{twice}");
    assert_eq!(import(Vec::new()).unwrap(), Imported::default());
}
