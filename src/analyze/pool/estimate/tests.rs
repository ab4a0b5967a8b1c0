//! Applications that are only watched, whose right answer is known by construction.

use jiff::Timestamp;

use super::*;
use crate::analyze::testing::session;
use crate::record::statements::{
    StatementCounters, StatementDelta, StatementInterval, StatementKey, StatementWindow,
};
use crate::record::{Millis, QueryId};

mod watched;

use watched::{Watched, arrivals, asleep, even, has, recommendation, true_size, waits};

#[test]
fn an_even_load_is_covered_whatever_the_seed() {
    for (lease_ms, in_use) in [(20.0, 4.0), (300.0, 4.0), (20.0, 0.5), (50.0, 20.0)] {
        let per_sec = in_use / lease_ms * 1000.0;
        let truth = true_size(in_use);
        let (mut held, mut rushes, mut error) = (0, 0, 0.0);
        for seed in 0..50 {
            let watched = Watched {
                samples: arrivals(20, lease_ms, seed, |_| per_sec),
                open: 100,
                cores: Some(64),
                transactions_per_sec: per_sec,
            };
            let found = watched.found(asleep);
            assert_eq!(found.evidence, Evidence::Estimated);
            let (low, high) = (found.pool_size_low.unwrap(), found.pool_size_high.unwrap());
            held += u32::from(low <= truth && truth <= high);
            rushes += u32::from(!has(&found, "no rush was seen"));
            error += f64::from(found.pool_size) / f64::from(truth) - 1.0;
        }
        assert!(held >= 45, "{held} of 50 with {in_use} in use");
        assert!(rushes <= 2, "{rushes} of 50 take noise for a rush");
        assert!((error / 50.0).abs() < 0.25, "{error}");
    }
}

#[test]
fn a_rush_in_one_of_twenty_slices_is_sized_for() {
    let truth = true_size(12.0);
    let mut held = 0;
    for seed in 0..20 {
        // 2 in use, and 12 from 10 s to 11 s.
        let rush = |second: f64| match second {
            9.9..10.95 => 600.0,
            _ => 100.0,
        };
        let found = Watched {
            samples: arrivals(20, 20.0, seed, rush),
            open: 100,
            cores: Some(64),
            transactions_per_sec: 126.0,
        }
        .found(asleep);
        assert_eq!(found.verdict, "too-large");
        let (low, high) = (found.pool_size_low.unwrap(), found.pool_size_high.unwrap());
        held += u32::from(low <= truth && truth <= high);
        assert!(found.pool_size >= 14, "{found:?}: {}", true_size(2.5));
        let when = "the busiest of 20 slices of 1.0 s, 10.0 s into the window";
        assert!(has(&found, when), "{found:?}");
        // Both numbers, and the size is not that of the mean.
        assert!(has(&found, "connections in use, 2."), "{found:?}");
    }
    assert!(held >= 18, "{held} of 20 hold {truth}");
}

#[test]
fn a_rush_with_all_connections_in_use_is_a_pool_too_small() {
    // All ten for 0.5 s of 20 s: 2.5 % of the samples, and every one of the rush.
    let mut watched = even(2, 10);
    for sample in &mut watched.samples[100..105] {
        let first = sample[0];
        *sample = (first..first + 10).collect();
    }
    let found = watched.found(asleep);
    assert_eq!(found.verdict, "too-small", "{found:?}");
    assert!(found.pool_size > 10);
    assert!(
        has(
            &found,
            "all connections were in use in 50 % of the samples of that rush"
        ),
        "{found:?}"
    );
}

#[test]
fn a_pool_that_was_exhausted_for_a_moment_is_not_too_large() {
    // All ten for 0.5 s of 60 s: less than a hundredth of the samples.
    let mut watched = even(2, 10);
    let quiet = watched.samples.clone();
    watched.samples.extend(quiet.iter().cloned());
    watched.samples.extend(quiet);
    for sample in &mut watched.samples[100..105] {
        let first = sample[0];
        *sample = (first..first + 10).collect();
    }
    let found = watched.found(asleep);
    assert_ne!(found.verdict, "too-large", "{found:?}");
    assert!(found.pool_size >= 10, "{found:?}");
}

#[test]
fn transactions_that_idle_are_to_be_shortened_first() {
    let idle = |of_four: usize| {
        move |place: usize, session: &mut SessionSample| {
            asleep(place, session);
            if place < of_four {
                session.state = Some("idle in transaction".to_owned());
                waits("Client", "ClientRead")(place, session);
            }
        }
    };
    let found = even(4, 4).found(idle(2));
    assert_eq!((found.verdict.as_str(), found.pool_size), ("held-idle", 4));
    assert!(
        has(
            &found,
            "50 % of the time that connections are in use they are idle"
        ),
        "{found:?}"
    );
    assert!(has(
        &found,
        "Shorten the transactions before adding connections"
    ));
    let (low, high) = (found.pool_size_low.unwrap(), found.pool_size_high.unwrap());
    assert!(
        low <= true_size(4.0) && true_size(4.0) <= high,
        "idle counts as in use"
    );
    // A quarter: the pool may grow, and the reason is there.
    let found = even(4, 4).found(idle(1));
    assert_eq!(found.verdict, "too-small", "{found:?}");
    assert!(has(
        &found,
        "25 % of the time that connections are in use they are idle"
    ));
    let found = even(8, 8).found(idle(1));
    assert!(!has(&found, "idle in transaction"), "{found:?}");
    // So many connections that nobody waits: idling does no harm yet.
    let found = even(4, 50).found(idle(2));
    assert_eq!(found.verdict, "too-large");
    assert!(has(&found, "idle in transaction"));
}

#[test]
fn sessions_that_wait_for_each_other_or_the_disk_are_given_no_more_connections() {
    for (class, event, words) in [
        ("Lock", "transactionid", "wait for the same locks"),
        (
            "LWLock",
            "WALWrite",
            "each other inside the server (LWLock)",
        ),
        ("IO", "DataFileRead", "wait for the same disk"),
    ] {
        let found = even(4, 4).found(waits(class, event));
        assert_eq!(found.verdict, "database-saturated", "{class}");
        assert_eq!((found.pool_size, found.connections_total), (4, 4));
        assert_eq!(found.evidence, Evidence::RuleOfThumb);
        assert!(has(&found, words), "{found:?}");
        assert!(has(&found, "Do not grow the pool") && found.settings.is_empty());
        // One of four is not what ails the pool.
        let one = |place: usize, session: &mut SessionSample| match place {
            0 => waits(class, event)(place, session),
            _ => asleep(place, session),
        };
        assert_eq!(even(4, 4).found(one).verdict, "too-small");
        // Where connections are free, a larger pool is not the question.
        assert_eq!(even(4, 6).found(waits(class, event)).verdict, "fits");
    }
}

#[test]
fn locks_of_a_session_that_idles_are_said() {
    let queue = |place: usize, session: &mut SessionSample| {
        if place == 0 {
            session.state = Some("idle in transaction".to_owned());
        } else {
            waits("Lock", "transactionid")(place, session);
            session.blocked_by = vec![session.pid - i32::try_from(place).unwrap()];
        }
    };
    let found = even(4, 4).found(queue);
    assert_eq!(found.verdict, "database-saturated");
    assert!(has(
        &found,
        "(Lock), 100 % of them behind a session that is idle in transaction"
    ));
}

#[test]
fn busy_cores_cap_the_size_and_room_is_needed_to_grow() {
    let running = |_: usize, _: &mut SessionSample| {};
    let with = |cores: Option<u32>| Watched {
        cores,
        ..even(4, 4)
    };
    // Four sessions on four cores, and 70 % of five.
    let found = with(Some(4)).found(running);
    assert_eq!(
        (found.verdict.as_str(), found.pool_size),
        ("database-saturated", 4)
    );
    assert!(has(
        &found,
        "4.0 sessions on average were executing without a wait on 4 cores"
    ));
    assert_eq!(with(Some(5)).found(running).verdict, "database-saturated");
    // Sixteen cores: there is room, and a core for each of more.
    let found = with(Some(16)).found(running);
    assert_eq!(found.verdict, "too-small");
    assert!(found.pool_size >= true_size(4.0).min(16), "{found:?}");
    let found = with(Some(6)).found(running);
    assert_eq!((found.verdict.as_str(), found.pool_size), ("too-small", 6));
    assert!(has(&found, "all cores are busy from 6 on"), "{found:?}");
    // Not known: no growth, and it says why.
    let refused = from_observation(&with(None).run(running), &PoolOptions::default());
    let words = refused.unwrap_err().to_string();
    assert!(
        words.contains("cannot be told: 4.0 sessions were executing"),
        "{words}"
    );
    // Nearly no CPU: every server has a core.
    assert_eq!(with(None).found(asleep).verdict, "too-small");
    // Half of the waits for other sessions or the disk, and none of them the main one.
    let mixed = |place: usize, session: &mut SessionSample| match place {
        0 => waits("Lock", "tuple")(place, session),
        1 => waits("IO", "DataFileRead")(place, session),
        _ => asleep(place, session),
    };
    let refused = from_observation(&with(Some(16)).run(mixed), &PoolOptions::default());
    let words = refused.unwrap_err().to_string();
    assert!(
        words.contains("50 % of its active sessions waited"),
        "{words}"
    );
}

#[test]
fn gaps_that_leave_too_few_slices_are_said() {
    let mut run = even(4, 6).run(asleep);
    let series = run.activity.as_mut().unwrap();
    series
        .samples
        .retain(|s| !(5000.0..12_000.0).contains(&s.at.0));
    let found = recommendation(&run);
    assert!(
        has(&found, "fewer than 20 slices of time have readings"),
        "{found:?}"
    );
    assert!(!has(&found, "rush was seen:"), "{found:?}");
    assert!(found.pool_size_low < found.pool_size_high);
}

#[test]
fn a_reset_leaves_the_number_in_use() {
    let mut run = even(4, 6).run(asleep);
    let span = run.database.stat_database.as_mut().unwrap();
    // Grown past the old value since.
    span.last[0].stats_reset = Timestamp::from_second(1_700_000_005).ok();
    let found = recommendation(&run);
    assert!(
        has(&found, "pg_stat_database were reset in the window"),
        "{found:?}"
    );
    assert!(has(
        &found,
        "rests on the number of connections in use alone"
    ));
    assert_eq!(
        found.target,
        "95 % of waits for a connection at most a tenth of a lease"
    );
    assert_eq!(found.expected, UNKNOWN);
    run.database.stat_database = None;
    assert!(has(
        &recommendation(&run),
        "the number of transactions is not known"
    ));
}

#[test]
fn transactions_of_dbperf_itself_are_taken_off() {
    let mut run = even(4, 6).run(asleep);
    assert!(has(&recommendation(&run), "20.0 ms by Little's law"));
    assert!(has(&recommendation(&run), "dbperf's own counted in"));
    // 50 of the 200 per second; those in another database are counted there.
    let own = |dbid: u32, calls: i64| StatementDelta {
        key: StatementKey {
            userid: 1,
            dbid,
            queryid: QueryId(1),
            toplevel: None,
        },
        stddev_exec_time: None,
        counters: StatementCounters {
            calls,
            ..StatementCounters::default()
        },
        partial: false,
        stats_since: None,
    };
    run.statements = Some(StatementWindow {
        own: vec![own(5, 1000), own(6, 500)],
        intervals: vec![StatementInterval {
            from: Millis(0.0),
            to: Millis(20_000.0),
            ..StatementInterval::default()
        }],
        ..StatementWindow::default()
    });
    let found = recommendation(&run);
    assert!(has(&found, "26.7 ms by Little's law"), "{found:?}");
    assert!(
        has(
            &found,
            "150 transactions/s, 50 of dbperf's own per second taken off"
        ),
        "{found:?}"
    );
    // Behind a pooler each of its transactions is several statements.
    run.server.as_mut().unwrap().through_pooler = Some(true);
    let found = recommendation(&run);
    assert!(has(&found, "20.0 ms by Little's law") && has(&found, "counted in"));
    assert!(
        has(&found, "the size is that of its server connections"),
        "{found:?}"
    );
}

#[test]
fn the_busiest_of_several_applications_is_named() {
    let mut run = even(4, 6).run(asleep);
    for sample in &mut run.activity.as_mut().unwrap().samples {
        let mut other = session(9000, "cron", "active");
        asleep(0, &mut other);
        sample.sessions.push(other);
        let mut elsewhere = session(9001, "reports", "active");
        asleep(0, &mut elsewhere);
        elsewhere.datname = Some("other".to_owned());
        sample.sessions.push(elsewhere);
        sample.idle.insert("cron".to_owned(), 2);
    }
    let found = recommendation(&run);
    assert!(
        has(
            &found,
            "the size is for `app` alone, which used most connections; 2 applications with another \
                     application_name had up to 4 connections"
        ),
        "{found:?}"
    );
    // 5 in use in this database at 200/s; the sessions of another database have counters of their own.
    assert!(
        has(&found, "25.0 ms by Little's law (5.0 connections in use"),
        "{found:?}"
    );
    assert!(has(
        &found,
        "the mean over all applications of the database"
    ));
    assert_eq!(found.fleet.unwrap().other_connections, 4);
}

#[test]
fn a_role_that_sees_its_own_sessions_gets_no_size() {
    let mut run = even(4, 6).run(asleep);
    run.server.as_mut().unwrap().privileges.read_all_stats = false;
    let refused = from_observation(&run, &PoolOptions::default()).unwrap_err();
    assert_eq!(refused, NoRecommendation::Hidden);
    assert!(refused.to_string().contains("GRANT pg_monitor"));
}
