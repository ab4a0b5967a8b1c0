//! `js/stats.json`: a tree of groups and requests, each with its sums; `js/global_stats.json`: those of the root alone.
//!
//! Percentiles 1 to 4 are 50, 75, 95 and 99 unless `gatling.conf` says otherwise, which the file does not tell.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::origin;
use crate::import::json::{keys_at_top, parse};
use crate::import::recognise::Found;
use crate::import::table::tame;
use crate::import::{AGGREGATED, ImportError, Source};
use crate::record::Millis;
use crate::record::load::{Latency, LoadResult, Operation, PercentileMethod};

/// Gatling's default percentiles.
const PERCENTILES: [&str; 4] = ["50", "75", "95", "99"];

#[derive(Debug, Deserialize)]
struct Node {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    path: String,
    stats: Stats,
    #[serde(default)]
    contents: BTreeMap<String, Node>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    number_of_requests: Three,
    min_response_time: Three,
    max_response_time: Three,
    mean_response_time: Three,
    percentiles1: Option<Three>,
    percentiles2: Option<Three>,
    percentiles3: Option<Three>,
    percentiles4: Option<Three>,
    mean_number_of_requests_per_second: Three,
}

/// Numbers of all, of good and of failed requests: as numbers or as texts, of which `-` is none.
#[derive(Debug, Deserialize)]
struct Three {
    total: Value,
    ok: Value,
    ko: Value,
}

pub(in crate::import) fn recognises(head: &str) -> bool {
    let keys = keys_at_top(head);
    let tree = keys.contains(&"stats") && head.contains("\"numberOfRequests\"");
    tree || keys.contains(&"numberOfRequests")
}

/// Reads the file.
pub(in crate::import) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let tree = keys_at_top(source.head()).contains(&"stats");
    let text = source.whole()?;
    let expected = "the statistics of a Gatling report";
    let mut origin = origin(&file, PercentileMethod::Sketch);
    origin.notes.push(
        "percentiles are estimates (t-digest); percentiles 1 to 4 of the file are taken for 50, 75, 95 \
         and 99 (Gatling's default)"
            .to_owned(),
    );
    let mut operations = Vec::new();
    let stats = if tree {
        let root: Node = parse(&file, &text, expected)?;
        for child in root.contents.values() {
            add(&file, child, &mut operations, &mut origin.warnings)?;
        }
        operations.sort_by(|a, b| a.name.cmp(&b.name));
        root.stats
    } else {
        parse(&file, &text, expected)?
    };
    let total = operation(&file, AGGREGATED.to_owned(), &stats, &mut origin.warnings)?;
    let named: u64 = operations.iter().map(|o| o.requests).sum();
    if tree && named != total.requests {
        origin.warnings.push(format!(
            "the requests by name add up to {named}, the total says {}",
            total.requests
        ));
    }
    let rate = number(
        &file,
        "meanNumberOfRequestsPerSecond",
        &stats.mean_number_of_requests_per_second.total,
    )?;
    let length = rate
        .filter(|rate| *rate > 0.0 && total.requests > 0)
        .map(|rate| Millis(total.requests as f64 / rate * 1000.0));
    Ok(Found::Load(LoadResult {
        source: origin,
        length,
        total,
        operations,
        ..LoadResult::default()
    }))
}

/// Adds the requests in a node; a group's own numbers are of its requests together.
fn add(
    file: &str,
    node: &Node,
    operations: &mut Vec<Operation>,
    warnings: &mut Vec<String>,
) -> Result<(), ImportError> {
    if node.kind == "REQUEST" {
        let name = if node.path.is_empty() {
            &node.name
        } else {
            &node.path
        };
        operations.push(operation(file, tame(name), &node.stats, warnings)?);
    }
    for child in node.contents.values() {
        add(file, child, operations, warnings)?;
    }
    Ok(())
}

fn operation(
    file: &str,
    name: String,
    stats: &Stats,
    warnings: &mut Vec<String>,
) -> Result<Operation, ImportError> {
    let counts = &stats.number_of_requests;
    let requests = count(file, &counts.total)?;
    let (good, failures) = (count(file, &counts.ok)?, count(file, &counts.ko)?);
    if good + failures != requests {
        warnings.push(format!(
            "{name}: {good} good and {failures} failed ones are not {requests} requests"
        ));
    }
    let ms = |key: &str, of: &Three| -> Result<Option<Millis>, ImportError> {
        Ok(number(file, key, &of.total)?
            .filter(|_| requests > 0)
            .map(Millis))
    };
    let told = [
        &stats.percentiles1,
        &stats.percentiles2,
        &stats.percentiles3,
        &stats.percentiles4,
    ];
    let mut percentiles = BTreeMap::new();
    for (key, of) in PERCENTILES.into_iter().zip(told) {
        let value = of
            .as_ref()
            .map(|of| ms("percentiles1 to 4", of))
            .transpose()?;
        if let Some(value) = value.flatten() {
            percentiles.insert(key.to_owned(), value);
        }
    }
    Ok(Operation {
        name,
        requests,
        failures,
        latency: Latency {
            mean: ms("meanResponseTime", &stats.mean_response_time)?,
            min: ms("minResponseTime", &stats.min_response_time)?,
            max: ms("maxResponseTime", &stats.max_response_time)?,
            percentiles,
            histogram: None,
        },
        ..Operation::default()
    })
}

fn wrong(file: &str, key: &str, value: &Value, expected: &str) -> ImportError {
    let found: String = value.to_string().chars().take(100).collect();
    ImportError::Key {
        file: file.to_owned(),
        key: key.to_owned(),
        found: tame(&found),
        expected: expected.to_owned(),
    }
}

fn count(file: &str, value: &Value) -> Result<u64, ImportError> {
    let count = match value {
        Value::String(text) if text == "-" => Some(0),
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    count.ok_or_else(|| wrong(file, "numberOfRequests", value, "a whole number"))
}

fn number(file: &str, key: &str, value: &Value) -> Result<Option<f64>, ImportError> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text == "-" => return Ok(None),
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    let number = number.filter(|n: &f64| n.is_finite() && *n >= 0.0);
    number
        .map(Some)
        .ok_or_else(|| wrong(file, key, value, "a number that is not negative, or `-`"))
}
