//! A queue at a pool whose wait is known by Little's law.

use super::super::tests::statements;
use super::*;
use crate::analyze::testing::{activity, run, server, session};
use crate::record::Millis;
use crate::record::activity::SessionSample;
use crate::record::load::{Latency, LoadInterval, Operation};
use crate::record::statements::StatementInterval;

/// Requests with 5 ms of their own and 20 ms with a connection, of which there are 4. Seconds with 2 users, then with
/// 12: then each of 4 connections serves 50 requests a second, and a request takes 12 / 200 s, of which it waits 35 ms.
fn crowd(quiet_seconds: u32, crowded_seconds: u32) -> Run {
    let seconds = quiet_seconds + crowded_seconds;
    let mut run = run(Millis(f64::from(seconds) * 1000.0));
    run.server = Some(server(&[], None));
    let mut intervals = Vec::new();
    let (mut requests, mut spent) = (0, 0.0);
    for second in 0..seconds {
        let crowded = second >= quiet_seconds;
        let (users, number, latency) = if crowded {
            (12, 200, 60.0)
        } else {
            (2, 80, 25.0)
        };
        requests += number;
        spent += number as f64 * latency;
        intervals.push(LoadInterval {
            from: Some(Millis(f64::from(second) * 1000.0)),
            length: Millis(1000.0),
            users: Some(users),
            requests: BTreeMap::from([("GET /a".to_owned(), number)]),
            latency_total: Some(Millis(number as f64 * latency)),
            ..LoadInterval::default()
        });
    }
    // Of 80 requests a second with 20 ms each, 1.6 are busy: 3 samples of 5 see two, the others one.
    let samples = (0..seconds * 10).map(|tenth| {
        let busy = match (tenth >= quiet_seconds * 10, tenth % 5) {
            (true, _) => 4,
            (false, 0..=2) => 2,
            (false, _) => 1,
        };
        (1..=4)
            .map(|pid| session(pid, "api", if pid <= busy { "active" } else { "idle" }))
            .filter(SessionSample::is_active)
            .collect()
    });
    let mut series = activity(samples);
    for sample in &mut series.samples {
        let idle = 4 - u32::try_from(sample.sessions.len()).unwrap();
        sample.idle.insert("api".to_owned(), idle);
    }
    run.activity = Some(series);
    run.api = vec![LoadResult {
        total: Operation {
            requests,
            latency: Latency {
                mean: Some(Millis(spent / requests as f64)),
                ..Latency::default()
            },
            ..Operation::default()
        },
        intervals,
        ..LoadResult::default()
    }];
    run
}

fn judged(run: &Run) -> Component {
    let sessions = Sessions::of(run);
    wait(
        run,
        &run.api[0],
        sessions.as_ref().map_err(String::as_str),
        None,
        0.0,
    )
}

#[test]
fn the_wait_is_what_saturation_adds() {
    let found = judged(&crowd(6, 10));
    assert_eq!(found.basis, Basis::Inferred);
    // 35 ms for each of 2000 of 2480 requests. The last quiet second is next to the crowd and may be part of it.
    let truth = 35.0 * 2000.0 / 2480.0;
    let mean = found.mean_ms.unwrap();
    assert!((mean - truth).abs() < 0.02 * truth, "{found:?}");
    assert!(found.low_ms.unwrap() <= truth + 1e-6 && found.high_ms.unwrap() >= mean);
    assert!(found.note.unwrap().contains("all 4 connections"));
}

#[test]
fn idle_sessions_of_another_database_are_no_free_connections() {
    let mut run = crowd(6, 10);
    let truth = judged(&run);
    for sample in &mut run.activity.as_mut().unwrap().samples {
        *sample.idle.get_mut("api").unwrap() += 10;
        sample.idle_elsewhere.insert("api".to_owned(), 10);
    }
    assert_eq!(judged(&run), truth);
}

#[test]
fn nobody_waits_while_connections_are_free() {
    let found = judged(&crowd(10, 0));
    assert_eq!((found.mean_ms, found.basis), (Some(0.0), Basis::Inferred));
    assert!(found.high_ms.unwrap() < 0.5, "{found:?}");
}

#[test]
fn without_a_quiet_time_there_is_only_a_bound() {
    let found = judged(&crowd(0, 10));
    assert_eq!((found.mean_ms, found.basis), (None, Basis::Bound));
    assert!(
        found
            .note
            .unwrap()
            .contains("begin the load with few users")
    );
}

#[test]
fn no_more_users_than_connections_never_wait() {
    let mut run = crowd(0, 10);
    for interval in &mut run.api[0].intervals {
        interval.users = Some(4);
    }
    assert_eq!(judged(&run).mean_ms, Some(0.0));
}

#[test]
fn another_mix_is_not_compared() {
    let mut run = crowd(6, 10);
    for interval in run.api[0].intervals.iter_mut().skip(6) {
        interval.requests =
            BTreeMap::from([("GET /a".to_owned(), 100), ("GET /b".to_owned(), 100)]);
    }
    let found = judged(&run);
    assert_eq!(found.mean_ms, None);
    assert!(found.note.unwrap().contains("another share"));
}

#[test]
fn a_busy_machine_and_other_applications_are_said() {
    let mut run = crowd(6, 10);
    run.host.cpu_busy_ratio = Some(0.97);
    let found = judged(&run);
    assert_eq!((found.low_ms, found.basis), (Some(0.0), Basis::Bound));
    let mut run = crowd(6, 10);
    for sample in &mut run.activity.as_mut().unwrap().samples {
        sample.sessions.push(session(9, "batch", "active"));
    }
    let found = judged(&run);
    assert!(found.mean_ms.is_some());
    assert!(found.note.unwrap().contains("others had"));
    let mut blind = crowd(6, 10);
    blind.activity = None;
    assert!(judged(&blind).note.unwrap().contains("were not sampled"));
}

#[test]
fn messages_on_their_way_hold_a_connection() {
    // The server sees a connection at work for a fifth of the time that the application has it.
    let mut run = crowd(6, 10);
    let samples = &mut run.activity.as_mut().unwrap().samples;
    for (place, sample) in samples.iter_mut().enumerate() {
        // 4 ms at work in the server and 16 ms on the way: 0.32 sessions of 80 requests a second.
        let crowded = sample.sessions.len() == 4;
        sample
            .sessions
            .truncate(usize::from(crowded || place % 3 == 0));
        sample.idle.insert(
            "api".to_owned(),
            4 - u32::try_from(sample.sessions.len()).unwrap(),
        );
    }
    let sessions = Sessions::of(&run).unwrap();
    let found = wait(&run, &run.api[0], Ok(&sessions), None, 16.0);
    let truth = 35.0 * 2000.0 / 2480.0;
    assert!(
        (found.mean_ms.unwrap() - truth).abs() < 0.1 * truth,
        "{found:?}"
    );
}

/// Of the time in which all connections are held, the server sees a tenth less: the application reads its answers late.
fn hidden() -> Run {
    let mut run = crowd(6, 10);
    let samples = &mut run.activity.as_mut().unwrap().samples;
    for (place, sample) in samples.iter_mut().enumerate() {
        if sample.sessions.len() == 4 && place % 5 < 2 {
            sample.sessions.truncate(3);
            sample.idle.insert("api".to_owned(), 1);
        }
    }
    run
}

#[test]
fn a_connection_that_looks_idle_may_be_held() {
    let found = judged(&hidden());
    // 35 ms of wait, if all connections were held, and 37 ms, if those that looked idle were on their way to the next.
    let of_all = 2000.0 / 2480.0;
    let (low, high) = (found.low_ms.unwrap(), found.high_ms.unwrap());
    assert!(
        low <= 35.0 * of_all + 1e-6 && low > 33.5 * of_all,
        "{found:?}"
    );
    assert!(
        high >= 37.0 * of_all - 1e-6 && high < 38.5 * of_all,
        "{found:?}"
    );
    let mean = found.mean_ms.unwrap();
    assert!((mean - 36.0 * of_all).abs() < 0.3, "{found:?}");
}

#[test]
fn no_more_connections_are_held_than_requests_need_them() {
    // Of 4 connections 3.6 were seen in use, and requests in flight beyond their own 5 ms are no more: nobody waited.
    let mut run = hidden();
    for interval in run.api[0].intervals.iter_mut().skip(6) {
        interval.latency_total = Some(Millis(200.0 * (5.0 + 18.0)));
    }
    let found = judged(&run);
    assert!(found.mean_ms.unwrap() < 1e-6, "{found:?}");
}

#[test]
fn requests_that_waited_in_the_last_calm_second_are_no_measure_of_the_others() {
    let truth = judged(&crowd(6, 10)).mean_ms.unwrap();
    let mut run = crowd(6, 10);
    // The crowd came a moment before the second ended, and no sample saw it.
    let last = &mut run.api[0].intervals[5];
    *last.requests.get_mut("GET /a").unwrap() += 10;
    last.latency_total = Some(Millis(80.0 * 25.0 + 10.0 * 60.0));
    run.api[0].total.requests += 10;
    let found = judged(&run);
    // Ten requests more waited for 35 ms, of which the samples saw no more held than before.
    let more = (10.0 * 35.0 + 10.0 * 20.0) / 2490.0;
    let expected = truth * 2480.0 / 2490.0 + more;
    assert!(
        (found.mean_ms.unwrap() - expected).abs() < 0.2,
        "{found:?} {expected}"
    );
}

/// The crowd with what its statements executed: 20 ms each, counted in intervals of 700 ms, which cross the ends of
/// seconds.
fn counted(mut run: Run) -> Run {
    let seconds = &run.api[0].intervals;
    let rate = |ms: f64| {
        let second = seconds.iter().find(|s| {
            let from = s.from.unwrap().0;
            from <= ms && ms < from + 1000.0
        });
        second.map_or(0.0, |s| s.requests["GET /a"] as f64 / 1000.0)
    };
    let mut window = statements(&[(1, "SELECT work()", 2480, 2480.0 * 20.0)]);
    window.intervals = (0..24)
        .map(|place| {
            let from = f64::from(place) * 700.0;
            let calls: f64 = (0..700).map(|ms| rate(from + f64::from(ms))).sum();
            StatementInterval {
                from: Millis(from),
                to: Millis(from + 700.0),
                calls: BTreeMap::from([(1, (1, Millis(calls * 20.0)))]),
                lost_entries: 0,
            }
        })
        .collect();
    run.statements = Some(window);
    run
}

fn judged_with_counters(run: &Run) -> Component {
    let sessions = Sessions::of(run);
    let catalogue = Catalogue::new(run.statements.as_ref().unwrap(), None);
    let sessions = sessions.as_ref().map_err(String::as_str);
    wait(run, &run.api[0], sessions, Some(&catalogue), 0.0)
}

#[test]
fn counters_tell_what_few_samples_miss() {
    let truth = 35.0 * 2000.0 / 2480.0;
    // By chance every sample of the quiet seconds saw one session at work, where 1.6 are.
    let mut unlucky = crowd(6, 10);
    for sample in &mut unlucky.activity.as_mut().unwrap().samples {
        if sample.sessions.len() < 4 {
            sample.sessions.truncate(1);
            sample.idle.insert("api".to_owned(), 3);
        }
    }
    let by_samples = judged(&unlucky).mean_ms.unwrap();
    assert!((by_samples - truth).abs() > 5.0, "{by_samples}");
    // What those samples lack of all is still lacking, but no longer from the quiet seconds alone.
    let found = judged_with_counters(&counted(unlucky.clone()));
    assert!(
        (found.mean_ms.unwrap() - truth).abs() < 0.03 * truth,
        "{found:?}"
    );
    assert!(
        found.low_ms.unwrap() < truth && found.high_ms.unwrap() > truth - 1e-6,
        "{found:?}"
    );
    let found = judged_with_counters(&counted(crowd(6, 10)));
    assert!(
        (found.mean_ms.unwrap() - truth).abs() < 1e-3 * truth,
        "{found:?}"
    );
    // The application's part of what others execute too is not known.
    let mut shared = counted(unlucky.clone());
    for sample in &mut shared.activity.as_mut().unwrap().samples {
        sample.sessions.push(session(9, "batch", "active"));
    }
    assert_eq!(judged_with_counters(&shared).mean_ms, Some(by_samples));
    // Nor is what was lost.
    let mut lossy = counted(unlucky);
    for interval in &mut lossy.statements.as_mut().unwrap().intervals[..9] {
        interval.lost_entries = 1;
    }
    assert_eq!(judged_with_counters(&lossy).mean_ms, Some(by_samples));
}
