//! Statements of endpoints by inference: how calls of statements follow requests of endpoints.
//!
//! In every window the calls of a statement are the requests of each endpoint times its calls per
//! request. With enough windows in which the mix of requests differs, non-negative least squares
//! finds the calls per request; with a constant mix nothing can, and the inference is refused.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Basis;
use crate::record::load::LoadResult;
use crate::stats::{Interval, NormalEquations, condition_number};

use super::api::{Attribution, DbExec};
use super::catalogue::Catalogue;
use super::mapped::Resolved;
use super::windows::{Windows, windows};

/// Condition number from which columns count as collinear (Belsley, Kuh and Welsch 1980).
const MAX_CONDITION: f64 = 30.0;

/// Statements that are looked at: those that make up this share of the execution time …
const COVERED_EXEC_RATIO: f64 = 0.995;

/// … and no more than this many.
const MAX_STATEMENTS: usize = 100;

/// Resamples for the intervals.
const RESAMPLES: usize = 200;

/// Seed of the resamples: the same run gives the same intervals.
const SEED: u64 = 0x6462_7065_7266;

/// Part of the variation of a statement's calls that requests must explain, for at least one
/// statement: otherwise they are not the requests that ran the statements, or not at that time.
const MIN_EXPLAINED_RATIO: f64 = 0.5;

/// How far the load tool's clock may be moved either way. Locust writes whole seconds, and clocks
/// of two machines that are kept by NTP differ by less.
const MAX_SHIFT_MS: i32 = 1000;

/// Steps of the search for the shift.
const SHIFT_STEP_MS: i32 = 100;

/// Execution time per request of every endpoint that the mapping does not have, or why it cannot be
/// inferred.
pub(super) fn execution(
    result: &LoadResult,
    catalogue: &Catalogue<'_>,
    mapped: &Resolved,
) -> Result<BTreeMap<String, DbExec>, String> {
    let statements = heaviest(catalogue);
    let aligned = aligned(result, catalogue, &statements)?;
    let explained = aligned.explained;
    let mut fitted = Fitted::of(aligned.windows, &statements, mapped)?;
    let condition = told_apart(&fitted.windows, explained)?;
    // The shift itself is known to one step only: the intervals hold what its neighbours say.
    for step in [-SHIFT_STEP_MS, SHIFT_STEP_MS] {
        let shift_ms = aligned.shift_ms + f64::from(step);
        let beside = windows(result, &catalogue.window.intervals, shift_ms)
            .and_then(|w| Fitted::of(w, &statements, mapped));
        if let Ok(beside) = beside {
            fitted.widen(&beside);
        }
    }
    let nothing_left = fitted.calls.is_empty();
    let mut by_endpoint: BTreeMap<String, Vec<Attribution>> = fitted
        .windows
        .endpoints
        .iter()
        .map(|e| (e.clone(), Vec::new()))
        .collect();
    for ((endpoint, id), (calls, interval)) in fitted.calls {
        if let Some(found) = by_endpoint.get_mut(&endpoint)
            && interval.high > 0.0
        {
            found.push(Attribution {
                id,
                calls_per_request: calls,
                basis: Basis::Inferred,
                interval: Some(interval),
            });
        }
    }
    let note = if nothing_left {
        "the mapping gives every statement of weight to other endpoints".to_owned()
    } else {
        format!(
            "other clients' statements may be counted in; non-negative least squares over {} \
             windows, {}{:.0} % of how calls of statements varied explained, condition number \
             {condition:.1}",
            fitted.windows.requests.len(),
            moved(aligned.shift_ms),
            explained.mean * 100.0
        )
    };
    Ok(by_endpoint
        .into_iter()
        .map(|(name, attributions)| (name, db_exec(attributions, catalogue, &note)))
        .collect())
}

/// Calls per request of endpoints that the mapping does not have.
struct Fitted {
    windows: Windows,
    /// By endpoint and statement, with the interval.
    calls: BTreeMap<(String, i64), (f64, Interval)>,
}

impl Fitted {
    fn of(mut windows: Windows, statements: &[i64], mapped: &Resolved) -> Result<Self, String> {
        let effects: Vec<(i64, Vec<f64>)> = statements
            .iter()
            .filter_map(|id| Some((*id, effect(*id, &windows, mapped)?)))
            .collect();
        windows.keep(|_, name| !mapped.contains_key(name));
        let equations = NormalEquations::new(&windows.requests, RESAMPLES, SEED)
            .map_err(|e| format!("statements cannot be attributed to endpoints: {e}"))?;
        let mut calls = BTreeMap::new();
        for (id, effect) in effects {
            let Ok(fit) = equations.fit(&effect) else {
                continue;
            };
            let found = fit.coefficients.into_iter().zip(fit.intervals);
            for (endpoint, value) in windows.endpoints.iter().zip(found) {
                calls.insert((endpoint.clone(), id), value);
            }
        }
        Ok(Self { windows, calls })
    }

    /// Lets the intervals hold those of another fit too.
    fn widen(&mut self, other: &Self) {
        for (key, (_, interval)) in &mut self.calls {
            if let Some((_, beside)) = other.calls.get(key) {
                interval.low = interval.low.min(beside.low);
                interval.high = interval.high.max(beside.high);
            }
        }
    }
}

/// The condition number of the requests, where endpoints can be told apart and statements follow
/// them; or else why not.
fn told_apart(windows: &Windows, explained: Explained) -> Result<f64, String> {
    let condition = condition_number(&windows.requests).unwrap_or(f64::INFINITY);
    if condition > MAX_CONDITION {
        return Err(format!(
            "statements cannot be attributed to endpoints: the mix of requests hardly varied over \
             {} windows (condition number {condition:.0}, at most {MAX_CONDITION:.0}); vary the \
             mix, or name a mapping file with --map",
            windows.requests.len()
        ));
    }
    if explained.best < MIN_EXPLAINED_RATIO {
        return Err(format!(
            "statements cannot be attributed to endpoints: no statement's calls follow the \
             requests ({:.0} % of their variation is explained at best, {:.0} % are needed); are \
             the clocks of the load tool and of dbperf the same, does the load run on this \
             database, and does its mix vary? A mapping file (--map) needs none of this",
            explained.best * 100.0,
            MIN_EXPLAINED_RATIO * 100.0
        ));
    }
    Ok(condition)
}

/// Windows at the shift of the load tool's clock at which requests explain calls best.
struct Aligned {
    windows: Windows,
    shift_ms: f64,
    explained: Explained,
}

/// Part of the variation of calls that requests explain: R² adjusted for the number of endpoints,
/// with which chance alone explains more (Theil 1961).
#[derive(Clone, Copy, Default)]
struct Explained {
    /// Over all statements, weighted by their execution time.
    mean: f64,
    /// Of the statement that follows the requests best.
    best: f64,
}

/// Finds the shift. Clocks that are half a second apart blur every window, and what a request does
/// then seems to be done in part by requests of other endpoints.
fn aligned(
    result: &LoadResult,
    catalogue: &Catalogue<'_>,
    statements: &[i64],
) -> Result<Aligned, String> {
    let at = |shift_ms: f64| {
        let windows = windows(result, &catalogue.window.intervals, shift_ms)?;
        let explained = explained(&windows, catalogue, statements);
        Ok::<_, String>(Aligned {
            windows,
            shift_ms,
            explained,
        })
    };
    let mut best = at(0.0)?;
    // The smallest shift first: a larger one has to explain more.
    for step in 1..=MAX_SHIFT_MS / SHIFT_STEP_MS {
        let shift_ms = f64::from(step * SHIFT_STEP_MS);
        for other in [shift_ms, -shift_ms].into_iter().filter_map(|s| at(s).ok()) {
            if other.explained.mean > best.explained.mean {
                best = other;
            }
        }
    }
    Ok(best)
}

fn explained(windows: &Windows, catalogue: &Catalogue<'_>, statements: &[i64]) -> Explained {
    let mut found = Explained::default();
    let Ok(equations) = NormalEquations::new(&windows.requests, 0, SEED) else {
        return found;
    };
    let rows = windows.requests.len() as f64;
    let free = rows - windows.endpoints.len() as f64;
    let mut weights = 0.0;
    for id in statements {
        let fit = equations.fit(&calls_of(*id, windows));
        let Some(part) = fit.ok().and_then(|f| f.explained) else {
            continue;
        };
        let adjusted = (1.0 - (1.0 - part) * (rows - 1.0) / free).max(0.0);
        let weight = catalogue.totals_of(&[*id]).exec_ms;
        found.mean += weight * adjusted;
        found.best = found.best.max(adjusted);
        weights += weight;
    }
    if weights > 0.0 {
        found.mean /= weights;
    }
    found
}

fn moved(shift_ms: f64) -> String {
    if shift_ms == 0.0 {
        return String::new();
    }
    let way = if shift_ms > 0.0 { "later" } else { "earlier" };
    format!(
        "load tool's clock taken {:.1} s {way}, ",
        shift_ms.abs() / 1000.0
    )
}

fn calls_of(id: i64, windows: &Windows) -> Vec<f64> {
    let calls = windows.calls.iter();
    calls.map(|c| c.get(&id).copied().unwrap_or(0.0)).collect()
}

/// Calls of a statement by window that the mapping leaves to other endpoints; `None` where it gives
/// all of them to its own.
fn effect(id: i64, windows: &Windows, mapped: &Resolved) -> Option<Vec<f64>> {
    let mut left = calls_of(id, windows);
    for (name, ids) in mapped {
        for (_, told) in ids.iter().filter(|i| i.0 == id) {
            let told = (*told)?;
            let Some(column) = windows.endpoints.iter().position(|e| e == name) else {
                continue;
            };
            for (calls, row) in left.iter_mut().zip(&windows.requests) {
                *calls -= told * row[column];
            }
        }
    }
    Some(left)
}

fn heaviest(catalogue: &Catalogue<'_>) -> Vec<i64> {
    let mut by_time: Vec<(i64, f64)> = catalogue
        .by_id
        .iter()
        .map(|(id, totals)| (*id, totals.exec_ms))
        .collect();
    by_time.sort_by(|a, b| b.1.total_cmp(&a.1));
    let wanted = catalogue.exec_ms() * COVERED_EXEC_RATIO;
    let mut sum = 0.0;
    by_time
        .into_iter()
        .take(MAX_STATEMENTS)
        .take_while(|(_, ms)| {
            let more = sum < wanted;
            sum += ms;
            more
        })
        .map(|(id, _)| id)
        .collect()
}

/// Σ calls per request × mean execution time; errors of different statements are independent, so
/// their squares add up.
fn db_exec(attributions: Vec<Attribution>, catalogue: &Catalogue<'_>, note: &str) -> DbExec {
    let (mut mean_ms, mut below, mut above) = (0.0, 0.0, 0.0);
    for attribution in &attributions {
        let Some(mean) = catalogue.totals_of(&[attribution.id]).mean_ms() else {
            continue;
        };
        let calls = attribution.calls_per_request;
        mean_ms += calls * mean;
        if let Some(interval) = attribution.interval {
            below += ((calls - interval.low) * mean).powi(2);
            above += ((interval.high - calls) * mean).powi(2);
        }
    }
    DbExec {
        mean_ms,
        ends: Some(Interval {
            low: (mean_ms - below.sqrt()).max(0.0),
            high: mean_ms + above.sqrt(),
        }),
        basis: Basis::Inferred,
        note: note.to_owned(),
        // Statements whose interval includes 0 add to the error, but are not said to be run.
        attributions: attributions
            .into_iter()
            .filter(|a| a.interval.is_some_and(|i| i.low > 0.0))
            .collect(),
    }
}
