//! What the server counted over a block: the second witness beside the clients' clocks.

use std::collections::{BTreeMap, BTreeSet};

use crate::collect::pg_stat_statements::Source;
use crate::pg::{Session, read_extensions};
use crate::record::Millis;
use crate::record::proof::ServerWork;
use crate::record::statements::{StatementCounters, StatementKey};

/// Reads `pg_stat_statements` of one database, as far as the workload's statements go.
pub(super) struct Witness {
    source: Option<Source>,
    database_oid: u32,
    ids: BTreeSet<i64>,
}

/// One reading.
pub(super) struct Reading(BTreeMap<StatementKey, ServerWork>);

impl Witness {
    /// `ids` are those of the statements that the window has seen. Without the extension there is no witness.
    pub(super) async fn new(session: &Session, database_oid: u32, ids: BTreeSet<i64>) -> Self {
        let extensions = read_extensions(session).await.unwrap_or_default();
        let source = extensions.get("pg_stat_statements").and_then(Source::new);
        Self {
            source: source.filter(|_| !ids.is_empty()),
            database_oid,
            ids,
        }
    }

    /// Reads; `None` where it cannot.
    pub(super) async fn read(&self, session: &Session) -> Option<Reading> {
        let sample = self.source.as_ref()?.read(session).await.ok()?;
        let mine = sample.rows.into_iter().filter(|row| {
            row.key.dbid == self.database_oid && self.ids.contains(&row.key.queryid.0)
        });
        Some(Reading(
            mine.map(|row| (row.key, work(&row.counters))).collect(),
        ))
    }
}

fn work(counters: &StatementCounters) -> ServerWork {
    ServerWork {
        calls: counters.calls,
        exec: counters.total_exec_time,
        blocks: counters.shared_blks_hit + counters.shared_blks_read,
        wal_bytes: counters.wal_bytes,
    }
}

impl Reading {
    /// What was done since an earlier reading; `None` if an entry was lost or reset in between.
    pub(super) fn since(&self, earlier: &Self) -> Option<ServerWork> {
        let mut sum = ServerWork::default();
        for (key, before) in &earlier.0 {
            let after = self.0.get(key)?;
            if after.calls < before.calls {
                return None;
            }
        }
        for (key, after) in &self.0 {
            let before = earlier.0.get(key).copied().unwrap_or_default();
            sum.calls += after.calls - before.calls;
            sum.exec = Millis(sum.exec.0 + after.exec.0 - before.exec.0);
            sum.blocks += after.blocks - before.blocks;
            sum.wal_bytes += after.wal_bytes - before.wal_bytes;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::QueryId;

    fn reading(rows: &[(i64, i64, f64)]) -> Reading {
        let rows = rows.iter().map(|(id, calls, exec)| {
            let key = StatementKey {
                userid: 10,
                dbid: 5,
                queryid: QueryId(*id),
                toplevel: Some(true),
            };
            let work = ServerWork {
                calls: *calls,
                exec: Millis(*exec),
                ..ServerWork::default()
            };
            (key, work)
        });
        Reading(rows.collect())
    }

    #[test]
    fn only_what_came_in_between_counts_and_a_loss_is_no_witness() {
        let before = reading(&[(1, 10, 100.0)]);
        let after = reading(&[(1, 15, 130.0), (2, 1, 7.0)]);
        let work = after.since(&before).unwrap();
        assert_eq!((work.calls, work.exec), (6, Millis(37.0)));
        assert_eq!(before.since(&after), None, "an entry is gone");
        assert_eq!(reading(&[(1, 3, 1.0)]).since(&before), None, "it was reset");
    }
}
