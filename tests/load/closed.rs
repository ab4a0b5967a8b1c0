//! Closed loops: what is counted, what answers take, what pauses do.

use super::*;

const MIX: &str = r#"
[values]
plan = "uniform 1 1000"
kind = "choice active:3 'on hold':1"

[headers]
X-Tenant = "acme"

[[user]]
order = "random"
[[user.step]]
weight = 3
request = "GET /plans/{plan}"
query = { kind = "{kind}", page = "1" }
[[user.step]]
weight = 1
request = "POST /echo"
json = { plan = "{plan}", title = "Plan {plan}", deep = { list = [1, "{kind}"] } }
expect_body = "Plan {plan}"
"#;

#[test]
fn counts_are_those_of_the_service_and_users_keep_their_connections() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(MIX);
    let options = closed(options(&scenario, &service), 4, 700);
    let loaded = run(scenario, &options);
    let served = service.served();
    let total = &loaded.load.total;
    assert_eq!(
        (total.requests, total.failures),
        (served.requests.len() as u64, 0)
    );
    assert!(total.requests > 100, "{}", total.requests);
    let plans = operation(&loaded, "GET /plans/{plan}");
    let echo = operation(&loaded, "POST /echo");
    assert_eq!(plans.requests, service.count("GET /plans/"));
    assert_eq!(echo.requests, service.count("POST /echo"));
    let share = plans.requests as f64 / total.requests as f64;
    assert!((share - 0.75).abs() < 0.1, "{share}");
    // One connection of each user. What opened one and sent nothing was the check before the load.
    assert_eq!(served.connections, 4);
    assert!(served.headers.iter().all(|h| h.contains("x-tenant: acme")));
    assert!(
        served
            .requests
            .iter()
            .any(|r| r.contains("kind=on%20hold&page=1")),
        "{served:?}"
    );
    let body: serde_json::Value = serde_json::from_str(&served.bodies[0]).unwrap();
    assert!(body["plan"].is_i64(), "{body}");
    assert_eq!(body["title"], format!("Plan {}", body["plan"]));
    let intervals: u64 = loaded
        .load
        .intervals
        .iter()
        .flat_map(|i| i.requests.values())
        .sum();
    assert_eq!(intervals, total.requests);
    // Four connections were opened, and nothing was looked up or encrypted.
    let phases = total.phases.as_ref().unwrap();
    assert_eq!(phases.requests, total.requests);
    assert!(phases.connecting.unwrap().0 > 0.0 && phases.round_trip.unwrap().0 > 0.0);
    assert_eq!((phases.tls.unwrap().0, phases.sending), (0.0, None));
}

#[test]
fn latency_is_what_the_service_takes() {
    let _machine = alone();
    let service = Service::start();
    let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /sleep/50\"");
    let options = closed(options(&scenario, &service), 2, 3000);
    let loaded = run(scenario, &options);
    let total = &loaded.load.total;
    // On a busy machine the service itself is late at times, and says so.
    let slept = service.served().slept_ms;
    let slept = slept.iter().sum::<f64>() / slept.len() as f64;
    let apart = mean_ms(total) - slept;
    assert!((0.0..5.0).contains(&apart), "{apart} above {slept}");
    let p10 = percentile_ms(total, "10");
    assert!((50.0..52.0).contains(&p10), "{p10}");
    // The phases of a request are its latency.
    let phases = total.phases.as_ref().unwrap();
    let parts = [
        phases.dns,
        phases.connecting,
        phases.tls,
        phases.waiting,
        phases.receiving,
    ];
    let sum: f64 = parts.iter().map(|part| part.unwrap().0).sum();
    let all = mean_ms(total) * total.requests as f64;
    assert!((sum / all - 1.0).abs() < 0.02, "{sum} of {all}");
    assert!(phases.waiting.unwrap().0 / all > 0.95);
}

#[test]
fn think_time_is_obeyed() {
    let _machine = alone();
    let service = Service::start();
    let scenario =
        scenario("[[user]]\nthink = \"60ms..100ms\"\n[[user.step]]\nrequest = \"GET /sleep/20\"");
    let mut options = closed(options(&scenario, &service), 8, 4000);
    options.drive.warmup = Duration::from_millis(300);
    let loaded = run(scenario, &options);
    // The law of a closed loop: X = N / (R + Z).
    let by_law = 8000.0 / (mean_ms(&loaded.load.total) + 80.0);
    let measured = throughput(&loaded);
    assert!(
        (measured / by_law - 1.0).abs() < 0.05,
        "{measured} {by_law}"
    );
}

#[test]
fn the_same_seed_sends_the_same_requests() {
    let _machine = beside_others();
    let requests = |seed: u64| {
        let service = Service::start();
        let scenario = scenario(MIX);
        let mut options = closed(options(&scenario, &service), 1, 300);
        options.drive.seed = seed;
        run(scenario, &options);
        service.served().requests[..40].to_vec()
    };
    let first = requests(7);
    assert_eq!(first, requests(7));
    assert_ne!(first, requests(8));
}

#[test]
fn a_user_logs_in_and_keeps_what_it_was_given() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        r#"
[[user]]
[[user.step]]
request = "POST /login"
keep = { token = "/data/access_token" }
[[user.step]]
request = "GET /private"
headers = { Authorization = "Bearer {token}" }
"#,
    );
    let options = closed(options(&scenario, &service), 3, 400);
    let loaded = run(scenario, &options);
    let private = operation(&loaded, "GET /private");
    assert!(private.requests > 20, "{}", private.requests);
    assert_eq!(private.failures, 0, "{:?}", private.errors);
    let login = operation(&loaded, "POST /login");
    assert!(login.requests.abs_diff(private.requests) <= 3);
}

#[test]
fn kinds_of_users_share_the_clients() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        r#"
[[user]]
weight = 3
think = "20ms"
[[user.step]]
request = "GET /reader"
[[user]]
weight = 1
think = "20ms"
[[user.step]]
request = "GET /writer"
"#,
    );
    let options = closed(options(&scenario, &service), 8, 1000);
    let loaded = run(scenario, &options);
    let (readers, writers) = (
        operation(&loaded, "GET /reader").requests as f64,
        operation(&loaded, "GET /writer").requests as f64,
    );
    assert!((readers / writers - 3.0).abs() < 0.3, "{readers} {writers}");
}

#[test]
fn a_baseline_does_each_step_alone_so_many_times() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        r#"
[load]
baseline = 20
warmup = "50ms"
[[user]]
order = "random"
think = "5s"
[[user.step]]
request = "GET /a"
[[user.step]]
request = "GET /b"
weight = 9
"#,
    );
    let options = HttpOptions::proposed_by(&scenario, service.url().parse().unwrap()).unwrap();
    let loaded = run(scenario, &options);
    for name in ["GET /a", "GET /b"] {
        assert_eq!(operation(&loaded, name).requests, 20, "{name}");
    }
    assert!(!loaded.interrupted);
    let requests = service.served().requests;
    let (a, b) = requests[requests.len() - 40..].split_at(20);
    assert!(a.iter().all(|r| r == "GET /a") && b.iter().all(|r| r == "GET /b"));
    assert_eq!(service.served().connections, 1);
}

#[test]
fn steps_of_concurrency_have_rows_of_their_own() {
    let _machine = alone();
    let service = Service::start();
    let scenario = scenario(
        "[load]\nstages = \"2:0s,2:1s,8:0s,8:1s\"\n[[user]]\n[[user.step]]\nrequest = \"GET /sleep/20\"",
    );
    let options = options(&scenario, &service);
    let loaded = run(scenario, &options);
    let stages = &loaded.load.stages;
    let users: Vec<u32> = stages.iter().map(|stage| stage.users).collect();
    assert_eq!(users, [2, 8]);
    for stage in stages {
        let rate = stage.total.requests as f64 / stage.length.secs();
        let by_law = f64::from(stage.users) * 1000.0 / mean_ms(&stage.total);
        assert!((rate / by_law - 1.0).abs() < 0.12, "{rate} {by_law}");
    }
    let sum: u64 = stages.iter().map(|stage| stage.total.requests).sum();
    assert_eq!(sum, loaded.load.total.requests);
}

#[test]
fn a_stop_keeps_what_was_measured() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /sleep/20\"");
    let options = closed(options(&scenario, &service), 2, 60_000);
    let control = Control::default();
    let stopper = control.stopper();
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        stopper.stop();
    });
    let loaded = load(scenario, &options, &control).unwrap();
    stopping.join().unwrap();
    assert!(loaded.interrupted);
    assert!(
        loaded.load.total.requests >= 20,
        "{}",
        loaded.load.total.requests
    );
    assert!(loaded.load.length.unwrap().secs() < 5.0);
}
