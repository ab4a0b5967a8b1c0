//! dbperf's own load as evidence: each request tells its parts, so that the slowest have their own.

use std::fs;

use dbperf::lab::LabOptions;
use serde_json::Value;

use crate::service::{Service, Step};
use crate::support::{lab, measured, servers};
use crate::truth::report;

/// Requests that sleep for 10 ms in the server; one in eight does something else for 60 ms before.
const STEPS: &[Step] = &[
    Step::Sometimes(8, 60),
    Step::Acquire,
    Step::Run("SELECT pg_sleep(0.01)"),
];

const SCENARIO: &str = r#"
[[user]]
name = "visitor"

[[user.step]]
request = "GET /work"
"#;

#[test]
fn the_slowest_requests_are_slow_for_another_reason() {
    measured(|| {
        let Some((major, _)) = servers().last().cloned() else {
            return;
        };
        let Some(lab) = lab(major, LabOptions::default()) else {
            return;
        };
        let dsn = lab.primary().dsn();
        let service = Service::start(&dsn, 8, STEPS);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (scenario, load) = (path("work.toml"), path("load.json"));
        fs::write(&scenario, SCENARIO).unwrap();
        let found = report(&[
            "analyze",
            &dsn,
            "--explain",
            "0",
            "--api",
            &load,
            "--",
            env!("CARGO_BIN_EXE_dbperf"),
            "load",
            &scenario,
            "--base-url",
            &service.url(),
            "--clients",
            "4",
            "--warmup",
            "0s",
            "--duration",
            "6s",
            "--save",
            &load,
        ]);
        let (spent, _) = service.stop();
        lab.stop().unwrap();

        let total = &found["breakdown"]["total"];
        let share = |parts: &Value, name: &str| {
            let mut parts = parts.as_array().unwrap().iter();
            let part = parts.find(|p| p["part"] == name).unwrap();
            part["share_ratio"].as_f64().unwrap()
        };
        let requests = total["requests"].as_f64().unwrap();
        assert!(
            (requests - spent.requests as f64).abs() <= 4.0,
            "{requests} {spent:?}"
        );
        let app = spent.total - spent.pool - spent.statements;
        let mean_ms = total["mean_ms"].as_f64().unwrap();
        let truth = app / spent.requests as f64 / mean_ms;
        let told = share(&total["parts"], "app");
        assert!((told - truth).abs() < 0.02, "{told} of {truth}: {total:#}");

        let slow = &total["slowest"];
        assert_eq!(slow["slowest_ratio"], 0.05);
        let sum: f64 = slow["parts"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|p| p["share_ratio"].as_f64())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9, "{slow:#}");
        // 60 of 70 ms and a little are the application's own where it works, and none of it elsewhere.
        let own = share(&slow["parts"], "app");
        assert!((0.75..=0.95).contains(&own), "{slow:#}");
        assert!(own > told + 0.2, "{own} {told}");
        assert!(slow["mean_ms"].as_f64().unwrap() >= 70.0, "{slow:#}");
    });
}
