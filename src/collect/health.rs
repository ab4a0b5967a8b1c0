//! What endangers the server in the long run, read once after the window.

use std::collections::BTreeSet;

use super::cures::grant_monitor;
use super::ends::Facts;
use super::ledger::Ledger;
use super::pgstattuple::{self, Bloat};
use super::replication::StandbyWatch;
use super::{
    ages, constraints_not_validated, open_transactions, pg_prepared_xacts, pg_sequence,
    pg_stat_progress_vacuum,
};
use crate::pg::{Extension, Session, read_extensions};
use crate::record::Status;
use crate::record::activity::ActivitySeries;
use crate::record::health::{HealthWindow, IndexBloat, Sequence, StandbyTransactions, TableBloat};
use crate::record::indexes::IndexFacts;
use crate::record::server::Server;
use crate::record::tables::TableFacts;

const TRANSACTIONS: &str = "open_transactions";
const SEQUENCES: &str = "pg_sequence";
const BLOAT: &str = "pgstattuple";
const INDEX_BLOAT: &str = "pgstatindex";

/// Reads everything; what cannot be read is a row of coverage.
pub(super) async fn read(
    session: &Session,
    server: &Server,
    activity: Option<&ActivitySeries>,
    facts: &Facts,
    ledger: &mut Ledger,
) -> HealthWindow {
    let open = ledger
        .time(TRANSACTIONS, open_transactions::read(session))
        .await
        .ok();
    let hidden_sessions = open.as_ref().map_or(0, |o| o.hidden);
    if hidden_sessions > 0 {
        let reason = format!(
            "transactions of {hidden_sessions} sessions of other roles are hidden: {}",
            grant_monitor(server)
        );
        ledger.note(TRANSACTIONS, Status::Partial, reason);
    }
    let waiting = waiting_for_prepared(activity);
    let prepared_blockers = if waiting.is_empty() {
        Vec::new()
    } else {
        let reading = pg_prepared_xacts::read_blockers(session, &waiting);
        let blockers = ledger.time("pg_locks", reading).await;
        blockers.unwrap_or_default()
    };
    let prepared = ledger.time("pg_prepared_xacts", pg_prepared_xacts::read(session));
    let prepared = prepared.await.ok();
    let vacuums = pg_stat_progress_vacuum::read(session);
    let vacuums = ledger.time("pg_stat_progress_vacuum", vacuums).await.ok();
    let extension = bloat_extension(session, ledger).await;
    let (mut bloat, mut index_bloat) = (None, None);
    if let Some(extension) = &extension {
        bloat = table_bloat(session, extension, facts.tables(), ledger).await;
        index_bloat = index_bloats(session, extension, facts.indexes(), ledger).await;
    }
    let databases = ledger.time("database_age", ages::read_databases(session));
    let databases = databases.await.ok();
    let oldest_tables = ledger.time("relation_age", ages::read_oldest_tables(session));
    let oldest_tables = oldest_tables.await.ok();
    let not_validated = constraints_not_validated::read(session);
    let not_validated = ledger
        .time("constraints_not_validated", not_validated)
        .await
        .ok();
    HealthWindow {
        read_at: open.as_ref().and_then(|o| o.read_at),
        databases,
        oldest_tables,
        transactions: open.map(|o| o.transactions),
        hidden_sessions,
        prepared,
        vacuums,
        sequences: sequences(session, server, ledger).await,
        not_validated,
        prepared_blockers,
        bloat_left_out: bloat.as_ref().map_or(0, |b| b.left_out as u64),
        bloat: bloat.map(|b| b.measured),
        index_bloat: index_bloat.map(|b| b.measured),
        standbys: Vec::new(),
    }
}

async fn bloat_extension(session: &Session, ledger: &mut Ledger) -> Option<Extension> {
    let extensions = ledger.time("pg_extension", read_extensions(session)).await;
    let found = extensions.ok()?.remove(BLOAT);
    if found.is_none() {
        let reason = "the extension pgstattuple is not installed in this database: CREATE EXTENSION \
                      pgstattuple lets the free space of large tables and indexes be measured";
        ledger.note(BLOAT, Status::Skipped, reason);
    }
    found
}

async fn table_bloat(
    session: &Session,
    extension: &Extension,
    tables: &[TableFacts],
    ledger: &mut Ledger,
) -> Option<Bloat<TableBloat>> {
    let reading = pgstattuple::read(session, extension, tables);
    let bloat = ledger.time(BLOAT, reading).await.ok()?;
    note_left_out(&bloat, "tables", BLOAT, ledger);
    Some(bloat)
}

async fn index_bloats(
    session: &Session,
    extension: &Extension,
    indexes: &[IndexFacts],
    ledger: &mut Ledger,
) -> Option<Bloat<IndexBloat>> {
    let reading = pgstattuple::read_indexes(session, extension, indexes);
    let bloat = ledger.time(INDEX_BLOAT, reading).await.ok()?;
    note_left_out(&bloat, "indexes", INDEX_BLOAT, ledger);
    Some(bloat)
}

fn note_left_out<T>(bloat: &Bloat<T>, what: &str, collector: &'static str, ledger: &mut Ledger) {
    if bloat.left_out > 0 {
        let why = bloat.failure.as_ref();
        let why = why.map_or_else(|| "there was no time".to_owned(), ToString::to_string);
        let reason = format!("{} large {what} were not read: {why}", bloat.left_out);
        ledger.note(collector, Status::Partial, reason);
    }
}

async fn sequences(
    session: &Session,
    server: &Server,
    ledger: &mut Ledger,
) -> Option<Vec<Sequence>> {
    let read = ledger
        .time(SEQUENCES, pg_sequence::read(session, server))
        .await;
    let read = read.ok()?;
    if let Some(failure) = read.failure {
        let reason = format!("some values were not read: {failure}");
        ledger.note(SEQUENCES, Status::Partial, reason);
    }
    let unreadable = read.all.iter().filter(|s| !s.readable).count();
    if unreadable > 0 && !server.in_recovery {
        let role = super::pg_stat_statements::quote_ident(&server.privileges.role);
        let reason = format!(
            "the values of {unreadable} sequences may not be read by {role}: GRANT SELECT ON ALL \
             SEQUENCES IN SCHEMA … TO {role}, or GRANT pg_read_all_data TO {role} (14+)"
        );
        ledger.note(SEQUENCES, Status::Partial, reason);
    }
    Some(read.all)
}

/// Sessions that waited for a prepared transaction (process 0) in one of the last samples.
fn waiting_for_prepared(activity: Option<&ActivitySeries>) -> Vec<i32> {
    const LAST_SAMPLES: usize = 10;
    let samples = activity.iter().flat_map(|a| &a.samples).rev();
    let sessions = samples.take(LAST_SAMPLES).flat_map(|s| &s.sessions);
    let waiting: BTreeSet<i32> = sessions
        .filter(|s| s.blocked_by.contains(&0))
        .map(|s| s.pid)
        .collect();
    waiting.into_iter().collect()
}

/// The same of a standby: what runs there holds back the primary where the standby gives feedback.
pub(super) async fn read_standby(
    watch: &StandbyWatch,
    ledger: &mut Ledger,
) -> Option<StandbyTransactions> {
    let session = watch.link.current()?;
    let open = ledger.time("standby", open_transactions::read(session));
    let open = open.await.ok()?;
    Some(StandbyTransactions {
        node: watch.standby.name.clone(),
        application_name: watch.standby.application_name.clone(),
        read_at: open.read_at,
        transactions: open.transactions,
    })
}
