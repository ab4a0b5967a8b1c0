//! What `PgBouncer` says of itself over the window.
//!
//! Columns keep `PgBouncer`'s own names; one that its version does not have is absent. Its times are
//! microseconds, and **its query and transaction times begin at the client's request**, so that they
//! hold the wait for a server connection. The wait is added when a server connection is assigned:
//! who still waits is seen in the gauges of the pools only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Millis;

/// `PgBouncer` over the window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PgBouncerWindow {
    /// Address without secrets.
    pub address: String,
    /// dbperf started it itself and sent the replay through it.
    pub lab: bool,
    /// `SHOW VERSION`, such as `PgBouncer 1.18.0`.
    pub version: Option<String>,
    /// The settings of `SHOW CONFIG` that limit connections and waits.
    pub config: BTreeMap<String, String>,
    /// `SHOW DATABASES`, at the end of the window where it could be read then.
    pub databases: Vec<DatabaseRow>,
    /// Interval of the samples.
    pub interval: Millis,
    /// Readings over time, the last one after the load had ended.
    pub samples: Vec<Sample>,
    /// Readings that were due and could not be taken.
    pub missed: u64,
    /// How often the connection to the console was lost.
    pub losses: u64,
}

/// One reading.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Since the start of the window, at the middle of the round trip that read `stats`.
    pub at: Millis,
    /// `SHOW POOLS`.
    pub pools: Vec<PoolRow>,
    /// `SHOW STATS`.
    pub stats: Vec<StatsRow>,
}

/// One row of `SHOW DATABASES`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of SHOW DATABASES under their own names"
)]
pub struct DatabaseRow {
    pub name: String,
    pub pool_size: Option<u64>,
    /// `reserve_pool` before 1.24.
    pub reserve_pool_size: Option<u64>,
    /// `None` means the pooler's own mode.
    pub pool_mode: Option<String>,
    /// Server connections; 0 means no limit.
    pub max_connections: Option<u64>,
    pub current_connections: Option<u64>,
}

/// One row of `SHOW POOLS`: a pool of one user on one database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of SHOW POOLS under their own names"
)]
pub struct PoolRow {
    pub database: String,
    pub user: String,
    pub cl_active: u64,
    pub cl_waiting: u64,
    pub sv_active: u64,
    pub sv_idle: u64,
    pub sv_used: u64,
    pub sv_tested: u64,
    pub sv_login: u64,
    /// Whole seconds that the oldest waiting client has waited.
    pub maxwait: u64,
    /// Microseconds to be added to `maxwait`.
    pub maxwait_us: u64,
    pub pool_mode: Option<String>,
}

impl PoolRow {
    /// How long the oldest waiting client has waited.
    #[must_use]
    pub fn longest_wait(&self) -> Millis {
        Millis(self.maxwait as f64 * 1000.0 + micros(self.maxwait_us).0)
    }

    /// Queries on their way: served or waiting. Outside session mode a connection is in use only
    /// within a transaction, so this takes a client that pauses there for one that waits for an answer.
    #[must_use]
    pub fn on_their_way(&self) -> u64 {
        self.sv_active + self.cl_waiting
    }

    /// Server connections that are open and not in use.
    #[must_use]
    pub fn servers_free(&self) -> u64 {
        self.sv_idle + self.sv_used + self.sv_tested
    }
}

/// One row of `SHOW STATS`: the counters of one database since the pooler started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of SHOW STATS under their own names"
)]
pub struct StatsRow {
    pub database: String,
    pub total_xact_count: u64,
    pub total_query_count: u64,
    pub total_received: u64,
    pub total_sent: u64,
    /// Microseconds, waits included.
    pub total_xact_time: u64,
    /// Microseconds, waits included.
    pub total_query_time: u64,
    /// Microseconds, of clients that were assigned a server connection.
    pub total_wait_time: u64,
    /// 1.23.
    pub total_server_assignment_count: Option<u64>,
    /// 1.24.
    pub total_client_parse_count: Option<u64>,
    /// 1.24.
    pub total_server_parse_count: Option<u64>,
    /// 1.24.
    pub total_bind_count: Option<u64>,
    /// 1.26.
    pub total_client_login_count: Option<u64>,
}

impl StatsRow {
    /// A counter is smaller than before: the pooler began anew.
    fn fell_below(&self, before: &Self) -> bool {
        self.total_xact_count < before.total_xact_count
            || self.total_query_count < before.total_query_count
            || self.total_query_time < before.total_query_time
            || self.total_xact_time < before.total_xact_time
            || self.total_wait_time < before.total_wait_time
    }

    fn totals(&self) -> Totals {
        Totals {
            transactions: self.total_xact_count as f64,
            queries: self.total_query_count as f64,
            transaction_time: micros(self.total_xact_time),
            query_time: micros(self.total_query_time),
            wait_time: micros(self.total_wait_time),
            assignments: self.total_server_assignment_count.map(|n| n as f64),
        }
    }
}

/// What a database's counters grew by. Counts have fractions where the growth is taken between two
/// samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Transactions that ended.
    pub transactions: f64,
    /// Queries: everything that a client sends up to the next time it waits for an answer.
    pub queries: f64,
    /// Σ length of transactions, waits included.
    pub transaction_time: Millis,
    /// Σ time of queries, waits included.
    pub query_time: Millis,
    /// Σ wait for a server connection.
    pub wait_time: Millis,
    /// Assignments of a server connection (1.23).
    pub assignments: Option<f64>,
}

impl Totals {
    fn each(self, other: Self, with: impl Fn(f64, f64) -> f64) -> Self {
        let ms = |a: Millis, b: Millis| Millis(with(a.0, b.0));
        Self {
            transactions: with(self.transactions, other.transactions),
            queries: with(self.queries, other.queries),
            transaction_time: ms(self.transaction_time, other.transaction_time),
            query_time: ms(self.query_time, other.query_time),
            wait_time: ms(self.wait_time, other.wait_time),
            assignments: match (self.assignments, other.assignments) {
                (Some(a), Some(b)) => Some(with(a, b)),
                _ => None,
            },
        }
    }
}

/// Growth of one database's counters since the first sample, at each later one. It never falls.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Growth {
    points: Vec<(Millis, Totals)>,
    /// How often the counters began anew. What was counted between the reading before and that moment
    /// is lost.
    pub resets: u64,
}

impl Growth {
    /// Growth from `from` to `to`. The beginning is interpolated between two samples, because load was
    /// there before and after; the end is the first sample at or after `to`, because with the load the
    /// counters stop. `None` without two samples.
    #[must_use]
    pub fn between(&self, from: Millis, to: Millis) -> Option<Totals> {
        let (_, last) = self.points.last().filter(|_| self.points.len() > 1)?;
        let end = self.points.iter().find(|(at, _)| *at >= to);
        let end = end.map_or(last, |(_, totals)| totals);
        Some(end.each(self.at(from)?, |end, begin| (end - begin).max(0.0)))
    }

    /// Growth over all samples.
    #[must_use]
    pub fn whole(&self) -> Option<Totals> {
        self.between(Millis(f64::MIN), Millis(f64::MAX))
    }

    fn at(&self, at: Millis) -> Option<Totals> {
        let later = self.points.iter().position(|(t, _)| *t >= at);
        let Some(later) = later else {
            return self.points.last().map(|(_, totals)| *totals);
        };
        let (t1, second) = self.points[later];
        let Some((t0, first)) = later.checked_sub(1).map(|i| self.points[i]) else {
            return Some(second);
        };
        let part = if t1 > t0 {
            (at - t0).0 / (t1 - t0).0
        } else {
            1.0
        };
        Some(first.each(second, |a, b| a + (b - a) * part))
    }
}

impl PgBouncerWindow {
    /// Names of the databases that were counted in any sample.
    #[must_use]
    pub fn database_names(&self) -> BTreeSet<&str> {
        let rows = self.samples.iter().flat_map(|s| &s.stats);
        rows.map(|row| row.database.as_str()).collect()
    }

    /// Growth of one database's counters.
    #[must_use]
    pub fn growth(&self, database: &str) -> Growth {
        let mut growth = Growth::default();
        let mut sum = Totals {
            assignments: Some(0.0),
            ..Totals::default()
        };
        let mut before: Option<&StatsRow> = None;
        for (i, sample) in self.samples.iter().enumerate() {
            let row = sample.stats.iter().find(|row| row.database == database);
            if let (Some(row), 1..) = (row, i) {
                // A database appears with its first client, with everything counted from zero.
                let fell = before.is_some_and(|before| row.fell_below(before));
                growth.resets += u64::from(fell);
                let since = match before {
                    Some(before) if !fell => row.totals().each(before.totals(), |a, b| a - b),
                    _ => row.totals(),
                };
                sum = sum.each(since, |a, b| a + b);
            }
            before = row.or(before);
            growth.points.push((sample.at, sum));
        }
        growth
    }
}

fn micros(n: u64) -> Millis {
    Millis(n as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(counts: &[(f64, Option<u64>)]) -> PgBouncerWindow {
        let sample = |(at, queries): &(f64, Option<u64>)| Sample {
            at: Millis(*at),
            pools: Vec::new(),
            stats: queries
                .iter()
                .map(|n| StatsRow {
                    database: "d".to_owned(),
                    total_query_count: *n,
                    total_query_time: n * 2000,
                    ..StatsRow::default()
                })
                .collect(),
        };
        PgBouncerWindow {
            samples: counts.iter().map(sample).collect(),
            ..PgBouncerWindow::default()
        }
    }

    fn whole(counts: &[(f64, Option<u64>)]) -> (f64, f64, u64) {
        let growth = window(counts).growth("d");
        let all = growth.whole().unwrap();
        (all.queries, all.query_time.0, growth.resets)
    }

    #[test]
    fn growth_is_the_last_counter_less_the_first() {
        let samples = [(0.0, Some(10)), (500.0, Some(14)), (1000.0, Some(20))];
        assert_eq!(whole(&samples), (10.0, 20.0, 0));
    }

    #[test]
    fn a_database_that_appears_later_counts_from_zero() {
        assert_eq!(whole(&[(0.0, None), (500.0, Some(4))]), (4.0, 8.0, 0));
    }

    #[test]
    fn a_restart_is_counted_and_nothing_becomes_negative() {
        let samples = [(0.0, Some(10)), (500.0, Some(14)), (1000.0, Some(3))];
        assert_eq!(whole(&samples), (7.0, 14.0, 1));
        let gone_meanwhile = [(0.0, Some(10)), (500.0, None), (1000.0, Some(3))];
        assert_eq!(whole(&gone_meanwhile), (3.0, 6.0, 1));
    }

    #[test]
    fn the_beginning_is_interpolated_and_the_end_waits_for_the_last_answers() {
        let growth = window(&[
            (0.0, Some(0)),
            (500.0, Some(100)),
            (1000.0, Some(200)),
            (1500.0, Some(210)),
            (2000.0, Some(210)),
        ])
        .growth("d");
        let part = growth.between(Millis(250.0), Millis(1100.0)).unwrap();
        assert!((part.queries - 160.0).abs() < 1e-9);
        assert_eq!(part.assignments, None, "before 1.23");
        assert_eq!(window(&[(0.0, Some(1))]).growth("d").whole(), None);
    }

    #[test]
    fn the_longest_wait_has_two_columns() {
        let row = PoolRow {
            maxwait: 2,
            maxwait_us: 250_000,
            ..PoolRow::default()
        };
        assert_eq!(row.longest_wait(), Millis(2250.0));
    }
}
