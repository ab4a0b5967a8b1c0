//! One measured value of k6, from a line of JSON or of CSV.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

/// One value with its tags.
#[derive(Debug, Clone)]
pub(super) struct Point<'a> {
    /// Such as `http_req_duration`.
    pub(super) metric: Cow<'a, str>,
    /// When it was taken; of a request when its answer ended.
    pub(super) at: Timestamp,
    /// Milliseconds, a count, or 0 and 1 of a rate.
    pub(super) value: f64,
    /// The tags that are used; an absent one is empty.
    pub(super) tags: Tags<'a>,
}

/// The tags that are used; the rest is ignored.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Tags<'a> {
    #[serde(borrow)]
    pub(super) method: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) url: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) error: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) error_code: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) scenario: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) check: Cow<'a, str>,
}

impl Tags<'_> {
    /// The request got no answer, or one that means failure; `None` where the status is not told.
    pub(super) fn bad_status(&self) -> Option<bool> {
        let status: u16 = self.status.parse().ok()?;
        Some(status == 0 || status >= 400)
    }

    /// The words under which a failure is counted.
    pub(super) fn failure(&self) -> String {
        match (
            self.status.as_ref(),
            self.error.as_ref(),
            self.error_code.as_ref(),
        ) {
            ("" | "0", "", "") => "no answer".to_owned(),
            ("" | "0", "", code) => format!("error code {code}"),
            ("" | "0", error, _) => error.to_owned(),
            (status, _, _) => format!("HTTP {status}"),
        }
    }
}
