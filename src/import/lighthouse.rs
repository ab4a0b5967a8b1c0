//! Lighthouse's report of one page load (`--output=json`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::recognise::Found;
use super::table::tame;
use super::{ImportError, Source, json};
use crate::record::pages::{PageEvidence, PageMetric, PageResult};

/// Metric, the audit that has it, and whether `simulate` models it.
const AUDITS: [(&str, &str, bool); 9] = [
    ("fcp", "first-contentful-paint", true),
    ("lcp", "largest-contentful-paint", true),
    ("tbt", "total-blocking-time", true),
    ("tti", "interactive", true),
    ("speed_index", "speed-index", true),
    ("cls", "cumulative-layout-shift", false),
    ("inp", "interaction-to-next-paint", false),
    ("server_response", "server-response-time", false),
    ("network_rtt", "network-rtt", false),
];

/// Metrics that a run with `simulate` observed as well, beside the modelled ones.
const OBSERVED: [(&str, &str); 3] = [
    ("fcp", "observedFirstContentfulPaint"),
    ("lcp", "observedLargestContentfulPaint"),
    ("speed_index", "observedSpeedIndex"),
];

/// The parts of a report that are read. Every audit is optional: versions and settings leave some out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    lighthouse_version: String,
    fetch_time: Option<Timestamp>,
    requested_url: Option<String>,
    final_displayed_url: Option<String>,
    final_url: Option<String>,
    gather_mode: Option<String>,
    runtime_error: Option<RuntimeError>,
    #[serde(default)]
    run_warnings: Vec<Value>,
    #[serde(default)]
    config_settings: Settings,
    #[serde(default)]
    audits: BTreeMap<String, Audit>,
    #[serde(default)]
    categories: BTreeMap<String, Category>,
}

#[derive(Debug, Deserialize)]
struct RuntimeError {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    form_factor: Option<String>,
    throttling_method: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Audit {
    score_display_mode: Option<String>,
    numeric_value: Option<f64>,
    details: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Category {
    score: Option<f64>,
}

/// An object with Lighthouse's version.
pub(super) fn recognises(head: &str) -> bool {
    head.trim_start().starts_with('{') && head.contains("\"lighthouseVersion\"")
}

/// The CSV has scores and no times.
pub(super) mod csv {
    use crate::import::list::Refusal;

    /// The header as Lighthouse writes it.
    pub(in crate::import) fn recognises(head: &str) -> bool {
        head.starts_with("\"requestedUrl\",\"finalDisplayedUrl\"")
            || head.starts_with("requestedUrl,finalDisplayedUrl")
    }

    /// Why it is not read.
    pub(in crate::import) const REFUSAL: Refusal = Refusal {
        why: "it has scores and no times",
        instead: "write the report with --output=json",
    };
}

/// Reads the file.
pub(super) fn import(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let report: Report = json::parse(&file, &text, "one report of Lighthouse")?;
    page(&file, &report).map(|page| Found::Pages(vec![page]))
}

fn page(file: &str, report: &Report) -> Result<PageResult, ImportError> {
    if let Some(error) = &report.runtime_error {
        let code = error.code.as_deref().unwrap_or("an error");
        let message = error.message.as_deref().unwrap_or_default();
        return Err(ImportError::Key {
            file: file.to_owned(),
            key: "runtimeError".to_owned(),
            found: told_without_queries(format!("{code} {message}").trim()),
            expected: "a report of a page that could be loaded".to_owned(),
        });
    }
    let address = [
        &report.final_displayed_url,
        &report.final_url,
        &report.requested_url,
    ];
    let Some(address) = address.into_iter().flatten().next() else {
        return Err(ImportError::Key {
            file: file.to_owned(),
            key: "finalDisplayedUrl".to_owned(),
            found: "no address".to_owned(),
            expected: "the address of the page".to_owned(),
        });
    };
    let simulated = report.config_settings.throttling_method.as_deref() == Some("simulate");
    let mut warnings = Vec::new();
    let metrics = metrics(report, simulated, &mut warnings);
    if metrics.is_empty() {
        return Err(ImportError::Key {
            file: file.to_owned(),
            key: "audits".to_owned(),
            found: "none of the times of a page".to_owned(),
            expected: "a report with the category `performance`".to_owned(),
        });
    }
    add_warnings(report, simulated, &mut warnings);
    Ok(PageResult {
        tool: "lighthouse".to_owned(),
        version: Some(tame(&report.lighthouse_version)),
        file: file.to_owned(),
        evidence: PageEvidence::Lab,
        page: without_query(address),
        form_factor: report.config_settings.form_factor.as_deref().map(tame),
        loaded_at: report.fetch_time,
        metrics,
        scores: report
            .categories
            .iter()
            .filter_map(|(name, category)| Some((tame(name), of_hundred(category.score?))))
            .collect(),
        warnings,
    })
}

/// A score of 100. Lighthouse has scores of two decimals: 0.58 × 100 would be 57.99999999999999, and miss 58.
fn of_hundred(score: f64) -> f64 {
    (score * 10_000.0).round() / 100.0
}

/// An address without its query string and fragment.
pub(super) fn without_query(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    tame(&address[..end]).chars().take(400).collect()
}

fn metrics(
    report: &Report,
    simulated: bool,
    warnings: &mut Vec<String>,
) -> BTreeMap<String, PageMetric> {
    let mut metrics = BTreeMap::new();
    let mut put = |name: &str, value: f64, modelled: bool| {
        if value.is_finite() && value >= 0.0 {
            let metric = PageMetric {
                value,
                views: 1,
                modelled,
            };
            metrics.insert(name.to_owned(), metric);
        }
    };
    for (name, audit, is_modelled) in AUDITS {
        let Some(audit) = report.audits.get(audit) else {
            continue;
        };
        if audit.score_display_mode.as_deref() == Some("error") {
            warnings.push(format!("Lighthouse could not measure {name}"));
            continue;
        }
        if let Some(value) = audit.numeric_value {
            put(name, value, simulated && is_modelled);
        }
    }
    // Three times are in no audit of their own.
    if let Some(paint) = detail(report, "observedFirstPaint") {
        put("first_paint", paint, false);
    }
    if let Some(load) = detail(report, "observedLoad") {
        put("load", load, false);
    }
    if let Some(first_byte) = detail(report, "timeToFirstByte") {
        put("ttfb", first_byte, simulated);
    }
    metrics
}

/// A number of the audit `metrics`, which has what no audit shows.
fn detail(report: &Report, name: &str) -> Option<f64> {
    let details = report.audits.get("metrics")?.details.as_ref()?;
    let items = details.get("items")?.as_array()?;
    items.iter().find_map(|item| item.get(name)?.as_f64())
}

fn add_warnings(report: &Report, simulated: bool, warnings: &mut Vec<String>) {
    match report.config_settings.throttling_method.as_deref() {
        Some("simulate") => warnings.push(
            "the paints, the blocking time, the speed index, the time to interactive and the time to first byte are \
             modelled for a slower device and network (throttling method simulate)"
                .to_owned(),
        ),
        Some("devtools") => warnings.push(
            "the browser was slowed down to a slower device and network (throttling method devtools)".to_owned(),
        ),
        _ => {}
    }
    if simulated {
        let seen: Vec<String> = OBSERVED
            .iter()
            .filter_map(|(name, key)| Some(format!("{name} {} ms", detail(report, key)?)))
            .collect();
        if !seen.is_empty() {
            warnings.push(format!("observed on this machine: {}", seen.join(", ")));
        }
    }
    if let Some(mode) = report.gather_mode.as_deref().filter(|m| *m != "navigation") {
        warnings.push(format!(
            "the report is of the mode {}, not of a page load",
            tame(mode)
        ));
    }
    let told = report.run_warnings.iter().filter_map(Value::as_str);
    warnings.extend(told.map(told_without_queries));
}

/// Lighthouse's own words, with their addresses up to the query string or the fragment; the first 300 characters.
fn told_without_queries(words: &str) -> String {
    let words: String = words
        .split_inclusive(char::is_whitespace)
        .map(cut_query)
        .collect();
    tame(&words).chars().take(300).collect()
}

/// A word without what an address has behind `?` or `#`. The signs that end a clause stay, so that `really?` does.
fn cut_query(word: &str) -> String {
    let Some(query) = word.find(['?', '#']) else {
        return word.to_owned();
    };
    let ends = |c: char| c.is_whitespace() || ")].,;:!?\"'>`".contains(c);
    let end = word.trim_end_matches(ends).len();
    if end <= query {
        return word.to_owned();
    }
    format!("{}{}", &word[..query], &word[end..])
}

#[cfg(test)]
mod tests;
