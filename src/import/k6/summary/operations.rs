//! The metrics of a summary become operations.

use std::collections::BTreeMap;

use crate::import::ImportError;
use crate::import::k6::name::Name;
use crate::import::table::tame;
use crate::record::Millis;
use crate::record::load::{Latency, Operation, RequestPhases, ServerTiming};

use super::metrics::{Metric, Metrics, Shape};

/// Said where a number of failures is missing: it is not 0.
const UNTOLD: &str = "the summary does not tell how many requests failed";

/// The same of sockets.
const UNTOLD_CONNECTS: &str = "the summary does not tell how many WebSockets failed to connect";

/// All HTTP requests together.
///
/// # Errors
/// The summary has neither an HTTP request nor a WebSocket.
pub(super) fn total(
    file: &str,
    metrics: &Metrics,
    warnings: &mut Vec<String>,
) -> Result<Operation, ImportError> {
    let name = super::super::ALL.to_owned();
    let Some(duration) = metrics.get("http_req_duration") else {
        if metrics.get("ws_connecting").is_some() {
            return Ok(Operation {
                name,
                ..Operation::default()
            });
        }
        return Err(ImportError::Key {
            file: file.to_owned(),
            key: "http_req_duration".to_owned(),
            found: "no such metric".to_owned(),
            expected: "the summary of a run with HTTP requests or WebSockets".to_owned(),
        });
    };
    let failed = metrics.get("http_req_failed");
    let judged = failed.and_then(|f| Some(f.count("passes")? + f.count("fails")?));
    let counted = metrics.get("http_reqs").and_then(|m| m.count("count"));
    let timed = duration.count("count");
    let Some(requests) = counted.or(timed).or(judged) else {
        return Err(ImportError::Key {
            file: file.to_owned(),
            key: "http_reqs".to_owned(),
            found: "no number of requests".to_owned(),
            expected: "`http_reqs` with `count`".to_owned(),
        });
    };
    for (other, what) in [(judged, "http_req_failed"), (timed, "http_req_duration")] {
        if let Some(other) = other.filter(|n| *n != requests) {
            warnings.push(format!(
                "{requests} requests (http_reqs) and {other} values of {what}"
            ));
        }
    }
    if failed.is_none() {
        warnings.push(format!("{UNTOLD} (http_req_failed)"));
    }
    Ok(Operation {
        name,
        requests,
        failures: failed.and_then(|f| f.count("passes")).unwrap_or_default(),
        failures_untold: untold(failed, requests),
        latency: latency(duration),
        phases: phases(metrics, "", requests),
        server_timing: server_timing(metrics),
        ..Operation::default()
    })
}

/// Submetrics by the tags `name` or `url`, and all web sockets together. What the summary does not tell of failures is
/// warned of.
pub(super) fn by_tag(metrics: &Metrics, warnings: &mut Vec<String>) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    for (tagged, duration) in metrics.submetrics("http_req_duration") {
        let name = tagged.tag("name").or_else(|| tagged.tag("url"));
        let Some(name) = name else {
            continue;
        };
        let method = tagged.tag("method").unwrap_or_default();
        let name = Name::of(method, name, "").shown(false);
        let tags = format!("{{{}}}", tagged.tags);
        let beside = |metric: &str| metrics.get(&format!("{metric}{tags}"));
        let failed = beside("http_req_failed");
        let requests = beside("http_reqs")
            .and_then(|m| m.count("count"))
            .or_else(|| duration.count("count"))
            .or_else(|| failed.and_then(|f| Some(f.count("passes")? + f.count("fails")?)));
        let Some(requests) = requests else {
            warnings.push(format!(
                "{name} is not shown: the summary does not tell its number of requests (add `count` to \
                 summaryTrendStats)"
            ));
            continue;
        };
        if failed.is_none() {
            warnings.push(format!(
                "the summary does not tell how many requests of {name} failed (a threshold on http_req_failed{} would)",
                tame(&tags)
            ));
        }
        operations.push(Operation {
            name,
            requests,
            failures: failed.and_then(|f| f.count("passes")).unwrap_or_default(),
            failures_untold: untold(failed, requests),
            latency: latency(duration),
            phases: phases(metrics, &tags, requests),
            ..Operation::default()
        });
    }
    if let Some(sessions) = websockets(metrics) {
        warnings.push(format!("{UNTOLD_CONNECTS} (the lines do)"));
        operations.push(sessions);
    }
    operations
}

/// The connects of all web sockets; whether they failed is not told.
fn websockets(metrics: &Metrics) -> Option<Operation> {
    let connecting = metrics.get("ws_connecting")?;
    let requests = metrics.get("ws_sessions")?.count("count")?;
    Some(Operation {
        name: "WS all sessions".to_owned(),
        requests,
        failures_untold: Some(UNTOLD_CONNECTS.to_owned()),
        latency: latency(connecting),
        ..Operation::default()
    })
}

/// Why there may be more failures among so many requests than `http_req_failed` says.
fn untold(failed: Option<&Metric>, requests: u64) -> Option<String> {
    let judged = failed.and_then(|f| Some(f.count("passes")? + f.count("fails")?));
    match judged {
        None => Some(UNTOLD.to_owned()),
        Some(judged) if judged < requests => Some(format!(
            "the summary tells of {judged} of {requests} requests whether they failed"
        )),
        Some(_) => None,
    }
}

fn latency(trend: &Metric) -> Latency {
    let ms = |name: &str| trend.number(name).map(Millis);
    Latency {
        mean: ms("avg"),
        min: ms("min"),
        max: ms("max"),
        percentiles: trend
            .percentiles()
            .map(|(key, ms)| (key, Millis(ms)))
            .collect(),
        histogram: None,
    }
}

/// Means times the number of requests; `tags` are those of a submetric.
fn phases(metrics: &Metrics, tags: &str, requests: u64) -> Option<RequestPhases> {
    let phase = |name: &str| metrics.get(&format!("http_req_{name}{tags}"));
    let total = |name: &str| Some(Millis(phase(name)?.number("avg")? * requests as f64));
    let waiting = total("waiting")?;
    let (connecting, tls) = (total("connecting"), total("tls_handshaking"));
    // As in the lines: `blocked` has the opening of the connection in it.
    let blocked = total("blocked").zip(connecting).zip(tls);
    Some(RequestPhases {
        requests,
        blocked: blocked.map(|((all, tcp), tls)| Millis((all.0 - tcp.0 - tls.0).max(0.0))),
        dns: None,
        connecting,
        tls,
        sending: total("sending"),
        waiting: Some(waiting),
        receiving: total("receiving"),
        // Requests on an open connection count with 0, so that the smallest says nothing where there are some.
        round_trip: phase("connecting")
            .and_then(|m| m.number("min"))
            .filter(|ms| *ms > 0.0)
            .map(Millis),
        setup_in_latency: false,
    })
}

/// Entries of `Server-Timing` that the script keeps, where the summary tells how many there were.
fn server_timing(metrics: &Metrics) -> BTreeMap<String, ServerTiming> {
    if metrics.shape == Shape::MachineReadable {
        return BTreeMap::new();
    }
    metrics
        .with_prefix("server_timing_")
        .filter_map(|(entry, trend)| {
            let requests = trend.count("count")?;
            let total = Millis(trend.number("avg")? * requests as f64);
            Some((tame(entry), ServerTiming { requests, total }))
        })
        .collect()
}
