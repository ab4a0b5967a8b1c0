//! What happened in each second of a run.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::import::ImportError;
use crate::record::Millis;
use crate::record::load::{LoadInterval, Operation, Stage};

/// Longest run, in seconds: a week. A second without requests takes memory too.
const MAX_SECONDS: i64 = 7 * 24 * 3600;

/// Most pairs of a second and an operation: about 200 MB of names in the result.
const MAX_CELLS: usize = 2_000_000;

/// Shortest stretch with one number of VUs that counts as a stage, in milliseconds.
const STAGE_MIN_MS: f64 = 5000.0;

/// Counts of one operation in one second.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    requests: u64,
    failed: u64,
    bad_status: u64,
}

#[derive(Debug, Default)]
struct Second {
    operations: BTreeMap<usize, Cell>,
    /// Σ latency of HTTP requests, and of the connects of web sockets.
    http_ms: f64,
    websocket_ms: f64,
    vus: Option<u32>,
}

/// All seconds, by Unix time.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    seconds: BTreeMap<i64, Second>,
    cells: usize,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Request,
    Failed,
    BadStatus,
}

impl Seconds {
    /// One more of an operation.
    pub(super) fn count(&mut self, at: Timestamp, operation: usize, what: Count) {
        let second = self.seconds.entry(at.as_second()).or_default();
        let cell = second.operations.entry(operation).or_insert_with(|| {
            self.cells += 1;
            Cell::default()
        });
        match what {
            Count::Request => cell.requests += 1,
            Count::Failed => cell.failed += 1,
            Count::BadStatus => cell.bad_status += 1,
        }
    }

    /// The latency of an HTTP request that ended.
    pub(super) fn http_latency(&mut self, at: Timestamp, ms: f64) {
        self.seconds.entry(at.as_second()).or_default().http_ms += ms;
    }

    /// The time in which a WebSocket was connected.
    pub(super) fn websocket_latency(&mut self, at: Timestamp, ms: f64) {
        self.seconds.entry(at.as_second()).or_default().websocket_ms += ms;
    }

    /// A reading of the number of VUs.
    pub(super) fn vus(&mut self, at: Timestamp, vus: u32) {
        self.seconds.entry(at.as_second()).or_default().vus = Some(vus);
    }

    /// More seconds with more operations than a result can hold.
    pub(super) fn is_full(&self) -> bool {
        self.cells > MAX_CELLS
    }

    /// The run as seconds without a gap. `failed_by_status`: no request says whether it failed, so its status does.
    ///
    /// # Errors
    /// The times are further apart than any run.
    pub(super) fn intervals(
        &self,
        file: &str,
        names: &[String],
        failed_by_status: bool,
    ) -> Result<Vec<LoadInterval>, ImportError> {
        let (Some((first, _)), Some((last, _))) = (
            self.seconds.first_key_value(),
            self.seconds.last_key_value(),
        ) else {
            return Ok(Vec::new());
        };
        if last - first > MAX_SECONDS {
            return Err(ImportError::Key {
                file: file.to_owned(),
                key: "time".to_owned(),
                found: format!("values from Unix second {first} to {last}"),
                expected: "a run of no more than a week".to_owned(),
            });
        }
        let mut vus = None;
        let nothing = Second::default();
        let intervals = (*first..=*last).map(|at| {
            let second = self.seconds.get(&at).unwrap_or(&nothing);
            vus = second.vus.or(vus);
            LoadInterval {
                started_at: Timestamp::from_second(at).ok(),
                length: Millis(1000.0),
                users: vus,
                latency_total: Some(Millis(second.http_ms + second.websocket_ms)),
                ..counted(second, names, failed_by_status)
            }
        });
        Ok(intervals.collect())
    }

    /// Stretches of at least 5 s with one number of VUs, of their HTTP requests. `run` is its begin and its end, which
    /// lie within seconds; `is_http` says which operations are some.
    pub(super) fn stages(
        &self,
        intervals: &[LoadInterval],
        run: (Option<Timestamp>, Option<Timestamp>),
        is_http: impl Fn(&str) -> bool,
    ) -> Vec<Stage> {
        let mut stages = Vec::new();
        let mut rest = intervals;
        while let Some(first) = rest.first() {
            let length = rest
                .iter()
                .position(|i| i.users != first.users)
                .unwrap_or(rest.len());
            let (stretch, after) = rest.split_at(length);
            rest = after;
            if let Some(vus) = first.users
                && vus > 0
                && let Some(lasted_ms) = lasted_ms(stretch, run)
                && lasted_ms >= STAGE_MIN_MS
            {
                stages.push(self.stage(vus, stretch, lasted_ms, &is_http));
            }
        }
        stages
    }

    fn stage(
        &self,
        vus: u32,
        stretch: &[LoadInterval],
        lasted_ms: f64,
        is_http: impl Fn(&str) -> bool,
    ) -> Stage {
        let sum = |of: fn(&LoadInterval) -> &BTreeMap<String, u64>| -> u64 {
            let entries = stretch.iter().flat_map(|i| of(i).iter());
            let http = entries.filter(|(name, _)| is_http(name));
            http.map(|(_, n)| n).sum()
        };
        let requests = sum(|i| &i.requests);
        let spent: f64 = stretch
            .iter()
            .filter_map(|i| self.seconds.get(&i.started_at?.as_second()))
            .map(|second| second.http_ms)
            .sum();
        let mut total = Operation {
            name: super::ALL.to_owned(),
            requests,
            failures: sum(|i| &i.failures),
            ..Operation::default()
        };
        total.latency.mean = (requests > 0).then(|| Millis(spent / requests as f64));
        Stage {
            name: format!("{vus} VUs"),
            users: vus,
            rate_per_sec: None,
            length: Millis(lasted_ms),
            total,
        }
    }
}

/// How long a stretch of seconds lasted, without what lies before the begin and after the end of the run.
fn lasted_ms(stretch: &[LoadInterval], run: (Option<Timestamp>, Option<Timestamp>)) -> Option<f64> {
    let first = stretch.first()?.started_at?;
    let end = Timestamp::from_second(stretch.last()?.started_at?.as_second() + 1).ok()?;
    let from = run.0.map_or(first, |began| began.max(first));
    let to = run.1.map_or(end, |ended| ended.min(end));
    Some(to.duration_since(from).as_secs_f64() * 1000.0)
}

fn counted(second: &Second, names: &[String], failed_by_status: bool) -> LoadInterval {
    let mut slice = LoadInterval::default();
    for (operation, cell) in &second.operations {
        let Some(name) = names.get(*operation) else {
            continue;
        };
        let failures = if failed_by_status {
            cell.bad_status
        } else {
            cell.failed
        };
        if cell.requests > 0 {
            *slice.requests.entry(name.clone()).or_default() += cell.requests;
        }
        if failures > 0 {
            *slice.failures.entry(name.clone()).or_default() += failures;
        }
    }
    slice
}
