//! What endangers the server in the long run: dead rows and who keeps them, wraparound, sequences,
//! constraints, long transactions and blocking, checkpoints.
//!
//! Facts and arithmetic only; the rules judge them.

pub mod ages;
pub mod blocking;
pub mod horizon;
pub mod rates;
pub mod sequences;
mod subjects;
#[cfg(test)]
pub(crate) mod testing;

pub use subjects::judge;

use jiff::Timestamp;

use super::conclusions::{Health, LongTransaction, NotValidatedConstraint};
use crate::record::Run;
use crate::record::health::{HealthWindow, NotValidated};

/// Entries that a list of the conclusions has at most (ours); the run file has more.
const MOST: usize = 10;

/// Everything but the states, which [`judge`] takes from the findings; `None` without a server.
#[must_use]
pub fn conclude(run: &Run) -> Option<Health> {
    let server = run.server.as_ref()?;
    let empty = HealthWindow::default();
    let facts = run.health.as_ref().unwrap_or(&empty);
    let major = server.major();
    Some(Health {
        read_at: facts.read_at.map(|at| at.to_string()),
        subjects: Vec::new(),
        horizon: horizon::holders(run).map(most),
        wraparound: facts
            .databases
            .as_ref()
            .map(|all| ages::databases(all, major)),
        oldest_tables: facts
            .oldest_tables
            .as_ref()
            .map(|all| most(ages::tables(all))),
        sequences: facts
            .sequences
            .as_ref()
            .map(|all| most(sequences::fullest(all))),
        not_validated: facts.not_validated.as_ref().map(|all| {
            let own = own_constraints(all).into_iter();
            own.map(constraint).collect()
        }),
        transactions: open_transactions(facts).map(most),
        blocking: blocking::trees(run).map(most),
        checkpoints: rates::checkpoints(run),
        temp_files: rates::temp_files(run),
    })
}

fn most<T>(mut all: Vec<T>) -> Vec<T> {
    all.truncate(MOST);
    all
}

/// Constraints of partitions are validated with that of their parent, if it is in the list.
#[must_use]
pub fn own_constraints(all: &[NotValidated]) -> Vec<&NotValidated> {
    let listed = |oid: u32| oid != 0 && all.iter().any(|k| k.oid == oid);
    all.iter().filter(|k| !listed(k.conparentid)).collect()
}

fn constraint(k: &NotValidated) -> NotValidatedConstraint {
    NotValidatedConstraint {
        schema: k.schemaname.clone(),
        table: k.relname.clone(),
        constraint: k.conname.clone(),
        kind: match k.contype.as_str() {
            "c" => "check",
            "f" => "foreign key",
            "n" => "not null",
            other => other,
        }
        .to_owned(),
    }
}

/// Transactions of clients, longest first; `None` where they were not read.
#[must_use]
pub fn open_transactions(facts: &HealthWindow) -> Option<Vec<LongTransaction>> {
    let all = facts.transactions.as_ref()?.iter();
    let clients = all.filter(|t| t.backend_type == "client backend");
    let mut open: Vec<LongTransaction> = clients
        .filter_map(|t| {
            Some(LongTransaction {
                pid: t.pid,
                application_name: t.application_name.clone(),
                role: t.usename.clone(),
                database: t.datname.clone(),
                state: t.state.clone(),
                since: t.xact_start?.to_string(),
                open_ms: age_ms(facts.read_at, t.xact_start)?,
                writes: t.xid_age.is_some(),
                query: t.query.clone(),
            })
        })
        .collect();
    open.sort_by(|a, b| b.open_ms.total_cmp(&a.open_ms));
    Some(open)
}

/// From a moment to another, both on the server's clock; never negative.
fn age_ms(now: Option<Timestamp>, since: Option<Timestamp>) -> Option<f64> {
    let age = now?.duration_since(since?).as_secs_f64() * 1000.0;
    Some(age.max(0.0))
}

/// Such as `psql (pid 42)`.
#[must_use]
pub fn session_name(application: &str, pid: i32) -> String {
    let name = if application.is_empty() {
        "a client without a name"
    } else {
        application
    };
    format!("{name} (pid {pid})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::run;

    #[test]
    fn what_was_not_read_is_absent_and_not_empty() {
        let mut run = run();
        let unread = conclude(&run).unwrap();
        assert!(unread.horizon.is_none() && unread.sequences.is_none());
        assert!(unread.wraparound.is_none() && unread.transactions.is_none());
        run.health = Some(testing::window());
        let read = conclude(&run).unwrap();
        assert_eq!(read.horizon, Some(Vec::new()));
        run.server = None;
        assert_eq!(conclude(&run), None);
    }

    #[test]
    fn a_partitions_constraint_goes_with_its_parent() {
        let of = |oid, conparentid, table: &str| NotValidated {
            oid,
            schemaname: "public".to_owned(),
            relname: table.to_owned(),
            conname: "fk".to_owned(),
            contype: "f".to_owned(),
            conparentid,
        };
        let all = [of(1, 0, "parent"), of(2, 1, "child"), of(3, 9, "alone")];
        let own: Vec<_> = own_constraints(&all).iter().map(|k| k.oid).collect();
        assert_eq!(own, [1, 3]);
    }

    #[test]
    fn transactions_of_clients_are_sorted_by_their_age() {
        let mut facts = testing::window();
        let mut worker = testing::open(1, "", -900);
        worker.backend_type = "autovacuum worker".to_owned();
        facts.transactions = Some(vec![
            worker,
            testing::open(2, "new", 50),
            testing::open(3, "old", -40),
        ]);
        let open = open_transactions(&facts).unwrap();
        let ages: Vec<_> = open.iter().map(|t| (t.pid, t.open_ms)).collect();
        assert_eq!(ages, [(3, 100_000.0), (2, 10_000.0)]);
    }
}
