//! Failures stay in the record, by their kind and without a word of an answer.

use super::*;
use dbperf::drive::DriveError;
use std::net::TcpListener;

#[test]
fn statuses_bodies_timeouts_and_lost_connections_are_told_apart() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        r#"
timeout = "150ms"
[[user]]
think = "5ms"
[[user.step]]
request = "GET /status/500"
[[user.step]]
request = "GET /status/404"
expect_status = [404]
[[user.step]]
request = "GET /fast"
expect_body = "no such words"
[[user.step]]
request = "GET /hang"
[[user.step]]
request = "GET /drop"
[[user.step]]
request = "GET /redirect"
[[user.step]]
name = "keeps nothing"
request = "GET /fast"
keep = { token = "/token" }
[[user.step]]
request = "GET /uses/{token}"
"#,
    );
    let options = closed(options(&scenario, &service), 2, 1500);
    let loaded = run(scenario, &options);
    for (name, key) in [
        ("GET /status/500", "HTTP 500"),
        ("GET /fast", "unexpected body"),
        ("GET /hang", "timeout"),
        ("GET /drop", "connection closed in the middle"),
        ("keeps nothing", "the answer is not JSON"),
    ] {
        let operation = operation(&loaded, name);
        assert!(operation.requests > 2, "{name}: {}", operation.requests);
        assert_eq!(operation.failures, operation.requests, "{name}");
        let keys: Vec<&String> = operation.errors.keys().collect();
        assert_eq!(keys, [key], "{name}");
    }
    for name in ["GET /status/404", "GET /redirect"] {
        assert_eq!(operation(&loaded, name).failures, 0, "{name}");
    }
    let hang = operation(&loaded, "GET /hang");
    assert!(
        (150.0..190.0).contains(&percentile_ms(hang, "50")),
        "{:?}",
        hang.latency
    );
    // Nobody followed the redirect.
    assert_eq!(service.count("GET /fast"), {
        let fast = operation(&loaded, "GET /fast").requests;
        fast + operation(&loaded, "keeps nothing").requests
    });
    assert!(
        !serde_json::to_string(&loaded.load)
            .unwrap()
            .contains("secret words")
    );
}

#[test]
fn a_service_that_is_not_there_is_said_before_any_load() {
    let _machine = beside_others();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /\"");
    let options = HttpOptions::proposed_by(&scenario, url.parse().unwrap()).unwrap();
    let error = load(scenario, &options, &Control::default()).unwrap_err();
    let DriveError::Unreachable {
        service, reason, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (service.as_str(), reason.as_str()),
        (url.as_str(), "connection refused")
    );
}

#[test]
fn a_service_that_goes_away_is_not_hammered() {
    let _machine = beside_others();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It takes the check's connection, and is gone.
    std::thread::spawn(move || drop(listener.accept()));
    let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /\"");
    let options = HttpOptions::proposed_by(&scenario, url.parse().unwrap()).unwrap();
    let mut options = closed(options, 2, 1500);
    options.drive.warmup = Duration::from_millis(200);
    let loaded = run(scenario, &options);
    let total = &loaded.load.total;
    assert_eq!(total.failures, total.requests);
    assert!(
        total.errors.contains_key("connection refused"),
        "{:?}",
        total.errors
    );
    // Pauses double up to a second: a handful of tries, not thousands.
    assert!((2..40).contains(&total.requests), "{}", total.requests);
}

#[test]
fn too_many_failures_end_the_load_and_keep_its_result() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /status/503\"");
    let mut options = closed(options(&scenario, &service), 1, 60_000);
    options.drive.max_errors = Some(10);
    let error = load(scenario, &options, &Control::default()).unwrap_err();
    assert!(error.to_string().contains("HTTP 503 (11 times)"), "{error}");
    let DriveError::TooManyErrors { partial, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(partial.unwrap().load.total.failures, 11);
}

#[test]
fn a_base_url_that_cannot_be_one_is_refused() {
    for (url, words) in [
        ("ftp://h/", "http:// or https://"),
        ("http://me:canary@h/", "into a header"),
        ("http://h/?x=1", "neither a query"),
    ] {
        let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /\"");
        let options = HttpOptions::proposed_by(&scenario, url.parse().unwrap()).unwrap();
        let error = load(scenario, &options, &Control::default()).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(words) && !said.contains("canary"), "{said}");
    }
}
