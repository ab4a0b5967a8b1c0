//! A mix that changes over time: what is known by construction must come out of the join.

use serde_json::Value;

use crate::app::CALLS_B;
use crate::evidence::{Evidence, evidence};
use crate::{locust, named, number, part, shares_add_up};

/// Execution inside the server is found within this of the truth by a mapping.
const TOLERANCE: f64 = 0.1;

/// The same by inference, which over 25 seconds is a guess with an interval: the interval is the
/// claim that is held to the truth, and this only keeps the guess itself from being absurd.
const INFERRED_TOLERANCE: f64 = 0.25;

fn endpoint<'a>(report: &'a Value, path: &str) -> &'a Value {
    let endpoints = &report["breakdown"]["endpoints"];
    named(endpoints, "name", &format!("GET {path}"))
}

#[track_caller]
fn near(actual: f64, truth: f64) {
    within(actual, truth, TOLERANCE);
}

#[track_caller]
fn within(actual: f64, truth: f64, tolerance: f64) {
    assert!(
        (actual - truth).abs() <= truth * tolerance,
        "{actual} is not {truth}"
    );
}

/// Calls per request of the statement on a table, with the ends of its interval.
fn calls<'a>(report: &'a Value, path: &str, table: &str) -> Option<&'a Value> {
    let statements = report["statements"].as_array().unwrap();
    let text = format!("FROM {table}");
    let found = statements
        .iter()
        .find(|s| s["query"].as_str().unwrap().ends_with(&text));
    let id = &found.expect("the statement ran")["query_id"];
    let mine = endpoint(report, path)["statements"].as_array().unwrap();
    mine.iter().find(|s| s["query_id"] == *id)
}

#[test]
fn the_application_does_what_the_tests_take_it_for() {
    let Some(evidence) = evidence() else { return };
    // A sleep lasts as long as it was told at least, and on a busy machine a little longer.
    for (mean, least) in evidence.mean_ms.iter().zip([20.0, 5.0]) {
        assert!(*mean >= least && *mean < least * 2.0, "{mean} ms");
    }
    let counted = evidence.live["load"]["total"]["requests"].as_u64().unwrap();
    let missed = evidence.served - counted;
    // Locust writes its files once a second, and drops the requests that are under way at the end.
    assert!(
        missed as f64 <= 0.06 * evidence.served as f64,
        "{missed} missed"
    );
}

#[test]
fn requests_and_means_are_those_of_the_file() {
    let Some(evidence) = evidence() else { return };
    let rows = locust::rows(&evidence.stats);
    assert_eq!(rows.len(), 4, "{rows:?}");
    for report in [&evidence.live, &evidence.mapped, &evidence.imported] {
        let load = &report["load"];
        assert_eq!(load["arrival"], "closed");
        assert_eq!(load["total"]["failures"], 0);
        for (name, requests, mean_ms) in &rows {
            let found = if name == "Aggregated" {
                &load["total"]
            } else {
                named(&load["operations"], "name", name)
            };
            assert_eq!(found["requests"], *requests);
            assert!((number(found, "/mean_ms") - mean_ms).abs() < 1e-9);
        }
    }
    for (name, requests, mean_ms) in &rows[..3] {
        let found = named(&evidence.live["breakdown"]["endpoints"], "name", name);
        assert_eq!(found["requests"], *requests);
        assert!((number(found, "/mean_ms") - mean_ms).abs() < 1e-9);
    }
    assert_eq!(evidence.live["breakdown"]["total"]["requests"], rows[3].1);
}

#[test]
fn stages_are_those_of_the_users() {
    let Some(evidence) = evidence() else { return };
    let stages = evidence.live["load"]["stages"].as_array().unwrap();
    let users: Vec<_> = stages
        .iter()
        .map(|s| s["users"].as_u64().unwrap())
        .collect();
    assert_eq!(users, [4, 7], "{stages:#?}");
    for (stage, seconds) in stages.iter().zip([12.0, 13.0]) {
        let length = number(stage, "/length_ms") / 1000.0;
        assert!((length - seconds).abs() <= 2.5, "{length} s");
        assert!(number(stage, "/total/requests") > 100.0);
        assert!(number(stage, "/total/mean_ms") > 15.0);
    }
    assert_eq!(
        stages,
        evidence.imported["load"]["stages"].as_array().unwrap()
    );
}

#[test]
fn the_clocks_are_aligned() {
    let Some(evidence) = evidence() else { return };
    let intervals = evidence.run["api"][0]["intervals"].as_array().unwrap();
    let window = number(&evidence.live, "/run/window_ms");
    assert!(intervals.len() >= 20, "{} seconds", intervals.len());
    for interval in intervals {
        let from = number(interval, "/from");
        // The load command ran inside the window; Locust's clock has whole seconds.
        assert!(from > -1000.0 && from < window, "{from} of {window} ms");
    }
}

#[test]
fn a_mapping_derives_the_execution_of_each_endpoint() {
    let Some(evidence) = evidence() else { return };
    let report = &evidence.mapped;
    shares_add_up(report);
    for (path, truth) in ["/a", "/b"].into_iter().zip(evidence.truth_ms()) {
        let db_exec = part(endpoint(report, path), "db_exec");
        assert_eq!(db_exec["basis"], "derived", "{db_exec:#}");
        near(number(db_exec, "/mean_ms"), truth);
    }
    let told = calls(report, "/a", "a").expect("the statement of /a");
    assert!((number(told, "/calls_per_request") - 1.0).abs() < f64::EPSILON);
    let counted = calls(report, "/b", "b").expect("the statement of /b");
    near(number(counted, "/calls_per_request"), f64::from(CALLS_B));
    // The mapping leaves nothing to the endpoint that it does not name.
    let other = part(endpoint(report, "/c"), "db_exec");
    assert_eq!(other["basis"], "inferred", "{other:#}");
    assert!(number(other, "/mean_ms") < 1.0, "{other:#}");
    let [a, b] = evidence.truth_ms();
    let requests = |path| number(endpoint(report, path), "/requests");
    let all = requests("/a") * a + requests("/b") * b;
    let total = &report["breakdown"]["total"];
    let db_exec = part(total, "db_exec");
    near(
        number(db_exec, "/mean_ms"),
        all / number(total, "/requests"),
    );
}

/// A 95 % interval misses the truth once in twenty runs; one of four standard errors does not.
fn four_errors(found: &Value) -> (f64, f64) {
    let (value, low, high) = (
        number(found, "/calls_per_request"),
        number(found, "/low"),
        number(found, "/high"),
    );
    (value - 2.0 * (value - low), value + 2.0 * (high - value))
}

fn inferred(evidence: &Evidence, report: &Value) {
    shares_add_up(report);
    for (path, table, truth) in [("/a", "a", 1.0), ("/b", "b", f64::from(CALLS_B))] {
        let found = calls(report, path, table).expect("the endpoint's own statement");
        assert_eq!(found["basis"], "inferred");
        let (low, high) = four_errors(found);
        assert!(low <= truth && truth <= high, "{path}: {found}");
        let width = number(found, "/high") - number(found, "/low");
        assert!(
            width < truth * 0.6,
            "an interval that says nothing: {found}"
        );
        within(
            number(found, "/calls_per_request"),
            truth,
            INFERRED_TOLERANCE,
        );
    }
    for (path, table) in [("/a", "b"), ("/b", "a"), ("/c", "a"), ("/c", "b")] {
        if let Some(found) = calls(report, path, table) {
            let (low, _) = four_errors(found);
            assert!(low <= 0.0, "{path} runs nothing on {table}: {found}");
        }
    }
    for (path, truth) in ["/a", "/b"].into_iter().zip(evidence.truth_ms()) {
        let db_exec = part(endpoint(report, path), "db_exec");
        assert_eq!(db_exec["basis"], "inferred");
        within(number(db_exec, "/mean_ms"), truth, INFERRED_TOLERANCE);
    }
    let none = part(endpoint(report, "/c"), "db_exec");
    assert!(number(none, "/low_ratio") < 0.05, "{none}");
    assert!(number(none, "/mean_ms") < 3.0, "{none:#}");
}

#[test]
fn without_a_mapping_the_changing_mix_tells() {
    let Some(evidence) = evidence() else { return };
    inferred(evidence, &evidence.live);
}

#[test]
fn what_a_load_tool_cannot_see_is_not_measured() {
    let Some(evidence) = evidence() else { return };
    for path in ["/a", "/b", "/c"] {
        let endpoint = endpoint(&evidence.live, path);
        let app = part(endpoint, "app");
        assert_eq!(app["basis"], "not-measured");
        assert_eq!(app["mean_ms"], Value::Null);
        assert!(app["note"].is_string());
        // Only the way to the server is known: as many round trips as there are calls.
        let network = part(endpoint, "network");
        assert_eq!(network["basis"], "bound");
        assert_eq!(network["low_ratio"], network["share_ratio"]);
        assert!(number(network, "/mean_ms") < 5.0, "{network}");
        // More connections than users: nobody waits for one.
        let wait = part(endpoint, "pool_wait");
        assert_eq!(
            (&wait["basis"], &wait["mean_ms"]),
            (&"inferred".into(), &0.0.into()),
            "{wait}"
        );
        // Own sleep, Locust and the network are in what is left.
        let left = number(part(endpoint, "unattributed"), "/mean_ms");
        let own = if path == "/a" { 10.0 } else { 0.0 };
        assert!(left >= own, "{path}: {left} ms");
    }
}

#[test]
fn without_a_history_the_refusal_names_the_cure() {
    let Some(evidence) = evidence() else { return };
    let breakdown = &evidence.without_history["breakdown"];
    let notes = breakdown["notes"].to_string();
    assert!(notes.contains("--csv-full-history"), "{notes}");
    for endpoint in breakdown["endpoints"].as_array().unwrap() {
        assert_eq!(part(endpoint, "db_exec")["basis"], "not-measured");
    }
    // Together they are known all the same.
    let total = part(&breakdown["total"], "db_exec");
    assert_eq!(total["basis"], "derived");
    shares_add_up(&evidence.without_history);
}

#[test]
fn the_saved_run_gives_the_same_breakdown() {
    let Some(evidence) = evidence() else { return };
    assert_eq!(evidence.live["breakdown"], evidence.again["breakdown"]);
    assert_eq!(evidence.live["load"], evidence.again["load"]);
}

#[test]
fn the_text_shows_endpoints_intervals_and_stages() {
    let Some(evidence) = evidence() else { return };
    let begin = evidence
        .text
        .find("Bottleneck breakdown")
        .expect("the section");
    for words in [
        "GET /a",
        "GET /b",
        "GET /c",
        " to ",
        "inferred",
        "not measured",
    ] {
        assert!(
            evidence.text[begin..].contains(words),
            "no {words}: {}",
            evidence.text
        );
    }
    for words in ["4 users", "7 users", "locust, closed loop"] {
        assert!(
            evidence.text.contains(words),
            "no {words}: {}",
            evidence.text
        );
    }
}
