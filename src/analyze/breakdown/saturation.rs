//! The wait for a connection where neither the application nor a pool tells it: from saturation.
//!
//! By Little's law the requests in flight of a short window are its rate times its mean response time. Those of
//! them that hold a connection are the application's busy sessions, of which the server knows. What is left waits for a
//! connection, or is somewhere else: in the network, in the application's own work. While connections are free nobody
//! waits, and what is left is the rest alone; that calibrates it. While all connections are busy, what is left beyond
//! the calibrated rest is the wait.
//!
//! What would make it wrong: another mix of endpoints while saturated than while not (refused), an application that
//! becomes slower itself under load (said, where the machine is seen to be busy), and sessions of other applications.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{Basis, PartKind};
use crate::record::Run;
use crate::record::load::{LoadInterval, LoadResult};
use crate::stats::SplitMix64;

use super::parts::Component;
use super::sessions::{Moment, Sessions, mean};

/// Shortest window in milliseconds; longer where answers take longer.
const MIN_WINDOW_MS: f64 = 1000.0;

/// Mean response times that a window holds at least, so that the requests that cross its ends matter little (ours).
const ANSWERS_IN_WINDOW: f64 = 5.0;

/// Share of the samples with all connections busy up to which a window is not saturated (ours).
const FREE_RATIO: f64 = 0.05;

/// Connections in use over all there are from which a window is saturated, where round trips hide some of the use from
/// the server (ours).
const FULL_RATIO: f64 = 0.85;

/// Requests in unsaturated windows without which nothing is calibrated (ours).
const MIN_REQUESTS: f64 = 50.0;

/// Difference of the share of an endpoint between saturated and other windows from which they do not compare (ours).
const MIX_RATIO: f64 = 0.1;

/// Share of the machine's CPU from which the application may be slower for want of it (ours).
const BUSY_HOST_RATIO: f64 = 0.9;

/// Resamples of the windows for the interval, and their seed: the same run gives the same interval.
const RESAMPLES: usize = 400;
const SEED: u64 = 0x706f_6f6c_7761_6974;

/// One window.
#[derive(Debug, Clone, PartialEq)]
struct Window {
    requests: f64,
    /// Requests by endpoint.
    mix: BTreeMap<String, f64>,
    /// Sum of the latencies in milliseconds.
    latency: f64,
    /// Time that connections were held, in milliseconds.
    held: f64,
    saturated: bool,
}

impl Window {
    /// Time of its requests without a connection.
    fn outside(&self) -> f64 {
        (self.latency - self.held).max(0.0)
    }
}

/// The mean wait per request, or why it is not known.
pub(super) fn wait(
    run: &Run,
    result: &LoadResult,
    sessions: Result<&Sessions, &str>,
    round_trips_ms: f64,
) -> Component {
    let found = sessions.map_err(str::to_owned).and_then(|sessions| {
        let windows = windows(result, sessions, round_trips_ms)?;
        Ok((judge(run, &windows, sessions)?, sessions))
    });
    match found {
        Ok((component, sessions)) => match sessions.caveat() {
            None => component,
            Some(caveat) => {
                let note = component.note.clone().unwrap_or_default();
                component.noted(Some(format!("{note}; {caveat}")))
            }
        },
        Err(reason) => Component {
            part: PartKind::PoolWait,
            mean_ms: None,
            low_ms: Some(0.0),
            high_ms: None,
            basis: Basis::Bound,
            note: Some(format!(
                "the wait for a connection is inside the application; it is no more than what is unattributed, \
                 and cannot be inferred: {reason}"
            )),
        },
    }
}

fn judge(run: &Run, windows: &[Window], sessions: &Sessions) -> Result<Component, String> {
    let (full, free): (Vec<&Window>, Vec<&Window>) = windows.iter().partition(|w| w.saturated);
    let requests = |of: &[&Window]| of.iter().map(|w| w.requests).sum::<f64>();
    let (in_full, in_free) = (requests(&full), requests(&free));
    let size = sessions.connected_max;
    if full.is_empty() {
        let mut none = Component::known(PartKind::PoolWait, 0.0, Basis::Inferred);
        none.low_ms = Some(0.0);
        // In at most this part of the time all connections were busy.
        none.high_ms = Some(FREE_RATIO * per_request(&free, Window::outside));
        return Ok(none.noted(Some(format!(
            "connections were free throughout: of the {size} that the application had open, all were busy in no \
             window for longer than {} of the time",
            crate::analyze::figures::percent(FREE_RATIO)
        ))));
    }
    if in_free < MIN_REQUESTS {
        return Err(format!(
            "all {size} connections of the application were busy from the begin to the end, so nothing tells what its \
             requests take without a wait: begin the load with few users, and let it grow"
        ));
    }
    if let Some(endpoint) = another_mix(&full, &free) {
        return Err(format!(
            "while all {size} connections were busy the requests were others than before ({endpoint} has another \
             share of them)"
        ));
    }
    let estimate = |full: &[&Window], free: &[&Window]| {
        let (in_full, in_free) = (requests(full), requests(free));
        let rest = per_request(free, Window::outside);
        // Free windows have no wait by themselves: only the saturated ones add any.
        let beyond = (per_request(full, Window::outside) - rest).max(0.0);
        beyond * in_full / (in_full + in_free)
    };
    let mean_ms = estimate(&full, &free);
    let (low, high) = interval(&full, &free, estimate);
    let mut component = Component::known(PartKind::PoolWait, mean_ms, Basis::Inferred);
    component.low_ms = Some(low.min(mean_ms));
    component.high_ms = Some(high.max(mean_ms));
    let mut note = format!(
        "from saturation: all {size} connections of the application were busy in {} of {} windows, in which \
         requests spent {:.1} ms without a connection, against {:.1} ms in the others",
        full.len(),
        windows.len(),
        per_request(&full, Window::outside),
        per_request(&free, Window::outside)
    );
    if run
        .host
        .cpu_busy_ratio
        .is_some_and(|busy| busy > BUSY_HOST_RATIO)
    {
        component.basis = Basis::Bound;
        component.low_ms = Some(0.0);
        note.push_str(
            "; this machine's CPU was busy, and if the application runs here a part of it may be a wait for the CPU",
        );
    }
    let _ = in_full;
    Ok(component.noted(Some(note)))
}

fn per_request(windows: &[&Window], value: impl Fn(&Window) -> f64) -> f64 {
    let requests: f64 = windows.iter().map(|w| w.requests).sum();
    let sum: f64 = windows.iter().map(|w| value(w)).sum();
    if requests > 0.0 { sum / requests } else { 0.0 }
}

/// The 95 % interval, by drawing windows of both kinds anew (Efron and Tibshirani 1993).
fn interval(
    full: &[&Window],
    free: &[&Window],
    estimate: impl Fn(&[&Window], &[&Window]) -> f64,
) -> (f64, f64) {
    let mut random = SplitMix64::new(SEED);
    let mut draws: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut again = |of: &[&Window]| -> Vec<usize> {
                of.iter().map(|_| random.index(of.len())).collect()
            };
            let (some_full, some_free) = (again(full), again(free));
            let pick = |of: &[&Window], places: Vec<usize>| -> Vec<Window> {
                places.into_iter().map(|i| of[i].clone()).collect()
            };
            let (some_full, some_free) = (pick(full, some_full), pick(free, some_free));
            let full: Vec<&Window> = some_full.iter().collect();
            let free: Vec<&Window> = some_free.iter().collect();
            estimate(&full, &free)
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let at = |quantile: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a short list"
        )]
        let place = (quantile * (draws.len() - 1) as f64).round() as usize;
        draws[place]
    };
    (at(0.025), at(0.975))
}

/// An endpoint whose share of the requests differs.
fn another_mix(full: &[&Window], free: &[&Window]) -> Option<String> {
    let shares = |of: &[&Window]| {
        let all: f64 = of.iter().map(|w| w.requests).sum();
        let mut shares: BTreeMap<String, f64> = BTreeMap::new();
        for (name, number) in of.iter().flat_map(|w| &w.mix) {
            *shares.entry(name.clone()).or_default() += number / all.max(1.0);
        }
        shares
    };
    let (full, free) = (shares(full), shares(free));
    let names = full.keys().chain(free.keys());
    let share = |of: &BTreeMap<String, f64>, name: &str| of.get(name).copied().unwrap_or(0.0);
    names
        .max_by(|a, b| {
            let apart = |name: &str| (share(&full, name) - share(&free, name)).abs();
            apart(a).total_cmp(&apart(b))
        })
        .filter(|name| (share(&full, name) - share(&free, name)).abs() > MIX_RATIO)
        .cloned()
}

/// Windows of the load with what the sessions did in them.
fn windows(
    result: &LoadResult,
    sessions: &Sessions,
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
    let mut open: Option<(f64, Window, u32)> = None;
    for (place, interval) in result.intervals.iter().enumerate() {
        let (Some((from, end)), Some(latency)) = (result.span_of(interval), interval.latency_total)
        else {
            open = None;
            continue;
        };
        let (begin, mut window, users) = open.take().unwrap_or((from, Window::empty(), 0));
        window.latency += latency.0;
        for (name, number) in &interval.requests {
            window.requests += *number as f64;
            *window.mix.entry(name.clone()).or_default() += *number as f64;
        }
        let users = users.max(users_around(&result.intervals, place));
        if end - begin < aimed {
            open = Some((begin, window, users));
            continue;
        }
        let moments = sessions.between(begin, end);
        if window.requests > 0.0 && !moments.is_empty() {
            window.see(moments, end - begin, users, sessions, round_trips_ms);
            found.push(window);
        }
    }
    if found.is_empty() {
        return Err(
            "the load and the samples of the server's sessions have no time in common".to_owned(),
        );
    }
    Ok(found)
}

/// The most users in an interval: their number is read at one moment, and may change between two.
fn users_around(intervals: &[LoadInterval], place: usize) -> u32 {
    let around = &intervals[place.saturating_sub(1)..(place + 2).min(intervals.len())];
    let users = around.iter().map(|i| i.users.unwrap_or(u32::MAX));
    users.max().unwrap_or(u32::MAX)
}

impl Window {
    fn empty() -> Self {
        Self {
            requests: 0.0,
            mix: BTreeMap::new(),
            latency: 0.0,
            held: 0.0,
            saturated: false,
        }
    }

    /// What the sessions did in it. While a message is on its way the server takes the connection for idle, though
    /// the application holds it: those round trips are time held too, inside a transaction or not.
    fn see(
        &mut self,
        moments: &[Moment],
        length: f64,
        users: u32,
        sessions: &Sessions,
        round_trips_ms: f64,
    ) {
        let active = mean(moments, |m| m.active).unwrap_or(0.0);
        let idle = mean(moments, |m| m.idle_in_transaction).unwrap_or(0.0);
        let on_the_way = self.requests * round_trips_ms / length;
        let size = f64::from(sessions.connected_max);
        let in_use = (active + idle.max(on_the_way)).min(size);
        self.held = in_use * length;
        let full = moments
            .iter()
            .filter(|m| m.active + m.idle_in_transaction >= size)
            .count();
        let often = full as f64 > FREE_RATIO * moments.len() as f64 || in_use > FULL_RATIO * size;
        // No more users than connections: each has one.
        self.saturated = often && users > sessions.connected_max;
    }
}

#[cfg(test)]
mod tests;
