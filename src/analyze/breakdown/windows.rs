//! Requests of endpoints and calls of statements, counted in the same windows of time.

use std::collections::BTreeMap;

use crate::import::AGGREGATED;
use crate::record::load::{LoadInterval, LoadResult};
use crate::record::statements::StatementInterval;

/// Windows without which nothing is inferred.
const MIN_WINDOWS: usize = 10;

/// Windows that are aimed at: shorter ones suffer from the load tool's clock of whole seconds.
const AIMED_WINDOWS: f64 = 24.0;

/// Shortest window in milliseconds.
const MIN_WINDOW_MS: f64 = 1000.0;

/// Longest window that is aimed at, in milliseconds.
const MAX_WINDOW_MS: f64 = 10_000.0;

/// From when to when an interval of the load holds requests, on dbperf's clock in milliseconds.
type Slice<'a> = (f64, f64, &'a LoadInterval);

/// Requests of endpoints and calls of statements, window by window.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) endpoints: Vec<String>,
    /// Requests by endpoint.
    pub(super) requests: Vec<Vec<f64>>,
    /// Calls by statement.
    pub(super) calls: Vec<BTreeMap<i64, f64>>,
}

impl Windows {
    /// Leaves out endpoints by their column and name.
    pub(super) fn keep(&mut self, wanted: impl Fn(usize, &str) -> bool) {
        let columns: Vec<usize> = (0..self.endpoints.len())
            .filter(|c| wanted(*c, &self.endpoints[*c]))
            .collect();
        self.endpoints = columns.iter().map(|c| self.endpoints[*c].clone()).collect();
        for row in &mut self.requests {
            *row = columns.iter().map(|c| row[*c]).collect();
        }
    }
}

/// Requests and calls in windows, with the load tool's clock moved by `shift_ms`; or why there are
/// not enough of them.
pub(super) fn windows(
    result: &LoadResult,
    intervals: &[StatementInterval],
    shift_ms: f64,
) -> Result<Windows, String> {
    let refuse = |why: &str| format!("statements cannot be attributed to endpoints: {why}");
    if result.intervals.is_empty() {
        return Err(refuse(&format!(
            "the load result has no numbers over time{}",
            over_time(&result.source.tool)
        )));
    }
    let slices: Vec<Slice<'_>> = result
        .intervals
        .iter()
        .filter_map(|i| {
            let (from, to) = result.span_of(i)?;
            Some((from + shift_ms, to + shift_ms, i))
        })
        .collect();
    let Some(covered) = slices
        .iter()
        .map(|(from, to, _)| (*from, *to))
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    else {
        return Err(refuse(
            "the clocks of the load tool and of dbperf could not be aligned",
        ));
    };
    let mut endpoints: Vec<String> = slices
        .iter()
        .flat_map(|(_, _, i)| i.requests.keys().cloned())
        .collect();
    endpoints.sort();
    endpoints.dedup();
    endpoints.retain(|e| e != AGGREGATED);
    if endpoints.is_empty() {
        return Err(refuse(&format!(
            "the load result counts all endpoints together over time{}",
            over_time(&result.source.tool)
        )));
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
    let requests = found.requests.clone();
    found.keep(|column, _| requests.iter().any(|row| row[column] > 0.0));
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

/// What makes a load tool tell its endpoints over time; empty where nothing that is known does.
fn over_time(tool: &str) -> &'static str {
    match tool {
        "locust" => "; run Locust with --csv and --csv-full-history, or with --json-file",
        "k6" => "; its lines have them (k6 run --out json=FILE)",
        "vegeta" => "; its hits have them (vegeta encode --to json)",
        "gatling" => "; its simulation.log has them, up to Gatling 3.11",
        _ => "",
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
fn requests_in(slices: &[Slice<'_>], endpoints: &[String], from: f64, to: f64) -> Vec<f64> {
    let mut row = vec![0.0; endpoints.len()];
    for (begin, end, slice) in slices {
        let overlap = end.min(to) - begin.max(from);
        if overlap <= 0.0 || end <= begin {
            continue;
        }
        for (value, endpoint) in row.iter_mut().zip(endpoints) {
            let requests = slice.requests.get(endpoint).copied().unwrap_or(0);
            *value += requests as f64 * overlap / (end - begin);
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{ImportFile, import};

    fn refused(file: &str) -> String {
        let bytes = crate::fixtures::bytes(&format!("load/{file}"));
        let imported = import(vec![ImportFile::of_bytes("load", &bytes)]).unwrap();
        windows(&imported.loads[0], &[], 0.0).unwrap_err()
    }

    #[test]
    fn each_tool_is_told_its_own_way_to_numbers_over_time() {
        for (file, words) in [
            ("locust-2.47.0/full_stats.csv", "--csv-full-history"),
            ("k6-1.1.0/pass-summary-export.json", "--out json=FILE"),
            ("vegeta-12/report.json", "vegeta encode"),
            ("gatling-3.2.0/stats.json", "simulation.log"),
        ] {
            let why = refused(file);
            assert!(why.contains("no numbers over time; "), "{why}");
            assert!(why.contains(words), "{why}");
        }
        let wrk = refused("wrk-4.1.0/tasks-latency.txt");
        assert!(
            wrk.ends_with("the load result has no numbers over time"),
            "{wrk}"
        );
    }
}
