//! The metrics of a summary, whatever its shape.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::import::ImportError;
use crate::import::k6::collect::Check;
use crate::import::table::tame;

/// Missed thresholds that are named; the rest is counted.
const THRESHOLDS_SHOWN: usize = 8;

/// The three shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `--summary-export`: a threshold is `true` where it was violated.
    Export,
    /// What `handleSummary(data)` gets: a threshold is `{"ok": true}` where it was met.
    HandleSummary,
    /// `--new-machine-readable-summary`: rates as `matches` of `total`, no thresholds, no counts of trends.
    MachineReadable,
}

/// One metric or submetric.
#[derive(Debug, Default)]
pub(super) struct Metric {
    numbers: BTreeMap<String, f64>,
    /// Threshold, and whether it was met.
    thresholds: Vec<(String, bool)>,
}

impl Metric {
    /// One of its numbers; of a rate `passes` and `fails`, of a trend `avg`, `med`, `p(95)` …
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    /// A number that counts.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.number(name).filter(|n| *n >= 0.0).map(whole)
    }

    /// Percentiles by their key in per cent: `p(99.9)` is `99.9`, `med` is `50`.
    pub(super) fn percentiles(&self) -> impl Iterator<Item = (String, f64)> {
        self.numbers.iter().filter_map(|(name, value)| {
            let key = match name.as_str() {
                "med" => "50",
                _ => name.strip_prefix("p(")?.strip_suffix(')')?,
            };
            let percent: f64 = key.parse().ok()?;
            (0.0..=100.0)
                .contains(&percent)
                .then(|| (percent.to_string(), *value))
        })
    }
}

/// A metric that is split by tags: `http_req_duration{method:GET,name:/orders}`.
pub(super) struct Tagged<'a> {
    pub(super) metric: &'a str,
    /// All tags as they are written.
    pub(super) tags: &'a str,
}

impl<'a> Tagged<'a> {
    /// `None` for a metric as a whole.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let (metric, tags) = name.strip_suffix('}')?.split_once('{')?;
        Some(Self { metric, tags })
    }

    /// One tag. Values with a comma cannot be told from the next tag, so that only what looks like a tag ends one.
    pub(super) fn tag(&self, key: &str) -> Option<&'a str> {
        let known = [
            "method",
            "name",
            "url",
            "status",
            "scenario",
            "group",
            "expected_response",
            "proto",
        ];
        let begins = |rest: &str| known.iter().any(|k| is_tag(rest, k));
        let mut begin = 0;
        for (at, _) in self.tags.match_indices(',').chain([(self.tags.len(), "")]) {
            let ends = at == self.tags.len() || begins(&self.tags[at + 1..]);
            if !ends {
                continue;
            }
            let part = self.tags[begin..at].trim();
            if is_tag(part, key) {
                return part
                    .split_once(':')
                    .map(|(_, value)| value.trim_matches('"').trim());
            }
            begin = at + 1;
        }
        None
    }
}

fn is_tag(text: &str, key: &str) -> bool {
    text.trim_start()
        .strip_prefix(key)
        .is_some_and(|rest| rest.starts_with(':'))
}

/// Everything of one summary.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) shape: Shape,
    pub(super) version: Option<String>,
    pub(super) checks: BTreeMap<String, Check>,
    length_ms: Option<f64>,
    by_name: BTreeMap<String, Metric>,
}

impl Metrics {
    /// Reads a summary of any shape.
    ///
    /// # Errors
    /// It has no metrics, or a metric is no object.
    pub(super) fn of(file: &str, value: &Value) -> Result<Self, ImportError> {
        let results = value.get("results");
        let shape = if results.is_some() {
            Shape::MachineReadable
        } else if value.get("state").is_some() {
            Shape::HandleSummary
        } else {
            Shape::Export
        };
        let key = if results.is_some() {
            "results.metrics"
        } else {
            "metrics"
        };
        let metrics = results.unwrap_or(value).get("metrics");
        let by_name = match metrics {
            Some(Value::Object(map)) => map
                .iter()
                .map(|(name, metric)| Ok((name.clone(), metric_of(file, key, name, metric)?)))
                .collect::<Result<_, ImportError>>()?,
            Some(Value::Array(list)) => list
                .iter()
                .map(|metric| {
                    let name = metric
                        .get("name")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    Ok((name.to_owned(), metric_of(file, key, name, metric)?))
                })
                .collect::<Result<_, ImportError>>()?,
            other => {
                return Err(wrong(file, key, kind(other), "the metrics of a run"));
            }
        };
        let mut checks = BTreeMap::new();
        match shape {
            Shape::MachineReadable => {
                add_checks(value.pointer("/results/checks/results"), &mut checks);
            }
            Shape::Export | Shape::HandleSummary => add_group(value.get("root_group"), &mut checks),
        }
        let mut summary = Self {
            shape,
            version: version(value),
            checks,
            length_ms: None,
            by_name,
        };
        summary.length_ms = summary.told_length(value);
        Ok(summary)
    }

    /// A metric or a submetric.
    pub(super) fn get(&self, name: &str) -> Option<&Metric> {
        self.by_name.get(name)
    }

    /// Submetrics of a metric.
    pub(super) fn submetrics<'a>(
        &'a self,
        metric: &'a str,
    ) -> impl Iterator<Item = (Tagged<'a>, &'a Metric)> {
        self.by_name
            .iter()
            .filter_map(|(name, numbers)| Some((Tagged::of(name)?, numbers)))
            .filter(move |(tagged, _)| tagged.metric == metric)
    }

    /// Metrics as a whole whose names begin so, by the rest of their names.
    pub(super) fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Metric)> {
        self.by_name.iter().filter_map(move |(name, metric)| {
            let rest = name.strip_prefix(prefix)?;
            (!rest.contains('{')).then_some((rest, metric))
        })
    }

    /// Length of the run. The export does not tell it: a count over its rate is the same.
    pub(super) fn length_ms(&self) -> Option<f64> {
        self.length_ms
    }

    fn told_length(&self, value: &Value) -> Option<f64> {
        let told = match self.shape {
            Shape::MachineReadable => value.pointer("/config/duration")?.as_f64()? * 1000.0,
            Shape::HandleSummary => value.pointer("/state/testRunDurationMs")?.as_f64()?,
            Shape::Export => {
                let counted = ["iterations", "http_reqs", "ws_sessions"];
                let mut lengths = counted.iter().filter_map(|name| {
                    let metric = self.get(name)?;
                    Some(metric.number("count")? / metric.number("rate")? * 1000.0)
                });
                lengths.find(|ms| ms.is_finite())?
            }
        };
        (told.is_finite() && told > 0.0).then_some(told)
    }

    /// What is said of thresholds; `None` without any.
    pub(super) fn thresholds_note(&self) -> Option<String> {
        let all = self.by_name.iter().flat_map(|(name, metric)| {
            let thresholds = metric.thresholds.iter();
            thresholds.map(move |(expression, met)| (name, expression, *met))
        });
        let (met, missed): (Vec<_>, Vec<_>) = all.partition(|(_, _, met)| *met);
        let count = met.len() + missed.len();
        if count == 0 {
            return None;
        }
        let mut words = format!("{} of {count} thresholds were met", met.len());
        let shown: Vec<String> = missed
            .iter()
            .take(THRESHOLDS_SHOWN)
            .map(|(name, expression, _)| format!("`{}: {}`", tame(name), tame(expression)))
            .collect();
        if !shown.is_empty() {
            words.push_str("; missed: ");
            words.push_str(&shown.join(", "));
        }
        if missed.len() > THRESHOLDS_SHOWN {
            words.push_str(" and more");
        }
        Some(words)
    }
}

fn metric_of(file: &str, key: &str, name: &str, value: &Value) -> Result<Metric, ImportError> {
    let place = || format!("{key}.{}", tame(name));
    let Value::Object(outer) = value else {
        return Err(wrong(
            file,
            &place(),
            kind(Some(value)),
            "an object with the values of the metric",
        ));
    };
    let values = match outer.get("values") {
        Some(Value::Object(values)) => values,
        None => outer,
        other => return Err(wrong(file, &place(), kind(other), "an object `values`")),
    };
    let mut numbers: BTreeMap<String, f64> = values
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
        .collect();
    // A rate of the machine-readable summary, in the words of the others.
    if let (Some(matches), Some(all)) = (numbers.get("matches"), numbers.get("total")) {
        let fails = all - matches;
        let passes = *matches;
        numbers.insert("passes".to_owned(), passes);
        numbers.insert("fails".to_owned(), fails);
    }
    if let Some((name, number)) = numbers.iter().find(|(name, n)| is_time(name) && **n < 0.0)
        && key_is_read(place().as_str())
    {
        let found = format!("{name} is {number}");
        return Err(wrong(file, &place(), found, "a time that is not negative"));
    }
    Ok(Metric {
        numbers,
        thresholds: thresholds(outer.get("thresholds")),
    })
}

fn is_time(name: &str) -> bool {
    matches!(name, "avg" | "min" | "med" | "max" | "count") || name.starts_with("p(")
}

/// A script's own metrics may be negative.
fn key_is_read(key: &str) -> bool {
    let name = key.rsplit_once("metrics.").map_or(key, |(_, name)| name);
    name.starts_with("http_req") || name.starts_with("ws_connecting")
}

fn thresholds(value: Option<&Value>) -> Vec<(String, bool)> {
    let Some(Value::Object(map)) = value else {
        return Vec::new();
    };
    map.iter()
        .filter_map(|(expression, outcome)| {
            let met = match outcome {
                Value::Bool(violated) => !violated,
                other => other.get("ok")?.as_bool()?,
            };
            Some((expression.clone(), met))
        })
        .collect()
}

/// Groups and checks are lists, or in the export objects by name.
fn add_group(group: Option<&Value>, checks: &mut BTreeMap<String, Check>) {
    let Some(group) = group else {
        return;
    };
    add_checks(group.get("checks"), checks);
    for inner in children(group.get("groups")) {
        add_group(Some(inner), checks);
    }
}

fn add_checks(value: Option<&Value>, checks: &mut BTreeMap<String, Check>) {
    for check in children(value) {
        let number = |key: &str| check.get(key).and_then(Value::as_u64).unwrap_or_default();
        if let Some(name) = check.get("name").and_then(Value::as_str) {
            let sum = checks.entry(name.to_owned()).or_default();
            sum.passes += number("passes");
            sum.fails += number("fails");
        }
    }
}

fn children(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(Value::Object(map)) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn version(value: &Value) -> Option<String> {
    let text = value.pointer("/metadata/k6Version")?.as_str()?;
    Some(tame(text.trim_start_matches('v')))
}

fn wrong(file: &str, key: &str, found: impl Into<String>, expected: &str) -> ImportError {
    ImportError::Key {
        file: file.to_owned(),
        key: key.to_owned(),
        found: found.into(),
        expected: expected.to_owned(),
    }
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count that is not negative, and a cast of f64 saturates"
)]
pub(super) fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_submetric_are_read_with_commas_in_their_values() {
        let tagged =
            Tagged::of("http_req_duration{method:GET,name:/a,b:c,url:http://x/?q=1,2}").unwrap();
        assert_eq!(tagged.metric, "http_req_duration");
        assert_eq!(tagged.tag("method"), Some("GET"));
        assert_eq!(tagged.tag("name"), Some("/a,b:c"));
        assert_eq!(tagged.tag("url"), Some("http://x/?q=1,2"));
        assert_eq!(tagged.tag("group"), None);
        assert!(Tagged::of("http_req_duration").is_none());
    }
}
