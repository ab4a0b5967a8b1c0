//! Examples do what their pages say: command lines are run, files are read by the library.

use std::fs;
use std::path::Path;

use dbperf::analyze::sla::Sla;
use dbperf::import::EndpointMap;
use dbperf::prove::{Head, Ledger, Step};
use dbperf::workload::scenario::Scenario;
use dbperf::workload::{LogOptions, Workload};

use crate::help::dbperf;
use crate::pages::{self, Fence};

const READS: &str = "-- dbperf workload\n-- operation: look\nSELECT 1;\n";

const SCENARIO: &str = r#"
[values]
tenant = "choice acme globex"
[[user]]
think = "1s"
[[user.step]]
request = "GET /tenants/{tenant}"
"#;

fn fences(info: &str) -> Vec<Fence> {
    let all = pages::all();
    let all = all.iter().flat_map(pages::Page::fences);
    let found: Vec<Fence> = all.filter(|f| f.info == info).collect();
    assert!(!found.is_empty(), "no example of {info}");
    found
}

/// Command lines of all `sh` fences, with their places.
fn command_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for fence in fences("sh") {
        for line in fence.body.lines() {
            let (known, ours) = (["#", "make "], line.starts_with("dbperf "));
            let skipped = line.is_empty() || known.iter().any(|k| line.starts_with(k));
            assert!(
                ours || skipped,
                "{}: an example that no test runs: {line}",
                fence.place
            );
            if ours {
                lines.push((fence.place.clone(), line.to_owned()));
            }
        }
    }
    lines
}

/// The files that examples name, as a reader would have them.
fn prepare(folder: &Path, writes: bool) {
    let fixture = |from: &str, to: &str| {
        let copied = fs::copy(pages::root().join("fixtures").join(from), folder.join(to));
        assert!(copied.unwrap() > 0, "{from}");
    };
    for file in [
        "stats.csv",
        "stats_history.csv",
        "failures.csv",
        "exceptions.csv",
    ] {
        fixture(
            &format!("load/locust-2.47.0/full_{file}"),
            &format!("load_{file}"),
        );
    }
    fixture("load/locust-2.47.0/full.json", "load.json");
    fixture("load/k6-1.1.0/pass.ndjson.gz", "points.ndjson.gz");
    // Packed files are recognised by their content.
    fixture("load/otel-node-2.12.0/default.jsonl.gz", "traces.jsonl");
    fixture("load/lighthouse-12.8.2/mobile.json.gz", "page.json");
    fixture("load/web-vitals-6.2.3/beacons.ndjson", "beacons.ndjson");
    for (from, to) in [
        ("hey-0.1.4/tasks.csv", "orders.csv"),
        ("wrk-4.1.0/tasks-latency.txt", "orders.txt"),
        ("autocannon-9.0.0/tasks.json", "orders.json"),
        ("jmeter-2.13/results.jtl", "results.csv"),
        ("artillery-2.0.21/http-report.json", "report.json"),
        ("vegeta-12/hits.ndjson", "hits.ndjson"),
        ("gatling-3.2.0/stats.json", "stats.json"),
        ("siege-4.0.7/run.json", "siege.json"),
    ] {
        fixture(&format!("load/{from}"), to);
    }
    fixture("pglog/17/minduration.log.gz", "postgresql.log");
    fixture("pgbench/select-only.sql", "script.sql");
    captured(
        &folder.join("postgresql.log"),
        &folder.join("captured.dbperf"),
    );
    left_by_a_proof(folder);
    fixture("maps/lords.toml", "map.toml");
    fixture("sla/default.toml", "sla.toml");
    fs::write(folder.join("scenario.toml"), SCENARIO).unwrap();
    fs::write(folder.join("query.sql"), "SELECT 1;\n").unwrap();
    fs::write(
        folder.join("plan.txt"),
        "Result  (cost=0.00..0.01 rows=1 width=4)\n",
    )
    .unwrap();
    fixture("pglog/17/auto-explain.log.gz", "auto-explain.log");
    fs::write(
        folder.join("shop.sql"),
        "CREATE TABLE orders (id bigint);\n",
    )
    .unwrap();
    fs::write(folder.join("shop.profile.json"), PROFILE).unwrap();
    if writes {
        fixture("workload/sample.sql", "workload.sql");
    } else {
        fs::write(folder.join("workload.sql"), READS).unwrap();
    }
}

/// A profile of a database without tables, and a plan.
const PROFILE: &str = r#"{
    "dbperf_profile": 1, "dbperf_version": "0.1.0", "collected_at": "2026-11-29T12:00:00Z", "server_version_num": 170000,
    "values": "hash", "schema": { "tables": [] }, "tables": [],
    "statements": [ { "name": "look / one", "shape": "Result", "rows": [1.0] } ]
}"#;

/// A ledger as a proof leaves it that was killed.
fn left_by_a_proof(folder: &Path) {
    let head = Head {
        run_id: "20261129T163557-16a5".to_owned(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        database: "shop".to_owned(),
        system_identifier: None,
        address: "staging:5432".to_owned(),
    };
    let step = Step::Created {
        schema: "public".to_owned(),
        index: "dbperf_20261129t163557_16a5_1".to_owned(),
    };
    let mut ledger = Ledger::begin(folder, head).unwrap();
    ledger.begin_step(&step).unwrap();
}

/// A captured workload as a reader would have made it.
fn captured(log: &Path, file: &Path) {
    let options = LogOptions {
        files: vec![log.to_path_buf()],
        prefix: None,
        since: None,
        until: None,
        database: None,
    };
    let read = options.read(&mut |_| {}).unwrap();
    read.write(&mut fs::File::create(file).unwrap()).unwrap();
}

/// The arguments of an example, with every server and every program folder replaced by one that is
/// not there: an example must get as far as that.
fn arguments(line: &str, nowhere: &str) -> Vec<String> {
    assert!(
        !line.contains(['"', '\'', '\\', '$', '|']),
        "the example needs a shell: {line}"
    );
    let words = line.split_whitespace().skip(1);
    let mut arguments: Vec<String> = words
        .take_while(|word| *word != ">")
        .map(|word| match word.strip_prefix("postgres://") {
            Some(rest) => {
                let (user, rest) = rest.split_once('@').unwrap();
                let database = rest.split_once('/').unwrap().1;
                format!("host={nowhere} user={user} dbname={database}")
            }
            None => word.to_owned(),
        })
        .collect();
    if arguments[0] == "load" {
        // Nobody listens on the port of `discard` any more.
        arguments.retain(|a| a != "--base-url" && !a.starts_with("http://"));
        arguments.extend(["--base-url", "http://127.0.0.1:9"].map(str::to_owned));
    }
    let keeps = arguments.starts_with(&["lab".to_owned(), "start".to_owned()]);
    let starts = keeps || arguments.iter().any(|a| a == "--lab");
    if let Some(at) = arguments.iter().position(|a| a == "--pg-bin") {
        nowhere.clone_into(&mut arguments[at + 1]);
    } else if starts {
        let before = usize::from(keeps) + 1;
        arguments.splice(before..before, ["--pg-bin".to_owned(), nowhere.to_owned()]);
    }
    arguments
}

/// The exit code of an example whose server is not there, and words of its message.
fn expected(arguments: &[String]) -> (i32, &'static str) {
    let has = |word: &str| arguments.iter().any(|a| a == word);
    match arguments[0].as_str() {
        "capture" if has("statements") => (3, "cannot"),
        "capture" | "import" | "schema" | "completions" | "man" => (0, ""),
        "explain" if has("plan.txt") || has("auto-explain.log") => (0, ""),
        "lab" if has("status") || has("stop") => (0, ""),
        "report" | "merge" => (4, "cannot open the run"),
        _ if has("--from") || has("--usage") => (4, "cannot open the run"),
        _ if has("--pg-bin") => (3, "no initdb"),
        _ => (3, "cannot"),
    }
}

#[test]
fn every_command_line_gets_as_far_as_the_server() {
    let lines = command_lines();
    assert!(lines.len() > 20, "{} examples", lines.len());
    for (place, line) in lines {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path(), line.contains("--writes"));
        let nowhere = folder.path().join("nowhere");
        fs::create_dir(&nowhere).unwrap();
        let arguments = arguments(&line, nowhere.to_str().unwrap());
        let output = dbperf()
            .args(&arguments)
            .current_dir(folder.path())
            // No lab of this machine's user is found there.
            .env("TMPDIR", &nowhere)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let (code, words) = expected(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{place}: {line}\n{arguments:?}\n{stderr}"
        );
        assert!(stderr.contains(words), "{place}: {line}\n{stderr}");
    }
}

#[test]
fn examples_of_files_are_read_by_the_library() {
    for fence in fences("toml map") {
        let map = EndpointMap::parse(&fence.place, fence.body.as_bytes());
        assert!(!map.unwrap().endpoints.is_empty());
    }
    for fence in fences("toml sla") {
        Sla::parse(&fence.body).unwrap_or_else(|e| panic!("{}: {e}", fence.place));
    }
    for fence in fences("toml scenario") {
        let env = |_: &str| Some("x".to_owned());
        let scenario = Scenario::parse(&fence.body, &fence.place, &env, &[]);
        let scenario = scenario.unwrap_or_else(|e| panic!("{e}"));
        assert!(!scenario.operations.is_empty());
    }
    for fence in fences("sql workload") {
        let workload = Workload::parse(&fence.body, &fence.place);
        assert!(!workload.unwrap().operations.is_empty());
    }
    for fence in fences("sql") {
        let parsed = pg_query::parse(&fence.body, pg_query::ParserOptions::default());
        parsed.unwrap_or_else(|e| panic!("{}: {e}", fence.place));
    }
}

#[test]
fn every_fence_says_what_it_holds() {
    const KINDS: [&str; 9] = [
        "js",
        "sh",
        "sql",
        "sql workload",
        "text",
        "toml map",
        "toml scenario",
        "toml sla",
        "yaml",
    ];
    for fence in pages::all().iter().flat_map(pages::Page::fences) {
        assert!(
            KINDS.contains(&fence.info.as_str()),
            "{}: {}",
            fence.place,
            fence.info
        );
    }
}
