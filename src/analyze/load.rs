//! Load as the client saw it: the load tool's result, or else dbperf's own replay.

use std::collections::BTreeMap;

use crate::record::load::{
    Arrival, FailuresTimed, LoadResult, LoadSource, Measures, Omission, Operation,
    PercentileMethod, RequestPhases, Stage,
};
use crate::record::{Millis, Run};

use super::conclusions::{
    Load, LoadDriver, LoadOperation, LoadPhases, LoadServerTiming, LoadStage,
};

/// The load of a run; `None` without any. The result of an API is preferred, because it is what a
/// user of the application sees; of several the one with most requests.
#[must_use]
pub fn conclude(run: &Run) -> Option<Load> {
    let (result, others) = client_view(run)?;
    Some(section(result, others))
}

/// The load of results alone; of several the one with most requests. `None` without any.
#[must_use]
pub fn of_results(results: &[LoadResult]) -> Option<Load> {
    let result = results.iter().max_by_key(|r| r.total.requests)?;
    Some(section(result, results.len() - 1))
}

fn section(result: &LoadResult, others: usize) -> Load {
    let mut warnings = result.source.warnings.clone();
    if others > 0 {
        warnings.push(format!(
            "{others} more load result(s) of this run are not shown: percentiles of different \
             tools cannot be added"
        ));
    }
    let own = result.driver.is_some();
    Load {
        source: result.source.tool.clone(),
        arrival: arrival(result.source.arrival).to_owned(),
        percentile_note: percentile_note(result),
        failures_timed: failures_timed(&result.source).map(str::to_owned),
        length_ms: result.length.map(|length| length.0),
        total: operation(&result.total, result.length, own),
        driver_saturated: result.driver_saturated,
        driver: result.driver.as_ref().map(|driver| LoadDriver {
            threads: driver.threads,
            cpu_ratio: driver.cpu_ratio,
            run_delay_ratio: driver.run_delay_ratio,
            late_p95_ms: driver.late_p95.map(|m| m.0),
            free_cores: driver.free_cores,
        }),
        operations: result
            .operations
            .iter()
            .map(|o| operation(o, result.length, own))
            .collect(),
        stages: result.stages.iter().map(|s| stage(s, own)).collect(),
        warnings,
    }
}

/// The load result that stands for the client, and how many others there are.
pub(super) fn client_view(run: &Run) -> Option<(&LoadResult, usize)> {
    let api = run.api.iter().max_by_key(|r| r.total.requests);
    match (api, &run.replay) {
        (Some(result), replay) => Some((result, run.api.len() - 1 + usize::from(replay.is_some()))),
        (None, Some(replay)) => Some((replay, 0)),
        (None, None) => None,
    }
}

fn arrival(arrival: Arrival) -> &'static str {
    match arrival {
        Arrival::Open => "open",
        Arrival::Closed => "closed",
        Arrival::Unknown => "unknown",
    }
}

/// dbperf's own load times every request; older run files of it do not say so.
fn failures_timed(source: &LoadSource) -> Option<&'static str> {
    if source.tool.starts_with("dbperf ") {
        return Some("all");
    }
    match source.failures_timed {
        FailuresTimed::All => Some("all"),
        FailuresTimed::Answered => Some("answered"),
        FailuresTimed::Unknown => None,
    }
}

fn percentile_note(result: &LoadResult) -> Option<String> {
    let source = &result.source;
    let mut notes = Vec::new();
    if source.percentile_method == PercentileMethod::RoundedByTool {
        notes.push(
            "percentiles are rounded by the tool: to 1 ms below 100 ms, 10 ms below 1 s, 100 ms \
             below 10 s and 1 s above"
                .to_owned(),
        );
    }
    if let Some(error) = source.percentile_error_ratio {
        notes.push(format!(
            "percentiles are the tool's own, within {}",
            super::figures::percent(error)
        ));
    }
    if source.measures == Measures::FirstByte {
        notes.push(
            "times end with the first byte of an answer: what came after it is in none of them"
                .to_owned(),
        );
    }
    match source.omission {
        Omission::Omitted => notes.push(
            "closed loop: while an answer is late no request is sent, so that high percentiles \
             are lower than users would see them"
                .to_owned(),
        ),
        Omission::Corrected => notes.push(
            "the tool added to the percentiles what requests would have taken that were sent late"
                .to_owned(),
        ),
        Omission::OverCorrected => notes.push(
            "the tool added more requests to the percentiles than its schedule had: they are not \
             shown"
                .to_owned(),
        ),
        Omission::None | Omission::Unknown => {}
    }
    notes.extend(source.notes.iter().cloned());
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// `own`: of dbperf's own driver. What another tool calls a failure may hold words of an answer, and stays inside.
fn operation(operation: &Operation, length: Option<Millis>, own: bool) -> LoadOperation {
    let latency = &operation.latency;
    let percentile = |key: &str| latency.percentile(key).map(|m| m.0);
    LoadOperation {
        name: operation.name.clone(),
        requests: operation.requests,
        failures: operation.failures,
        failures_untold: operation.failures_untold.clone(),
        throughput_per_sec: length
            .filter(|l| l.0 > 0.0)
            .map(|l| operation.requests as f64 / l.secs()),
        mean_ms: latency.mean.map(|m| m.0),
        p50_ms: percentile("50"),
        p95_ms: percentile("95"),
        p99_ms: percentile("99"),
        p999_ms: percentile("99.9"),
        max_ms: latency.max.map(|m| m.0),
        schedule_lag_p99_ms: operation
            .schedule_lag
            .as_ref()
            .and_then(|lag| lag.quantile_ms(0.99)),
        skipped: operation.skipped,
        errors: if own {
            operation.errors.clone()
        } else {
            BTreeMap::new()
        },
        phases: operation.phases.as_ref().and_then(phases),
        server_timing: server_timing(operation),
    }
}

/// Means of the phases; `None` where no request told them.
fn phases(phases: &RequestPhases) -> Option<LoadPhases> {
    if phases.requests == 0 {
        return None;
    }
    let mean = |sum: Option<Millis>| sum.map(|sum| sum.0 / phases.requests as f64);
    Some(LoadPhases {
        requests: phases.requests,
        blocked_ms: mean(phases.blocked),
        dns_ms: mean(phases.dns),
        connecting_ms: mean(phases.connecting),
        tls_ms: mean(phases.tls),
        sending_ms: mean(phases.sending),
        waiting_ms: mean(phases.waiting),
        receiving_ms: mean(phases.receiving),
        round_trip_ms: phases.round_trip.map(|ms| ms.0),
    })
}

fn server_timing(operation: &Operation) -> Vec<LoadServerTiming> {
    let told = operation.server_timing.iter();
    told.filter(|(_, entry)| entry.requests > 0)
        .map(|(name, entry)| LoadServerTiming {
            name: name.clone(),
            requests: entry.requests,
            mean_ms: entry.total.0 / entry.requests as f64,
        })
        .collect()
}

fn stage(stage: &Stage, own: bool) -> LoadStage {
    LoadStage {
        name: stage.name.clone(),
        users: stage.users,
        rate_per_sec: stage.rate_per_sec,
        length_ms: stage.length.0,
        total: operation(&stage.total, Some(stage.length), own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::run;
    use crate::import::{ImportFile, import};

    #[test]
    fn times_that_a_tool_made_up_are_left_out_and_said() {
        let rate = include_bytes!("../../fixtures/load/autocannon-9.0.0/initiatives-rate.json");
        let loads = import(vec![ImportFile::of_bytes("rate", rate)])
            .unwrap()
            .loads;
        let load = of_results(&loads).unwrap();
        let total = &load.total;
        let percentiles = [total.p50_ms, total.p95_ms, total.p99_ms, total.p999_ms];
        assert_eq!((total.mean_ms, percentiles), (None, [None; 4]));
        assert_eq!(total.max_ms, Some(78.0));
        assert_eq!(load.warnings.len(), 1);
        assert!(
            load.warnings[0].contains("left out; run it with -C"),
            "{:?}",
            load.warnings
        );
        assert!(load.percentile_note.unwrap().contains("they are not shown"));
    }

    #[test]
    fn a_source_says_which_failures_its_times_have() {
        let oha = br#"{"summary":{"successRate":0.5,"total":1.0,"slowest":0.002,"fastest":0.001,"average":0.0015},
            "responseTimeHistogram":{"0.0015":400},"latencyPercentiles":{"p50":0.0015},
            "statusCodeDistribution":{"200":400},"errorDistribution":{"connection refused":400}}"#;
        let loads = import(vec![ImportFile::of_bytes("oha", oha)])
            .unwrap()
            .loads;
        let load = of_results(&loads).unwrap();
        assert_eq!((load.total.requests, load.total.failures), (800, 400));
        assert_eq!(load.failures_timed.as_deref(), Some("answered"));
        // A run file of dbperf's own load does not say it, and has every time.
        let mut own = loads[0].clone();
        own.source = LoadSource {
            tool: "dbperf load".to_owned(),
            ..LoadSource::default()
        };
        let own = of_results(&[own]).unwrap();
        assert_eq!(own.failures_timed.as_deref(), Some("all"));
    }

    #[test]
    fn the_api_is_the_clients_view() {
        let stats = include_bytes!("../../fixtures/load/locust-2.47.0/full_stats.csv");
        let history = include_bytes!("../../fixtures/load/locust-2.47.0/full_stats_history.csv");
        let mut run = run(Millis(12_000.0));
        assert_eq!(conclude(&run), None);
        run.api = import(vec![
            ImportFile::of_bytes("full_stats.csv", stats),
            ImportFile::of_bytes("full_stats_history.csv", history),
        ])
        .unwrap()
        .loads;
        let mut replay = run.api[0].clone();
        replay.source.tool = "dbperf replay".to_owned();
        run.replay = Some(replay);
        let load = conclude(&run).unwrap();
        assert_eq!(
            (load.source.as_str(), load.arrival.as_str()),
            ("locust", "closed")
        );
        assert!(load.percentile_note.unwrap().contains("rounded"));
        assert_eq!(load.total.requests, 768);
        // Locust's own rate of the same file.
        assert!((load.total.throughput_per_sec.unwrap() - 69.713_409).abs() < 1e-5);
        assert_eq!(load.total.p999_ms, Some(82.0));
        // The load's own time, not the 12 s of the window.
        assert_eq!(load.length_ms, run.api[0].length.map(|l| l.0));
        assert!(load.length_ms.unwrap() < 11_900.0, "{:?}", load.length_ms);
        assert_eq!(load.operations.len(), 5);
        let stage = &load.stages[0];
        assert_eq!(stage.users, 10);
        assert!((stage.total.throughput_per_sec.unwrap() - 652.0 / 9.0).abs() < 1e-9);
        assert_eq!(stage.total.p95_ms, None);
        assert!(load.warnings.iter().any(|w| w.contains("1 more load")));
        run.api.clear();
        assert_eq!(conclude(&run).unwrap().source, "dbperf replay");
    }
}
