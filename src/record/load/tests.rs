//! Sums of parts, and times of intervals.

use super::*;

#[test]
fn a_percentile_is_never_outside_of_the_exact_extremes() {
    // A histogram of three digits puts 1234.567 ms into a place that ends above it.
    let exact = Millis(1234.567);
    let mut histogram = LatencyHistogram::new();
    histogram.record(std::time::Duration::from_micros(1_234_567));
    let rounded = histogram.quantile_ms(0.99).unwrap();
    assert!(rounded > exact.0, "{rounded}");
    let mut latency = Latency {
        histogram: Some(histogram),
        ..Latency::default()
    };
    assert_eq!(latency.percentile("99"), Some(Millis(rounded)));
    latency.max = Some(exact);
    assert_eq!(latency.percentile("99"), Some(exact));
    (latency.max, latency.min) = (None, Some(Millis(rounded + 1.0)));
    assert_eq!(latency.percentile("50"), latency.min);
}

#[test]
fn the_slow_tail_has_its_own_parts() {
    let mut parts = PartsByLatency::default();
    for _ in 0..90 {
        parts.record(10.0, [("db", 8.0), ("app", 2.0)]);
    }
    for _ in 0..10 {
        parts.record(100.0, [("db", 8.0), ("pool", 90.0)]);
    }
    let tail = parts.slowest(0.05).unwrap();
    assert!((tail.requests - 5.0).abs() < 1e-9);
    assert!((tail.latency.0 - 500.0).abs() < 1e-9);
    assert!((tail.parts["pool"].0 - 450.0).abs() < 1e-9);
    assert!(!tail.parts.contains_key("app"));
    let all = parts.slowest(1.0).unwrap();
    assert!((all.latency.0 - 1900.0).abs() < 1e-9 && (all.parts["db"].0 - 800.0).abs() < 1e-9);
    let mut twice = parts.clone();
    twice.add(&parts);
    assert!((twice.slowest(0.05).unwrap().latency.0 - 1000.0).abs() < 1e-9);
    assert_eq!(PartsByLatency::default().slowest(0.05), None);
}

#[test]
fn an_interval_holds_requests_only_while_the_load_ran() {
    let at = |ms: i64| Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap();
    let result = LoadResult {
        started_at: Some(at(700)),
        ended_at: Some(at(2400)),
        ..LoadResult::default()
    };
    let interval = |second: i64| LoadInterval {
        started_at: Some(at(second * 1000)),
        from: Some(Millis(second as f64 * 1000.0 - 500.0)),
        length: Millis(1000.0),
        ..LoadInterval::default()
    };
    assert_eq!(result.span_of(&interval(0)), Some((200.0, 500.0)));
    assert_eq!(result.span_of(&interval(1)), Some((500.0, 1500.0)));
    assert_eq!(result.span_of(&interval(2)), Some((1500.0, 1900.0)));
    let unaligned = LoadInterval {
        from: None,
        ..interval(1)
    };
    assert_eq!(result.span_of(&unaligned), None);
    let unclocked = LoadResult::default();
    assert_eq!(unclocked.span_of(&interval(0)), Some((-500.0, 500.0)));
}

#[test]
fn a_bin_is_a_sixteenth_of_a_doubling() {
    assert_eq!(PartsByLatency::bin(1.0), 0);
    assert_eq!(PartsByLatency::bin(2.0), 16);
    assert_eq!(PartsByLatency::bin(1.99), 15);
    assert_eq!(PartsByLatency::bin(0.5), -16);
    assert_eq!(PartsByLatency::bin(0.0), PartsByLatency::bin(1e-9));
}

#[test]
fn a_phase_that_one_part_does_not_tell_is_not_known() {
    let told = |dns| RequestPhases {
        requests: 2,
        dns,
        waiting: Some(Millis(10.0)),
        round_trip: Some(Millis(0.5)),
        ..RequestPhases::default()
    };
    let mut sum = RequestPhases::default();
    sum.add(&told(Some(Millis(1.0))));
    assert_eq!(sum.dns, Some(Millis(1.0)));
    sum.add(&told(None));
    assert_eq!((sum.requests, sum.dns), (4, None));
    assert_eq!(sum.waiting, Some(Millis(20.0)));
    assert_eq!(sum.round_trip, Some(Millis(0.5)));
}
