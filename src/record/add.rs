//! Results of the same workload added: histograms and counters without loss.

use std::collections::BTreeMap;

use super::Millis;
use super::load::{
    DriverRecord, Latency, LoadResult, Operation, OperationParts, ReplayedStatement, RequestPhases,
    Stage,
};
use super::pool::{AcquireCounters, PoolGauge, PoolRecord};

/// Adds counts by name.
pub(super) fn add_counts(mine: &mut BTreeMap<String, u64>, theirs: &BTreeMap<String, u64>) {
    for (name, count) in theirs {
        *mine.entry(name.clone()).or_default() += count;
    }
}

/// The sum of what is known of both; not known of one is not known of both.
pub(super) fn both<T>(a: Option<T>, b: Option<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    Some(join(a?, b?))
}

/// True if one is, else not known if one is not known.
pub(super) fn any(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

impl Latency {
    /// All latencies of both. Percentiles that came without their latencies cannot be added, and are gone.
    pub fn add(&mut self, other: &Self) {
        *self = match (self.histogram.take(), &other.histogram) {
            (Some(mut mine), Some(theirs)) => {
                mine.add(theirs);
                Self::from_histogram(mine)
            }
            _ => Self::default(),
        };
    }
}

impl Operation {
    /// Adds what was done of the same operation elsewhere or later.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        if self.failures_untold.is_none() {
            self.failures_untold.clone_from(&other.failures_untold);
        }
        self.skipped += other.skipped;
        self.latency.add(&other.latency);
        add_counts(&mut self.errors, &other.errors);
        if let Some(lag) = &other.schedule_lag {
            self.schedule_lag.get_or_insert_default().add(lag);
        }
        if let Some(phases) = &other.phases {
            self.phases.get_or_insert_default().add(phases);
        }
        for (name, theirs) in &other.server_timing {
            let mine = self.server_timing.entry(name.clone()).or_default();
            mine.requests += theirs.requests;
            mine.total += theirs.total;
        }
        if let Some(theirs) = &other.by_latency {
            self.by_latency.get_or_insert_default().add(theirs);
        }
        self.parts = match (self.parts.take(), &other.parts) {
            (Some(mut mine), Some(theirs)) => {
                mine.add(theirs);
                Some(mine)
            }
            _ => None,
        };
    }
}

impl RequestPhases {
    /// Adds the phases of other requests. A phase that one of the two does not tell is not known of both.
    pub fn add(&mut self, other: &Self) {
        if self.requests == 0 {
            self.clone_from(other);
            return;
        }
        if other.requests == 0 {
            return;
        }
        let sum = |mine: &mut Option<Millis>, theirs: Option<Millis>| {
            *mine = both(*mine, theirs, |a, b| Millis(a.0 + b.0));
        };
        self.requests += other.requests;
        sum(&mut self.blocked, other.blocked);
        sum(&mut self.dns, other.dns);
        sum(&mut self.connecting, other.connecting);
        sum(&mut self.tls, other.tls);
        sum(&mut self.sending, other.sending);
        sum(&mut self.waiting, other.waiting);
        sum(&mut self.receiving, other.receiving);
        let shortest = [self.round_trip, other.round_trip];
        let shortest = shortest.into_iter().flatten().map(|m| m.0);
        self.round_trip = shortest.reduce(f64::min).map(Millis);
    }
}

impl OperationParts {
    /// Adds sums, and statements by name and text.
    pub fn add(&mut self, other: &Self) {
        self.schedule_lag += other.schedule_lag;
        self.pool_wait += other.pool_wait;
        self.statement_latency += other.statement_latency;
        self.held_idle += other.held_idle;
        for theirs in &other.statements {
            let same = |s: &&mut ReplayedStatement| s.name == theirs.name && s.sql == theirs.sql;
            match self.statements.iter_mut().find(same) {
                None => self.statements.push(theirs.clone()),
                Some(mine) => {
                    mine.calls += theirs.calls;
                    mine.rows += theirs.rows;
                    mine.latency.add(&theirs.latency);
                }
            }
        }
    }
}

impl AcquireCounters {
    /// Adds every counter; the identity of the type goes on to hold.
    pub fn add(&mut self, other: &Self) {
        self.acquires += other.acquires;
        self.immediate += other.immediate;
        self.waited += other.waited;
        self.timed_out += other.timed_out;
        self.cancelled += other.cancelled;
        self.failed += other.failed;
    }
}

impl PoolRecord {
    /// Adds counters, histograms and sums of times, and nothing that has a place in time.
    pub(super) fn add_counts(&mut self, other: &Self) {
        self.counters.add(&other.counters);
        self.permit_wait.add(&other.permit_wait);
        self.connect.add(&other.connect);
        self.recycle.add(&other.recycle);
        self.lease.add(&other.lease);
        self.held_idle.add(&other.held_idle);
        self.acquire_total += other.acquire_total;
        self.lease_total += other.lease_total;
        self.held_idle_total += other.held_idle_total;
        self.returning_total += other.returning_total;
    }

    /// The time integral of connections in use.
    pub(super) fn in_use_ms(&self) -> f64 {
        self.in_use_mean * self.length.0
    }

    /// Adds a later window of the same pool; the time between the windows is left out.
    pub fn follow(&mut self, later: &Self) {
        self.add_counts(later);
        let in_use = self.in_use_ms() + later.in_use_ms();
        let before = self.length;
        self.length += later.length;
        let begun = self.begun.zip(later.begun);
        self.begun = begun.map(|(mine, theirs)| mine + theirs);
        if self.length.0 > 0.0 {
            self.in_use_mean = in_use / self.length.0;
        }
        self.in_use_max = self.in_use_max.max(later.in_use_max);
        self.clients = self.clients.max(later.clients);
        self.gauges
            .extend(later.gauges.iter().map(|gauge| PoolGauge {
                at: gauge.at + before,
                ..*gauge
            }));
    }
}

impl DriverRecord {
    /// The record of both times together, of lengths `mine` and `theirs`.
    fn follow(&mut self, mine: Millis, later: &Self, theirs: Millis) {
        let all = mine.0 + theirs.0;
        let mean = |a: f64, b: f64| (a * mine.0 + b * theirs.0) / all;
        self.threads = self.threads.max(later.threads);
        self.cpu_ratio = both(self.cpu_ratio, later.cpu_ratio, mean);
        self.run_delay_ratio = both(self.run_delay_ratio, later.run_delay_ratio, mean);
        self.free_cores = both(self.free_cores, later.free_cores, mean);
        self.late_p95 = both(self.late_p95, later.late_p95, |a, b| Millis(a.0.max(b.0)));
    }
}

impl LoadResult {
    /// Adds a later result of the same load; the time between the two is left out of the length.
    pub fn follow(&mut self, later: &Self) {
        let (mine, theirs) = (
            self.length.unwrap_or_default(),
            later.length.unwrap_or_default(),
        );
        self.total.add(&later.total);
        self.add_operations(later);
        for (stage, other) in self.stages.iter_mut().zip(&later.stages) {
            stage.length += other.length;
            stage.total.add(&other.total);
        }
        self.intervals.extend(later.intervals.iter().cloned());
        self.length = both(self.length, later.length, |a, b| a + b);
        self.ended_at = later.ended_at;
        self.driver_saturated = any(self.driver_saturated, later.driver_saturated);
        self.driver = match (self.driver.take(), &later.driver) {
            (Some(mut driver), Some(other)) => {
                driver.follow(mine, other, theirs);
                Some(driver)
            }
            _ => None,
        };
        self.driver_cpu_ratio = self.driver.as_ref().and_then(|driver| driver.cpu_ratio);
        self.add_warnings(later);
    }

    /// Adds operations by name.
    pub(super) fn add_operations(&mut self, other: &Self) {
        for theirs in &other.operations {
            match self
                .operations
                .iter_mut()
                .find(|mine| mine.name == theirs.name)
            {
                Some(mine) => mine.add(theirs),
                None => self.operations.push(theirs.clone()),
            }
        }
    }

    /// Keeps every warning once.
    pub(super) fn add_warnings(&mut self, other: &Self) {
        for warning in &other.source.warnings {
            if !self.source.warnings.contains(warning) {
                self.source.warnings.push(warning.clone());
            }
        }
    }
}

impl Stage {
    /// Adds the same stage of another machine, which had its own part of the load.
    pub(super) fn add_alongside(&mut self, other: &Self) {
        self.length = Millis(self.length.0.max(other.length.0));
        let users = self.users + other.users;
        let rate = both(self.rate_per_sec, other.rate_per_sec, |a, b| a + b);
        // A load of one stage is named by its level, which is that of one machine.
        for (mine, all) in [
            (
                format!("{} clients", self.users),
                format!("{users} clients"),
            ),
            (
                self.rate_per_sec
                    .map_or_else(String::new, |rate| format!("{rate}/s")),
                rate.map_or_else(String::new, |rate| format!("{rate}/s")),
            ),
        ] {
            if self.name == mine {
                self.name = all;
            }
        }
        (self.users, self.rate_per_sec) = (users, rate);
        self.total.add(&other.total);
    }
}
