//! Load results: of dbperf's own driver, or imported from another tool.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stats::LatencyHistogram;

use super::Millis;

/// How requests arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// On a schedule, whatever the answers do.
    Open,
    /// The next request waits for the answer of the one before.
    Closed,
    /// The file does not say.
    #[default]
    Unknown,
}

/// What became of the requests that a slow answer kept from being sent (coordinated omission).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Omission {
    /// Latency starts when the request was due: nothing was omitted.
    None,
    /// The closed loop never sent them, and the percentiles do not know of them.
    Omitted,
    /// The tool filled in what its schedule says they would have taken.
    Corrected,
    /// The tool filled in more than its schedule says: the percentiles are not to be used.
    OverCorrected,
    /// The file does not say.
    #[default]
    Unknown,
}

/// What the times of a result span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measures {
    /// To the last byte of the answer.
    #[default]
    Response,
    /// To its first byte: what comes after is in no time of this result.
    FirstByte,
}

/// Which failed requests have a time among those of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailuresTimed {
    /// Every one.
    All,
    /// Those with an answer that the tool waited for: refused connections and timeouts are in no time.
    Answered,
    /// The source does not say.
    #[default]
    Unknown,
}

/// Where the percentiles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PercentileMethod {
    /// Every latency was recorded in a histogram of three significant digits.
    Histogram,
    /// The tool rounded (Locust: 1 ms below 100 ms, 10 ms below 1 s, 100 ms below 10 s).
    RoundedByTool,
    /// The tool's own, of all its latencies, up to the digits that it prints.
    Tool,
    /// The tool's own, from a sketch or a histogram with the error that is told beside it.
    Sketch,
    /// The file has none.
    #[default]
    Absent,
}

/// The name of dbperf's own load over HTTP as a tool.
pub const HTTP_TOOL: &str = "dbperf load";

/// What is known of where a load result comes from; it limits what may be concluded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadSource {
    /// `dbperf replay`, `dbperf load`, `locust` …
    pub tool: String,
    /// Version where the file tells it.
    pub version: Option<String>,
    /// The workload file or the imported files.
    pub files: Vec<String>,
    /// How requests arrived. A closed loop hides the waits of requests it never sent.
    pub arrival: Arrival,
    /// What became of requests that a slow answer kept from being sent.
    #[serde(default)]
    pub omission: Omission,
    /// What the times span.
    #[serde(default)]
    pub measures: Measures,
    /// Which failed requests are in the times. Of a load of dbperf's own all are, whatever stands here.
    #[serde(default)]
    pub failures_timed: FailuresTimed,
    /// Where the percentiles come from.
    pub percentile_method: PercentileMethod,
    /// Error of the percentiles over their value (0.01: 1 %), where the tool's method has a known one.
    #[serde(default)]
    pub percentile_error_ratio: Option<f64>,
    /// What else one has to know of the tool to read its numbers, in full sentences without the full stop.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What in the files did not add up, was left out or could not be told.
    pub warnings: Vec<String>,
}

/// Latency of one operation as far as the source tells it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Exact mean.
    pub mean: Option<Millis>,
    /// Smallest.
    pub min: Option<Millis>,
    /// Largest.
    pub max: Option<Millis>,
    /// Percentiles by the key in per cent, such as `99.9`; from `histogram` where there is one.
    pub percentiles: BTreeMap<String, Millis>,
    /// All latencies, where every one was recorded.
    pub histogram: Option<LatencyHistogram>,
}

impl Latency {
    /// The percentile `key` (`50`, `95`, `99`, `99.9`). One from the histogram, which rounds to three digits, lies
    /// between the exact smallest and largest where these are known.
    #[must_use]
    pub fn percentile(&self, key: &str) -> Option<Millis> {
        if let Some(histogram) = &self.histogram {
            let quantile: f64 = key.parse().ok()?;
            let mut ms = histogram.quantile_ms(quantile / 100.0)?;
            if let Some(max) = self.max {
                ms = ms.min(max.0);
            }
            if let Some(min) = self.min {
                ms = ms.max(min.0);
            }
            return Some(Millis(ms));
        }
        self.percentiles.get(key).copied()
    }

    /// Latency with everything taken from a histogram.
    #[must_use]
    pub fn from_histogram(histogram: LatencyHistogram) -> Self {
        let summary = histogram.summary();
        Self {
            mean: summary.map(|s| Millis(s.mean_ms)),
            min: histogram.quantile_ms(0.0).map(Millis),
            max: summary.map(|s| Millis(s.max_ms)),
            percentiles: BTreeMap::new(),
            histogram: Some(histogram),
        }
    }
}

/// One operation: an endpoint of an API, or an operation of a workload.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Operation {
    /// Such as `GET /lords/architect/initiatives`.
    pub name: String,
    /// Requests that ended, failures included.
    pub requests: u64,
    /// Failed, timed-out and cancelled ones among them.
    pub failures: u64,
    /// Why `failures` is only the least there were; `None` where the source tells every one.
    #[serde(default)]
    pub failures_untold: Option<String>,
    /// Latency of all requests; which failures are in it says [`LoadSource::failures_timed`].
    pub latency: Latency,
    /// Failures by SQLSTATE, or by the tool's own words.
    pub errors: BTreeMap<String, u64>,
    /// Parts measured inside; only dbperf's own driver knows them.
    pub parts: Option<OperationParts>,
    /// Delay between the moment at which a request was due and its start; `None` in a closed loop.
    #[serde(default)]
    pub schedule_lag: Option<LatencyHistogram>,
    /// Requests that were due and not sent, because they were too late; not among `requests`.
    #[serde(default)]
    pub skipped: u64,
    /// Where the client's time went on the wire, where the tool tells.
    #[serde(default)]
    pub phases: Option<RequestPhases>,
    /// What the service told in `Server-Timing`, by the entry's name (`pool`, `db`, `app`, `total` …).
    #[serde(default)]
    pub server_timing: BTreeMap<String, ServerTiming>,
    /// The parts of requests by how long these took, where each request told its own.
    #[serde(default)]
    pub by_latency: Option<PartsByLatency>,
}

/// Phases of requests as the client saw them, as sums over the requests that told them. A phase that the tool
/// does not tell is `None`. Identity: `Σ latency = sending + waiting + receiving` of a reused connection; `blocked`
/// (for a free connection of the client), `dns`, `connecting` and `tls` come before it, and some tools count them in
/// (`LoadSource::notes` say so).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RequestPhases {
    /// Requests that told their phases.
    pub requests: u64,
    /// Waiting for a free connection of the client.
    pub blocked: Option<Millis>,
    /// Looking up the name.
    pub dns: Option<Millis>,
    /// Opening the TCP connection.
    pub connecting: Option<Millis>,
    /// TLS handshake.
    pub tls: Option<Millis>,
    /// Sending the request.
    pub sending: Option<Millis>,
    /// From the request's last byte to the answer's first: the service, and one round trip.
    pub waiting: Option<Millis>,
    /// From the answer's first byte to its last.
    pub receiving: Option<Millis>,
    /// Shortest time in which a TCP connection was opened: about one round trip. `None` where none was opened.
    pub round_trip: Option<Millis>,
    /// `blocked`, `dns`, `connecting` and `tls` are part of the latency.
    pub setup_in_latency: bool,
}

/// One entry of `Server-Timing`, over the requests that had it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerTiming {
    /// Requests that had the entry.
    pub requests: u64,
    /// Sum of its durations.
    pub total: Millis,
}

/// Sums of the parts of requests, by how long the requests took: what the slow ones spent their time on. A bin
/// is a sixteenth of a doubling wide (4.4 %).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartsByLatency {
    /// By bin; see [`PartsByLatency::bin`].
    pub bins: BTreeMap<i32, PartsBin>,
}

/// The requests of one bin.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartsBin {
    /// Requests.
    pub requests: u64,
    /// Sum of their latencies.
    pub latency: Millis,
    /// Sums of their parts by name: the entries of `Server-Timing`, `network` for the phases on the wire.
    pub parts: BTreeMap<String, Millis>,
}

/// Bins of [`PartsByLatency`] in a doubling of the latency.
const BINS_PER_DOUBLING: f64 = 16.0;

/// Latency below which all requests are in one bin, in milliseconds.
const SHORTEST_BIN_MS: f64 = 1e-3;

impl PartsByLatency {
    /// The bin of a latency in milliseconds.
    #[must_use]
    pub fn bin(latency_ms: f64) -> i32 {
        let place = (latency_ms.max(SHORTEST_BIN_MS).log2() * BINS_PER_DOUBLING).floor();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the logarithm of a finite f64 is below 1100"
        )]
        let place = place as i32;
        place
    }

    /// Adds one request with its parts in milliseconds.
    pub fn record<'a>(&mut self, latency_ms: f64, parts: impl IntoIterator<Item = (&'a str, f64)>) {
        let bin = self.bins.entry(Self::bin(latency_ms)).or_default();
        bin.requests += 1;
        bin.latency.0 += latency_ms;
        for (name, ms) in parts {
            if let Some(sum) = bin.parts.get_mut(name) {
                sum.0 += ms;
            } else {
                bin.parts.insert(name.to_owned(), Millis(ms));
            }
        }
    }

    /// Adds the requests of another one.
    pub fn add(&mut self, other: &Self) {
        for (place, theirs) in &other.bins {
            let bin = self.bins.entry(*place).or_default();
            bin.requests += theirs.requests;
            bin.latency.0 += theirs.latency.0;
            for (name, ms) in &theirs.parts {
                bin.parts.entry(name.clone()).or_default().0 += ms.0;
            }
        }
    }

    /// The slowest `share` (0 to 1) of the requests as one bin: whole bins from the slowest down, and of the
    /// last one a part in proportion. `None` without requests.
    #[must_use]
    pub fn slowest(&self, share: f64) -> Option<SlowTail> {
        let all: u64 = self.bins.values().map(|b| b.requests).sum();
        if all == 0 {
            return None;
        }
        let wanted = all as f64 * share.clamp(0.0, 1.0);
        let mut tail = SlowTail::default();
        for bin in self.bins.values().rev() {
            let part = ((wanted - tail.requests) / bin.requests as f64).min(1.0);
            if part <= 0.0 {
                break;
            }
            tail.requests += bin.requests as f64 * part;
            tail.latency.0 += bin.latency.0 * part;
            for (name, ms) in &bin.parts {
                tail.parts.entry(name.clone()).or_default().0 += ms.0 * part;
            }
        }
        Some(tail)
    }
}

/// The slowest requests: sums.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SlowTail {
    /// Requests; a fraction where a bin was cut.
    pub requests: f64,
    /// Sum of their latencies.
    pub latency: Millis,
    /// Sums of their parts by name.
    pub parts: BTreeMap<String, Millis>,
}

/// Where the time of an operation went, as sums over all its requests. Identity:
/// `Σ latency = schedule_lag + pool_wait + hold`, `hold = statement_latency + held_idle`, up to the
/// driver's own overhead, which is shown as unattributed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OperationParts {
    /// From the moment at which requests were due to their start; 0 in a closed loop.
    #[serde(default)]
    pub schedule_lag: Millis,
    /// Acquire in total: permit wait, connect, recycle; failed acquires included.
    pub pool_wait: Millis,
    /// Send to last row, over all statements.
    pub statement_latency: Millis,
    /// Lease minus statement latency: the connection was held and did nothing.
    pub held_idle: Millis,
    /// Statements by their place in the operation.
    pub statements: Vec<ReplayedStatement>,
}

/// One statement of an operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReplayedStatement {
    /// Its name in the workload file.
    pub name: String,
    /// Its text with `$n` parameters, without comments and constants.
    pub sql: String,
    /// What its parse tree has in common with others that differ in constants only. Absent in older files, whose text
    /// is that of the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Executions, failed ones included.
    pub calls: u64,
    /// Rows returned or affected.
    pub rows: u64,
    /// Send to last row.
    pub latency: LatencyHistogram,
}

/// A slice of time of a load result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadInterval {
    /// Start, by the load tool's clock.
    pub started_at: Option<Timestamp>,
    /// Start since the start of dbperf's window; `None` where the clocks could not be aligned.
    pub from: Option<Millis>,
    /// Length.
    pub length: Millis,
    /// Users or clients at that time.
    pub users: Option<u32>,
    /// Requests that ended in it, by operation.
    pub requests: BTreeMap<String, u64>,
    /// Failures that ended in it, by operation.
    pub failures: BTreeMap<String, u64>,
    /// Sum of the latencies of all requests in it, where the source tells it.
    pub latency_total: Option<Millis>,
}

/// A stage of the load: a stretch with one number of users or clients.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stage {
    /// Such as `100 users`.
    pub name: String,
    /// Users or clients; 0 in an open loop.
    pub users: u32,
    /// Requests due per second at the end of the stage, in an open loop.
    #[serde(default)]
    pub rate_per_sec: Option<f64>,
    /// Length.
    pub length: Millis,
    /// What was done in it. Percentiles are present only where the source recorded every latency
    /// of the stage.
    pub total: Operation,
}

/// Everything one load tool reported.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadResult {
    /// Where it comes from.
    pub source: LoadSource,
    /// First request to last answer, warm-up excluded.
    pub length: Option<Millis>,
    /// Begin by the load tool's clock.
    pub started_at: Option<Timestamp>,
    /// End by the load tool's clock.
    pub ended_at: Option<Timestamp>,
    /// All operations together, as the tool itself adds them up.
    pub total: Operation,
    /// By operation.
    pub operations: Vec<Operation>,
    /// Over time.
    pub intervals: Vec<LoadInterval>,
    /// By stage.
    pub stages: Vec<Stage>,
    /// The driver was the limit: `None` where that was not measured.
    pub driver_saturated: Option<bool>,
    /// CPU time of the driver over the time of its threads (0 to 1).
    pub driver_cpu_ratio: Option<f64>,
    /// What dbperf's own driver knows of itself.
    #[serde(default)]
    pub driver: Option<DriverRecord>,
}

impl LoadResult {
    /// From when to when requests of an interval can have ended, in milliseconds since the start of the window:
    /// the interval itself, less what lies before the first request and after the last answer. `None` where the
    /// clocks were not aligned.
    #[must_use]
    pub fn span_of(&self, interval: &LoadInterval) -> Option<(f64, f64)> {
        let begin = interval.from?.0;
        let length = interval.length.0;
        let inside = |at: Option<Timestamp>| {
            let since = at?.duration_since(interval.started_at?);
            Some(since.as_secs_f64() * 1000.0).filter(|ms| *ms > 0.0 && *ms < length)
        };
        let from = inside(self.started_at).map_or(begin, |ms| begin + ms);
        let to = inside(self.ended_at).map_or(begin + length, |ms| begin + ms);
        Some(if from < to {
            (from, to)
        } else {
            (begin, begin + length)
        })
    }
}

/// What dbperf's own driver knows of itself, over the window. `None` where the system does not tell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DriverRecord {
    /// Threads that drove the load.
    pub threads: u32,
    /// CPU time over the time of the busiest thread (0 to 1).
    pub cpu_ratio: Option<f64>,
    /// Time in which the thread that waited longest could have run and had no core, over its time (0 to 1).
    pub run_delay_ratio: Option<f64>,
    /// How late a thread woke up in one of twenty readings.
    pub late_p95: Option<Millis>,
    /// Cores of this machine that nothing ran on, on average.
    pub free_cores: Option<f64>,
}

#[cfg(test)]
mod tests;
