//! Pages as a browser saw them: Lighthouse's audits of one load, or beacons of real users.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the numbers of a page come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PageEvidence {
    /// One load in a browser under control (Lighthouse).
    #[default]
    Lab,
    /// Loads of real users (web-vitals beacons).
    Field,
}

/// One page of one file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PageResult {
    /// `lighthouse`, `web-vitals`.
    pub tool: String,
    /// Its version, where the file tells it.
    pub version: Option<String>,
    /// The file.
    pub file: String,
    /// Lab or field.
    pub evidence: PageEvidence,
    /// The address without its query string, or `all pages`.
    pub page: String,
    /// `mobile`, `desktop`; `None` where the file does not say.
    pub form_factor: Option<String>,
    /// When it was loaded; of several loads the first.
    pub loaded_at: Option<Timestamp>,
    /// By name: `first_paint`, `fcp`, `lcp`, `cls`, `inp`, `ttfb`, `tbt`, `tti`, `load`, `speed_index`, `server_response`,
    /// `network_rtt`.
    pub metrics: BTreeMap<String, PageMetric>,
    /// Category scores by name (`performance`, `accessibility` …), 0 to 100.
    pub scores: BTreeMap<String, f64>,
    /// What one has to know to read the numbers, and what did not add up.
    pub warnings: Vec<String>,
}

/// One number of a page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PageMetric {
    /// Milliseconds; `cls` has no unit. In the field the 75th percentile.
    pub value: f64,
    /// Page views that it is of.
    pub views: u64,
    /// Calculated by a model of a slower device or network, not observed.
    pub modelled: bool,
}
