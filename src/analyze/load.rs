//! Load as its own source saw it: the API's load test where there is one, else the replay.

use super::conclusions::{Load, LoadOperation, LoadStage};
use crate::record::Run;
use crate::record::load::{Arrival, LoadResult, Operation, PercentileMethod};

/// Concludes the load section; `None` without any load result.
#[must_use]
pub fn conclude(run: &Run) -> Option<Load> {
    client_view(run).map(of_result)
}

/// The result that is nearest to the user: the API's, the one with the most requests; else the
/// replay's.
#[must_use]
pub fn client_view(run: &Run) -> Option<&LoadResult> {
    run.api
        .iter()
        .max_by_key(|r| r.total.requests)
        .or(run.replay.as_ref())
}

/// The section for one load result.
#[must_use]
pub fn of_result(result: &LoadResult) -> Load {
    let seconds = result.length.map(crate::record::Millis::secs);
    let source = &result.source;
    Load {
        source: match &source.version {
            Some(version) => format!("{} {version}", source.tool),
            None => source.tool.clone(),
        },
        arrival: match source.arrival {
            Arrival::Open => "open",
            Arrival::Closed => "closed",
            Arrival::Unknown => "unknown",
        }
        .to_owned(),
        percentile_note: percentile_note(result),
        total: operation(&result.total, seconds),
        driver_saturated: result.driver_saturated,
        operations: result
            .operations
            .iter()
            .map(|o| operation(o, seconds))
            .collect(),
        stages: result
            .stages
            .iter()
            .map(|stage| LoadStage {
                name: stage.name.clone(),
                users: stage.users,
                length_ms: stage.length.0,
                total: operation(&stage.total, Some(stage.length.secs())),
            })
            .collect(),
        warnings: source.warnings.clone(),
    }
}

fn percentile_note(result: &LoadResult) -> Option<String> {
    let rounded = result.source.percentile_method == PercentileMethod::RoundedByTool;
    let closed = result.source.arrival == Arrival::Closed;
    let mut notes = Vec::new();
    if rounded {
        notes.push("percentiles are rounded by the tool, means are exact");
    }
    if closed {
        notes.push(
            "closed loop: a client that waits sends nothing, so the tail is that of the requests \
             that were sent",
        );
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn operation(operation: &Operation, seconds: Option<f64>) -> LoadOperation {
    let latency = &operation.latency;
    let percentile = |key: &str| latency.percentile(key).map(|m| m.0);
    LoadOperation {
        name: operation.name.clone(),
        requests: operation.requests,
        failures: operation.failures,
        throughput_per_sec: seconds
            .filter(|s| *s > 0.0)
            .map(|s| operation.requests as f64 / s),
        mean_ms: latency.mean.map(|m| m.0),
        p50_ms: percentile("50"),
        p95_ms: percentile("95"),
        p99_ms: percentile("99"),
        p999_ms: percentile("99.9"),
        max_ms: latency.max.map(|m| m.0),
        schedule_lag_p99_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Millis;
    use crate::record::load::{Latency, LoadSource};

    fn result(tool: &str, requests: u64) -> LoadResult {
        LoadResult {
            source: LoadSource {
                tool: tool.to_owned(),
                version: None,
                files: Vec::new(),
                arrival: Arrival::Closed,
                percentile_method: PercentileMethod::RoundedByTool,
                warnings: Vec::new(),
            },
            length: Some(Millis(2000.0)),
            started_at: None,
            ended_at: None,
            total: Operation {
                requests,
                latency: Latency {
                    mean: Some(Millis(7.0)),
                    percentiles: [("95".to_owned(), Millis(9.0))].into(),
                    ..Latency::default()
                },
                ..Operation::default()
            },
            operations: Vec::new(),
            intervals: Vec::new(),
            stages: Vec::new(),
            driver_saturated: None,
            driver_cpu_ratio: None,
        }
    }

    #[test]
    fn throughput_is_requests_over_measured_time_and_absent_percentiles_stay_absent() {
        let load = of_result(&result("locust", 10));
        assert_eq!(load.total.throughput_per_sec, Some(5.0));
        assert_eq!((load.total.p95_ms, load.total.p99_ms), (Some(9.0), None));
        assert!(load.percentile_note.unwrap().contains("rounded"));
    }
}
