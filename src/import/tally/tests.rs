use super::*;

use jiff::Timestamp;

fn request(name: &'static str, started_ms: f64, users: u32) -> Request<'static> {
    Request {
        name: Some(name),
        started_ms: Some(started_ms),
        latency: Duration::from_millis(10),
        users: Some(users),
        ..Request::default()
    }
}

fn tally() -> Tally {
    Tally::new("log", Clock::Unix)
}

#[test]
fn the_total_is_the_sum_and_the_mean_is_exact() {
    let mut tally = tally();
    for (at, ms) in [(0.0, 1), (100.0, 2), (2500.0, 6)] {
        let name = if ms == 6 { "GET /b" } else { "GET /a" };
        let mut one = request(name, at, 1);
        one.latency = Duration::from_millis(ms);
        one.failure = (ms == 2).then_some("500");
        tally.add(1, &one).unwrap();
    }
    let result = tally.finish(LoadSource::default());
    assert_eq!((result.total.requests, result.total.failures), (3, 1));
    assert_eq!(result.total.latency.mean, Some(Millis(3.0)));
    assert_eq!(result.total.latency.min, Some(Millis(1.0)));
    assert_eq!(result.total.latency.max, Some(Millis(6.0)));
    assert_eq!(result.total.errors["500"], 1);
    assert_eq!(result.operations[0].latency.mean, Some(Millis(1.5)));
    assert_eq!(result.length, Some(Millis(2506.0)));
    // A second without requests is a second, and not a gap.
    let counts: Vec<u64> = result
        .intervals
        .iter()
        .map(|i| i.requests.values().sum())
        .collect();
    assert_eq!(counts, [2, 0, 1]);
    assert_eq!(result.intervals[1].latency_total, Some(Millis(0.0)));
    assert_eq!(
        result.intervals[2].started_at,
        Timestamp::from_second(2).ok()
    );
    assert_eq!(result.intervals[0].failures["GET /a"], 1);
}

#[test]
fn a_request_counts_in_the_second_in_which_it_ended() {
    let mut tally = tally();
    tally.add(1, &request("a", 995.0, 1)).unwrap();
    let result = tally.finish(LoadSource::default());
    assert_eq!(
        result.intervals[0].started_at,
        Timestamp::from_second(1).ok()
    );
}

#[test]
fn stages_are_whole_seconds_of_one_number_of_users() {
    let mut tally = tally();
    for second in 0..20_u32 {
        let users = if second < 8 { 4 } else { 9 };
        for part in 0..10 {
            let at = f64::from(second) * 1000.0 + f64::from(part) * 90.0;
            // In second 8 users are still being added.
            let users = if second == 8 && part < 5 { 6 } else { users };
            tally.add(1, &request("a", at, users)).unwrap();
        }
    }
    let result = tally.finish(LoadSource::default());
    let told: Vec<(u32, f64, u64)> = result
        .stages
        .iter()
        .map(|s| (s.users, s.length.0, s.total.requests))
        .collect();
    assert_eq!(told, [(4, 7000.0, 70), (9, 10_000.0, 100)]);
    assert_eq!(result.stages[0].total.latency.mean, Some(Millis(10.0)));
    assert_eq!(result.intervals[8].users, Some(9));
}

#[test]
fn names_without_end_are_refused_and_errors_without_end_are_joined() {
    let mut tally = tally();
    for i in 0..MAX_NAMES {
        let name = format!("GET /orders/{i}");
        let why = format!("error {i}");
        let one = Request {
            name: Some(&name),
            failure: Some("x"),
            ..Request::default()
        };
        tally.add(1, &one).unwrap();
        let again = Request {
            name: Some("GET /orders/0"),
            failure: Some(&why),
            ..Request::default()
        };
        tally.add(1, &again).unwrap();
    }
    let refused = tally.add(
        77,
        &Request {
            name: Some("one more"),
            ..Request::default()
        },
    );
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("line 77") && message.contains("grouped"),
        "{message}"
    );
    let result = tally.finish(LoadSource::default());
    assert_eq!(result.total.failures, 2 * MAX_NAMES as u64);
    assert_eq!(
        result.total.errors.values().sum::<u64>(),
        2 * MAX_NAMES as u64
    );
    assert!(result.total.errors.len() <= MAX_ERRORS + 1);
    assert_eq!(result.operations[0].errors.len(), MAX_ERRORS + 1);
    assert!(result.total.errors[OTHER_ERRORS] > 0);
    assert!(result.intervals.is_empty() && result.length.is_none());
}

#[test]
fn times_far_apart_are_refused() {
    let mut tally = tally();
    tally.add(1, &request("a", 0.0, 1)).unwrap();
    let far = tally
        .add(2, &request("a", 1e12, 1))
        .unwrap_err()
        .to_string();
    assert!(far.contains("line 2") && far.contains("a week"), "{far}");
    let absurd = tally
        .add(3, &request("a", 1e300, 1))
        .unwrap_err()
        .to_string();
    assert!(absurd.contains("line 3"), "{absurd}");
}

#[test]
fn too_many_counts_by_second_keep_the_total() {
    let mut tally = tally();
    let names: Vec<String> = (0..1000).map(|i| format!("GET /{i}")).collect();
    for second in 0..501_u32 {
        for name in &names {
            let one = Request {
                name: Some(name),
                started_ms: Some(f64::from(second) * 1000.0),
                ..Request::default()
            };
            tally.add(1, &one).unwrap();
        }
    }
    let result = tally.finish(LoadSource::default());
    assert_eq!(result.total.requests, 501_000);
    let counted: u64 = result
        .intervals
        .iter()
        .map(|i| i.requests[AGGREGATED])
        .sum();
    assert_eq!(counted, 501_000);
    assert!(
        result.source.warnings[0].contains("over time"),
        "{:?}",
        result.source.warnings
    );
}
