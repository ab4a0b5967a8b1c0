//! Values become operations, in memory that grows with the operations and the seconds of the run only.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::import::ImportError;
use crate::import::table::tame;

use super::arrival::Iterations;
use super::name::Name;
use super::operation::{Sum, Tally};
use super::point::{Point, Tags};
use super::seconds::{Count, Seconds};

/// Most operations: each has a histogram of some 100 KB.
const MAX_OPERATIONS: usize = 5000;

/// Most different checks and entries of `Server-Timing`.
const MAX_NAMES: usize = 1000;

/// Metrics of the script's own with this prefix are entries of the `Server-Timing` header.
const SERVER_TIMING: &str = "server_timing_";

/// k6's own metrics of an HTTP request. A script may give its own any other name.
const HTTP: [&str; 9] = [
    "http_reqs",
    "http_req_duration",
    "http_req_failed",
    "http_req_sending",
    "http_req_waiting",
    "http_req_receiving",
    "http_req_blocked",
    "http_req_connecting",
    "http_req_tls_handshaking",
];

/// k6's own metrics of a WebSocket.
const WEBSOCKET: [&str; 5] = [
    "ws_sessions",
    "ws_connecting",
    "ws_session_duration",
    "ws_msgs_sent",
    "ws_msgs_received",
];

/// The request whose values come in: k6 writes them one after the other.
#[derive(Debug)]
struct Pending {
    operation: usize,
    at: Timestamp,
    latency_ms: f64,
    sending_ms: Option<f64>,
    receiving_ms: Option<f64>,
}

/// Passed and failed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Check {
    pub(super) passes: u64,
    pub(super) fails: u64,
}

/// Iterations that were due and not begun, of one scenario.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Dropped {
    /// Values of the metric.
    pub(super) values: u64,
    /// Their sum.
    pub(super) iterations: f64,
}

/// Everything of one file.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) file: String,
    places: HashMap<Name, usize>,
    /// Tags of the value before this one, and its operation: most values have the same.
    last: Option<(LastTags, usize)>,
    pub(super) operations: Vec<Tally>,
    /// All HTTP requests together.
    pub(super) total: Tally,
    pub(super) seconds: Seconds,
    pending: Option<Pending>,
    pub(super) checks: BTreeMap<String, Check>,
    pub(super) dropped: BTreeMap<String, Dropped>,
    pub(super) iterations: Iterations,
    pub(super) vus_max: f64,
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) grpc: u64,
    /// Values of `server_timing_*` that no request's name goes with.
    pub(super) timings_apart: u64,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct LastTags {
    method: String,
    name: String,
    url: String,
}

impl LastTags {
    fn are(&self, method: &str, tags: &Tags<'_>) -> bool {
        self.method == method
            && self.name == tags.name
            && (!tags.name.is_empty() || self.url == tags.url)
    }
}

impl Collector {
    /// Nothing yet.
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            places: HashMap::new(),
            last: None,
            operations: Vec::new(),
            total: Tally::default(),
            seconds: Seconds::default(),
            pending: None,
            checks: BTreeMap::new(),
            dropped: BTreeMap::new(),
            iterations: Iterations::default(),
            vus_max: 0.0,
            began: None,
            ended: None,
            grpc: 0,
            timings_apart: 0,
            notes: Vec::new(),
        }
    }

    /// Something one has to know to read the numbers.
    pub(super) fn note(&mut self, words: &str) {
        self.notes.push(words.to_owned());
    }

    /// One value.
    ///
    /// # Errors
    /// It is not possible, or there are more operations than can be held.
    pub(super) fn add(&mut self, line: u64, point: &Point<'_>) -> Result<(), ImportError> {
        if !point.value.is_finite() || point.value < 0.0 {
            // A script's own metric may be anything; what is read here cannot be negative.
            if !is_read(&point.metric) {
                return Ok(());
            }
            return Err(self.wrong(
                line,
                format!("{} is {}", tame(&point.metric), point.value),
                "a number that is not negative",
            ));
        }
        match point.metric.as_ref() {
            "vus" => self.seconds.vus(point.at, whole(point.value)),
            "vus_max" => self.vus_max = self.vus_max.max(point.value),
            "checks" => self.check(point),
            "iteration_duration" => self.iterations.add(point.at, point.value),
            "dropped_iterations" => {
                let dropped = self
                    .dropped
                    .entry(point.tags.scenario.to_string())
                    .or_default();
                dropped.values += 1;
                dropped.iterations += point.value;
            }
            "grpc_req_duration" => self.grpc += 1,
            metric if HTTP.contains(&metric) => self.http(line, point)?,
            metric if WEBSOCKET.contains(&metric) => self.websocket(line, point)?,
            metric => {
                if let Some(entry) = metric.strip_prefix(SERVER_TIMING) {
                    self.timing(entry, point);
                }
            }
        }
        if self.seconds.is_full() {
            return Err(self.wrong(
                line,
                "too many different names of requests in too many seconds".to_owned(),
                "addresses with ids grouped under one name (tag `name` of the request)",
            ));
        }
        Ok(())
    }

    fn wrong(&self, line: u64, found: String, expected: &str) -> ImportError {
        ImportError::Line {
            file: self.file.clone(),
            line,
            found,
            expected: expected.to_owned(),
        }
    }

    fn check(&mut self, point: &Point<'_>) {
        let known = self.checks.contains_key(point.tags.check.as_ref());
        let name = if known || self.checks.len() < MAX_NAMES {
            point.tags.check.as_ref()
        } else {
            "other checks"
        };
        let check = self.checks.entry(name.to_owned()).or_default();
        if point.value > 0.0 {
            check.passes += 1;
        } else {
            check.fails += 1;
        }
    }

    /// The operation of a value; made where it is new.
    fn place(&mut self, line: u64, method: &str, tags: &Tags<'_>) -> Result<usize, ImportError> {
        if let Some((last, place)) = &self.last
            && last.are(method, tags)
        {
            return Ok(*place);
        }
        let name = Name::of(method, &tags.name, &tags.url);
        let place = match self.places.get(&name) {
            Some(place) => *place,
            None => self.make(line, name)?,
        };
        let last = LastTags {
            method: method.to_owned(),
            name: tags.name.to_string(),
            url: tags.url.to_string(),
        };
        self.last = Some((last, place));
        Ok(place)
    }

    fn make(&mut self, line: u64, name: Name) -> Result<usize, ImportError> {
        if self.operations.len() >= MAX_OPERATIONS {
            return Err(self.wrong(
                line,
                format!("more than {MAX_OPERATIONS} different names of requests"),
                "addresses with ids grouped under one name (tag `name` of the request)",
            ));
        }
        let place = self.operations.len();
        self.operations.push(Tally::of(name.clone()));
        self.places.insert(name, place);
        Ok(place)
    }

    fn http(&mut self, line: u64, point: &Point<'_>) -> Result<(), ImportError> {
        let place = self.place(line, &point.tags.method, &point.tags)?;
        let ms = point.value;
        match point.metric.as_ref() {
            "http_reqs" => self.request(place, point),
            "http_req_duration" => self.duration(place, point),
            "http_req_failed" => self.judged(place, point),
            "http_req_sending" => self.phase(place, point, |t| &mut t.sending),
            "http_req_waiting" => self.phase(place, point, |t| &mut t.waiting),
            "http_req_receiving" => self.phase(place, point, |t| &mut t.receiving),
            "http_req_blocked" => self.phase(place, point, |t| &mut t.blocked),
            "http_req_tls_handshaking" => self.phase(place, point, |t| &mut t.tls),
            "http_req_connecting" => {
                self.operations[place].connected(ms);
                self.total.connected(ms);
            }
            _ => {}
        }
        Ok(())
    }

    fn request(&mut self, place: usize, point: &Point<'_>) {
        self.seconds.count(point.at, place, Count::Request);
        let bad = point.tags.bad_status();
        for tally in [&mut self.operations[place], &mut self.total] {
            tally.requests += 1;
            tally.with_status += u64::from(bad.is_some());
        }
        if bad == Some(true) {
            let words = point.tags.failure();
            self.seconds.count(point.at, place, Count::BadStatus);
            self.operations[place].fail_by_status(&words);
            self.total.fail_by_status(&words);
        }
    }

    fn duration(&mut self, place: usize, point: &Point<'_>) {
        self.pair();
        let ms = point.value;
        self.pending = Some(Pending {
            operation: place,
            at: point.at,
            latency_ms: ms,
            sending_ms: None,
            receiving_ms: None,
        });
        self.seconds.http_latency(point.at, ms);
        self.began = Some(earliest(self.began, before(point.at, ms)));
        self.ended = self.ended.max(Some(point.at));
        for tally in [&mut self.operations[place], &mut self.total] {
            tally.record(ms);
            tally.never_sent += u64::from(ms <= 0.0);
        }
    }

    fn judged(&mut self, place: usize, point: &Point<'_>) {
        let failed = point.value > 0.0;
        if failed {
            let words = point.tags.failure();
            self.seconds.count(point.at, place, Count::Failed);
            self.operations[place].fail(&words);
            self.total.fail(&words);
        }
        self.operations[place].judged += 1;
        self.total.judged += 1;
    }

    fn phase(&mut self, place: usize, point: &Point<'_>, of: fn(&mut Tally) -> &mut Sum) {
        of(&mut self.operations[place]).add(point.value);
        of(&mut self.total).add(point.value);
        let Some(pending) = &mut self.pending else {
            return;
        };
        if pending.operation == place && pending.at == point.at {
            match point.metric.as_ref() {
                "http_req_sending" => pending.sending_ms = Some(point.value),
                "http_req_receiving" => pending.receiving_ms = Some(point.value),
                _ => {}
            }
        }
    }

    /// Ends the request whose values came in.
    pub(super) fn pair(&mut self) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        if let (Some(sending), Some(receiving)) = (pending.sending_ms, pending.receiving_ms) {
            let network = sending + receiving;
            self.operations[pending.operation].paired(pending.latency_ms, network);
            self.total.paired(pending.latency_ms, network);
        }
    }

    fn websocket(&mut self, line: u64, point: &Point<'_>) -> Result<(), ImportError> {
        let place = self.place(line, "WS", &point.tags)?;
        let tally = &mut self.operations[place];
        match point.metric.as_ref() {
            "ws_sessions" => {
                tally.requests += 1;
                self.seconds.count(point.at, place, Count::Request);
                let status = point.tags.status.as_ref();
                if !matches!(status, "" | "101") {
                    self.seconds.count(point.at, place, Count::Failed);
                    self.seconds.count(point.at, place, Count::BadStatus);
                    let words = point.tags.failure();
                    tally.fail(&words);
                    tally.fail_by_status(&words);
                }
            }
            "ws_connecting" => {
                tally.record(point.value);
                self.seconds.websocket_latency(point.at, point.value);
            }
            "ws_session_duration" => tally.sessions.add(point.value),
            "ws_msgs_sent" => tally.messages_sent += point.value,
            _ => tally.messages_received += point.value,
        }
        self.began = Some(earliest(self.began, point.at));
        self.ended = self.ended.max(Some(point.at));
        Ok(())
    }

    fn timing(&mut self, entry: &str, point: &Point<'_>) {
        let entry = tame(entry);
        let full = self.total.server_timing.len() >= MAX_NAMES;
        if full && !self.total.server_timing.contains_key(&entry) {
            return;
        }
        self.total.timing(&entry, point.value);
        let tags = &point.tags;
        let name = Name::of(&tags.method, &tags.name, &tags.url);
        match self.places.get(&name) {
            Some(place) if !name.path.is_empty() => {
                self.operations[*place].timing(&entry, point.value);
            }
            _ => self.timings_apart += 1,
        }
    }
}

/// Metrics that are read, all of which count or time something.
fn is_read(metric: &str) -> bool {
    let others = [
        "vus",
        "vus_max",
        "checks",
        "iteration_duration",
        "dropped_iterations",
    ];
    HTTP.contains(&metric)
        || WEBSOCKET.contains(&metric)
        || others.contains(&metric)
        || metric.starts_with(SERVER_TIMING)
}

fn before(at: Timestamp, ms: f64) -> Timestamp {
    SignedDuration::try_from_secs_f64(ms / 1000.0)
        .ok()
        .and_then(|span| at.checked_sub(span).ok())
        .unwrap_or(at)
}

fn earliest(old: Option<Timestamp>, new: Timestamp) -> Timestamp {
    old.map_or(new, |old| old.min(new))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of VUs, and a cast of f64 saturates"
)]
fn whole(value: f64) -> u32 {
    value as u32
}
