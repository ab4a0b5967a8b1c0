//! What happened on one thread of the driver, by operation, by second, by stage; threads add up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::record::Millis;
use crate::record::load::{
    Arrival, DriverRecord, FailuresTimed, LoadInterval, LoadResult, LoadSource, Omission,
    Operation, PercentileMethod, Stage,
};
use crate::stats::LatencyHistogram;

use super::detail::{Detail, Statements};
use super::failure::Failure;
use super::totals::{Totals, total};

/// Length of an interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// A stage of the load, as far as the recorder has to know it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StageFrame {
    pub(super) name: String,
    pub(super) users: u32,
    pub(super) rate_per_sec: Option<f64>,
    /// End since the begin of the window.
    pub(super) end: Duration,
}

/// The moments of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    /// When it should have started; `None` in a closed loop.
    pub(super) due: Option<Instant>,
    pub(super) started: Instant,
    pub(super) ended: Instant,
}

impl Moments {
    /// The moment from which its latency counts, and which decides where it belongs.
    fn from(&self) -> Instant {
        self.due.unwrap_or(self.started)
    }
}

/// Records the requests of one window on one thread.
#[derive(Debug)]
pub(super) struct Recorder<D = Statements> {
    operations: Vec<Recorded<D>>,
    intervals: Vec<Interval>,
    stages: Vec<RecordedStage>,
    /// Failures by key, warm-up included.
    pub(super) failures: BTreeMap<String, u64>,
}

/// What is recorded of one operation.
#[derive(Debug)]
struct Recorded<D> {
    total: Totals,
    detail: D,
    /// See [`Detail::is_pushed`].
    pushed: bool,
}

#[derive(Debug, Clone)]
struct RecordedStage {
    frame: StageFrame,
    total: Totals,
}

#[derive(Debug, Clone, Default)]
struct Interval {
    requests: Vec<u64>,
    failures: Vec<u64>,
    latency_total: Duration,
}

/// What the recorder cannot know itself.
pub(super) struct Frame {
    /// The command.
    pub(super) tool: &'static str,
    pub(super) file: String,
    pub(super) arrival: Arrival,
    pub(super) opened: Option<(Instant, Timestamp)>,
    pub(super) ended: Instant,
    pub(super) ended_at: Timestamp,
    pub(super) driver: DriverRecord,
    pub(super) saturated: Option<bool>,
    pub(super) warnings: Vec<String>,
    /// What one has to know to read the numbers.
    pub(super) notes: Vec<String>,
    /// Clients at a moment of the window; `None` in an open loop.
    pub(super) clients: Option<Box<dyn Fn(Duration) -> u32>>,
}

impl<D: Detail> Recorder<D> {
    pub(super) fn new(details: impl Iterator<Item = D>, stages: &[StageFrame]) -> Self {
        let stages = stages.iter().map(|frame| RecordedStage {
            frame: frame.clone(),
            total: Totals::default(),
        });
        Self {
            operations: details.map(Recorded::new).collect(),
            intervals: Vec::new(),
            stages: stages.collect(),
            failures: BTreeMap::new(),
        }
    }

    /// A recorder of one stage that learns its operations as they come.
    pub(super) fn empty(stage: &StageFrame) -> Self {
        Self {
            operations: Vec::new(),
            intervals: Vec::new(),
            stages: vec![RecordedStage {
                frame: stage.clone(),
                total: Totals::default(),
            }],
            failures: BTreeMap::new(),
        }
    }

    /// Index of a new operation.
    pub(super) fn operation(&mut self, detail: D) -> usize {
        self.operations.push(Recorded::new(detail));
        self.operations.len() - 1
    }

    /// What is recorded of an operation beside its latency.
    pub(super) fn detail(&mut self, operation: usize) -> Option<&mut D> {
        self.operations.get_mut(operation).map(|o| &mut o.detail)
    }

    /// A request ended. It is recorded if it should have started in the window. A wait for what is pushed is no
    /// request, unless it was in vain.
    pub(super) fn request(
        &mut self,
        opened: Option<Instant>,
        operation: usize,
        moments: Moments,
        trace: &D::Trace,
        failure: Option<&Failure>,
    ) {
        if self.operations.get(operation).is_some_and(|o| o.pushed) {
            if let Some(failure) = failure {
                self.missed(opened, operation, moments, failure);
            }
            return;
        }
        let key = failure.map(Failure::key);
        if let Some(key) = &key {
            *self.failures.entry(key.to_string()).or_default() += 1;
        }
        let Some(opened) = opened.filter(|opened| moments.from() >= *opened) else {
            return;
        };
        let key = key.as_deref();
        let latency = moments.ended.saturating_duration_since(moments.from());
        self.interval(opened, operation, moments.ended, latency, key.is_some());
        if let Some(stage) = self.stage(opened, moments.from()) {
            stage.record(moments, latency, key);
        }
        if let Some(recorded) = self.operations.get_mut(operation) {
            recorded.total.record(moments, latency, key);
            recorded.detail.record(moments, latency, trace);
        }
    }

    /// Something came that was not asked for by itself, such as a message of a subscription: it counts for its
    /// operation and its second alone. `latency` is `None` where nothing tells when it was sent.
    pub(super) fn pushed(
        &mut self,
        opened: Option<Instant>,
        operation: usize,
        arrived: Instant,
        latency: Option<Duration>,
    ) {
        let Some(opened) = opened.filter(|opened| arrived >= *opened) else {
            return;
        };
        self.interval(
            opened,
            operation,
            arrived,
            latency.unwrap_or_default(),
            false,
        );
        if let Some(recorded) = self.operations.get_mut(operation) {
            recorded.total.requests += 1;
            if let Some(latency) = latency {
                recorded.total.latency.record(latency);
            }
        }
    }

    /// What was to be pushed did not come: a failed request without a latency.
    fn missed(
        &mut self,
        opened: Option<Instant>,
        operation: usize,
        moments: Moments,
        failure: &Failure,
    ) {
        let key = failure.key();
        *self.failures.entry(key.to_string()).or_default() += 1;
        let Some(opened) = opened.filter(|opened| moments.from() >= *opened) else {
            return;
        };
        self.interval(opened, operation, moments.ended, Duration::ZERO, true);
        if let Some(stage) = self.stage(opened, moments.from()) {
            stage.fail(&key);
        }
        if let Some(recorded) = self.operations.get_mut(operation) {
            recorded.total.fail(&key);
        }
    }

    /// A request was not sent, because it was too late.
    pub(super) fn skipped(&mut self, opened: Option<Instant>, operation: usize, due: Instant) {
        let Some(opened) = opened.filter(|opened| due >= *opened) else {
            return;
        };
        if let Some(stage) = self.stage(opened, due) {
            stage.skipped += 1;
        }
        if let Some(recorded) = self.operations.get_mut(operation) {
            recorded.total.skipped += 1;
        }
    }

    /// The stage in which `moment` lies; a load of one stage is the total.
    fn stage(&mut self, opened: Instant, moment: Instant) -> Option<&mut Totals> {
        if self.stages.len() < 2 {
            return None;
        }
        let at = moment.saturating_duration_since(opened);
        let last = self.stages.len() - 1;
        let index = self.stages.iter().position(|stage| at < stage.frame.end);
        Some(&mut self.stages[index.unwrap_or(last)].total)
    }

    fn interval(
        &mut self,
        opened: Instant,
        operation: usize,
        ended: Instant,
        latency: Duration,
        failed: bool,
    ) {
        let at = ended.saturating_duration_since(opened);
        let index = usize::try_from(at.as_secs() / INTERVAL.as_secs()).unwrap_or(usize::MAX);
        let operations = self.operations.len();
        while self.intervals.len() <= index {
            self.intervals.push(Interval {
                requests: vec![0; operations],
                failures: vec![0; operations],
                latency_total: Duration::ZERO,
            });
        }
        let interval = &mut self.intervals[index];
        if interval.requests.len() <= operation {
            interval.requests.resize(operations, 0);
            interval.failures.resize(operations, 0);
        }
        interval.requests[operation] += 1;
        interval.failures[operation] += u64::from(failed);
        interval.latency_total += latency;
    }

    /// Adds what another thread recorded of the same workload.
    pub(super) fn add(&mut self, other: Self) {
        for (mine, theirs) in self.operations.iter_mut().zip(other.operations) {
            mine.total.add(&theirs.total);
            mine.detail.add(theirs.detail);
        }
        for (mine, theirs) in self.stages.iter_mut().zip(other.stages) {
            mine.total.add(&theirs.total);
        }
        for (index, theirs) in other.intervals.into_iter().enumerate() {
            match self.intervals.get_mut(index) {
                None => self.intervals.push(theirs),
                Some(mine) => mine.add(&theirs),
            }
        }
        for (key, count) in other.failures {
            *self.failures.entry(key).or_default() += count;
        }
    }

    /// The delay of requests behind their schedule, of all operations.
    pub(super) fn schedule_lag(&self) -> Option<LatencyHistogram> {
        let mut lags = self.operations.iter();
        let mut all = lags.find_map(|o| o.total.schedule_lag.clone())?;
        for lag in lags.filter_map(|o| o.total.schedule_lag.as_ref()) {
            all.add(lag);
        }
        Some(all)
    }

    /// Requests that were due and not sent.
    pub(super) fn skipped_total(&self) -> u64 {
        self.operations.iter().map(|o| o.total.skipped).sum()
    }

    /// Everything as a load result.
    pub(super) fn finish(mut self, frame: Frame) -> LoadResult {
        let opened = frame.opened.map(|(instant, _)| instant);
        let length = opened.map(|opened| frame.ended.saturating_duration_since(opened));
        let window = length.unwrap_or_default();
        let intervals = self.load_intervals(window, &frame);
        let stages = std::mem::take(&mut self.stages);
        let (mut operations, mut pushed) = (Vec::new(), Vec::new());
        let mut warnings = frame.warnings;
        for recorded in self.operations {
            pushed.push(recorded.pushed);
            warnings.extend(recorded.detail.remarks());
            let name = recorded.detail.name().to_owned();
            let mut operation = recorded.total.into_operation(name);
            recorded.detail.fill(&mut operation);
            operations.push(operation);
        }
        let total = total(&operations, &pushed);
        LoadResult {
            source: LoadSource {
                tool: frame.tool.to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                files: vec![frame.file],
                arrival: frame.arrival,
                omission: match frame.arrival {
                    Arrival::Open => Omission::None,
                    Arrival::Closed => Omission::Omitted,
                    Arrival::Unknown => Omission::Unknown,
                },
                failures_timed: FailuresTimed::All,
                percentile_method: PercentileMethod::Histogram,
                notes: frame.notes,
                warnings,
                ..LoadSource::default()
            },
            length: length.map(Millis::from),
            started_at: frame.opened.map(|(_, at)| at),
            ended_at: Some(frame.ended_at),
            stages: load_stages(stages, window, &total),
            total,
            operations,
            intervals,
            driver_saturated: frame.saturated,
            driver_cpu_ratio: frame.driver.cpu_ratio,
            driver: Some(frame.driver),
        }
    }

    /// Seconds of the window; the last one ends with it. Seconds without any answer are there too.
    fn load_intervals(&self, length: Duration, frame: &Frame) -> Vec<LoadInterval> {
        let by_name = |counts: Option<&Vec<u64>>| -> BTreeMap<String, u64> {
            let counts = counts.into_iter().flatten();
            self.operations
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0)
                .map(|(operation, count)| (operation.detail.name().to_owned(), *count))
                .collect()
        };
        let mut intervals = Vec::new();
        let mut from = Duration::ZERO;
        while from < length {
            let interval = self.intervals.get(intervals.len());
            let offset = i64::try_from(from.as_millis()).unwrap_or(i64::MAX);
            intervals.push(LoadInterval {
                started_at: frame.opened.and_then(|(_, at)| {
                    at.checked_add(jiff::SignedDuration::from_millis(offset))
                        .ok()
                }),
                from: Some(from.into()),
                length: INTERVAL.min(length.saturating_sub(from)).into(),
                users: frame
                    .clients
                    .as_ref()
                    .map(|clients| clients(from + INTERVAL / 2)),
                requests: by_name(interval.map(|i| &i.requests)),
                failures: by_name(interval.map(|i| &i.failures)),
                latency_total: Some(interval.map_or(Duration::ZERO, |i| i.latency_total).into()),
            });
            from += INTERVAL;
        }
        intervals
    }
}

impl<D: Detail> Recorded<D> {
    fn new(detail: D) -> Self {
        Self {
            total: Totals::default(),
            pushed: detail.is_pushed(),
            detail,
        }
    }
}

impl Interval {
    fn add(&mut self, other: &Self) {
        let pairs = |mine: &mut Vec<u64>, theirs: &Vec<u64>| {
            mine.iter_mut().zip(theirs).for_each(|(m, t)| *m += t);
        };
        pairs(&mut self.requests, &other.requests);
        pairs(&mut self.failures, &other.failures);
        self.latency_total += other.latency_total;
    }
}

/// The stages; one that the load never reached is left out. The last one ends with the window.
fn load_stages(stages: Vec<RecordedStage>, window: Duration, total: &Operation) -> Vec<Stage> {
    let only = stages.len() == 1;
    let mut begin = Duration::ZERO;
    let last = stages.len().saturating_sub(1);
    let mut found = Vec::new();
    for (index, stage) in stages.into_iter().enumerate() {
        let StageFrame {
            name,
            users,
            rate_per_sec,
            end,
        } = stage.frame;
        let end = if index == last {
            window
        } else {
            end.min(window)
        };
        if end <= begin && !only {
            continue;
        }
        found.push(Stage {
            name: name.clone(),
            users,
            rate_per_sec,
            length: end.saturating_sub(begin).into(),
            total: if only {
                total.clone()
            } else {
                stage.total.into_operation(name)
            },
        });
        begin = end;
    }
    found
}

#[cfg(test)]
mod tests;
