//! Who keeps VACUUM from removing dead rows.
//!
//! A dead row can be removed once no snapshot can see it. The oldest snapshot is the horizon; a
//! session, a prepared transaction, a slot or a standby with `hot_standby_feedback` can hold it.
//! A vacuum's own snapshot holds nobody up, and a session holds only what its database has.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::analyze::conclusions::{HolderKind, Holds, HorizonHolder};
use crate::record::Run;
use crate::record::health::{HealthWindow, OpenTransaction, PreparedTransaction};
use crate::record::replication::Slot;

use super::{age_ms, session_name};

/// Every holder, oldest first; `None` where the sessions were not read.
#[must_use]
pub fn holders(run: &Run) -> Option<Vec<HorizonHolder>> {
    let health = run.health.as_ref()?;
    let context = Context {
        run,
        health,
        here: run.server.as_ref().map(|s| s.database.as_str()),
    };
    let vacuums: BTreeSet<i32> = health.vacuums.iter().flatten().map(|v| v.pid).collect();
    let sessions = health.transactions.as_ref()?.iter();
    let sessions = sessions
        .filter(|t| !vacuums.contains(&t.pid) && !is_vacuum(t))
        .filter_map(|t| context.session(t));
    let prepared = health.prepared.iter().flatten();
    let prepared = prepared.map(|p| context.prepared(p));
    let slots = run
        .replication
        .iter()
        .filter_map(|r| r.slots.as_ref())
        .flatten();
    let slots = slots.flat_map(|slot| context.slot(slot));
    let mut all: Vec<HorizonHolder> = sessions.chain(prepared).chain(slots).collect();
    all.sort_by(|a, b| {
        let key = |h: &HorizonHolder| (h.holds, std::cmp::Reverse(h.xid_age));
        key(a).cmp(&key(b)).then_with(|| {
            let held = |h: &HorizonHolder| h.held_ms.unwrap_or(0.0);
            held(b).total_cmp(&held(a))
        })
    });
    Some(all)
}

/// An autovacuum that is about to begin or to end has no row of progress.
fn is_vacuum(t: &OpenTransaction) -> bool {
    let query = t.query.as_deref().unwrap_or_default();
    t.backend_type == "autovacuum worker" && query.contains("VACUUM") && !query.contains("ANALYZE")
}

struct Context<'a> {
    run: &'a Run,
    health: &'a HealthWindow,
    here: Option<&'a str>,
}

impl Context<'_> {
    fn held_ms(&self, since: Option<Timestamp>) -> Option<f64> {
        age_ms(self.health.read_at, since)
    }

    fn scope(&self, database: Option<&str>) -> Holds {
        if database.is_none() || database == self.here {
            Holds::Rows
        } else {
            Holds::OtherDatabase
        }
    }

    fn session(&self, t: &OpenTransaction) -> Option<HorizonHolder> {
        let xid_age = t.xid_age.max(t.xmin_age)?;
        let standby = t.backend_type == "walsender" && t.datname.is_none();
        let (behind, since) = if standby {
            self.on_standby(Some(&t.application_name))
        } else {
            (None, t.xact_start)
        };
        Some(HorizonHolder {
            kind: if standby {
                HolderKind::Standby
            } else {
                HolderKind::Session
            },
            name: if standby {
                t.application_name.clone()
            } else {
                session_name(&t.application_name, t.pid)
            },
            pid: Some(t.pid),
            holds: self.scope(t.datname.as_deref()),
            database: t.datname.clone(),
            xid_age: i64::from(xid_age),
            since: since.map(|at| at.to_string()),
            held_ms: self.held_ms(since),
            state: if standby {
                "a standby with hot_standby_feedback".to_owned()
            } else {
                t.state.clone().unwrap_or_else(|| t.backend_type.clone())
            },
            query: t.query.clone().filter(|_| !standby),
            behind,
            active: None,
        })
    }

    fn prepared(&self, p: &PreparedTransaction) -> HorizonHolder {
        HorizonHolder {
            kind: HolderKind::PreparedTransaction,
            name: p.gid.clone(),
            pid: None,
            holds: self.scope(p.database.as_deref()),
            database: p.database.clone(),
            xid_age: i64::from(p.xid_age),
            since: Some(p.prepared.to_string()),
            held_ms: self.held_ms(Some(p.prepared)),
            state: match &p.owner {
                Some(owner) => format!("prepared by {owner}"),
                None => "prepared".to_owned(),
            },
            query: None,
            behind: None,
            active: None,
        }
    }

    /// A physical slot holds rows by its `xmin`; a logical one holds system tables by its
    /// `catalog_xmin`.
    fn slot(&self, slot: &Slot) -> Vec<HorizonHolder> {
        let ages = [
            (Holds::Rows, slot.xmin_age),
            (Holds::Catalog, slot.catalog_xmin_age),
        ];
        let user = slot.active_pid.and_then(|pid| {
            let senders = self.run.replication.iter().flat_map(|r| &r.senders).rev();
            let mut senders = senders.filter(|s| s.pid == pid);
            senders.next().map(|s| s.application_name.as_str())
        });
        let (behind, begun) = if slot.active && slot.slot_type == "physical" {
            self.on_standby(user)
        } else {
            (None, None)
        };
        let since = begun.or(slot.inactive_since);
        let holder = |(holds, age): (Holds, Option<i32>)| {
            Some(HorizonHolder {
                kind: HolderKind::Slot,
                name: slot.slot_name.clone(),
                pid: slot.active_pid,
                holds,
                database: slot.database.clone(),
                xid_age: i64::from(age?),
                since: since.map(|at| at.to_string()),
                held_ms: self.held_ms(since),
                state: match (slot.active, user) {
                    (true, Some(user)) => format!("{} slot, used by {user}", slot.slot_type),
                    (true, None) => format!("{} slot in use", slot.slot_type),
                    (false, _) => format!("inactive {} slot", slot.slot_type),
                },
                query: None,
                behind: behind.clone(),
                active: Some(slot.active),
            })
        };
        ages.into_iter().filter_map(holder).collect()
    }

    /// The transaction of the standby that has been open for longest, and when it began by the
    /// clock of the primary, as far as both clocks agree.
    fn on_standby(&self, application: Option<&str>) -> (Option<String>, Option<Timestamp>) {
        let asked = &self.health.standbys;
        let named = asked
            .iter()
            .find(|s| application.is_some() && s.application_name.as_deref() == application);
        let only = asked.first().filter(|_| asked.len() == 1);
        let Some(standby) = named.or(only) else {
            return (None, None);
        };
        let open = standby.transactions.iter().filter(|t| t.xmin_age.is_some());
        let oldest = open.max_by_key(|t| (t.xmin_age, std::cmp::Reverse(t.xact_start)));
        let Some(oldest) = oldest else {
            return (None, None);
        };
        let state = oldest.state.as_deref().unwrap_or("state not visible");
        let query = oldest.query.as_deref();
        let query = query.map_or(String::new(), |q| format!(": {q}"));
        let name = session_name(&oldest.application_name, oldest.pid);
        let behind = format!("{name} on {}, {state}{query}", standby.node);
        (Some(behind), oldest.xact_start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{at, run};
    use crate::analyze::health::testing::{open, window};
    use crate::record::health::{ProgressVacuum, StandbyTransactions};
    use crate::record::replication::ReplicationWindow;

    fn with(change: impl FnOnce(&mut Run)) -> Vec<HorizonHolder> {
        let mut run = run();
        run.health = Some(window());
        change(&mut run);
        holders(&run).unwrap()
    }

    fn health(run: &mut Run) -> &mut HealthWindow {
        run.health.as_mut().unwrap()
    }

    #[test]
    fn the_oldest_of_this_database_comes_first() {
        let all = with(|run| {
            let mut elsewhere = open(9, "batch", -9_000);
            (elsewhere.datname, elsewhere.xmin_age) = (Some("other".to_owned()), Some(900));
            let mut writer = open(8, "writer", -10);
            (writer.xid_age, writer.xmin_age) = (Some(5), None);
            let mut dump = open(7, "pg_dump", -600);
            dump.xmin_age = Some(100);
            health(run).transactions = Some(vec![elsewhere, writer, dump]);
        });
        let names: Vec<_> = all.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(
            names,
            ["pg_dump (pid 7)", "writer (pid 8)", "batch (pid 9)"]
        );
        assert_eq!(all[0].held_ms, Some(660_000.0), "read 60 s after the start");
        assert_eq!(all[2].holds, Holds::OtherDatabase);
    }

    #[test]
    fn a_vacuum_holds_nobody_up_but_an_analyze_does() {
        let worker = |pid, query: &str| {
            let mut t = open(pid, "", -100);
            t.backend_type = "autovacuum worker".to_owned();
            t.query = Some(query.to_owned());
            t
        };
        let all = with(|run| {
            let manual = open(3, "psql", -100);
            health(run).vacuums = Some(vec![ProgressVacuum {
                pid: 3,
                datname: None,
                relid: None,
                phase: None,
                heap_blks_total: None,
                heap_blks_scanned: None,
                heap_blks_vacuumed: None,
                index_vacuum_count: None,
                xact_start: None,
            }]);
            health(run).transactions = Some(vec![
                manual,
                worker(1, "autovacuum: VACUUM public.t"),
                worker(2, "autovacuum: ANALYZE public.t"),
            ]);
        });
        let pids: Vec<_> = all.iter().map(|h| h.pid).collect();
        assert_eq!(pids, [Some(2)]);
    }

    #[test]
    fn slots_hold_rows_or_system_tables_and_name_the_session_on_the_standby() {
        let slot = |name: &str, kind: &str, active| Slot {
            slot_name: name.to_owned(),
            slot_type: kind.to_owned(),
            active,
            inactive_since: Some(at(-7_200)).filter(|_| !active),
            ..Slot::default()
        };
        let all = with(|run| {
            let mut physical = slot("r1", "physical", true);
            (physical.xmin_age, physical.active_pid) = (Some(50), Some(4));
            let mut logical = slot("cdc", "logical", false);
            logical.catalog_xmin_age = Some(70);
            run.replication = Some(ReplicationWindow {
                slots: Some(vec![physical, logical]),
                ..ReplicationWindow::default()
            });
            let mut query = open(5, "report", -1_200);
            query.query = Some("SELECT sum(a) FROM t".to_owned());
            health(run).standbys = vec![StandbyTransactions {
                node: "s1".to_owned(),
                application_name: Some("walreceiver".to_owned()),
                read_at: Some(at(60)),
                transactions: vec![query],
            }];
        });
        assert_eq!((all[0].name.as_str(), all[0].holds), ("r1", Holds::Rows));
        assert_eq!(
            all[0].behind.as_deref(),
            Some("report (pid 5) on s1, active: SELECT sum(a) FROM t")
        );
        assert_eq!(all[0].held_ms, Some(1_260_000.0));
        assert_eq!(
            (all[1].name.as_str(), all[1].holds),
            ("cdc", Holds::Catalog)
        );
        assert_eq!(all[1].state, "inactive logical slot");
        assert_eq!(all[1].held_ms, Some(7_260_000.0));
    }
}
