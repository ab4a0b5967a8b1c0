//! Requests, one after the other, become a load result in bounded memory: what importers of logs with a line
//! for each request share. What the columns of a log mean stays with the importer.

mod seconds;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::Millis;
use crate::record::load::{
    Latency, LoadResult, LoadSource, Operation, PartsByLatency, RequestPhases,
};
use crate::stats::LatencyHistogram;

use super::table::tame;
use super::{AGGREGATED, ImportError};
use seconds::Seconds;

/// Most distinct names of one file. Each has a histogram, for which half a MiB is reserved where latencies
/// reach seconds.
const MAX_NAMES: usize = 1000;

/// Most distinct errors that are told apart for one operation.
const MAX_ERRORS: usize = 50;

/// Where errors are counted beyond that.
const OTHER_ERRORS: &str = "other errors";

/// What the times of a log count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// Milliseconds since 1970.
    Unix,
    /// Milliseconds since the run began, at a moment that the log does not tell.
    Run,
}

/// One request as a log tells it.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    /// The operation; `None` where the log names none, so that requests are only in the total.
    pub(super) name: Option<&'a str>,
    /// Its start, in milliseconds by the log's clock; `None` where the log does not tell.
    pub(super) started_ms: Option<f64>,
    /// Its latency.
    pub(super) latency: Duration,
    /// Why it failed; `None` if it did not.
    pub(super) failure: Option<&'a str>,
    /// Its phases.
    pub(super) phases: Option<PhaseTimes>,
    /// Users or threads at that time.
    pub(super) users: Option<u32>,
}

/// Phases of one request in milliseconds; `None` where the log does not tell them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PhaseTimes {
    pub(super) dns: Option<f64>,
    pub(super) connecting: Option<f64>,
    pub(super) sending: Option<f64>,
    pub(super) waiting: Option<f64>,
    pub(super) receiving: Option<f64>,
}

impl PhaseTimes {
    /// The phases on the wire.
    fn network(&self) -> f64 {
        [self.dns, self.connecting, self.sending, self.receiving]
            .iter()
            .flatten()
            .sum()
    }

    fn add_to(&self, sum: &mut RequestPhases) {
        sum.add(&RequestPhases {
            requests: 1,
            dns: self.dns.map(Millis),
            connecting: self.connecting.map(Millis),
            sending: self.sending.map(Millis),
            waiting: self.waiting.map(Millis),
            receiving: self.receiving.map(Millis),
            // Every log that tells phases counts the connection into the latency.
            setup_in_latency: true,
            ..RequestPhases::default()
        });
    }
}

/// What is counted of one operation.
#[derive(Debug, Default)]
struct Count {
    requests: u64,
    failures: u64,
    latency_ms: f64,
    shortest: Option<Duration>,
    longest: Option<Duration>,
    histogram: LatencyHistogram,
    errors: BTreeMap<String, u64>,
    phases: Option<RequestPhases>,
    by_latency: Option<PartsByLatency>,
}

/// Requests so far.
#[derive(Debug)]
pub(super) struct Tally {
    file: String,
    clock: Clock,
    places: BTreeMap<String, u32>,
    counts: Vec<Count>,
    unnamed: Option<u32>,
    seconds: Seconds,
    first_ms: Option<f64>,
    last_ms: Option<f64>,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new(file: &str, clock: Clock) -> Self {
        Self {
            file: file.to_owned(),
            clock,
            places: BTreeMap::new(),
            counts: Vec::new(),
            unnamed: None,
            seconds: Seconds::default(),
            first_ms: None,
            last_ms: None,
        }
    }

    /// True before the first request.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Counts the request that stands at `line`.
    ///
    /// # Errors
    /// It has one name too many, or its time is more than a week from that of the first one.
    pub(super) fn add(&mut self, line: u64, request: &Request<'_>) -> Result<(), ImportError> {
        let place = self.place(line, request.name)?;
        self.counts[place as usize].add(request);
        let Some(started) = request.started_ms else {
            return Ok(());
        };
        let latency = request.latency.as_secs_f64() * 1000.0;
        let ended = started + latency;
        self.first_ms = Some(self.first_ms.map_or(started, |first| first.min(started)));
        self.last_ms = Some(self.last_ms.map_or(ended, |last| last.max(ended)));
        let second = seconds::Moment {
            ended_ms: ended,
            latency_ms: latency,
            failed: request.failure.is_some(),
            users: request.users,
        };
        let added = self.seconds.add(place, &second);
        added.map_err(|found| {
            let expected = "the requests of one run of no more than a week";
            self.wrong(line, found, expected)
        })
    }

    /// What is said of a line that cannot be counted.
    pub(super) fn wrong(&self, line: u64, found: String, expected: &str) -> ImportError {
        ImportError::Line {
            file: self.file.clone(),
            line,
            found,
            expected: expected.to_owned(),
        }
    }

    fn place(&mut self, line: u64, name: Option<&str>) -> Result<u32, ImportError> {
        let known = match name {
            Some(name) => self.places.get(name).copied(),
            None => self.unnamed,
        };
        if let Some(place) = known {
            return Ok(place);
        }
        if self.counts.len() >= MAX_NAMES {
            return Err(self.wrong(
                line,
                format!("one more than {MAX_NAMES} distinct names of requests"),
                "addresses with ids grouped under one name in the load tool",
            ));
        }
        let place = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
        self.counts.push(Count::default());
        match name {
            Some(name) => {
                self.places.insert(name.to_owned(), place);
            }
            None => self.unnamed = Some(place),
        }
        Ok(place)
    }

    /// The load result; `source` says where it comes from, and gets the warnings. `length` is from the first
    /// request to the last answer.
    pub(super) fn finish(self, mut source: LoadSource) -> LoadResult {
        let mut names: Vec<String> = vec![AGGREGATED.to_owned(); self.counts.len()];
        for (name, place) in &self.places {
            names[*place as usize] = tame(name);
        }
        let mut total = Count::default();
        for count in &self.counts {
            total.merge(count);
        }
        let told = self
            .seconds
            .finish(&names, self.clock, &mut source.warnings);
        let mut operations: Vec<Operation> = names
            .iter()
            .zip(self.counts)
            .enumerate()
            .filter(|(place, _)| self.unnamed != u32::try_from(*place).ok())
            .map(|(_, (name, count))| count.into_operation(name.clone()))
            .collect();
        operations.sort_by(|a, b| a.name.cmp(&b.name));
        let moment = |ms: Option<f64>| ms.and_then(|ms| seconds::timestamp(self.clock, ms));
        LoadResult {
            source,
            length: self
                .first_ms
                .zip(self.last_ms)
                .map(|(first, last)| Millis(last - first))
                .filter(|length| length.0 > 0.0),
            started_at: moment(self.first_ms),
            ended_at: moment(self.last_ms),
            total: total.into_operation(AGGREGATED.to_owned()),
            operations,
            intervals: told.intervals,
            stages: told.stages,
            ..LoadResult::default()
        }
    }
}

impl Count {
    fn add(&mut self, request: &Request<'_>) {
        let latency_ms = request.latency.as_secs_f64() * 1000.0;
        self.requests += 1;
        self.latency_ms += latency_ms;
        self.shortest = Some(
            self.shortest
                .map_or(request.latency, |s| s.min(request.latency)),
        );
        self.longest = self.longest.max(Some(request.latency));
        self.histogram.record(request.latency);
        if let Some(why) = request.failure {
            self.failures += 1;
            self.add_error(why, 1);
        }
        if let Some(phases) = &request.phases {
            phases.add_to(self.phases.get_or_insert_default());
            let parts = self.by_latency.get_or_insert_default();
            parts.record(latency_ms, [("network", phases.network())]);
        }
    }

    fn add_error(&mut self, why: &str, times: u64) {
        if let Some(known) = self.errors.get_mut(why) {
            *known += times;
            return;
        }
        let known = self.errors.len() < MAX_ERRORS;
        let key = if known {
            tame(why)
        } else {
            OTHER_ERRORS.to_owned()
        };
        *self.errors.entry(key).or_default() += times;
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.latency_ms += other.latency_ms;
        self.shortest = match (self.shortest, other.shortest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.longest = self.longest.max(other.longest);
        self.histogram.add(&other.histogram);
        for (why, times) in &other.errors {
            self.add_error(why, *times);
        }
        if let Some(phases) = &other.phases {
            self.phases.get_or_insert_default().add(phases);
        }
        if let Some(parts) = &other.by_latency {
            self.by_latency.get_or_insert_default().add(parts);
        }
    }

    fn into_operation(self, name: String) -> Operation {
        let ms = |latency: Option<Duration>| latency.map(|l| Millis(l.as_secs_f64() * 1000.0));
        Operation {
            name,
            requests: self.requests,
            failures: self.failures,
            latency: Latency {
                mean: (self.requests > 0).then(|| Millis(self.latency_ms / self.requests as f64)),
                min: ms(self.shortest),
                max: ms(self.longest),
                percentiles: BTreeMap::new(),
                histogram: Some(self.histogram).filter(|h| !h.is_empty()),
            },
            errors: self.errors,
            phases: self.phases,
            by_latency: self.by_latency,
            ..Operation::default()
        }
    }
}

#[cfg(test)]
mod tests;
