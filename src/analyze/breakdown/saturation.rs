//! The wait for a connection where neither the application nor a pool tells it: from saturation.
//!
//! By Little's law the requests in flight of a short window are its rate times its mean response time. Those of
//! them that hold a connection are the application's busy sessions, of which the server knows. What is left waits for a
//! connection, or is somewhere else: in the network, in the application's own work. While connections are free nobody
//! waits, and what is left is the rest alone; that calibrates it. While all connections are busy, what is left beyond
//! the calibrated rest is the wait.
//!
//! The server takes a connection for idle while the application has yet to read its answer, hands it to the next
//! request, or has yet to send its statement. So the wait has two ends: with the connections that were seen in use, of
//! which the rest is known in the same way, and with all connections in use. The first is too high where such time grows
//! with the load, the second too low where it does not.
//!
//! What would make it wrong: another mix of endpoints while saturated than while not (refused), an application that
//! becomes slower itself under load (said, where the machine is seen to be busy), and sessions of other applications.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{Basis, PartKind};
use crate::record::Run;
use crate::record::load::LoadResult;
use crate::stats::SplitMix64;

use super::catalogue::Catalogue;
use super::parts::Component;
use super::sessions::Sessions;

use window::{FREE_RATIO, Window, windows};

mod window;

/// Requests in unsaturated windows without which nothing is calibrated (ours).
const MIN_REQUESTS: f64 = 50.0;

/// Difference of the share of an endpoint between saturated and other windows from which they do not compare (ours).
const MIX_RATIO: f64 = 0.1;

/// Share of the machine's CPU from which the application may be slower for want of it (ours).
const BUSY_HOST_RATIO: f64 = 0.9;

/// Resamples of the windows for the interval, and their seed: the same run gives the same interval.
const RESAMPLES: usize = 400;
const SEED: u64 = 0x706f_6f6c_7761_6974;

/// The mean wait per request, or why it is not known.
pub(super) fn wait(
    run: &Run,
    result: &LoadResult,
    sessions: Result<&Sessions, &str>,
    catalogue: Option<&Catalogue<'_>>,
    round_trips_ms: f64,
) -> Component {
    let found = sessions.map_err(str::to_owned).and_then(|sessions| {
        let windows = windows(result, sessions, catalogue, round_trips_ms)?;
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
    let size = sessions.connected_max;
    if full.is_empty() {
        let mut none = Component::known(PartKind::PoolWait, 0.0, Basis::Inferred);
        none.low_ms = Some(0.0);
        // In at most this part of the time all connections were busy.
        none.high_ms = Some(FREE_RATIO * per_request(&free, Window::outside).max(0.0));
        return Ok(none.noted(Some(format!(
            "connections were free throughout: of the {size} that the application had open, all were busy in no \
             window for longer than {} of the time",
            crate::analyze::figures::percent(FREE_RATIO)
        ))));
    }
    if requests(&free) < MIN_REQUESTS {
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
    let kinds = Kinds::of(&full, &free);
    let mean_ms = kinds.ends().middle();
    let (low, high) = interval(&kinds);
    let mut component = Component::known(PartKind::PoolWait, mean_ms, Basis::Inferred);
    component.low_ms = Some(low.min(mean_ms));
    component.high_ms = Some(high.max(mean_ms));
    let mut note = format!(
        "from saturation: all {size} connections of the application were busy in {} of {} windows, in which \
         requests spent {:.1} ms without a connection, against {:.1} ms in the others",
        full.len(),
        windows.len(),
        per_request(&full, Window::outside),
        per_request(&kinds.calm, Window::outside)
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
    Ok(component.noted(Some(note)))
}

fn requests(of: &[&Window]) -> f64 {
    of.iter().map(|w| w.requests).sum()
}

fn per_request(windows: &[&Window], value: impl Fn(&Window) -> f64) -> f64 {
    let sum: f64 = windows.iter().map(|w| value(w)).sum();
    sum / requests(windows).max(1.0)
}

/// Windows by whether their requests waited.
#[derive(Debug, Clone)]
struct Kinds<'a> {
    full: Vec<&'a Window>,
    /// Some of their requests may have waited.
    beside: Vec<&'a Window>,
    /// Nobody waited.
    calm: Vec<&'a Window>,
}

impl<'a> Kinds<'a> {
    /// A window beside a saturated one calibrates nothing, if there are others.
    fn of(full: &[&'a Window], free: &[&'a Window]) -> Self {
        let (beside, calm): (Vec<&Window>, Vec<&Window>) =
            free.iter().partition(|w| w.beside_saturated);
        let enough = requests(&calm) >= MIN_REQUESTS;
        Self {
            full: full.to_vec(),
            beside: if enough { beside } else { Vec::new() },
            calm: if enough { calm } else { free.to_vec() },
        }
    }

    /// As many windows of each kind, drawn anew.
    fn again(&self, random: &mut SplitMix64) -> Self {
        let mut drawn = |of: &[&'a Window]| -> Vec<&'a Window> {
            of.iter().map(|_| of[random.index(of.len())]).collect()
        };
        Self {
            full: drawn(&self.full),
            beside: drawn(&self.beside),
            calm: drawn(&self.calm),
        }
    }

    fn ends(&self) -> Ends {
        let rest = per_request(&self.calm, Window::outside).max(0.0);
        let waiting = [self.full.as_slice(), &self.beside].concat();
        let number = requests(&waiting);
        let part = number / (number + requests(&self.calm));
        let of_all = |outside: f64| (outside - rest).max(0.0) * part;
        Ends {
            low: of_all(per_request(&waiting, |w| w.outside_at_least(rest))),
            high: of_all(per_request(&waiting, Window::outside)),
        }
    }
}

/// The wait per request of all windows in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ends {
    low: f64,
    high: f64,
}

impl Ends {
    fn middle(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }
}

/// From the lowest to the highest, with 95 % of what other windows might have told: they are drawn anew (Efron and
/// Tibshirani 1993).
fn interval(kinds: &Kinds<'_>) -> (f64, f64) {
    let mut random = SplitMix64::new(SEED);
    let draws: Vec<Ends> = (0..RESAMPLES)
        .map(|_| kinds.again(&mut random).ends())
        .collect();
    let at = |quantile: f64, end: fn(&Ends) -> f64| {
        let mut ends: Vec<f64> = draws.iter().map(end).collect();
        ends.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a short list"
        )]
        let place = (quantile * (ends.len() - 1) as f64).round() as usize;
        ends[place]
    };
    (at(0.025, |e| e.low), at(0.975, |e| e.high))
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

#[cfg(test)]
mod tests;
