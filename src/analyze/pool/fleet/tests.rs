//! Fleets whose right answer is known by arithmetic, and what no input may break.

use proptest::prelude::*;

use super::*;
use crate::analyze::conclusions::Evidence;
use crate::analyze::conclusions::Expected;
use crate::analyze::pool::Percent;
use crate::analyze::pool::settings::Settings;
use crate::analyze::testing::{run, server};
use crate::record::Millis;
use crate::record::pgbouncer::{DatabaseRow, PgBouncerWindow, PoolRow, Sample};

fn with(max: u32, superuser: u32, reserved: u32) -> Run {
    let (max, superuser) = (max.to_string(), superuser.to_string());
    let mut run = run(Millis(1.0));
    run.server = Some(server(
        &[
            ("max_connections", &max),
            ("superuser_reserved_connections", &superuser),
            ("reserved_connections", &reserved.to_string()),
        ],
        None,
    ));
    run
}

fn draft(size: u32, fleet_size: u32) -> Draft {
    Draft {
        size,
        fleet_size,
        interval: Some((size.saturating_sub(1), size + 1)),
        verdict: "too-small",
        evidence: Evidence::Estimated,
        target: "short waits".to_owned(),
        expected: Expected {
            throughput_per_sec: Some(100.0),
            p99_ms: None,
            wait_p99_ms: Some(2.0),
        },
        reasons: Vec::new(),
    }
}

fn conclude(
    run: &Run,
    options: &PoolOptions,
    draft: Draft,
) -> Result<Recommendation, NoRecommendation> {
    finish(draft, &Ground::of(run, &Seen::default(), options))
}

fn fleet(instances: u32, surge: u8) -> PoolOptions {
    PoolOptions {
        instances,
        surge: Percent::new(surge),
        ..PoolOptions::default()
    }
}

#[test]
fn what_fits_needs_no_pooler() {
    let found = conclude(&with(100, 3, 0), &fleet(4, 50), draft(12, 40)).unwrap();
    assert_eq!((found.pool_size, found.connections_total), (12, 48));
    let fleet = found.fleet.unwrap();
    // 77 of 97; six instances at once.
    assert_eq!(
        (fleet.budget_connections, fleet.budget_per_instance),
        (77, 12)
    );
    assert_eq!(fleet.connections_in_rollout, 72);
    assert_eq!(found.pooler.unwrap().need, "not-needed");
    assert_eq!(found.expected.wait_p99_ms, Some(2.0));
}

#[test]
fn what_does_not_fit_needs_a_pooler_or_fewer_instances() {
    let found = conclude(&with(100, 3, 0), &fleet(10, 100), draft(12, 70)).unwrap();
    assert_eq!((found.pool_size, found.connections_total), (3, 30));
    let fleet = found.fleet.unwrap();
    assert_eq!(
        (fleet.wanted_pool_size, fleet.connections_in_rollout),
        (12, 60)
    );
    let pooler = found.pooler.unwrap();
    assert_eq!(
        (pooler.need.as_str(), pooler.default_pool_size),
        ("needed", 70)
    );
    assert_eq!(
        (pooler.reserve_pool_size, pooler.max_db_connections),
        (7, 77)
    );
    // 20 instances with 12 each, and a tenth more.
    assert_eq!(pooler.max_client_conn, 264);
    assert_eq!(found.expected.wait_p99_ms, None);
    let reason = &found.reasons[found.reasons.len() - 1];
    for part in [
        "20 instances at once (10 of them by a rolling deploy)",
        "where 12 would be wanted",
        "a pooler or at most 3 instances, not a larger max_connections",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn more_instances_than_connections_have_only_a_pooler() {
    let found = conclude(&with(100, 3, 0), &fleet(200, 0), draft(2, 150)).unwrap();
    assert_eq!((found.pool_size, found.connections_total), (2, 77));
    let pooler = found.pooler.unwrap();
    assert_eq!(
        (pooler.need.as_str(), pooler.max_client_conn),
        ("needed", 440)
    );
    assert!(
        found
            .reasons
            .iter()
            .any(|r| r.contains("clients wait there"))
    );
}

#[test]
fn no_room_is_no_size() {
    let mut options = fleet(2, 0);
    options.other_connections = Some(97);
    let error = conclude(&with(100, 3, 0), &options, draft(2, 4)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("97 usable connections less 97 of others")
    );
    options.other_connections = Some(94);
    options.pooler = Some(PoolerInFront {
        processes: 2,
        users: 1,
        databases: 2,
    });
    let error = conclude(&with(100, 3, 0), &options, draft(2, 4)).unwrap_err();
    assert!(error.to_string().contains("use fewer processes"), "{error}");
}

#[test]
fn behind_a_pooler_its_server_connections_count() {
    let mut options = fleet(50, 25);
    options.pooler = Some(PoolerInFront {
        processes: 2,
        users: 2,
        databases: 1,
    });
    let found = conclude(&with(100, 3, 0), &options, draft(10, 60)).unwrap();
    // The pools of the instances go to PgBouncer: their size is what the load asks for.
    assert_eq!((found.pool_size, found.connections_total), (10, 72));
    let pooler = found.pooler.unwrap();
    assert_eq!(
        (pooler.need.as_str(), pooler.default_pool_size),
        ("in-front", 15)
    );
    assert_eq!(
        (pooler.reserve_pool_size, pooler.max_db_connections),
        (3, 36)
    );
    assert_eq!(pooler.max_client_conn, 63 * 10 + 63);
    assert_eq!(found.reasons.len(), 1, "{:?}", found.reasons);
}

#[test]
fn a_pgbouncer_that_may_open_too_many_is_named() {
    let mut run = with(100, 3, 0);
    let pool = |user: usize| PoolRow {
        database: "app".to_owned(),
        user: format!("u{user}"),
        ..PoolRow::default()
    };
    run.pgbouncer = Some(PgBouncerWindow {
        databases: vec![DatabaseRow {
            name: "app".to_owned(),
            pool_size: Some(20),
            reserve_pool_size: Some(5),
            ..DatabaseRow::default()
        }],
        samples: vec![Sample {
            at: Millis(0.0),
            pools: (0..4).map(pool).collect(),
            stats: Vec::new(),
        }],
        ..PgBouncerWindow::default()
    });
    let found = conclude(&run, &fleet(1, 0), draft(10, 10)).unwrap();
    assert_eq!(
        found.pooler.unwrap().present_server_connections_max,
        Some(100)
    );
    assert!(
        found.reasons[0].contains("may open 100 server connections"),
        "{:?}",
        found.reasons
    );
}

#[test]
fn without_the_server_s_settings_nothing_is_cut() {
    let mut run = with(100, 3, 0);
    run.server = None;
    let found = conclude(&run, &fleet(10, 0), draft(40, 400)).unwrap();
    assert_eq!(
        (found.pool_size, found.fleet, found.pooler),
        (40, None, None)
    );
    assert!(found.reasons[0].contains("the budget was not checked"));
}

proptest! {
    #[test]
    fn the_fleet_never_exceeds_what_is_usable(
        max in 0u32..2_000, superuser in 0u32..20, reserved in 0u32..20, others in 0u32..500,
        instances in 0u32..3_000, surge in 0u8..=100, headroom in 0u8..=100,
        size in 1u32..200, share in 0u32..=100,
        shape in proptest::option::of((1u32..5, 1u32..10, 1u32..10)),
    ) {
        let options = PoolOptions {
            instances,
            surge: Percent::new(surge),
            other_connections: Some(others),
            headroom: Percent::new(headroom),
            pooler: shape.map(|(processes, users, databases)| PoolerInFront {
                processes,
                users,
                databases,
            }),
        };
        let fleet_size = size * instances.max(1) * share / 100;
        let run = with(max, superuser, reserved);
        let usable = max.saturating_sub(superuser).saturating_sub(reserved);
        let free = usable.saturating_sub(others);
        match conclude(&run, &options, draft(size, fleet_size)) {
            Ok(found) => {
                let fleet = found.fleet.unwrap();
                prop_assert!(fleet.connections_in_rollout <= free);
                prop_assert!(fleet.connections_in_rollout <= fleet.budget_connections);
                prop_assert!(found.connections_total <= fleet.connections_in_rollout);
                prop_assert!(found.pool_size >= 1 && found.pool_size <= size);
                if let Some(pooler) = found.pooler {
                    prop_assert!(pooler.server_connections_max <= free);
                    prop_assert!(pooler.max_client_conn >= size * fleet.instances_in_rollout);
                }
            }
            Err(NoRecommendation::NoRoom { .. }) => {
                prop_assert!(options.headroom.left_of(free) == 0);
            }
            Err(NoRecommendation::NoRoomForPools { budget, databases, processes }) => {
                prop_assert!(budget < databases * processes);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

#[test]
fn a_cut_size_is_the_one_that_the_settings_have() {
    let found = conclude(&with(100, 3, 0), &fleet(10, 100), draft(12, 70)).unwrap();
    let expected = Settings::of(&draft(12, 70), 3, 12, found.pooler.as_ref());
    assert_eq!(found.settings, expected.all);
    let pgbouncer = found.settings.last().unwrap();
    assert!(
        pgbouncer
            .text
            .starts_with("; behind it every instance may have a pool of 12\n")
    );
}
