//! Open loops: rates, and latency that counts from when a request was due.

use super::*;
use dbperf::drive::Arrivals;
use dbperf::record::load::{Arrival, Omission};

#[test]
fn a_rate_is_kept_and_kinds_of_users_keep_their_shares() {
    let _machine = alone();
    let service = Service::start();
    let scenario = scenario(
        r#"
[[user]]
weight = 4
order = "random"
[[user.step]]
request = "GET /a"
[[user]]
[[user.step]]
request = "GET /b"
[[user.step]]
request = "GET /c"
"#,
    );
    let mut options = at_rate(options(&scenario, &service), 200.0, 3000);
    options.drive.arrivals = Arrivals::Even;
    let loaded = run(scenario, &options);
    let total = &loaded.load.total;
    // Due in the middle of their slots: exactly 600 in three seconds.
    assert!((598..=602).contains(&total.requests), "{}", total.requests);
    assert_eq!(loaded.load.source.arrival, Arrival::Open);
    assert_eq!(loaded.load.source.omission, Omission::None);
    assert!(
        total
            .schedule_lag
            .as_ref()
            .unwrap()
            .quantile_ms(0.5)
            .unwrap()
            < 2.0
    );
    // A user of the second kind sends two requests in a row: 4 : 2.
    let share = operation(&loaded, "GET /a").requests as f64 / total.requests as f64;
    assert!((share - 4.0 / 6.0).abs() < 0.08, "{share}");
}

#[test]
fn requests_that_wait_for_a_stalled_service_count_from_when_they_were_due() {
    let _machine = alone();
    // 100 requests a second for 4 s; no answers from 1 s to 2 s.
    let service = Service::stalling(Duration::from_secs(1), Duration::from_secs(1));
    let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /fast\"");
    let mut options = at_rate(options(&scenario, &service), 100.0, 4000);
    options.drive.arrivals = Arrivals::Even;
    let loaded = run(scenario, &options);
    let total = &loaded.load.total;
    assert!((398..=402).contains(&total.requests), "{}", total.requests);
    // Each of the 100 that were due in the stall waits for its end: evenly from 0 to 1 s. Their mean over all 400
    // is 0.5 s / 4 = 125 ms; a closed loop would have seen a handful of them.
    let mean = mean_ms(total);
    assert!((mean - 125.0).abs() < 15.0, "{mean}");
    assert!((940.0..1080.0).contains(&percentile_ms(total, "99.9")));
    let p87 = percentile_ms(total, "87.5");
    assert!((p87 - 500.0).abs() < 60.0, "{p87}");
}

#[test]
fn a_few_clients_do_not_hold_back_the_schedule_silently() {
    let _machine = alone();
    let service = Service::start();
    let scenario = scenario("[[user]]\n[[user.step]]\nrequest = \"GET /sleep/50\"");
    let mut options = at_rate(options(&scenario, &service), 60.0, 2000);
    options.drive.arrivals = Arrivals::Even;
    // Two clients serve 40 requests a second: of 120, 80 are sent in two seconds and 12 more may wait for 300 ms.
    options.drive.open_clients = Some(2);
    options.drive.max_schedule_lag = Some(Duration::from_millis(300));
    let loaded = run(scenario, &options);
    let total = &loaded.load.total;
    assert!(total.skipped > 10, "{}", total.skipped);
    let due = total.requests + total.skipped;
    assert!((118..=122).contains(&due), "{due}");
    assert!(
        total
            .schedule_lag
            .as_ref()
            .unwrap()
            .quantile_ms(0.99)
            .unwrap()
            > 200.0
    );
    let warnings = loaded.load.source.warnings.join("\n");
    assert!(
        warnings.contains("2 clients") && warnings.contains("skipped"),
        "{warnings}"
    );
    assert_eq!(service.count("GET /sleep"), total.requests);
}

#[test]
fn rates_come_in_stages() {
    let _machine = alone();
    let service = Service::start();
    let scenario = scenario(
        "[load]\nstages = \"50/s:0s,50/s:1s,200/s:0s,200/s:1s\"\narrival = \"even\"\n[[user]]\n[[user.step]]\nrequest = \"GET /x\"",
    );
    let options = options(&scenario, &service);
    let loaded = run(scenario, &options);
    let counts: Vec<u64> = loaded
        .load
        .stages
        .iter()
        .map(|s| s.total.requests)
        .collect();
    assert!(
        (49..=51).contains(&counts[0]) && (198..=202).contains(&counts[1]),
        "{counts:?}"
    );
}
