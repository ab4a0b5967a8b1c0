//! One operation while its values come in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::import::table::tame;
use crate::record::Millis;
use crate::record::load::{Latency, Operation, PartsByLatency, RequestPhases, ServerTiming};
use crate::stats::LatencyHistogram;

use super::name::Name;

/// Different failures that are kept apart; more are counted together.
const MAX_ERRORS: usize = 100;

/// Longest text of a failure, in characters.
const MAX_ERROR_CHARS: usize = 200;

/// A sum with its number of values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) total: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1;
        self.total += value;
    }
}

/// Everything counted of one operation, or of all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) name: Option<Name>,
    /// Values of `http_reqs`, or of `ws_sessions`.
    pub(super) requests: u64,
    /// Values of `http_req_failed`, and those among them that say yes.
    pub(super) judged: u64,
    pub(super) failed: u64,
    /// Requests by their status alone, for runs without `http_req_failed`.
    pub(super) with_status: u64,
    pub(super) bad_status: u64,
    /// Requests that took no time at all: they never had a connection.
    pub(super) never_sent: u64,
    pub(super) latency: Sum,
    min: Option<f64>,
    max: Option<f64>,
    histogram: LatencyHistogram,
    failures: BTreeMap<String, u64>,
    bad_statuses: BTreeMap<String, u64>,
    pub(super) blocked: Sum,
    pub(super) connecting: Sum,
    pub(super) tls: Sum,
    pub(super) sending: Sum,
    pub(super) waiting: Sum,
    pub(super) receiving: Sum,
    round_trip: Option<f64>,
    by_latency: PartsByLatency,
    pub(super) server_timing: BTreeMap<String, Sum>,
    pub(super) messages_sent: f64,
    pub(super) messages_received: f64,
    pub(super) sessions: Sum,
}

/// The smaller, the larger of what there is.
fn better(old: Option<f64>, new: f64, pick: fn(f64, f64) -> f64) -> f64 {
    old.map_or(new, |old| pick(old, new))
}

impl Tally {
    /// Nothing yet, of an operation.
    pub(super) fn of(name: Name) -> Self {
        Self {
            name: Some(name),
            ..Self::default()
        }
    }

    /// The latency of one request in milliseconds.
    pub(super) fn record(&mut self, ms: f64) {
        self.latency.add(ms);
        self.min = Some(better(self.min, ms, f64::min));
        self.max = Some(better(self.max, ms, f64::max));
        let latency = Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX);
        self.histogram.record(latency);
    }

    /// A TCP connection was opened in this time.
    pub(super) fn connected(&mut self, ms: f64) {
        self.connecting.add(ms);
        if ms > 0.0 {
            self.round_trip = Some(better(self.round_trip, ms, f64::min));
        }
    }

    /// A request of which latency and time on the wire are known together.
    pub(super) fn paired(&mut self, latency_ms: f64, network_ms: f64) {
        self.by_latency
            .record(latency_ms, [("network", network_ms)]);
    }

    /// A request that failed, by k6's own judgement.
    pub(super) fn fail(&mut self, words: &str) {
        self.failed += 1;
        count(&mut self.failures, words);
    }

    /// A request whose status means failure.
    pub(super) fn fail_by_status(&mut self, words: &str) {
        self.bad_status += 1;
        count(&mut self.bad_statuses, words);
    }

    /// One entry of `Server-Timing`.
    pub(super) fn timing(&mut self, entry: &str, ms: f64) {
        match self.server_timing.get_mut(entry) {
            Some(sum) => sum.add(ms),
            None => {
                self.server_timing.insert(
                    entry.to_owned(),
                    Sum {
                        count: 1,
                        total: ms,
                    },
                );
            }
        }
    }

    /// The finished operation. `by_status`: the run does not judge requests, so their status does.
    pub(super) fn finish(self, name: String, by_status: bool) -> Operation {
        let phases = self.phases();
        let untold = self.untold(by_status);
        let (failures, errors) = if by_status {
            (self.bad_status, self.bad_statuses)
        } else {
            (self.failed, self.failures)
        };
        let timed = self.latency.count;
        Operation {
            name,
            requests: self.requests.max(timed),
            failures,
            failures_untold: untold,
            latency: Latency {
                mean: (timed > 0).then(|| Millis(self.latency.total / timed as f64)),
                min: self.min.map(Millis),
                max: self.max.map(Millis),
                percentiles: BTreeMap::new(),
                histogram: Some(self.histogram).filter(|h| !h.is_empty()),
            },
            errors,
            phases,
            server_timing: self
                .server_timing
                .into_iter()
                .map(|(name, sum)| {
                    let timing = ServerTiming {
                        requests: sum.count,
                        total: Millis(sum.total),
                    };
                    (name, timing)
                })
                .collect(),
            by_latency: Some(self.by_latency).filter(|parts| !parts.bins.is_empty()),
            ..Operation::default()
        }
    }

    /// Why there may be more failures than those that were counted. A session of a WebSocket fails by its status.
    fn untold(&self, by_status: bool) -> Option<String> {
        let of_http = self.name.as_ref().is_none_or(|n| n.method != "WS");
        let told = if by_status {
            self.with_status
        } else {
            self.judged
        };
        (of_http && told < self.requests).then(|| {
            let silent = self.requests - told;
            format!(
                "of {silent} of {} requests it is not told whether they failed",
                self.requests
            )
        })
    }

    /// Sums of the phases that every request tells.
    fn phases(&self) -> Option<RequestPhases> {
        let requests = self.waiting.count;
        if requests == 0 {
            return None;
        }
        let told = |sum: Sum| (sum.count == requests).then_some(Millis(sum.total));
        let (connecting, tls) = (told(self.connecting), told(self.tls));
        // k6's `blocked` ends when the connection is there: opening it and its handshake are in it
        // (lib/netext/httpext/tracer.go).
        let blocked = told(self.blocked)
            .zip(connecting)
            .zip(tls)
            .map(|((all, tcp), tls)| Millis((all.0 - tcp.0 - tls.0).max(0.0)));
        Some(RequestPhases {
            requests,
            blocked,
            dns: None,
            connecting,
            tls,
            sending: told(self.sending),
            waiting: told(self.waiting),
            receiving: told(self.receiving),
            round_trip: self.round_trip.map(Millis),
            setup_in_latency: false,
        })
    }
}

fn count(errors: &mut BTreeMap<String, u64>, words: &str) {
    let words: String = tame(words).chars().take(MAX_ERROR_CHARS).collect();
    let full = errors.len() >= MAX_ERRORS && !errors.contains_key(&words);
    let words = if full {
        "other failures".to_owned()
    } else {
        words
    };
    *errors.entry(words).or_default() += 1;
}
