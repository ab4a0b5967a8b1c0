//! Beacons of the library web-vitals: what real users' browsers measured, one JSON object each.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::lighthouse::without_query;
use super::recognise::Found;
use super::table::tame;
use super::{ImportError, Source};
use crate::record::pages::{PageEvidence, PageMetric, PageResult};
use crate::stats::quantile;

/// Most page views of a metric that are held: 48 bytes each.
const MAX_VIEWS: usize = 2_000_000;

/// Most pages.
const MAX_PAGES: usize = 10_000;

/// Quantile of the views that stands for all: three of four users see it or better (web.dev, Core Web Vitals).
const REPORTED: f64 = 0.75;

/// Keys under which senders keep the page.
const PAGE_KEYS: [&str; 6] = ["page", "path", "pathname", "url", "href", "location"];

/// Keys under which senders keep the time, in milliseconds or as RFC 3339.
const TIME_KEYS: [&str; 3] = ["ts", "timestamp", "time"];

/// Keys under which senders keep the device.
const DEVICE_KEYS: [&str; 3] = ["formFactor", "form_factor", "device"];

/// The names of the metrics; the rest is counted.
const METRICS: [(&str, &str); 5] = [
    ("CLS", "cls"),
    ("FCP", "fcp"),
    ("INP", "inp"),
    ("LCP", "lcp"),
    ("TTFB", "ttfb"),
];

/// A beacon, with what a sender added to it.
#[derive(Debug, Deserialize)]
struct Beacon {
    name: String,
    value: f64,
    id: String,
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

impl Beacon {
    fn text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.rest.get(*key)?.as_str())
    }

    fn time(&self) -> Option<Timestamp> {
        let value = TIME_KEYS.iter().find_map(|key| self.rest.get(*key))?;
        match value {
            Value::String(text) => text.parse().ok(),
            other => Timestamp::from_millisecond(other.as_i64()?).ok(),
        }
    }
}

/// Beacons of web-vitals have a rating, and the difference to the one before.
pub(super) fn recognises(head: &str) -> bool {
    let begins = head.trim_start();
    let first: String = begins.chars().take(4096).collect();
    begins.starts_with(['{', '['])
        && ["\"rating\"", "\"delta\"", "\"id\"", "\"value\"", "\"name\""]
            .iter()
            .all(|key| first.contains(key))
}

/// Reads the file: an object a line, or a list of objects.
pub(super) fn import(source: Source<'_>) -> Result<Found, ImportError> {
    let mut views = Views::new(source.name());
    if source.head().trim_start().starts_with('[') {
        let file = source.name().to_owned();
        let text = source.whole()?;
        let beacons: Vec<Beacon> =
            serde_json::from_str(&text).map_err(|e| damaged(&file, e.line() as u64, true, &e))?;
        for (place, beacon) in (1..).zip(&beacons) {
            views.add(place, beacon)?;
        }
    } else {
        let mut lines = source.lines();
        let file = lines.name().to_owned();
        while let Some(line) = lines.next()? {
            if line.text.trim().is_empty() {
                continue;
            }
            let beacon: Beacon = serde_json::from_str(line.text)
                .map_err(|e| damaged(&file, line.number, !line.ended, &e))?;
            views.add(line.number, &beacon)?;
        }
    }
    views.finish().map(Found::Pages)
}

fn damaged(file: &str, line: u64, last: bool, error: &serde_json::Error) -> ImportError {
    if last && error.is_eof() {
        return ImportError::Truncated {
            file: file.to_owned(),
            missing: format!("line {line} ends in the middle"),
        };
    }
    let words = tame(&error.to_string());
    let found = words
        .rsplit_once(" at line ")
        .map(|(what, _)| what.to_owned());
    ImportError::Line {
        file: file.to_owned(),
        line,
        found: found.unwrap_or(words),
        expected: "a beacon of web-vitals with `name`, `value` and `id`".to_owned(),
    }
}

/// One page of one kind of device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Page {
    address: String,
    device: Option<String>,
}

/// The last value of each metric of each page view.
struct Views {
    file: String,
    pages: HashMap<Page, u32>,
    first: Vec<Option<Timestamp>>,
    /// By a hash of page, metric and id.
    values: HashMap<u64, (u32, u8, f64)>,
    unknown: u64,
    negative: u64,
}

impl Views {
    fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            pages: HashMap::new(),
            first: Vec::new(),
            values: HashMap::new(),
            unknown: 0,
            negative: 0,
        }
    }

    fn add(&mut self, line: u64, beacon: &Beacon) -> Result<(), ImportError> {
        let Some(metric) = METRICS.iter().position(|(name, _)| *name == beacon.name) else {
            self.unknown += 1;
            return Ok(());
        };
        if beacon.value < 0.0 {
            self.negative += 1;
            return Ok(());
        }
        let full = |found: String, expected: &str| ImportError::Line {
            file: self.file.clone(),
            line,
            found,
            expected: expected.to_owned(),
        };
        let page = Page {
            address: beacon
                .text(&PAGE_KEYS)
                .map_or_else(|| "all pages".to_owned(), without_query),
            device: beacon
                .text(&DEVICE_KEYS)
                .map(|d| tame(d).chars().take(40).collect()),
        };
        if self.pages.len() >= MAX_PAGES && !self.pages.contains_key(&page) {
            return Err(full(
                format!("more than {MAX_PAGES} different pages"),
                "pages with ids grouped under one path",
            ));
        }
        if self.values.len() >= MAX_VIEWS {
            return Err(full(
                format!("more than {MAX_VIEWS} values"),
                "the beacons of a shorter time",
            ));
        }
        let next = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        let number = *self.pages.entry(page).or_insert(next);
        if number == next {
            self.first.push(None);
        }
        if let Some(at) = beacon.time()
            && let Some(first) = usize::try_from(number)
                .ok()
                .and_then(|n| self.first.get_mut(n))
        {
            *first = Some(first.map_or(at, |old| old.min(at)));
        }
        let mut hasher = DefaultHasher::new();
        (number, metric, &beacon.id).hash(&mut hasher);
        let metric = u8::try_from(metric).unwrap_or(u8::MAX);
        self.values
            .insert(hasher.finish(), (number, metric, beacon.value));
        Ok(())
    }

    fn finish(self) -> Result<Vec<PageResult>, ImportError> {
        if self.values.is_empty() {
            return Err(ImportError::Key {
                file: self.file,
                key: "name".to_owned(),
                found: "no metric that is known".to_owned(),
                expected: "CLS, FCP, INP, LCP or TTFB".to_owned(),
            });
        }
        let warnings = self.warnings();
        let mut by_page: HashMap<(u32, u8), Vec<f64>> = HashMap::new();
        for (page, metric, value) in self.values.into_values() {
            by_page.entry((page, metric)).or_default().push(value);
        }
        let mut pages: Vec<(Page, u32)> = self.pages.into_iter().collect();
        pages.sort();
        let results = pages.into_iter().map(|(page, number)| {
            let metrics = METRICS
                .iter()
                .enumerate()
                .filter_map(|(metric, (_, name))| {
                    let values = by_page.get(&(number, u8::try_from(metric).ok()?))?;
                    let metric = PageMetric {
                        value: quantile(values, REPORTED)?,
                        views: values.len() as u64,
                        modelled: false,
                    };
                    Some(((*name).to_owned(), metric))
                });
            PageResult {
                tool: "web-vitals".to_owned(),
                version: None,
                file: self.file.clone(),
                evidence: PageEvidence::Field,
                page: page.address,
                form_factor: page.device,
                loaded_at: usize::try_from(number)
                    .ok()
                    .and_then(|n| *self.first.get(n)?),
                metrics: metrics.collect(),
                warnings: warnings.clone(),
                ..PageResult::default()
            }
        });
        Ok(results.collect())
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings =
            vec!["values are the 75th percentile of the page views, as three of four users saw them or better".to_owned()];
        if self.unknown > 0 {
            warnings.push(format!(
                "{} beacons have another name than CLS, FCP, INP, LCP and TTFB",
                self.unknown
            ));
        }
        if self.negative > 0 {
            warnings.push(format!(
                "{} beacons have a negative value and are left out",
                self.negative
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
