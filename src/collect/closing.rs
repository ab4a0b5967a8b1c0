//! The end of a window: the closing sample, the facts, and what all of it becomes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::column_stats;
use super::cures::{self, statistics_in_shared_memory};
use super::ends::{self, End, Facts};
use super::health;
use super::ledger::Ledger;
use super::link::Link;
use super::nodes::{self, Nodes};
use super::observer::{LoadState, Observed};
use super::pg_stat_activity;
use super::replication::{Primary, StandbyWatch};
use super::statements::Chain;
use crate::pg::{OWN_PREFIX, REPLAY_APPLICATION_NAME, Session};
use crate::record::activity::ActivitySeries;
use crate::record::replication::{ReplicationWindow, SenderSample, Standby};
use crate::record::server::Server;
use crate::record::{Millis, Status};

/// How long backends of a replay may take to end after their connections were closed.
const REPLAY_END: Duration = Duration::from_secs(1);
const REPLAY_POLL: Duration = Duration::from_millis(20);
/// Between a client's good-bye and its backend's last counters (measured: a few milliseconds; ours).
const LAST_FLUSH: Duration = Duration::from_millis(150);
/// Before PostgreSQL 15 statistics are read from a file that may be this old, and a little more for
/// the collector to write it (`PGSTAT_STAT_INTERVAL`, 500 ms, in its pgstat.c).
const STALE_STATISTICS: Duration = Duration::from_millis(600);
/// How long a lost connection may take to come back for the closing sample.
const RECONNECT: Duration = Duration::from_secs(5);

/// What is known when the samplers have stopped.
pub(super) struct Closing {
    pub(super) origin: Instant,
    pub(super) server: Server,
    pub(super) window: Millis,
    pub(super) opening: End,
    pub(super) ledger: Ledger,
    pub(super) own_ids: BTreeSet<i64>,
    pub(super) load: LoadState,
}

impl Closing {
    /// The counters of tables, indexes and databases are published by a session when it ends, a
    /// moment after its client said good-bye.
    async fn await_last_counters(&self, link: &Link) {
        if let Some(session) = link.current() {
            await_end_of_replay(session).await;
        }
        tokio::time::sleep(LAST_FLUSH).await;
        if !statistics_in_shared_memory(&self.server) {
            tokio::time::sleep(STALE_STATISTICS).await;
        }
    }

    pub(super) async fn finish(
        mut self,
        main: Option<(Chain, Link)>,
        activity: Option<ActivitySeries>,
        primary: Option<Primary>,
        standbys: Vec<StandbyWatch>,
    ) -> Observed {
        let (mut last, mut facts, mut chain) = (End::default(), Facts::default(), None);
        let mut health = None;
        if let Some((mut statements, mut link)) = main {
            await_session(&mut link).await;
            // Statements are counted when they end, so this sample closes the window at once.
            statements.last_tick(&mut link, self.origin).await;
            if self.load == LoadState::Ended {
                self.await_last_counters(&link).await;
            }
            if let Some(session) = link.current() {
                last = End::read(session, self.origin, &mut self.ledger).await;
                facts = Facts::read(session, &mut self.ledger).await;
                let ledger = &mut self.ledger;
                facts.column_stats =
                    column_stats::read(session, &self.opening, &last, &facts, ledger).await;
                let reading =
                    health::read(session, &self.server, activity.as_ref(), &facts, ledger);
                health = Some(reading.await);
                statements.finish_texts(session).await;
            } else {
                self.ledger.note(
                    "closing_sample",
                    Status::Failed,
                    "the connection was lost and did not come back: nothing is known of the \
                     counters at the end of the window",
                );
            }
            link.close().await;
            chain = Some(statements);
        }
        cures::privileges(&self.server, facts.unreadable_tables, &mut self.ledger);

        let logical = std::mem::take(&mut facts.logical_senders);
        let (database, tables, mut indexes, slots) = ends::windows(self.opening, last, facts);
        let mut replication = ReplicationWindow {
            slots,
            ..ReplicationWindow::default()
        };
        let mut nodes = None;
        let looked = primary.is_some() || !standbys.is_empty();
        if let Some(primary) = primary {
            self.ledger.merge(primary.ledger);
            primary.link.close().await;
            if primary.senders_read_at.is_some() {
                let mut known = Nodes::default();
                known.expect(streaming(&primary.senders, &logical));
                nodes = Some(known);
            }
            note_hidden_senders(&primary.senders, &self.server, &mut self.ledger);
            replication.primary = primary.points;
            replication.senders = primary.senders;
            replication.senders_read_at = primary.senders_read_at;
        }
        for mut watch in standbys {
            watch.standby.name = told_apart(&watch.standby, &replication.standbys);
            self.ledger.merge(std::mem::take(&mut watch.ledger));
            watch.close_conflicts(&mut self.ledger).await;
            if !self.server.in_recovery {
                if let Some(health) = &mut health {
                    let there = health::read_standby(&watch, &mut self.ledger).await;
                    health.standbys.extend(there);
                }
                let (server, ledger) = (&self.server, &mut self.ledger);
                nodes::ask(&watch, server, nodes.as_mut(), &mut indexes, ledger).await;
            }
            watch.link.close().await;
            replication.standbys.push(watch.standby);
        }
        nodes::note_unasked(nodes, &mut indexes);

        let (statements, life, disturbances) = match chain {
            Some(chain) => {
                let end = Millis::from(self.origin.elapsed());
                let (window, life, disturbances, ledger) = chain.finish(&self.own_ids, end);
                self.ledger.merge(ledger);
                (window, life, disturbances)
            }
            None => (None, Vec::new(), Vec::new()),
        };
        let counted: Option<Millis> = statements
            .as_ref()
            .map(|s| &s.own)
            .filter(|own| !own.is_empty())
            .map(|own| own.iter().map(|d| d.counters.total_exec_time).sum());
        let own_exec = Some(counted.unwrap_or_else(|| self.ledger.total()));
        Observed {
            server: self.server,
            coverage: self.ledger.into_coverage(),
            life,
            disturbances,
            activity,
            statements,
            database,
            tables,
            indexes,
            replication: looked.then_some(replication),
            health,
            pgbouncer: None,
            window: self.window,
            own_exec,
        }
    }
}

/// A connection that was lost may come back for the closing sample.
async fn await_session(link: &mut Link) {
    let start = Instant::now();
    while start.elapsed() < RECONNECT && !link.has_given_up() {
        match link.session().await {
            Ok(Some(_)) => return,
            // The link itself keeps attempts apart.
            Ok(None) | Err(_) => tokio::time::sleep(REPLAY_POLL).await,
        }
    }
}

/// A backend publishes its last counters when it ends, which is a moment after its client closed
/// the connection.
async fn await_end_of_replay(session: &Session) {
    let start = Instant::now();
    while start.elapsed() < REPLAY_END {
        // The name is only compared with those of own sessions, which do not matter here.
        let Ok(reading) = pg_stat_activity::read(session, OWN_PREFIX).await else {
            return;
        };
        let replays = |name: &str| name.starts_with(REPLAY_APPLICATION_NAME);
        let ended = !reading.idle.keys().any(|name| replays(name))
            && !reading
                .sessions
                .iter()
                .any(|s| replays(&s.application_name));
        if ended {
            return;
        }
        tokio::time::sleep(REPLAY_POLL).await;
    }
}

/// Standbys that streamed at the last reading of the senders.
pub(super) fn streaming<'a>(
    senders: &'a [SenderSample],
    logical: &'a [i32],
) -> impl Iterator<Item = &'a SenderSample> {
    let last = senders.last().map(|s| s.at);
    senders
        .iter()
        .filter(move |s| Some(s.at) == last && nodes::can_be_asked(s) && !logical.contains(&s.pid))
}

/// The name of a standby, with its address where another has it, too: packages give every cluster of theirs one
/// `cluster_name`.
fn told_apart(standby: &Standby, others: &[Standby]) -> String {
    let Standby { name, address, .. } = standby;
    if others.iter().any(|other| other.name == *name) {
        return format!("{name} at {address}");
    }
    name.clone()
}

pub(super) fn note_hidden_senders(senders: &[SenderSample], server: &Server, ledger: &mut Ledger) {
    if senders.iter().any(|s| s.state.is_none()) {
        ledger.note(
            "pg_stat_replication",
            Status::Partial,
            format!(
                "positions and lags of standbys are hidden: {}",
                cures::grant_monitor(server)
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(at: f64, pid: i32, state: Option<&str>) -> SenderSample {
        SenderSample {
            at: Millis(at),
            pid,
            application_name: String::new(),
            client_addr: None,
            state: state.map(str::to_owned),
            sent_lsn: None,
            write_lsn: None,
            flush_lsn: None,
            replay_lsn: None,
            write_lag: None,
            flush_lag: None,
            replay_lag: None,
            sync_state: None,
            slot_type: None,
        }
    }

    #[test]
    fn standbys_are_those_that_stream_at_the_end_and_are_not_logical() {
        let senders = [
            sender(1.0, 10, Some("streaming")),
            sender(2.0, 11, Some("streaming")),
            sender(2.0, 12, Some("backup")),
            sender(2.0, 13, Some("streaming")),
            sender(2.0, 14, None),
        ];
        assert_eq!(streaming(&senders, &[13]).count(), 2);
        assert_eq!(streaming(&[], &[]).count(), 0);
    }
}
