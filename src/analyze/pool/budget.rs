//! How many connections the server has to give, and to how many instances.

use crate::record::Run;
use crate::record::server::Server;

use super::PoolOptions;
use super::observed::others_beside_a_replay;

/// Connections that ordinary roles can have: `max_connections − superuser_reserved_connections −
/// reserved_connections` (16+). `None` where a setting is not visible.
#[must_use]
pub fn usable_connections(server: &Server) -> Option<u32> {
    let number = |name: &str| server.setting(name).and_then(|v| v.parse::<u32>().ok());
    let reserved = number("reserved_connections").unwrap_or(0);
    let all = number("max_connections")?;
    let superuser = number("superuser_reserved_connections")?;
    Some(all.saturating_sub(superuser).saturating_sub(reserved))
}

/// What a run tells beside the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// Largest number of connections of others than the application.
    pub(super) others: u32,
    /// Roles that the application connects as.
    pub(super) roles: Vec<String>,
    /// Databases that it uses.
    pub(super) databases: Vec<String>,
    /// It connects as a superuser, to whom no `CONNECTION LIMIT` applies.
    pub(super) superuser: bool,
}

impl Seen {
    /// Beside a replay: it connects as the role of the target, to its database.
    pub(super) fn beside_a_replay(run: &Run) -> Self {
        let server = run.server.as_ref();
        Self {
            others: run.activity.as_ref().map_or(0, others_beside_a_replay),
            roles: server
                .map(|s| s.privileges.role.clone())
                .into_iter()
                .collect(),
            databases: server.map(|s| s.database.clone()).into_iter().collect(),
            superuser: server.is_some_and(|s| s.privileges.superuser),
        }
    }
}

/// What is left for the pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Budget {
    /// Of the server, for ordinary roles.
    pub(super) usable: u32,
    /// Of them, in use by others.
    pub(super) others: u32,
    /// All pools together, headroom already off.
    pub(super) total: u32,
    /// Largest number of instances that run at once: in a rolling deploy.
    pub(super) in_rollout: u32,
    /// One instance, `total ÷ in_rollout` rounded down; may be 0.
    pub(super) per_instance: u32,
    /// The `CONNECTION LIMIT` that is tighter than the server, such as `role app, 20`.
    pub(super) limit: Option<String>,
    /// Whether `CONNECTION LIMIT`s were read.
    pub(super) limits_known: bool,
}

impl Budget {
    /// The largest number of instances whose pools of this size fit, a rolling deploy included.
    pub(super) fn instances_that_fit(&self, size: u32, options: &PoolOptions) -> u32 {
        let fits = |n: &u32| in_rollout(*n, options).saturating_mul(size) <= self.total;
        let most = self.total / size.max(1);
        (0..=most).rev().find(fits).unwrap_or(0)
    }
}

/// `instances + ⌈instances · surge⌉`.
fn in_rollout(instances: u32, options: &PoolOptions) -> u32 {
    instances.saturating_add(options.surge.of_rounded_up(instances))
}

/// `⌊(usable − others) · (1 − headroom) ÷ (instances + ⌈instances · surge⌉)⌋`, where a tighter
/// `CONNECTION LIMIT` of the role or database takes the place of `usable − others`; `None` where the
/// settings are not visible. WAL senders, autovacuum and background workers have slots of their own
/// (PostgreSQL, `max_connections`).
pub(super) fn budget(run: &Run, seen: &Seen, options: &PoolOptions) -> Option<Budget> {
    let server = run.server.as_ref()?;
    let usable = usable_connections(server)?;
    let others = options.other_connections.unwrap_or(seen.others);
    let free = usable.saturating_sub(others);
    let limit = limit(server, seen).filter(|(_, limit)| *limit < free);
    let most = limit.as_ref().map_or(free, |(_, limit)| *limit);
    let total = options.headroom.left_of(most);
    let in_rollout = in_rollout(options.instances.max(1), options);
    Some(Budget {
        usable,
        others,
        total,
        in_rollout,
        per_instance: total / in_rollout,
        limit: limit.map(|(name, limit)| format!("{name}, {limit}")),
        limits_known: server.connection_limits.is_some(),
    })
}

/// The smallest `CONNECTION LIMIT` that applies; all refusals are SQLSTATE 53300, whatever the cause.
fn limit(server: &Server, seen: &Seen) -> Option<(String, u32)> {
    let limits = server.connection_limits.as_ref()?;
    if seen.superuser {
        return None;
    }
    let roles = seen.roles.iter();
    let roles = roles.filter_map(|role| Some((format!("role {role}"), *limits.roles.get(role)?)));
    let databases = seen.databases.iter();
    let databases =
        databases.filter_map(|db| Some((format!("database {db}"), *limits.databases.get(db)?)));
    roles.chain(databases).min_by_key(|(_, limit)| *limit)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::analyze::pool::Percent;
    use crate::analyze::testing::{run, server};
    use crate::record::Millis;
    use crate::record::server::ConnectionLimits;

    fn with(max: &str, superuser: &str, reserved: &str) -> Run {
        let mut run = run(Millis(1.0));
        run.server = Some(server(
            &[
                ("max_connections", max),
                ("superuser_reserved_connections", superuser),
                ("reserved_connections", reserved),
            ],
            None,
        ));
        run
    }

    fn others(others: u32) -> Seen {
        Seen {
            others,
            ..Seen::default()
        }
    }

    fn fleet(instances: u32, surge: u8, headroom: u8) -> PoolOptions {
        PoolOptions {
            instances,
            surge: Percent::new(surge),
            headroom: Percent::new(headroom),
            ..PoolOptions::default()
        }
    }

    #[test]
    fn the_worked_budgets() {
        for (settings, beside, options, left, at_once, each) in [
            (("200", "3", "0"), 12, fleet(6, 25, 10), 185, 8, 20),
            (("100", "3", "2"), 10, fleet(4, 100, 20), 85, 8, 8),
            (("500", "3", "5"), 40, fleet(20, 25, 10), 452, 25, 16),
            (("100", "3", "0"), 5, fleet(12, 50, 20), 92, 18, 4),
        ] {
            let run = with(settings.0, settings.1, settings.2);
            let found = budget(&run, &others(beside), &options).unwrap();
            assert_eq!(found.usable - found.others, left);
            assert_eq!((found.in_rollout, found.per_instance), (at_once, each));
        }
    }

    #[test]
    fn slots_that_ordinary_roles_have() {
        // Checked on servers: of 8 slots with 2 and 2 reserved four are left (16 and 17), on 14 six.
        let usable = |run: &Run| usable_connections(run.server.as_ref().unwrap());
        assert_eq!(usable(&with("8", "2", "2")), Some(4));
        let mut before_16 = with("8", "2", "2");
        let settings = &mut before_16.server.as_mut().unwrap().settings;
        settings.remove("reserved_connections");
        assert_eq!(usable(&before_16), Some(6));
        assert_eq!(usable(&with("3", "3", "9")), Some(0));
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_was_seen() {
        let mut options = fleet(1, 0, 0);
        options.other_connections = Some(7);
        let found = budget(&with("100", "3", "0"), &others(90), &options).unwrap();
        assert_eq!((found.others, found.per_instance), (7, 90));
    }

    #[test]
    fn the_tightest_limit_binds() {
        let mut run = with("100", "3", "0");
        let limits = ConnectionLimits {
            roles: BTreeMap::from([("app".to_owned(), 20), ("other".to_owned(), 1)]),
            databases: BTreeMap::from([("shop".to_owned(), 50)]),
        };
        run.server.as_mut().unwrap().connection_limits = Some(limits);
        let mut seen = Seen {
            roles: vec!["app".to_owned()],
            databases: vec!["shop".to_owned()],
            ..Seen::default()
        };
        let found = budget(&run, &seen, &fleet(2, 0, 20)).unwrap();
        assert_eq!((found.total, found.per_instance), (16, 8));
        assert_eq!(found.limit.as_deref(), Some("role app, 20"));
        seen.superuser = true;
        let found = budget(&run, &seen, &fleet(2, 0, 20)).unwrap();
        assert_eq!((found.total, found.limit), (77, None));
    }

    #[test]
    fn fewer_instances_may_fit() {
        let found = budget(&with("100", "3", "2"), &others(10), &fleet(4, 100, 20)).unwrap();
        // 68 connections; three instances and three of a deploy have 66.
        assert_eq!(found.instances_that_fit(11, &fleet(4, 100, 20)), 3);
        assert_eq!(found.instances_that_fit(69, &fleet(4, 0, 20)), 0);
    }

    #[test]
    fn invisible_settings_are_no_budget() {
        let mut run = run(Millis(1.0));
        run.server = Some(server(&[("max_connections", "100")], None));
        assert_eq!(
            budget(&run, &Seen::default(), &PoolOptions::default()),
            None
        );
    }
}
