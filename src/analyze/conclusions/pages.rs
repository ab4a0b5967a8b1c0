//! Pages as a browser saw them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One page of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Page {
    /// `lighthouse` or `web-vitals`.
    pub tool: String,
    /// Its version, where the file tells it.
    pub version: Option<String>,
    /// The file.
    pub file: String,
    /// `lab`: one load in a browser under control; `field`: the 75th percentile of real users' views.
    pub evidence: String,
    /// The address without its query string, or `all pages`.
    pub page: String,
    /// `mobile`, `desktop` …; `null` where the file does not say.
    pub form_factor: Option<String>,
    /// When it was loaded, RFC 3339; of several loads the first.
    pub loaded_at: Option<String>,
    /// In the order in which a page loads.
    pub metrics: Vec<PageNumber>,
    /// Scores of Lighthouse by category, 0 to 100.
    pub scores: BTreeMap<String, f64>,
    /// What one has to know to read the numbers.
    pub warnings: Vec<String>,
}

/// One number of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PageNumber {
    /// `ttfb`, `server_response`, `network_rtt`, `first_paint`, `fcp`, `lcp`, `speed_index`, `tbt`, `tti`, `inp`,
    /// `load`, `cls`.
    pub name: String,
    /// In `unit`.
    pub value: f64,
    /// `ms`; empty for `cls`.
    pub unit: String,
    /// Page views.
    pub views: u64,
    /// Calculated by a model of a slower device or network, not observed.
    pub modelled: bool,
}
