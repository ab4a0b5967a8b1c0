//! Windows of a load, and how long connections were held in them.

use std::collections::BTreeMap;

use crate::record::load::{LoadInterval, LoadResult};
use crate::record::statements::StatementInterval;

use super::super::catalogue::Catalogue;
use super::super::sessions::{Moment, Sessions, mean};

/// Shortest window in milliseconds; longer where answers take longer.
const MIN_WINDOW_MS: f64 = 1000.0;

/// Mean response times that a window holds at least, so that the requests that cross its ends matter little (ours).
const ANSWERS_IN_WINDOW: f64 = 5.0;

/// Share of the samples with all connections busy up to which a window is not saturated (ours).
pub(super) const FREE_RATIO: f64 = 0.05;

/// Connections in use over all there are from which a window is saturated, where round trips hide some of the use from
/// the server (ours).
const FULL_RATIO: f64 = 0.85;

/// Share of an interval of the counters that must be in windows of one kind (ours).
const INSIDE_RATIO: f64 = 0.99;

/// One window. Times are sums over its requests or connections, in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    from: f64,
    to: f64,
    /// The most users in it; `u32::MAX` where the source does not tell them.
    users: u32,
    pub(super) requests: f64,
    /// Requests by endpoint.
    pub(super) mix: BTreeMap<String, f64>,
    /// Sum of the latencies.
    latency: f64,
    /// Connections at work in the server.
    active: f64,
    /// Connections that are held while the server takes them for idle.
    between: f64,
    /// All connections there are, all the time.
    most: f64,
    pub(super) saturated: bool,
    /// The one before or after it is saturated, so that some of its requests may have waited after all.
    pub(super) beside_saturated: bool,
}

impl Window {
    fn begin(from: f64) -> Self {
        Self {
            from,
            to: from,
            users: 0,
            requests: 0.0,
            mix: BTreeMap::new(),
            latency: 0.0,
            active: 0.0,
            between: 0.0,
            most: 0.0,
            saturated: false,
            beside_saturated: false,
        }
    }

    /// Time that its requests were seen without a connection.
    pub(super) fn outside(&self) -> f64 {
        self.latency - self.held()
    }

    /// The least of it, when its requests spend `rest` without waiting for a connection (each): no more connections are
    /// held than there are, and no more than requests wait or are served.
    pub(super) fn outside_at_least(&self, rest: f64) -> f64 {
        let queued_or_served = self.latency - rest * self.requests;
        self.latency - queued_or_served.min(self.most).max(self.held())
    }

    fn held(&self) -> f64 {
        (self.active + self.between).min(self.most)
    }

    fn length(&self) -> f64 {
        self.to - self.from
    }

    /// Takes the requests of one interval in.
    fn add(&mut self, interval: &LoadInterval, to: f64, latency: f64, users: u32) {
        self.to = to;
        self.latency += latency;
        self.users = self.users.max(users);
        for (name, number) in &interval.requests {
            self.requests += *number as f64;
            *self.mix.entry(name.clone()).or_default() += *number as f64;
        }
    }

    /// What the sessions did in it. While a message is on its way the server takes the connection for idle, though
    /// the application holds it: those round trips are time held too, inside a transaction or not.
    fn see(&mut self, moments: &[Moment], sessions: &Sessions, round_trips_ms: f64) {
        let length = self.length();
        self.active = mean(moments, |m| m.active).unwrap_or(0.0) * length;
        let idle = mean(moments, |m| m.idle_in_transaction).unwrap_or(0.0) * length;
        self.between = idle.max(self.requests * round_trips_ms);
        let size = f64::from(sessions.connected_max);
        self.most = size * length;
        let full = moments
            .iter()
            .filter(|m| m.active + m.idle_in_transaction >= size)
            .count();
        let often =
            full as f64 > FREE_RATIO * moments.len() as f64 || self.held() > FULL_RATIO * self.most;
        // No more users than connections: each has one.
        self.saturated = often && self.users > sessions.connected_max;
    }
}

/// Windows of the load with what the sessions did in them.
pub(super) fn windows(
    result: &LoadResult,
    sessions: &Sessions,
    catalogue: Option<&Catalogue<'_>>,
    round_trips_ms: f64,
) -> Result<Vec<Window>, String> {
    let told = result
        .intervals
        .iter()
        .any(|i| i.from.is_some() && i.latency_total.is_some());
    if !told {
        return Err("the load result has no response times over time".to_owned());
    }
    let mean_ms = result.total.latency.mean.map_or(0.0, |m| m.0);
    let aimed = MIN_WINDOW_MS.max(ANSWERS_IN_WINDOW * mean_ms);
    let mut found = Vec::new();
    let mut open: Option<Window> = None;
    for (place, interval) in result.intervals.iter().enumerate() {
        let (Some((from, to)), Some(latency)) = (result.span_of(interval), interval.latency_total)
        else {
            open = None;
            continue;
        };
        let mut window = open.take().unwrap_or_else(|| Window::begin(from));
        window.add(
            interval,
            to,
            latency.0,
            users_around(&result.intervals, place),
        );
        // Ends of windows are sums, which may miss a whole second by their last bit.
        if window.length() < aimed - 0.5 {
            open = Some(window);
            continue;
        }
        let moments = sessions.between(window.from, window.to);
        if window.requests > 0.0 && !moments.is_empty() {
            window.see(moments, sessions, round_trips_ms);
            found.push(window);
        }
    }
    if found.is_empty() {
        return Err(
            "the load and the samples of the server's sessions have no time in common".to_owned(),
        );
    }
    for place in 1..found.len() {
        found[place].beside_saturated |= found[place - 1].saturated;
        found[place - 1].beside_saturated |= found[place].saturated;
    }
    // Others' statements would be counted in.
    if let Some(catalogue) = catalogue.filter(|_| sessions.caveat().is_none()) {
        share_out(&mut found, result, catalogue);
    }
    Ok(found)
}

/// The most users in an interval: their number is read at one moment, and may change between two.
fn users_around(intervals: &[LoadInterval], place: usize) -> u32 {
    let around = &intervals[place.saturating_sub(1)..(place + 2).min(intervals.len())];
    let users = around.iter().map(|i| i.users.unwrap_or(u32::MAX));
    users.max().unwrap_or(u32::MAX)
}

/// Gives every window its part of the time at work by the execution time that the server counted. A window of a
/// second has ten samples, and how many of them meet a statement is chance; the counters miss no statement, but what
/// goes with it (planning, the commit), which all samples together tell. Windows stay as they are where the counters do
/// not tell saturated windows from others.
fn share_out(windows: &mut [Window], result: &LoadResult, catalogue: &Catalogue<'_>) {
    let per_request = |saturated: bool| executed(windows, saturated, result, catalogue);
    let (Some(in_full), Some(in_free)) = (per_request(true), per_request(false)) else {
        return;
    };
    let executed = |w: &Window| w.requests * if w.saturated { in_full } else { in_free };
    let all: f64 = windows.iter().map(executed).sum();
    let seen: f64 = windows.iter().map(|w| w.active).sum();
    if all <= 0.0 {
        return;
    }
    for window in windows.iter_mut() {
        window.active = seen * executed(window) / all;
    }
}

/// Execution time per request in the windows of one kind. `None` where no interval of the counters is within them: one
/// that crosses into the other kind does not tell which requests its statements belong to.
fn executed(
    windows: &[Window],
    saturated: bool,
    result: &LoadResult,
    catalogue: &Catalogue<'_>,
) -> Option<f64> {
    let (mut time, mut requests) = (0.0, 0.0);
    for interval in &catalogue.window.intervals {
        let span = (interval.from.0, interval.to.0);
        let inside = windows
            .iter()
            .filter(|w| w.saturated == saturated)
            .map(|w| overlap((w.from, w.to), span))
            .sum::<f64>();
        if interval.lost_entries == 0 && inside > INSIDE_RATIO * (span.1 - span.0) {
            time += here(interval, catalogue);
            requests += requests_in(result, span);
        }
    }
    (requests > 0.0).then_some(time / requests)
}

/// Requests between two moments; an interval of the load that is cut counts in proportion.
fn requests_in(result: &LoadResult, span: (f64, f64)) -> f64 {
    let of = |interval: &LoadInterval| {
        let (from, to) = result.span_of(interval)?;
        let number: u64 = interval.requests.values().sum();
        Some(number as f64 * overlap((from, to), span) / (to - from))
    };
    result.intervals.iter().filter_map(of).sum()
}

fn overlap(one: (f64, f64), other: (f64, f64)) -> f64 {
    (one.1.min(other.1) - one.0.max(other.0)).max(0.0)
}

/// Execution time of the statements of the application's database.
fn here(interval: &StatementInterval, catalogue: &Catalogue<'_>) -> f64 {
    let own = interval
        .calls
        .iter()
        .filter(|(id, _)| catalogue.by_id.contains_key(id));
    own.map(|(_, (_, time))| time.0).sum()
}
