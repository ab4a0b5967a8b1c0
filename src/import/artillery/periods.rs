//! The periods of ten seconds, as intervals.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{BY_ENDPOINT, FIRST_FAILURE, Period, Report};
use crate::import::table::tame;
use crate::import::{AGGREGATED, ImportError};
use crate::record::Millis;
use crate::record::load::LoadInterval;

/// Length of a period in milliseconds; it begins at a multiple of that.
const PERIOD_MS: i64 = 10_000;

/// All periods in the order of time; the first begins and the last ends with the run.
pub(super) fn intervals(file: &str, report: &Report) -> Result<Vec<LoadInterval>, ImportError> {
    let run = &report.aggregate;
    let mut intervals = Vec::new();
    for period in &report.intermediate {
        let begin = begin(file, period)?;
        let from = run.first_at.map_or(begin, |first| begin.max(first));
        let end = begin.saturating_add(PERIOD_MS);
        let until = run.last_at.map_or(end, |last| end.min(last));
        if until > from {
            intervals.push(interval(period, from, until));
        }
    }
    intervals.sort_by_key(|interval| interval.started_at);
    Ok(intervals)
}

fn begin(file: &str, period: &Period) -> Result<i64, ImportError> {
    let ms = period.begins_at.as_ref().and_then(|value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    });
    ms.filter(|ms| Timestamp::from_millisecond(*ms).is_ok())
        .ok_or_else(|| ImportError::Key {
            file: file.to_owned(),
            key: "intermediate.period".to_owned(),
            found: period.begins_at.as_ref().map_or_else(
                || "nothing".to_owned(),
                |value| format!("`{}`", tame(&value.to_string())),
            ),
            expected: "milliseconds since 1970".to_owned(),
        })
}

fn interval(period: &Period, from: i64, until: i64) -> LoadInterval {
    let mut requests: BTreeMap<String, u64> = BTreeMap::new();
    let mut failures: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: &str, code: &str, count: u64| {
        *requests.entry(tame(name)).or_default() += count;
        if count > 0
            && code
                .parse::<u16>()
                .is_ok_and(|status| status >= FIRST_FAILURE)
        {
            *failures.entry(tame(name)).or_default() += count;
        }
    };
    for (rest, count) in period.counters(BY_ENDPOINT) {
        if let Some((name, code)) = rest.rsplit_once(".codes.") {
            add(name, code, count);
        }
    }
    if !period
        .counters
        .keys()
        .any(|name| name.starts_with(BY_ENDPOINT))
    {
        for (code, count) in period.counters("http.codes.") {
            add(AGGREGATED, code, count);
        }
    }
    let times = period.summaries.get("http.response_time");
    LoadInterval {
        started_at: Timestamp::from_millisecond(from).ok(),
        length: Millis((until - from) as f64),
        requests,
        failures,
        latency_total: times.and_then(|t| Some(Millis(t.value("mean")? * t.count as f64))),
        ..LoadInterval::default()
    }
}
