//! What happened, by operation, by second, and in total.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::record::Millis;
use crate::record::load::{
    Arrival, Latency, LoadInterval, LoadResult, LoadSource, Operation, OperationParts,
    PercentileMethod, ReplayedStatement, Stage,
};
use crate::stats::LatencyHistogram;
use crate::workload::{Workload, WorkloadOperation};

use super::request::{self, Failure};
use super::trace::Trace;

/// Length of an interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// Records the requests of one window.
#[derive(Debug)]
pub(super) struct Recorder {
    opened: Option<(Instant, Timestamp)>,
    operations: Vec<Recorded>,
    intervals: Vec<Interval>,
    /// Failures by key, warm-up included.
    pub(super) failures: BTreeMap<String, u64>,
}

/// What is recorded of one operation.
#[derive(Debug)]
struct Recorded {
    name: String,
    requests: u64,
    failures: u64,
    latency: LatencyHistogram,
    errors: BTreeMap<String, u64>,
    pool_wait: Duration,
    statement_latency: Duration,
    held_idle: Duration,
    statements: Vec<ReplayedStatement>,
    /// Number of the file's own statements; the others are BEGIN, COMMIT and ROLLBACK.
    own: usize,
}

#[derive(Debug, Clone, Default)]
struct Interval {
    requests: Vec<u64>,
    failures: Vec<u64>,
    latency_total: Duration,
}

/// What the recorder cannot know itself.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) clients: u32,
    pub(super) ended: Instant,
    pub(super) ended_at: Timestamp,
    pub(super) cpu_ratio: Option<f64>,
    pub(super) saturated: Option<bool>,
    pub(super) warnings: Vec<String>,
}

impl Recorded {
    fn new(operation: &WorkloadOperation) -> Self {
        let statement = |name: &str, sql: &str| ReplayedStatement {
            name: name.to_owned(),
            sql: sql.to_owned(),
            ..ReplayedStatement::default()
        };
        let control = |sql: &str| statement(sql, sql);
        let own = operation
            .statements
            .iter()
            .map(|s| statement(&s.name, &s.sql));
        let mut statements = vec![control("BEGIN")];
        statements.extend(own);
        statements.extend([control("COMMIT"), control("ROLLBACK")]);
        Self {
            name: operation.name.clone(),
            requests: 0,
            failures: 0,
            latency: LatencyHistogram::new(),
            errors: BTreeMap::new(),
            pool_wait: Duration::ZERO,
            statement_latency: Duration::ZERO,
            held_idle: Duration::ZERO,
            statements,
            own: operation.statements.len(),
        }
    }

    fn into_operation(self) -> Operation {
        let own = request::slot(0)..request::slot(self.own);
        let statements = self.statements.into_iter().enumerate();
        let statements = statements
            .filter(|(slot, statement)| own.contains(slot) || statement.calls > 0)
            .map(|(_, statement)| statement);
        Operation {
            name: self.name,
            requests: self.requests,
            failures: self.failures,
            latency: Latency::from_histogram(self.latency),
            errors: self.errors,
            parts: Some(OperationParts {
                pool_wait: self.pool_wait.into(),
                statement_latency: self.statement_latency.into(),
                held_idle: self.held_idle.into(),
                statements: statements.collect(),
            }),
        }
    }
}

impl Recorder {
    pub(super) fn new(workload: &Workload) -> Self {
        Self {
            opened: None,
            operations: workload.operations.iter().map(Recorded::new).collect(),
            intervals: Vec::new(),
            failures: BTreeMap::new(),
        }
    }

    /// The window begins.
    pub(super) fn open(&mut self, now: Instant, at: Timestamp) {
        self.opened = Some((now, at));
    }

    /// Begin of the window.
    pub(super) fn opened(&self) -> Option<Instant> {
        self.opened.map(|(instant, _)| instant)
    }

    /// A request ended. It is recorded if it started in the window.
    pub(super) fn request(
        &mut self,
        operation: usize,
        started: Instant,
        ended: Instant,
        trace: &Trace,
        failure: Option<&Failure>,
    ) {
        let key = failure.map(Failure::key);
        if let Some(key) = &key {
            *self.failures.entry(key.clone()).or_default() += 1;
        }
        let Some(opened) = self.opened().filter(|opened| started >= *opened) else {
            return;
        };
        let latency = ended.saturating_duration_since(started);
        self.interval(
            ended.saturating_duration_since(opened),
            operation,
            latency,
            key.is_some(),
        );
        let Some(recorded) = self.operations.get_mut(operation) else {
            return;
        };
        recorded.requests += 1;
        recorded.latency.record(latency);
        if let Some(key) = key {
            recorded.failures += 1;
            *recorded.errors.entry(key).or_default() += 1;
        }
        let statement_latency = trace.statement_latency();
        recorded.pool_wait += trace.pool_wait;
        recorded.statement_latency += statement_latency;
        recorded.held_idle += trace.hold.saturating_sub(statement_latency);
        for executed in &trace.executed {
            if let Some(statement) = recorded.statements.get_mut(executed.slot) {
                statement.calls += 1;
                statement.rows += executed.rows;
                statement.latency.record(executed.latency);
            }
        }
    }

    fn interval(&mut self, at: Duration, operation: usize, latency: Duration, failed: bool) {
        let index = usize::try_from(at.as_secs() / INTERVAL.as_secs()).unwrap_or(usize::MAX);
        let operations = self.operations.len();
        let empty = || Interval {
            requests: vec![0; operations],
            failures: vec![0; operations],
            latency_total: Duration::ZERO,
        };
        while self.intervals.len() <= index {
            self.intervals.push(empty());
        }
        let interval = &mut self.intervals[index];
        interval.requests[operation] += 1;
        interval.failures[operation] += u64::from(failed);
        interval.latency_total += latency;
    }

    /// Everything as a load result.
    pub(super) fn finish(self, workload: &Workload, frame: Frame) -> LoadResult {
        let length = self
            .opened()
            .map(|opened| frame.ended.saturating_duration_since(opened));
        let intervals = self.load_intervals(length.unwrap_or_default(), frame.clients);
        let started_at = self.opened.map(|(_, at)| at);
        let operations = self.operations.into_iter().map(Recorded::into_operation);
        let operations: Vec<Operation> = operations.collect();
        let total = total(&operations);
        let stage = Stage {
            name: format!("{} clients", frame.clients),
            users: frame.clients,
            length: length.unwrap_or_default().into(),
            total: total.clone(),
        };
        LoadResult {
            source: LoadSource {
                tool: "dbperf replay".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                files: vec![workload.file.clone()],
                arrival: Arrival::Closed,
                percentile_method: PercentileMethod::Histogram,
                warnings: frame.warnings,
            },
            length: length.map(Millis::from),
            started_at,
            ended_at: Some(frame.ended_at),
            total,
            operations,
            intervals,
            stages: vec![stage],
            driver_saturated: frame.saturated,
            driver_cpu_ratio: frame.cpu_ratio,
        }
    }

    /// Seconds of the window; the last one ends with it. Seconds without any answer are there too.
    fn load_intervals(&self, length: Duration, clients: u32) -> Vec<LoadInterval> {
        let by_name = |counts: Option<&Vec<u64>>| -> BTreeMap<String, u64> {
            let counts = counts.into_iter().flatten();
            self.operations
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0)
                .map(|(operation, count)| (operation.name.clone(), *count))
                .collect()
        };
        let mut intervals = Vec::new();
        let mut from = Duration::ZERO;
        while from < length {
            let interval = self.intervals.get(intervals.len());
            let offset = i64::try_from(from.as_millis()).unwrap_or(i64::MAX);
            intervals.push(LoadInterval {
                started_at: self.opened.and_then(|(_, at)| {
                    at.checked_add(jiff::SignedDuration::from_millis(offset))
                        .ok()
                }),
                from: Some(from.into()),
                length: INTERVAL.min(length.saturating_sub(from)).into(),
                users: Some(clients),
                requests: by_name(interval.map(|i| &i.requests)),
                failures: by_name(interval.map(|i| &i.failures)),
                latency_total: Some(interval.map_or(Duration::ZERO, |i| i.latency_total).into()),
            });
            from += INTERVAL;
        }
        intervals
    }
}

/// All operations together. Statements stay with their operations.
fn total(operations: &[Operation]) -> Operation {
    let mut latency = LatencyHistogram::new();
    let mut errors = BTreeMap::new();
    let mut parts = OperationParts::default();
    for operation in operations {
        if let Some(histogram) = &operation.latency.histogram {
            latency.add(histogram);
        }
        for (key, count) in &operation.errors {
            *errors.entry(key.clone()).or_default() += count;
        }
        if let Some(mine) = &operation.parts {
            parts.pool_wait += mine.pool_wait;
            parts.statement_latency += mine.statement_latency;
            parts.held_idle += mine.held_idle;
        }
    }
    Operation {
        name: "Total".to_owned(),
        requests: operations.iter().map(|o| o.requests).sum(),
        failures: operations.iter().map(|o| o.failures).sum(),
        latency: Latency::from_histogram(latency),
        errors,
        parts: Some(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "-- operation: a\nSELECT 1;\n-- operation: b\n-- transaction\nSELECT 2;";

    fn at(zero: Instant, ms: u64) -> Instant {
        zero + Duration::from_millis(ms)
    }

    fn frame(ended: Instant) -> Frame {
        Frame {
            clients: 2,
            ended,
            ended_at: Timestamp::UNIX_EPOCH,
            cpu_ratio: Some(0.9),
            saturated: Some(true),
            warnings: Vec::new(),
        }
    }

    /// A request of `length` ms: 1 ms of pool wait, 1 ms idle, the rest in the statement.
    fn request(
        recorder: &mut Recorder,
        zero: Instant,
        op: usize,
        start: u64,
        length: u64,
        failure: Option<&Failure>,
    ) {
        let mut trace = Trace::new(at(zero, start));
        trace.begin_acquire(at(zero, start));
        trace.end_acquire(at(zero, start + 1), true);
        trace.begin_statement(at(zero, start + 2), request::slot(0));
        trace.end_statement(at(zero, start + length), 1);
        trace.close(at(zero, start + length));
        recorder.request(
            op,
            at(zero, start),
            at(zero, start + length),
            &trace,
            failure,
        );
    }

    #[test]
    fn requests_that_start_in_the_warm_up_are_left_out_and_failures_stay_in() {
        let workload = Workload::parse(TWO, "w.sql").unwrap();
        let mut recorder = Recorder::new(&workload);
        let zero = Instant::now();
        request(&mut recorder, zero, 0, 0, 50, None);
        recorder.open(at(zero, 100), Timestamp::UNIX_EPOCH);
        request(&mut recorder, zero, 0, 90, 30, None);
        request(&mut recorder, zero, 0, 100, 10, None);
        request(
            &mut recorder,
            zero,
            1,
            1200,
            20,
            Some(&Failure::StatementTimeout),
        );
        let load = recorder.finish(&workload, frame(at(zero, 2600)));
        assert_eq!(load.length, Some(Millis(2500.0)));
        assert_eq!((load.total.requests, load.total.failures), (2, 1));
        assert_eq!(load.total.errors["statement timeout"], 1);
        assert_eq!(load.total.latency.histogram.as_ref().unwrap().count(), 2);
        let parts = load.total.parts.unwrap();
        assert_eq!(
            (parts.pool_wait, parts.held_idle),
            (Millis(2.0), Millis(2.0))
        );
        assert_eq!(parts.statement_latency, Millis(26.0));
        assert_eq!(load.driver_saturated, Some(true));
        assert_eq!(load.stages[0].name, "2 clients");
        let statements = &load.operations[0].parts.as_ref().unwrap().statements;
        assert_eq!(
            (statements.len(), statements[0].calls, statements[0].rows),
            (1, 1, 1)
        );
    }

    #[test]
    fn intervals_cover_the_window_without_a_gap() {
        let workload = Workload::parse(TWO, "w.sql").unwrap();
        let mut recorder = Recorder::new(&workload);
        let zero = Instant::now();
        recorder.open(zero, Timestamp::UNIX_EPOCH);
        request(&mut recorder, zero, 0, 10, 10, None);
        request(&mut recorder, zero, 1, 2300, 10, None);
        let load = recorder.finish(&workload, frame(at(zero, 3500)));
        let shape: Vec<_> = load
            .intervals
            .iter()
            .map(|i| {
                (
                    i.from.unwrap().0,
                    i.length.0,
                    i.requests.values().sum::<u64>(),
                )
            })
            .collect();
        assert_eq!(
            shape,
            [
                (0.0, 1000.0, 1),
                (1000.0, 1000.0, 0),
                (2000.0, 1000.0, 1),
                (3000.0, 500.0, 0)
            ]
        );
        assert_eq!(load.intervals[2].started_at.unwrap().as_millisecond(), 2000);
    }
}
