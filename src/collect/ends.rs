//! Both ends of a window: the cumulative counters at the start and at the end, the catalogue's
//! facts once.

use std::collections::BTreeMap;
use std::time::Instant;

use super::ledger::Ledger;
use super::ticker::middle;
use super::{
    pg_class, pg_constraint, pg_index, pg_replication_slots, pg_stat_bgwriter,
    pg_stat_checkpointer, pg_stat_database, pg_stat_io, pg_stat_user_indexes, pg_stat_user_tables,
    pg_stat_wal, pg_statio_user_indexes, pg_statio_user_tables, pg_statistic_ext, relation_size,
};
use crate::pg::{PgError, Session};
use crate::record::database::{
    DatabaseWindow, StatBgwriter, StatCheckpointer, StatDatabase, StatIo, StatWal,
};
use crate::record::indexes::{ForeignKey, IndexFacts, IndexWindow, StatUserIndex, StatioUserIndex};
use crate::record::replication::Slot;
use crate::record::tables::{
    ExtendedStatistics, StatUserTable, StatioUserTable, TableFacts, TableWindow,
};
use crate::record::what_if::ColumnStats;
use crate::record::{Millis, Span, Status};

/// Rows of one view and when they were read.
type Reading<T> = Option<(Millis, Vec<T>)>;

/// The cumulative counters of one moment, each view in a transaction of its own.
#[derive(Debug, Default)]
pub(super) struct End {
    stat_user_indexes: Reading<StatUserIndex>,
    statio_user_indexes: Reading<StatioUserIndex>,
    stat_user_tables: Reading<StatUserTable>,
    statio_user_tables: Reading<StatioUserTable>,
    stat_database: Reading<StatDatabase>,
    stat_checkpointer: Reading<StatCheckpointer>,
    stat_bgwriter: Reading<StatBgwriter>,
    stat_wal: Reading<StatWal>,
    stat_io: Reading<StatIo>,
}

impl End {
    /// The end before which nothing was read, for counters that are read once: without rows, no difference can be
    /// made.
    pub(super) fn without_rows() -> Self {
        Self {
            stat_user_indexes: none(),
            statio_user_indexes: none(),
            stat_user_tables: none(),
            statio_user_tables: none(),
            stat_database: none(),
            stat_checkpointer: none(),
            stat_bgwriter: none(),
            stat_wal: none(),
            stat_io: none(),
        }
    }

    /// The counters of tables, where they were read.
    pub(super) fn tables(&self) -> &[StatUserTable] {
        let rows = self.stat_user_tables.as_ref();
        rows.map_or(&[], |(_, rows)| rows)
    }

    /// Reads every view. Indexes come first: reading plans or facts could add scans.
    pub(super) async fn read(session: &Session, origin: Instant, ledger: &mut Ledger) -> Self {
        macro_rules! view {
            ($name:ident) => {
                take(stringify!($name), $name::read(session), origin, ledger).await
            };
        }
        Self {
            stat_user_indexes: view!(pg_stat_user_indexes),
            statio_user_indexes: view!(pg_statio_user_indexes),
            stat_user_tables: view!(pg_stat_user_tables),
            statio_user_tables: view!(pg_statio_user_tables),
            stat_database: view!(pg_stat_database),
            stat_checkpointer: view!(pg_stat_checkpointer),
            stat_bgwriter: view!(pg_stat_bgwriter),
            stat_wal: view!(pg_stat_wal),
            stat_io: view!(pg_stat_io),
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a reading without rows, not one that failed"
)]
fn none<T>() -> Reading<T> {
    Some((Millis::default(), Vec::new()))
}

async fn take<T>(
    name: &'static str,
    reading: impl Future<Output = Result<Vec<T>, PgError>>,
    origin: Instant,
    ledger: &mut Ledger,
) -> Reading<T> {
    let start = origin.elapsed();
    let rows = ledger.time(name, reading).await.ok()?;
    Some((middle(start, origin), rows))
}

/// Both ends, or nothing where one of them is missing: then nothing is known of the window.
fn span<T>(first: Reading<T>, last: Reading<T>) -> Option<Span<T>> {
    let ((first_at, first), (last_at, last)) = (first?, last?);
    Some(Span {
        first_at,
        first,
        last_at,
        last,
    })
}

/// The catalogue's facts, read once.
#[derive(Debug, Default)]
pub(super) struct Facts {
    tables: Option<Vec<TableFacts>>,
    indexes: Option<Vec<IndexFacts>>,
    foreign_keys: Option<Vec<ForeignKey>>,
    extended_statistics: Option<Vec<ExtendedStatistics>>,
    /// What the planner knows of the columns that matter.
    pub(super) column_stats: Option<Vec<ColumnStats>>,
    /// Slots, and the processes of those that are logical.
    pub(super) slots: Option<Vec<Slot>>,
    pub(super) logical_senders: Vec<i32>,
    pub(super) unreadable_tables: u64,
}

impl Facts {
    pub(super) async fn read(session: &Session, ledger: &mut Ledger) -> Self {
        let sizes = ledger.time("relation_size", relation_size::read(session));
        let sizes = sizes.await.unwrap_or_else(|_| BTreeMap::new());
        let tables = ledger
            .time("pg_class", pg_class::read(session, &sizes))
            .await;
        let tables = tables.ok();
        let indexes = ledger
            .time("pg_index", pg_index::read(session, &sizes))
            .await;
        let keys = ledger
            .time("pg_constraint", pg_constraint::read(session))
            .await;
        let statistics = ledger
            .time("pg_statistic_ext", pg_statistic_ext::read(session))
            .await;
        let slots = ledger
            .time("pg_replication_slots", pg_replication_slots::read(session))
            .await
            .ok();
        let mut logical_senders = Vec::new();
        for slot in slots.iter().flatten().filter(|s| s.slot_type == "logical") {
            logical_senders.extend(slot.active_pid);
        }
        let facts = Self {
            unreadable_tables: tables.as_ref().map_or(0, |t| t.unreadable),
            tables: tables.map(|t| t.facts),
            indexes: indexes.ok(),
            foreign_keys: keys.ok(),
            extended_statistics: statistics.ok(),
            column_stats: None,
            slots,
            logical_senders,
        };
        facts.note_unsized(ledger);
        facts
    }

    /// The tables that were read.
    pub(super) fn tables(&self) -> &[TableFacts] {
        self.tables.as_deref().unwrap_or_default()
    }

    /// The indexes that were read.
    pub(super) fn indexes(&self) -> &[IndexFacts] {
        self.indexes.as_deref().unwrap_or_default()
    }

    /// Relations whose size is unknown, because they were locked.
    fn note_unsized(&self, ledger: &mut Ledger) {
        let tables = self.tables.iter().flatten();
        let indexes = self.indexes.iter().flatten();
        // Parents of partitions have no storage of their own.
        let unsized_count = tables
            .filter(|t| t.relkind != "p" && t.size_bytes.is_none())
            .count()
            + indexes
                .filter(|i| i.relkind != "I" && i.size_bytes.is_none())
                .count();
        if unsized_count > 0 {
            let reason = format!(
                "{unsized_count} relations have no size: they were under an exclusive lock, or \
                 new, or the reading failed"
            );
            ledger.note("relation_size", Status::Partial, reason);
        }
    }
}

/// What the two ends and the facts become.
pub(super) fn windows(
    first: End,
    last: End,
    facts: Facts,
) -> (DatabaseWindow, TableWindow, IndexWindow, Option<Vec<Slot>>) {
    let database = DatabaseWindow {
        stat_database: span(first.stat_database, last.stat_database),
        stat_checkpointer: span(first.stat_checkpointer, last.stat_checkpointer),
        stat_bgwriter: span(first.stat_bgwriter, last.stat_bgwriter),
        stat_wal: span(first.stat_wal, last.stat_wal),
        stat_io: span(first.stat_io, last.stat_io),
    };
    let tables = TableWindow {
        stat_user_tables: span(first.stat_user_tables, last.stat_user_tables),
        statio_user_tables: span(first.statio_user_tables, last.statio_user_tables),
        facts: facts.tables,
        extended_statistics: facts.extended_statistics,
        column_stats: facts.column_stats,
    };
    let indexes = IndexWindow {
        stat_user_indexes: span(first.stat_user_indexes, last.stat_user_indexes),
        statio_user_indexes: span(first.statio_user_indexes, last.statio_user_indexes),
        facts: facts.indexes,
        foreign_keys: facts.foreign_keys,
        slots_away: away(facts.slots.as_deref().unwrap_or_default()),
        ..IndexWindow::default()
    };
    (database, tables, indexes, facts.slots)
}

/// Names of the slots whose standbys are not connected.
fn away(slots: &[Slot]) -> Vec<String> {
    let away = slots.iter().filter(|slot| slot.is_away());
    away.map(|slot| slot.slot_name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_end_alone_is_not_a_window() {
        let end = || Some((Millis(1.0), vec![1]));
        assert!(span(end(), None).is_none());
        assert!(span(None, end()).is_none());
        assert_eq!(span(end(), end()).unwrap().first, [1]);
    }

    #[test]
    fn a_physical_slot_that_nobody_uses_is_away() {
        let slot = |name: &str, kind: &str, active| Slot {
            slot_name: name.to_owned(),
            slot_type: kind.to_owned(),
            active,
            restart_lsn: None,
            wal_status: None,
            safe_wal_size: None,
            database: None,
            active_pid: None,
            xmin_age: None,
            catalog_xmin_age: None,
            inactive_since: None,
        };
        let slots = [
            slot("here", "physical", true),
            slot("gone", "physical", false),
            slot("subscriber", "logical", false),
        ];
        assert_eq!(away(&slots), ["gone"]);
    }
}
