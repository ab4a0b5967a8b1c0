//! How many server connections a `PgBouncer` can open, and settings that keep it within a budget.
//!
//! `PgBouncer` has one pool for each pair of user and database, in each of its processes. So its server
//! connections multiply where its setting names a single number
//! (`PgBouncer`, `default_pool_size`: <https://www.pgbouncer.org/config.html>).

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::conclusions::Pooler;
use crate::record::pgbouncer::{DatabaseRow, PgBouncerWindow};

use super::PoolerInFront;

/// Name of `PgBouncer`'s own console, which has no server connections.
const CONSOLE: &str = "pgbouncer";

/// Reserve of a pool as a share of it: one in five (ours).
const RESERVE_DIVISOR: u32 = 5;

/// Clients beside the application's, such as monitoring: one in ten (ours).
const SPARE_CLIENTS_DIVISOR: u32 = 10;

/// `PgBouncer`'s own default of `max_client_conn`; less would refuse for nothing.
const MAX_CLIENT_CONN_MIN: u32 = 100;

/// What an application must not do in transaction mode (`PgBouncer`, features: SQL feature map for
/// pooling modes, <https://www.pgbouncer.org/features.html>).
const CAVEATS: [&str; 4] = [
    "prepared statements of the protocol need PgBouncer 1.21 or later with max_prepared_statements \
     above 0 (it is 0 by default before 1.24); SQL PREPARE works with no version",
    "SET and temporary tables stay on the server connection and meet the next client there: use SET \
     LOCAL, or ALTER ROLE … SET",
    "an advisory lock of a session is not released with the transaction: use pg_advisory_xact_lock",
    "LISTEN needs a connection of its own that goes past the pooler",
];

/// One database in `PgBouncer`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Database {
    /// `max_db_connections`; `None` without a limit.
    pub(super) max_connections: Option<u32>,
    /// Pool and reserve by user.
    pub(super) pools: BTreeMap<String, u32>,
}

/// Server connections in the worst case: `Σ over databases of min(max_db_connections, Σ over users of
/// (pool_size + reserve_pool_size))`, no more than `Σ over users of max_user_connections` where that
/// is set, times the processes, each of which has pools of its own.
pub(super) fn worst_case(
    databases: &[Database],
    max_user_connections: Option<u32>,
    processes: u32,
) -> u32 {
    let of_database = |d: &Database| {
        let pools = sum(d.pools.values().copied());
        d.max_connections.map_or(pools, |max| max.min(pools))
    };
    let by_database = sum(databases.iter().map(of_database));
    let mut by_user: BTreeMap<&str, u32> = BTreeMap::new();
    for (user, pool) in databases.iter().flat_map(|d| &d.pools) {
        let sum = by_user.entry(user).or_default();
        *sum = sum.saturating_add(*pool);
    }
    let limit = max_user_connections.unwrap_or(u32::MAX);
    let by_user = sum(by_user.into_values().map(|n| n.min(limit)));
    by_database.min(by_user).saturating_mul(processes.max(1))
}

fn sum(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.fold(0, u32::saturating_add)
}

/// [`worst_case`] of a `PgBouncer` as it was seen, with the users that were; `None` where it did not
/// tell its sizes.
pub(super) fn present_worst_case(window: &PgBouncerWindow, processes: u32) -> Option<u32> {
    let setting = |name: &str| window.config.get(name).and_then(|v| v.parse::<u32>().ok());
    let no_limit = |n: &u32| *n > 0;
    let default_size = setting("default_pool_size");
    let default_reserve = setting("reserve_pool_size").unwrap_or(0);
    let database = |row: &DatabaseRow| {
        let size = row.pool_size.and_then(small).or(default_size)?;
        let reserve = row.reserve_pool_size.and_then(small);
        let pool = size.saturating_add(reserve.unwrap_or(default_reserve));
        let rows = window.samples.iter().flat_map(|s| &s.pools);
        let users: BTreeSet<&str> = rows
            .filter(|p| p.database == row.name)
            .map(|p| p.user.as_str())
            .collect();
        let max = row.max_connections.and_then(small);
        Some(Database {
            max_connections: max.or(setting("max_db_connections")).filter(no_limit),
            pools: users.into_iter().map(|u| (u.to_owned(), pool)).collect(),
        })
    };
    let rows = window.databases.iter().filter(|row| row.name != CONSOLE);
    let databases: Vec<Database> = rows.map(database).collect::<Option<_>>()?;
    let max_user = setting("max_user_connections").filter(no_limit);
    let worst = worst_case(&databases, max_user, processes);
    (worst > 0).then_some(worst)
}

fn small(number: u64) -> Option<u32> {
    u32::try_from(number).ok()
}

/// What a `PgBouncer` is to be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Server connections that the whole fleet needs.
    pub(super) servers: u32,
    /// Server connections that it may have.
    pub(super) budget: u32,
    /// Connections of all instances to it, in a rolling deploy.
    pub(super) clients: u32,
    pub(super) shape: PoolerInFront,
}

/// Settings whose [`worst_case`] is within the budget; `None` where the budget does not have one
/// connection for each database and process. Users and databases are taken to need the same.
pub(super) fn plan(wanted: &Wanted, need: &str) -> Option<Pooler> {
    let PoolerInFront {
        processes,
        users,
        databases,
    } = wanted.shape;
    let (processes, users, databases) = (processes.max(1), users.max(1), databases.max(1));
    let pools = processes.saturating_mul(databases);
    let most = wanted.budget / pools;
    if most == 0 {
        return None;
    }
    let each = wanted.servers.div_ceil(pools).div_ceil(users).max(1);
    let size = each.min((most / users).max(1));
    let reserve = size
        .div_ceil(RESERVE_DIVISOR)
        .min((most / users).saturating_sub(size));
    let of_users = users.saturating_mul(size + reserve);
    let max_db = most.min(of_users);
    let spare = wanted.clients.div_ceil(SPARE_CLIENTS_DIVISOR);
    Some(Pooler {
        need: need.to_owned(),
        pool_mode: "transaction".to_owned(),
        processes,
        users,
        databases,
        default_pool_size: size,
        reserve_pool_size: reserve,
        max_db_connections: max_db,
        max_client_conn: wanted
            .clients
            .saturating_add(spare)
            .max(MAX_CLIENT_CONN_MIN),
        server_connections_wanted: wanted.servers,
        server_connections_max: max_db.saturating_mul(pools),
        present_server_connections_max: None,
        caveats: CAVEATS.map(str::to_owned).to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Millis;
    use crate::record::pgbouncer::{PoolRow, Sample};

    fn databases(count: usize, users: usize, pool: u32, max: Option<u32>) -> Vec<Database> {
        let database = Database {
            max_connections: max,
            pools: (0..users).map(|u| (format!("u{u}"), pool)).collect(),
        };
        vec![database; count]
    }

    #[test]
    fn the_worked_worst_cases() {
        assert_eq!(worst_case(&databases(4, 3, 20, None), None, 1), 240);
        assert_eq!(worst_case(&databases(2, 2, 25, None), None, 1), 100);
        assert_eq!(worst_case(&databases(2, 2, 25, Some(30)), None, 1), 60);
        // Two users with at most 20 each; three processes that know nothing of each other.
        assert_eq!(worst_case(&databases(2, 2, 25, Some(30)), Some(20), 1), 40);
        assert_eq!(worst_case(&databases(2, 2, 25, Some(30)), None, 3), 180);
    }

    #[test]
    fn what_a_pgbouncer_says_of_itself() {
        let row = |name: &str, max| DatabaseRow {
            name: name.to_owned(),
            pool_size: Some(20),
            reserve_pool_size: Some(5),
            max_connections: Some(max),
            ..DatabaseRow::default()
        };
        let pool = |database: &str, user: &str| PoolRow {
            database: database.to_owned(),
            user: user.to_owned(),
            ..PoolRow::default()
        };
        let mut window = PgBouncerWindow {
            databases: vec![row("a", 0), row("b", 30), row("pgbouncer", 0)],
            samples: vec![Sample {
                at: Millis(0.0),
                pools: vec![pool("a", "x"), pool("b", "x"), pool("b", "y")],
                stats: Vec::new(),
            }],
            ..PgBouncerWindow::default()
        };
        assert_eq!(present_worst_case(&window, 1), Some(25 + 30));
        assert_eq!(present_worst_case(&window, 2), Some(110));
        let user = ("max_user_connections".to_owned(), "10".to_owned());
        window.config = BTreeMap::from([user]);
        assert_eq!(present_worst_case(&window, 1), Some(20));
        window.databases[0].pool_size = None;
        assert_eq!(present_worst_case(&window, 1), None);
    }

    fn planned(servers: u32, budget: u32, shape: (u32, u32, u32)) -> Option<Pooler> {
        let (processes, users, databases) = shape;
        let shape = PoolerInFront {
            processes,
            users,
            databases,
        };
        let wanted = Wanted {
            servers,
            budget,
            clients: 100,
            shape,
        };
        plan(&wanted, "needed")
    }

    #[test]
    fn the_settings_follow_from_what_is_needed_and_what_there_is() {
        let pooler = planned(24, 68, (1, 1, 1)).unwrap();
        assert_eq!(
            (pooler.default_pool_size, pooler.reserve_pool_size),
            (24, 5)
        );
        assert_eq!(
            (pooler.max_db_connections, pooler.max_client_conn),
            (29, 110)
        );
        // The budget is smaller than what is needed: no reserve is left.
        let pooler = planned(100, 68, (1, 1, 1)).unwrap();
        assert_eq!(
            (pooler.default_pool_size, pooler.reserve_pool_size),
            (68, 0)
        );
        // More users than connections: the limit of the database binds.
        let pooler = planned(24, 68, (2, 50, 2)).unwrap();
        assert_eq!(
            (pooler.default_pool_size, pooler.max_db_connections),
            (1, 17)
        );
        assert_eq!(pooler.server_connections_max, 68);
        assert_eq!(planned(24, 3, (2, 1, 2)), None);
    }

    proptest::proptest! {
        #[test]
        fn no_plan_goes_beyond_the_budget(
            servers in 0u32..20_000, budget in 0u32..5_000, processes in 0u32..20,
            users in 0u32..50, count in 0u32..20,
        ) {
            if let Some(pooler) = planned(servers, budget, (processes, users, count)) {
                let pool = pooler.default_pool_size + pooler.reserve_pool_size;
                let all = databases(
                    count.max(1) as usize,
                    users.max(1) as usize,
                    pool,
                    Some(pooler.max_db_connections),
                );
                let worst = worst_case(&all, None, processes);
                proptest::prop_assert_eq!(worst, pooler.server_connections_max);
                proptest::prop_assert!(worst <= budget, "{:?}", pooler);
            }
        }
    }
}
