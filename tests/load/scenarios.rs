//! The scenarios of the guide.

use super::*;
use std::collections::BTreeMap;
use std::fs;

/// All scenarios of the fixtures by name.
fn fixtures() -> BTreeMap<String, Scenario> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scenarios");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let scenario = Scenario::parse(&text, &name, &|_| None, &[]);
        found.insert(name, scenario.unwrap_or_else(|error| panic!("{error}")));
    }
    found
}

#[test]
fn every_scenario_of_the_guide_is_there_and_can_run() {
    let fixtures = fixtures();
    let names: Vec<&str> = fixtures.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "baseline",
            "concurrency",
            "normal",
            "peak",
            "soak",
            "stress",
            "websocket"
        ]
    );
    for (name, scenario) in &fixtures {
        let base = scenario.base_url.as_ref().unwrap().parse().unwrap();
        let options = HttpOptions::proposed_by(scenario, base);
        let options = options.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(scenario.title.is_some(), "{name}");
        assert!(options.drive.length() >= Duration::from_secs(60), "{name}");
    }
    let peak =
        |name: &str| match HttpOptions::proposed_by(&fixtures[name], "http://h".parse().unwrap())
            .unwrap()
            .drive
            .load
        {
            LoadShape::Stages(stages) => stages.stages.iter().map(|s| s.target).fold(0.0, f64::max),
            other => panic!("{other:?}"),
        };
    for (name, users) in [("normal", 100.0), ("peak", 500.0), ("concurrency", 100.0)] {
        assert!((peak(name) - users).abs() < f64::EPSILON, "{name}");
    }
    assert!(peak("stress") >= 1000.0);
    assert_eq!(fixtures["baseline"].load.baseline, Some(100));
    assert!(fixtures["websocket"].has_sockets());
}

#[test]
fn the_normal_mix_is_the_guides() {
    let fixtures = fixtures();
    let user = &fixtures["normal"].users[0];
    let weights: Vec<(&str, u32)> = user
        .steps
        .iter()
        .map(|step| {
            let operation = &fixtures["normal"].operations[step.operation];
            (operation.name.as_str(), step.weight)
        })
        .collect();
    assert_eq!(
        weights,
        [
            ("GET /lords/architect/initiatives", 3),
            ("POST /lords/architect/initiatives/design", 2),
            ("GET /lords/strategos/tasks", 2),
            ("GET /lords/herald/messages", 1),
        ]
    );
    let second = Duration::from_secs(1);
    assert_eq!((user.think.min, user.think.max), (second, 5 * second));
}

#[test]
fn the_websocket_scenario_runs_against_a_service_that_does_what_it_says() {
    let _machine = beside_others();
    let service = Service::start();
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/scenarios/websocket.toml"
    ))
    .unwrap();
    // The test's service answers a ping with its own text, and nobody waits half a minute.
    let text = text
        .replace("\"pong\"", "\"ping\"")
        .replace("\"30s\"", "\"200ms\"");
    let scenario = scenario(&text);
    let options = closed(options(&scenario, &service), 3, 1500);
    let loaded = run(scenario, &options);
    assert_eq!(
        loaded.load.total.failures, 0,
        "{:?}",
        loaded.load.total.errors
    );
    for what in [
        "connect",
        "subscribe",
        "messages",
        "reconnect",
        "ping",
        "close",
    ] {
        let name = format!("WS /ws/lords/architect {what}");
        assert!(operation(&loaded, &name).requests >= 3, "{name}");
        assert!(operation(&loaded, &name).latency.mean.is_some(), "{name}");
    }
}
