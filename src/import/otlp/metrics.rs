//! Metrics of connection pools (`db.client.connection.*` of the semantic conventions).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::import::table::tame;
use crate::record::Millis;
use crate::record::traces::TracedPool;

use super::span::{AnyValue, KeyValue};

/// The attribute with the pool's name, of both generations of the conventions.
const POOL: [&str; 2] = ["db.client.connection.pool.name", "pool.name"];

/// The same of what connections do: `used` or `idle`.
const STATE: [&str; 2] = ["db.client.connection.state", "state"];

/// Most pools and series of them.
const MAX_SERIES: usize = 10_000;

/// `resourceMetrics[]`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceMetrics {
    resource: Option<Resource>,
    scope_metrics: Option<Vec<ScopeMetrics>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resource {
    attributes: Option<Vec<KeyValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScopeMetrics {
    metrics: Option<Vec<Metric>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    name: String,
    unit: String,
    sum: Option<Data>,
    gauge: Option<Data>,
    histogram: Option<Data>,
    exponential_histogram: Option<Data>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    data_points: Option<Vec<DataPoint>>,
    aggregation_temporality: Option<Temporality>,
}

/// As a number or by its name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Temporality {
    Number(u64),
    Name(String),
}

impl Data {
    /// Each point counts what came since the one before, and not since the start.
    fn is_delta(&self) -> bool {
        match &self.aggregation_temporality {
            Some(Temporality::Number(n)) => *n == 1,
            Some(Temporality::Name(name)) => name == "AGGREGATION_TEMPORALITY_DELTA",
            None => false,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DataPoint {
    attributes: Option<Vec<KeyValue>>,
    start_time_unix_nano: Option<Number>,
    count: Option<Number>,
    sum: Option<f64>,
    as_int: Option<Number>,
    as_double: Option<f64>,
}

/// A 64-bit number is a string in the protobuf mapping.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Number(f64),
    Text(String),
}

impl Number {
    fn value(&self) -> Option<f64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Text(text) => text.parse().ok(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl DataPoint {
    fn attribute(&self, keys: &[&str]) -> &str {
        text_of(self.attributes.as_deref().unwrap_or_default(), keys)
    }

    /// The attributes that are not part of a key by themselves, in the order of their names.
    fn other_attributes(&self) -> BTreeMap<String, String> {
        let all = self.attributes.iter().flatten();
        all.filter(|a| !POOL.contains(&a.key.as_str()) && !STATE.contains(&a.key.as_str()))
            .map(|a| {
                let value = a.value.as_ref().map(AnyValue::shown);
                (a.key.clone(), value.unwrap_or_default())
            })
            .collect()
    }

    fn value(&self) -> Option<f64> {
        let int = self.as_int.as_ref().and_then(Number::value);
        int.or(self.as_double).filter(|v| v.is_finite())
    }
}

fn text_of<'a>(attributes: &'a [KeyValue], keys: &[&str]) -> &'a str {
    let value = |key: &&str| {
        attributes
            .iter()
            .find(|a| a.key == *key)?
            .value
            .as_ref()?
            .text()
    };
    keys.iter().find_map(value).unwrap_or_default()
}

/// What a metric of a pool tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Wait,
    Use,
    Timeouts,
    Count,
    Pending,
}

impl What {
    /// By name, of both generations of the conventions; those before 1.28 were in milliseconds.
    fn of(name: &str) -> Option<(Self, &'static str)> {
        let (rest, unit) = if let Some(rest) = name.strip_prefix("db.client.connection.") {
            (rest, "s")
        } else {
            (name.strip_prefix("db.client.connections.")?, "ms")
        };
        let what = match rest {
            "wait_time" => Self::Wait,
            "use_time" => Self::Use,
            "timeouts" => Self::Timeouts,
            "count" | "usage" => Self::Count,
            "pending_requests" => Self::Pending,
            _ => return None,
        };
        Some((what, unit))
    }
}

/// A pool of one instance of an application.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PoolKey {
    pool: String,
    instance: String,
}

/// One row of numbers over time: of one pool, one metric, one state, since one start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesKey {
    pool: PoolKey,
    what: What,
    state: String,
    /// What else tells rows apart, such as the address of the server.
    others: BTreeMap<String, String>,
    /// The start of counting: a restart begins another row. Empty of deltas.
    start: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Series {
    count: f64,
    sum_ms: f64,
    now: f64,
    max: f64,
}

/// All pools.
#[derive(Debug, Default)]
pub(super) struct Pools {
    series: BTreeMap<SeriesKey, Series>,
    /// Points of series beyond the most that are kept.
    left_out: u64,
}

impl Pools {
    /// Adds the metrics of one resource.
    pub(super) fn add(&mut self, resource: &ResourceMetrics) {
        let attributes = resource
            .resource
            .as_ref()
            .and_then(|r| r.attributes.as_deref());
        let instance = text_of(
            attributes.unwrap_or_default(),
            &[
                "service.instance.id",
                "host.name",
                "k8s.pod.name",
                "service.name",
            ],
        );
        let scopes = resource.scope_metrics.iter().flatten();
        for metric in scopes.flat_map(|s| s.metrics.iter().flatten()) {
            let Some((what, default_unit)) = What::of(&metric.name) else {
                continue;
            };
            let unit = if metric.unit.is_empty() {
                default_unit
            } else {
                &metric.unit
            };
            let in_ms = match unit {
                "s" => 1000.0,
                "us" => 1e-3,
                "ns" => 1e-6,
                _ => 1.0,
            };
            let data = [
                &metric.sum,
                &metric.gauge,
                &metric.histogram,
                &metric.exponential_histogram,
            ];
            for data in data.into_iter().flatten() {
                for point in data.data_points.iter().flatten() {
                    self.point(instance, what, in_ms, data, point);
                }
            }
        }
    }

    fn point(&mut self, instance: &str, what: What, in_ms: f64, data: &Data, point: &DataPoint) {
        let start = point.start_time_unix_nano.as_ref().map(Number::text);
        let key = SeriesKey {
            pool: PoolKey {
                pool: tame(point.attribute(&POOL)),
                instance: tame(instance),
            },
            what,
            state: tame(point.attribute(&STATE)),
            others: point.other_attributes(),
            start: if data.is_delta() {
                String::new()
            } else {
                start.unwrap_or_default()
            },
        };
        if self.series.len() >= MAX_SERIES && !self.series.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        let series = self.series.entry(key).or_default();
        let count = point
            .count
            .as_ref()
            .and_then(Number::value)
            .unwrap_or_default();
        let sum_ms = point.sum.unwrap_or_default() * in_ms;
        let value = point.value();
        if data.is_delta() {
            series.count += count;
            series.sum_ms += sum_ms;
            series.now += value.unwrap_or_default();
        } else {
            // What is counted since the start only grows.
            series.count = series.count.max(count);
            series.sum_ms = series.sum_ms.max(sum_ms);
            series.now = value.unwrap_or(series.now);
        }
        series.max = series.max.max(series.now);
    }

    /// What was not kept.
    pub(super) fn warnings(&self) -> Vec<String> {
        let points = self.left_out;
        let warning = format!(
            "metrics of connection pools have more than {MAX_SERIES} series; {points} points of others are left out"
        );
        (points > 0).then_some(warning).into_iter().collect()
    }

    /// The pools by name; with the instance where there are several.
    pub(super) fn finish(self) -> Vec<TracedPool> {
        let mut pools: BTreeMap<PoolKey, TracedPool> = BTreeMap::new();
        for (key, series) in self.series {
            let pool = pools.entry(key.pool).or_default();
            match key.what {
                What::Wait => {
                    pool.waits += whole(series.count);
                    pool.wait += Millis(series.sum_ms);
                }
                What::Use => {
                    pool.uses += whole(series.count);
                    pool.used += Millis(series.sum_ms);
                }
                What::Timeouts => pool.timeouts += whole(series.max),
                What::Count => {
                    let most = pool.connections_max.entry(key.state).or_default();
                    *most = (*most).max(whole(series.max));
                }
                What::Pending => {
                    let most = pool.pending_max.unwrap_or_default();
                    pool.pending_max = Some(most.max(whole(series.max)));
                }
            }
        }
        let several =
            |pool: &str, all: &[PoolKey]| all.iter().filter(|k| k.pool == pool).count() > 1;
        let keys: Vec<PoolKey> = pools.keys().cloned().collect();
        pools
            .into_iter()
            .map(|(key, pool)| TracedPool {
                name: if several(&key.pool, &keys) {
                    format!("{} ({})", key.pool, key.instance)
                } else {
                    key.pool
                },
                ..pool
            })
            .collect()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, and a cast of f64 saturates"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
