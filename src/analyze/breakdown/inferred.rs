//! Statements of endpoints by inference: how calls of statements follow requests of endpoints.
//!
//! In every window the calls of a statement are the requests of each endpoint times its calls per
//! request. With enough windows in which the mix of requests differs, non-negative least squares
//! finds the calls per request; with a constant mix nothing can, and the inference is refused.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Basis;
use crate::import::AGGREGATED;
use crate::record::Millis;
use crate::record::load::{LoadInterval, LoadResult};
use crate::record::statements::StatementInterval;
use crate::stats::{Interval, NormalEquations, condition_number};

use super::api::{Attribution, DbExec};
use super::catalogue::Catalogue;

/// Windows without which nothing is inferred.
const MIN_WINDOWS: usize = 10;

/// Condition number from which columns count as collinear (Belsley, Kuh and Welsch 1980).
const MAX_CONDITION: f64 = 30.0;

/// Windows that are aimed at: shorter ones suffer from the load tool's clock of whole seconds.
const AIMED_WINDOWS: f64 = 24.0;

/// Shortest window in milliseconds.
const MIN_WINDOW_MS: f64 = 1000.0;

/// Longest window that is aimed at, in milliseconds.
const MAX_WINDOW_MS: f64 = 10_000.0;

/// Statements that are looked at: those that make up this share of the execution time …
const COVERED_EXEC_RATIO: f64 = 0.995;

/// … and no more than this many.
const MAX_STATEMENTS: usize = 100;

/// Resamples for the intervals.
const RESAMPLES: usize = 200;

/// Seed of the resamples: the same run gives the same intervals.
const SEED: u64 = 0x6462_7065_7266;

/// Requests of endpoints and calls of statements, window by window.
struct Windows {
    endpoints: Vec<String>,
    /// Requests by endpoint.
    requests: Vec<Vec<f64>>,
    /// Calls by statement.
    calls: Vec<BTreeMap<i64, f64>>,
}

/// Execution time per request of every endpoint, or why it cannot be inferred.
pub(super) fn execution(
    result: &LoadResult,
    catalogue: &Catalogue<'_>,
) -> Result<BTreeMap<String, DbExec>, String> {
    let windows = windows(result, &catalogue.window.intervals)?;
    let condition = condition_number(&windows.requests).unwrap_or(f64::INFINITY);
    if condition > MAX_CONDITION {
        return Err(format!(
            "statements cannot be attributed to endpoints: the mix of requests hardly varied over \
             {} windows (condition number {condition:.0}, at most {MAX_CONDITION:.0}); vary the \
             mix, or name a mapping file with --map",
            windows.requests.len()
        ));
    }
    let equations = NormalEquations::new(&windows.requests, RESAMPLES, SEED)
        .map_err(|e| format!("statements cannot be attributed to endpoints: {e}"))?;
    let statements = heaviest(catalogue);
    let mut by_endpoint: BTreeMap<String, Vec<Attribution>> = windows
        .endpoints
        .iter()
        .map(|e| (e.clone(), Vec::new()))
        .collect();
    for id in statements {
        let effect: Vec<f64> = windows
            .calls
            .iter()
            .map(|c| c.get(&id).copied().unwrap_or(0.0))
            .collect();
        let Ok(fit) = equations.fit(&effect) else {
            continue;
        };
        for (endpoint, (calls, interval)) in windows
            .endpoints
            .iter()
            .zip(fit.coefficients.iter().zip(&fit.intervals))
        {
            if let Some(found) = by_endpoint.get_mut(endpoint)
                && interval.high > 0.0
            {
                found.push(Attribution {
                    id,
                    calls_per_request: *calls,
                    basis: Basis::Inferred,
                    interval: Some(*interval),
                });
            }
        }
    }
    let note = format!(
        "inferred by non-negative least squares over {} windows (condition number {condition:.1}); \
         other clients' statements may be counted in",
        windows.requests.len()
    );
    Ok(by_endpoint
        .into_iter()
        .map(|(name, attributions)| (name, db_exec(attributions, catalogue, &note)))
        .collect())
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

fn windows(result: &LoadResult, intervals: &[StatementInterval]) -> Result<Windows, String> {
    let refuse = |why: &str| format!("statements cannot be attributed to endpoints: {why}");
    if result.intervals.is_empty() {
        return Err(refuse(
            "the load result has no numbers over time; add the history (Locust: --csv with \
             --csv-full-history, or --json-file)",
        ));
    }
    let slices: Vec<(Millis, &LoadInterval)> = result
        .intervals
        .iter()
        .filter_map(|i| Some((i.from?, i)))
        .collect();
    let Some(covered) = slices
        .iter()
        .map(|(from, i)| (from.0, from.0 + i.length.0))
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    else {
        return Err(refuse(
            "the clocks of the load tool and of dbperf could not be aligned",
        ));
    };
    let mut endpoints: Vec<String> = slices
        .iter()
        .flat_map(|(_, i)| i.requests.keys().cloned())
        .collect();
    endpoints.sort();
    endpoints.dedup();
    endpoints.retain(|e| e != AGGREGATED);
    if endpoints.is_empty() {
        return Err(refuse(
            "the history has only totals; run Locust with --csv-full-history or --json-file",
        ));
    }
    let groups = groups(intervals, covered);
    let rows = groups
        .iter()
        .map(|g| requests_in(&slices, &endpoints, g.from, g.to))
        .collect();
    let mut found = Windows {
        endpoints,
        requests: rows,
        calls: groups.into_iter().map(|g| g.calls).collect(),
    };
    drop_empty(&mut found);
    let needed = MIN_WINDOWS.max(found.endpoints.len() + 2);
    if found.requests.len() < needed {
        return Err(refuse(&format!(
            "{} undisturbed windows of statements and requests, at least {needed} are needed; \
             observe for longer",
            found.requests.len()
        )));
    }
    Ok(found)
}

/// Leaves out endpoints without a request in any window.
fn drop_empty(windows: &mut Windows) {
    let used: Vec<bool> = (0..windows.endpoints.len())
        .map(|c| windows.requests.iter().any(|row| row[c] > 0.0))
        .collect();
    let keep = |c: usize| used.get(c).copied().unwrap_or(false);
    let mut place = 0;
    windows.endpoints.retain(|_| {
        place += 1;
        keep(place - 1)
    });
    for row in &mut windows.requests {
        let mut place = 0;
        row.retain(|_| {
            place += 1;
            keep(place - 1)
        });
    }
}

/// Statement intervals joined to one window.
struct Group {
    from: f64,
    to: f64,
    calls: BTreeMap<i64, f64>,
}

/// Joins consecutive intervals inside the time that the load covers to windows of a useful length.
/// An interval in which entries were lost ends a window and is left out.
fn groups(intervals: &[StatementInterval], covered: (f64, f64)) -> Vec<Group> {
    let aimed = ((covered.1 - covered.0) / AIMED_WINDOWS).clamp(MIN_WINDOW_MS, MAX_WINDOW_MS);
    let mut groups: Vec<Group> = Vec::new();
    let mut open: Option<Group> = None;
    for interval in intervals {
        let outside = interval.from.0 < covered.0 || interval.to.0 > covered.1;
        if outside || interval.lost_entries > 0 {
            open = None;
            continue;
        }
        let group = open.get_or_insert_with(|| Group {
            from: interval.from.0,
            to: interval.from.0,
            calls: BTreeMap::new(),
        });
        group.to = interval.to.0;
        for (id, (calls, _)) in &interval.calls {
            *group.calls.entry(*id).or_default() += *calls as f64;
        }
        // Half an interval more would be further from the aim than to stop here.
        let half = (interval.to.0 - interval.from.0) / 2.0;
        if group.to - group.from + half >= aimed {
            groups.extend(open.take());
        }
    }
    groups
}

/// Requests by endpoint between two moments; a slice that is cut counts in proportion.
fn requests_in(
    slices: &[(Millis, &LoadInterval)],
    endpoints: &[String],
    from: f64,
    to: f64,
) -> Vec<f64> {
    let mut row = vec![0.0; endpoints.len()];
    for (begin, slice) in slices {
        let end = begin.0 + slice.length.0;
        let overlap = end.min(to) - begin.0.max(from);
        if overlap <= 0.0 || slice.length.0 <= 0.0 {
            continue;
        }
        for (value, endpoint) in row.iter_mut().zip(endpoints) {
            let requests = slice.requests.get(endpoint).copied().unwrap_or(0);
            *value += requests as f64 * overlap / slice.length.0;
        }
    }
    row
}
