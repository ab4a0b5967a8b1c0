//! The values of a run become its result.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::import::ImportError;
use crate::record::Millis;
use crate::record::load::{
    Arrival, FailuresTimed, LoadInterval, LoadResult, LoadSource, Omission, Operation,
    PercentileMethod,
};

use super::collect::{Check, Collector};
use super::name::Name;
use super::operation::Tally;

/// Checks that failed, by name; the rest is counted.
const CHECKS_SHOWN: usize = 5;

impl Collector {
    /// The result of everything that was added.
    ///
    /// # Errors
    /// There is no request, or the times are impossible.
    pub(super) fn finish(mut self) -> Result<LoadResult, ImportError> {
        self.pair();
        if self.operations.is_empty() {
            return Err(self.without_requests());
        }
        let by_status = self.total.judged == 0 && self.total.requests > 0;
        let mut warnings = self.warnings(by_status);
        let arrival = self.arrival();
        let notes = self.all_notes(arrival, by_status);
        let names = self.names();
        let intervals = self.seconds.intervals(&self.file, &names, by_status)?;
        let mut stages = self
            .seconds
            .stages(&intervals, (self.began, self.ended), |name| {
                !name.starts_with("WS ")
            });
        check_vus(&intervals, &mut warnings);
        let total = self.total.finish(super::ALL.to_owned(), by_status);
        for stage in &mut stages {
            // What is not told of the whole is not told of its parts.
            stage
                .total
                .failures_untold
                .clone_from(&total.failures_untold);
        }
        let operations = finished(self.operations, names, by_status);
        let length = self
            .began
            .zip(self.ended)
            .map(|(began, ended)| ended.duration_since(began).as_secs_f64() * 1000.0);
        Ok(LoadResult {
            source: LoadSource {
                tool: "k6".to_owned(),
                version: None,
                files: vec![self.file],
                arrival,
                omission: omission(arrival),
                failures_timed: FailuresTimed::All,
                percentile_method: PercentileMethod::Histogram,
                notes,
                warnings,
                ..LoadSource::default()
            },
            length: length.filter(|ms| *ms > 0.0).map(Millis),
            started_at: self.began,
            ended_at: self.ended,
            total,
            operations,
            intervals,
            stages,
            ..LoadResult::default()
        })
    }

    fn without_requests(&self) -> ImportError {
        let found = if self.grpc > 0 {
            format!("{} gRPC calls and no HTTP request", self.grpc)
        } else {
            "no request".to_owned()
        };
        ImportError::Key {
            file: self.file.clone(),
            key: "http_req_duration".to_owned(),
            found,
            expected: "the values of HTTP requests or WebSockets".to_owned(),
        }
    }

    /// Names of the operations in their order; the host is in them where there are several.
    fn names(&self) -> Vec<String> {
        let names: Vec<&Name> = self
            .operations
            .iter()
            .filter_map(|t| t.name.as_ref())
            .collect();
        let mut hosts: Vec<&str> = names.iter().filter_map(|n| n.host.as_deref()).collect();
        // A WebSocket of the same server has another scheme.
        for host in &mut hosts {
            *host = host.split_once("://").map_or(*host, |(_, h)| h);
        }
        hosts.sort_unstable();
        hosts.dedup();
        let several = hosts.len() > 1;
        let mut shown: Vec<String> = names.iter().map(|n| n.shown(several)).collect();
        // A name of the script may be the path of an address: the host tells them apart.
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for name in &shown {
            *times.entry(name.clone()).or_default() += 1;
        }
        for (words, name) in shown.iter_mut().zip(&names) {
            if times.get(words).is_some_and(|n| *n > 1) {
                *words = name.shown(true);
            }
        }
        shown
    }

    /// An executor with an arrival rate writes a value for each iteration that found no free VU; those with a
    /// number of iterations write at most one for each VU, when their time is over
    /// (`per_vu_iterations.go`, `shared_iterations.go` of its executors).
    fn arrival(&self) -> Arrival {
        let open = self
            .dropped
            .values()
            .any(|d| self.vus_max > 0.0 && d.values as f64 > self.vus_max);
        if open {
            return Arrival::Open;
        }
        self.iterations
            .arrival(self.vus_max, self.dropped_iterations())
    }

    fn dropped_iterations(&self) -> f64 {
        self.dropped.values().map(|d| d.iterations).sum()
    }

    fn all_notes(&self, arrival: Arrival, by_status: bool) -> Vec<String> {
        let mut notes = self.notes.clone();
        let dropped = self.dropped_iterations();
        if dropped > 0.0 {
            notes.push(dropped_note(dropped, arrival));
        }
        if self.total.never_sent > 0 {
            notes.push(format!(
                "{} request(s) got no connection and count with 0 ms, which lowers mean and percentiles",
                self.total.never_sent
            ));
        }
        if by_status {
            notes.push(
                "the script judges no request (setResponseCallback(null)): failures are answers with a status of \
                 400 and above, and requests without an answer"
                    .to_owned(),
            );
        }
        notes.extend(checks_note(
            self.checks.iter().map(|(n, c)| (n.as_str(), *c)),
        ));
        notes.extend(self.operations.iter().filter_map(sessions_note));
        if self.grpc > 0 {
            notes.push(format!("{} gRPC calls are not shown", self.grpc));
        }
        notes
    }

    fn warnings(&self, by_status: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        let total = &self.total;
        if total.requests != total.latency.count {
            warnings.push(format!(
                "{} requests (http_reqs) and {} latencies (http_req_duration)",
                total.requests, total.latency.count
            ));
        }
        if !by_status && total.judged != total.requests {
            warnings.push(format!(
                "{} requests (http_reqs), of which {} say whether they failed (http_req_failed)",
                total.requests, total.judged
            ));
        }
        if by_status && total.with_status < total.requests {
            warnings.push(format!(
                "{} of {} requests tell neither whether they failed nor their status: they count as good",
                total.requests - total.with_status,
                total.requests
            ));
        }
        if self.timings_apart > 0 {
            warnings.push(format!(
                "{} values of server_timing_* have no request's tags `name` and `method`, so that they are of no \
                 endpoint",
                self.timings_apart
            ));
        }
        warnings
    }
}

/// Operations by name. One that only its `Server-Timing` made has no request.
fn finished(tallies: Vec<Tally>, names: Vec<String>, by_status: bool) -> Vec<Operation> {
    let mut operations: Vec<Operation> = tallies
        .into_iter()
        .zip(names)
        .filter(|(tally, _)| tally.requests > 0 || tally.latency.count > 0)
        .map(|(tally, name)| tally.finish(name, by_status))
        .collect();
    operations.sort_by(|a, b| a.name.cmp(&b.name));
    operations
}

/// Without a schedule in the file nothing can be said of requests that were not sent.
pub(super) fn omission(arrival: Arrival) -> Omission {
    match arrival {
        Arrival::Closed => Omission::Omitted,
        Arrival::Open | Arrival::Unknown => Omission::Unknown,
    }
}

/// What is said of iterations that were not begun.
pub(super) fn dropped_note(dropped: f64, arrival: Arrival) -> String {
    let why = if arrival == Arrival::Open {
        "no VU was free"
    } else {
        "no VU was free or the time was over"
    };
    format!(
        "{dropped} iteration(s) were due and not begun because {why}: what they would have taken is in no time"
    )
}

/// What is said of checks; `None` without any.
pub(super) fn checks_note<'a>(checks: impl Iterator<Item = (&'a str, Check)>) -> Option<String> {
    let checks: Vec<(&str, Check)> = checks.collect();
    let passes: u64 = checks.iter().map(|(_, c)| c.passes).sum();
    let fails: u64 = checks.iter().map(|(_, c)| c.fails).sum();
    if passes + fails == 0 {
        return None;
    }
    let mut words = format!("{passes} of {} checks passed", passes + fails);
    let mut failed: Vec<&(&str, Check)> = checks.iter().filter(|(_, c)| c.fails > 0).collect();
    failed.sort_by_key(|(_, c)| std::cmp::Reverse(c.fails));
    if !failed.is_empty() {
        let shown = failed.iter().take(CHECKS_SHOWN);
        let list: Vec<String> = shown
            .map(|(name, c)| format!("`{}` {} time(s)", crate::import::table::tame(name), c.fails))
            .collect();
        let _ = write!(words, "; failed: {}", list.join(", "));
        if failed.len() > CHECKS_SHOWN {
            let _ = write!(words, " and {} more", failed.len() - CHECKS_SHOWN);
        }
    }
    Some(words)
}

fn sessions_note(tally: &Tally) -> Option<String> {
    let name = tally.name.as_ref().filter(|n| n.method == "WS")?;
    let sessions = tally.sessions;
    let lasted = if sessions.count > 0 {
        let mean = sessions.total / sessions.count as f64;
        format!(", {mean:.1} ms long on average")
    } else {
        String::new()
    };
    Some(format!(
        "{}: the times are those of connecting; {} sessions{lasted}, {} messages sent and {} received",
        name.shown(false),
        tally.requests,
        tally.messages_sent,
        tally.messages_received
    ))
}

/// k6 tells the number of VUs once a second; a stretch without is one of the last known number.
fn check_vus(intervals: &[LoadInterval], warnings: &mut Vec<String>) {
    let unknown = intervals.iter().filter(|i| i.users.is_none()).count();
    if unknown > 2 {
        warnings.push(format!(
            "the number of VUs is not told in the first {unknown} seconds"
        ));
    }
}
