//! The sampler of `pg_stat_statements` and of the server's continuity: a chain of samples becomes
//! the deltas of a window.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::ledger::Ledger;
use super::link::Link;
use super::pg_stat_statements::{Source, Texts};
use super::texts::normalised;
use super::ticker::{Ticker, middle};
use crate::pg::{PgError, Session, read_life};
use crate::record::Millis;
use crate::record::server::{Disturbance, Server, ServerLife};
use crate::record::statements::{
    StatementAccumulator, StatementKey, StatementSample, StatementWindow,
};

const STATEMENTS: &str = "pg_stat_statements";
const LIFE: &str = "server_life";

/// Shortest interval between samples of all statements.
const SHORTEST: Duration = Duration::from_secs(1);
/// With an adaptive interval, reading takes at most one part in this many of the time (0.5 %).
const COST_SHARE: u32 = 200;
/// Interval between readings of the times of resets, which can cost more than everything else
/// that is read here; a lost connection and the closing sample bring the next reading forward.
const RESETS_INTERVAL: Duration = Duration::from_secs(10);
/// An entry may be evicted soon once the view is this full: texts are then read as they appear.
const NEARLY_FULL: f64 = 0.9;

/// The chain so far.
pub(super) struct Chain {
    source: Option<Source>,
    /// `pg_stat_statements.max`.
    max_entries: Option<u64>,
    /// The statistics of a database begin with a `stats_reset` (before 15), so that its first
    /// appearance is no reset.
    born_with_reset: bool,
    accumulator: StatementAccumulator,
    calls: HashMap<StatementKey, i64>,
    changed: BTreeSet<i64>,
    texts: Texts,
    last: Option<StatementSample>,
    evicting: bool,
    losses_seen: u64,
    /// Another server answers now: its counters are not a continuation.
    replaced: bool,
    pub(super) life: Vec<ServerLife>,
    pub(super) disturbances: Vec<Disturbance>,
    evicted_passes: i64,
    /// When the times of resets are read again, on the window's clock.
    resets_due: Duration,
    /// Durations of the last readings of all statements.
    costs: VecDeque<Duration>,
    pub(super) ledger: Ledger,
}

impl Chain {
    pub(super) fn new(source: Option<Source>, server: &Server) -> Self {
        let max_entries = server.setting("pg_stat_statements.max");
        Self {
            source,
            max_entries: max_entries.and_then(|max| max.parse().ok()),
            // The setting came with the statistics in shared memory.
            born_with_reset: server.setting("stats_fetch_consistency").is_none(),
            accumulator: StatementAccumulator::new(),
            calls: HashMap::new(),
            changed: BTreeSet::new(),
            texts: Texts::default(),
            last: None,
            evicting: false,
            losses_seen: 0,
            replaced: false,
            life: Vec::new(),
            disturbances: Vec::new(),
            evicted_passes: 0,
            resets_due: Duration::ZERO,
            costs: VecDeque::new(),
            ledger: Ledger::default(),
        }
    }

    /// Samples until the window ends; hands the link back for the closing sample.
    pub(super) async fn run(
        mut self,
        mut link: Link,
        interval: Option<Duration>,
        origin: Instant,
        stop: watch::Receiver<bool>,
    ) -> (Self, Link) {
        let mut ticker = Ticker::new(origin, interval.unwrap_or(SHORTEST), stop);
        // The opening sample was tick 0.
        ticker.set_next(1);
        while ticker.tick().await {
            self.tick(&mut link, origin).await;
            if interval.is_none() {
                ticker.set_interval(affordable(&self.costs));
            }
        }
        (self, link)
    }

    /// The closing sample, which misses no reset.
    pub(super) async fn last_tick(&mut self, link: &mut Link, origin: Instant) {
        self.resets_due = Duration::ZERO;
        self.tick(link, origin).await;
    }

    /// One sample: continuity first, then the numbers, so that a reset in between shows in the
    /// numbers and is explained by the next tick.
    pub(super) async fn tick(&mut self, link: &mut Link, origin: Instant) {
        if let Err(e) = link.session().await {
            self.ledger.failed(LIFE, &e);
        }
        // Before the sample, so that the interval that it ends is the gap.
        self.note_losses(link.losses());
        if let Some(session) = link.current()
            && let Err(e) = self.sample(session, origin).await
        {
            link.failed(&e);
            self.note_losses(link.losses());
        }
    }

    /// A lost connection is a gap, and it is said once.
    fn note_losses(&mut self, losses: u64) {
        if losses > self.losses_seen {
            self.losses_seen = losses;
            self.resets_due = Duration::ZERO;
            self.accumulator.mark_gap();
            self.disturbed(Disturbance::ConnectionLost);
        }
    }

    fn disturbed(&mut self, disturbance: Disturbance) {
        if !self.disturbances.contains(&disturbance) {
            self.disturbances.push(disturbance);
        }
    }

    async fn sample(&mut self, session: &Session, origin: Instant) -> Result<(), PgError> {
        let start = origin.elapsed();
        let before = self.life.last().filter(|_| start < self.resets_due);
        let asked = before.is_none();
        let mut life = self.ledger.time(LIFE, read_life(session, before)).await?;
        if asked {
            self.resets_due = start + RESETS_INTERVAL;
        }
        let life_at = middle(start, origin);
        if let Some(source) = self.source.clone() {
            let info = source.read_info(session);
            match self.ledger.time("pg_stat_statements_info", info).await {
                Ok(info) => {
                    life.statements_stats_reset = info.map(|i| i.stats_reset);
                    life.statements_dealloc = info.map(|i| i.dealloc);
                }
                Err(e) if e.is_connection_lost() => return Err(e),
                // Continuity is then judged by the numbers alone.
                Err(_) => {}
            }
        }
        let reset_at = self.continuity(&life, life_at);
        self.life.push(life);
        let Some(source) = self.source.clone() else {
            return Ok(());
        };
        let start = origin.elapsed();
        let sample = self.ledger.time(STATEMENTS, source.read(session)).await;
        self.costs
            .push_front(origin.elapsed().saturating_sub(start));
        self.costs.truncate(3);
        match sample {
            Ok(mut sample) => {
                sample.at = middle(start, origin);
                self.push(sample, reset_at);
                self.read_new_texts(&source, session).await;
                Ok(())
            }
            Err(e) => {
                self.accumulator.mark_gap();
                if e.is_connection_lost() {
                    Err(e)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Compares with the reading before. Returns the moment of a full reset, on the window's
    /// clock, if there was one since.
    fn continuity(&mut self, life: &ServerLife, at: Millis) -> Option<Millis> {
        let before = self.life.last()?;
        let mut found = life.disturbances_since(before);
        if self.born_with_reset && before.database_stats_reset.is_none() {
            found.retain(|d| *d != Disturbance::DatabaseStatsReset);
        }
        let restarted = life.postmaster_start_time != before.postmaster_start_time;
        if found.contains(&Disturbance::Failover) && restarted {
            self.replaced = true;
        }
        let mut reset_at = None;
        for disturbance in found {
            match disturbance {
                Disturbance::StatementsEvicted { passes } => {
                    self.evicted_passes += passes;
                    self.evicting = true;
                    continue;
                }
                Disturbance::StatementsReset => {
                    reset_at = life.statements_stats_reset.map(|reset| {
                        // Both on the server's clock, so that only their distance counts.
                        Millis(at.0 - life.at.duration_since(reset).as_secs_f64() * 1000.0)
                    });
                    self.accumulator.mark_gap();
                }
                Disturbance::Crash | Disturbance::Failover | Disturbance::ConnectionLost => {
                    self.accumulator.mark_gap();
                }
                Disturbance::DatabaseStatsReset | Disturbance::Restart => {}
            }
            self.disturbed(disturbance);
        }
        reset_at
    }

    fn push(&mut self, sample: StatementSample, reset_at: Option<Millis>) {
        if self.replaced {
            return;
        }
        if let (Some(last), Some(reset_at)) = (&self.last, reset_at)
            && reset_at.0 > last.at.0
            && reset_at.0 < sample.at.0
        {
            // At the moment of the reset the view was empty. Said as a sample, it makes what came
            // before end there and what comes after begin at zero.
            self.calls.clear();
            self.accumulator.push(StatementSample {
                at: reset_at,
                ..StatementSample::default()
            });
        }
        for row in &sample.rows {
            let before = self.calls.insert(row.key, row.counters.calls);
            if self.last.is_some() && before != Some(row.counters.calls) {
                self.changed.insert(row.key.queryid.0);
            }
        }
        let entries = sample.rows.len() as f64 + sample.hidden_rows as f64;
        if let Some(max) = self.max_entries
            && entries >= NEARLY_FULL * max as f64
        {
            self.evicting = true;
        }
        self.last = Some(sample.clone());
        self.accumulator.push(sample);
    }

    /// While entries may be evicted, a text is read as soon as its id appears.
    async fn read_new_texts(&mut self, source: &Source, session: &Session) {
        if self.evicting {
            self.read_texts(source, session).await;
        }
    }

    async fn read_texts(&mut self, source: &Source, session: &Session) {
        let new: Vec<i64> = self
            .changed
            .iter()
            .filter(|id| self.texts.get(**id).is_none())
            .copied()
            .collect();
        if new.is_empty() {
            return;
        }
        let texts = source.read_texts(session, &new);
        if let Ok(texts) = self.ledger.time("pg_stat_statements_text", texts).await {
            self.texts.extend(texts);
        }
    }

    /// Reads the texts that are still missing. Comes after the closing sample.
    pub(super) async fn finish_texts(&mut self, session: &Session) {
        if let Some(source) = self.source.clone() {
            self.read_texts(&source, session).await;
        }
    }

    /// Disturbances in the order in which they were seen, evictions added up.
    fn all_disturbances(&self) -> Vec<Disturbance> {
        let mut all = self.disturbances.clone();
        if self.evicted_passes > 0 {
            all.push(Disturbance::StatementsEvicted {
                passes: self.evicted_passes,
            });
        }
        all
    }

    /// The window. `own_ids` are statements that a session of dbperf was seen at.
    pub(super) fn finish(
        mut self,
        own_ids: &BTreeSet<i64>,
        end: Millis,
    ) -> (
        Option<StatementWindow>,
        Vec<ServerLife>,
        Vec<Disturbance>,
        Ledger,
    ) {
        let disturbances = self.all_disturbances();
        let window = self.last.take().and_then(|mut last| {
            if self.replaced {
                // What the other server counted is unknown: the rest of the window is a gap.
                last.at = end;
                self.accumulator.mark_gap();
                self.accumulator.push(last);
            }
            let texts = &self.texts;
            // What a text says goes before what a session of dbperf was seen at: others send it, too.
            let seen = |id: i64| own_ids.contains(&id) && texts.get(id).is_none();
            let mut window = self
                .accumulator
                .finish(|key| texts.is_own(key) || seen(key.queryid.0));
            let kept: BTreeSet<i64> = window.deltas.iter().map(|d| d.key.queryid.0).collect();
            window.texts = self
                .texts
                .iter()
                .filter(|(id, _)| kept.contains(id))
                .map(|(id, text)| (id, normalised(text)))
                .collect();
            self.source?
                .version()
                .clone_into(&mut window.extension_version);
            window.disturbances.clone_from(&disturbances);
            Some(window)
        });
        (window, self.life, disturbances, self.ledger)
    }
}

/// The interval at which reading keeps to its share of the time. The shortest of the last
/// readings counts: the others also waited for this machine.
fn affordable(costs: &VecDeque<Duration>) -> Duration {
    let cost = costs.iter().min().copied().unwrap_or_default();
    (cost * COST_SHARE).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_keeps_to_half_a_percent() {
        let ms = |list: &[u64]| list.iter().map(|m| Duration::from_millis(*m)).collect();
        assert_eq!(affordable(&ms(&[])), SHORTEST);
        assert_eq!(
            affordable(&ms(&[90, 3, 4])),
            SHORTEST,
            "one slow reading is noise"
        );
        assert_eq!(affordable(&ms(&[50, 40, 45])), Duration::from_secs(8));
    }
}
