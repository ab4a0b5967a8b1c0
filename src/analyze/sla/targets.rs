//! The list of targets: key in the file, name in the report, unit, and which side is good.

use crate::analyze::figures;

/// What is measured against a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    ResponseP50,
    ResponseP95,
    ResponseP99,
    ResponseP999,
    Errors,
    Throughput,
    Cpu,
    Memory,
    PoolUtilisation,
    PoolEfficiency,
    DatabaseP95,
    SlowStatements,
    ReplicationLag,
    /// A metric of a page by its name.
    Page(&'static str),
    /// The score of a category of Lighthouse by its name.
    Score(&'static str),
    WebSocket(Exchange),
}

/// What is done over a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    Connect,
    Message,
    Reconnect,
    Subscribe,
}

/// Unit of a target's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Ratio,
    PerSec,
    Score,
    Count,
    /// A number without a unit, such as a layout shift.
    Plain,
}

impl Unit {
    /// The words of an error about a value that does not fit.
    pub(super) fn expectation(self) -> &'static str {
        match self {
            Self::Millis => "a number of milliseconds above 0",
            Self::Ratio => "a share between 0 and 1 (0.9 is 90 %)",
            Self::PerSec => "a number per second above 0",
            Self::Score => "a score between 0 and 100",
            Self::Count => "a whole number, 0 or more",
            Self::Plain => "a number above 0",
        }
    }

    /// Whether a number can be a target of this unit.
    pub(super) fn allows(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Self::Millis | Self::PerSec | Self::Plain => value > 0.0,
                Self::Ratio => (0.0..=1.0).contains(&value),
                Self::Score => (0.0..=100.0).contains(&value),
                Self::Count => value >= 0.0 && value.fract() == 0.0,
            }
    }

    /// A measured number in words.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Millis => figures::duration(value),
            Self::Ratio => figures::percent(value),
            Self::PerSec => figures::rate(value),
            Self::Score | Self::Count => figures::number(value),
            // A layout shift is judged at 0.1: two decimals would hide which side it is on.
            Self::Plain => format!("{value:.3}"),
        }
    }

    /// A limit in words: as the user wrote it, without digits that rounding would invent.
    fn show_limit(self, value: f64) -> String {
        match self {
            Self::Millis => format!("{value} ms"),
            // Ten digits are more than anybody writes and fewer than binary fractions disturb.
            Self::Ratio => format!("{} %", (value * 1e10).round() / 1e8),
            Self::PerSec => format!("{value}/s"),
            Self::Score | Self::Count | Self::Plain => value.to_string(),
        }
    }
}

/// Which side of the limit is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// One target that a file may name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) metric: Metric,
    pub(super) unit: Unit,
    pub(super) side: Side,
}

impl Spec {
    /// Whether a measured value meets the limit.
    pub(super) fn met(&self, value: f64, limit: f64) -> bool {
        match self.side {
            Side::Below => value < limit,
            Side::AtMost => value <= limit,
            Side::Above => value > limit,
            Side::AtLeast => value >= limit,
        }
    }

    /// The target in words, such as `< 100 ms`.
    pub(super) fn words(&self, limit: f64) -> String {
        let sign = match self.side {
            Side::Below => "<",
            Side::AtMost if limit == 0.0 => return "none".to_owned(),
            Side::AtMost => "≤",
            Side::Above => ">",
            Side::AtLeast => "≥",
        };
        format!("{sign} {}", self.unit.show_limit(limit))
    }
}

const fn spec(
    path: (&'static str, &'static str),
    name: &'static str,
    metric: Metric,
    unit: Unit,
    side: Side,
) -> Spec {
    Spec {
        section: path.0,
        key: path.1,
        name,
        metric,
        unit,
        side,
    }
}

/// Every target there is, in the order of the report.
pub(super) static SPECS: &[Spec] = {
    use super::name;
    use Metric as M;
    use Side::{Above, AtLeast, AtMost, Below};
    use Unit::{Count, Millis, PerSec, Plain, Ratio, Score};
    &[
        spec(
            ("response_time", "p50_ms"),
            name::RESPONSE_P50,
            M::ResponseP50,
            Millis,
            Below,
        ),
        spec(
            ("response_time", "p95_ms"),
            name::RESPONSE_P95,
            M::ResponseP95,
            Millis,
            Below,
        ),
        spec(
            ("response_time", "p99_ms"),
            name::RESPONSE_P99,
            M::ResponseP99,
            Millis,
            Below,
        ),
        spec(
            ("response_time", "p999_ms"),
            name::RESPONSE_P999,
            M::ResponseP999,
            Millis,
            Below,
        ),
        spec(
            ("requests", "error_ratio"),
            name::ERRORS,
            M::Errors,
            Ratio,
            Below,
        ),
        spec(
            ("requests", "throughput_per_sec"),
            name::THROUGHPUT,
            M::Throughput,
            PerSec,
            AtLeast,
        ),
        spec(("server", "cpu_ratio"), name::CPU, M::Cpu, Ratio, Below),
        spec(
            ("server", "memory_ratio"),
            name::MEMORY,
            M::Memory,
            Ratio,
            Below,
        ),
        spec(
            ("pool", "utilisation_ratio"),
            name::POOL_UTILISATION,
            M::PoolUtilisation,
            Ratio,
            Below,
        ),
        spec(
            ("pool", "efficiency_ratio"),
            name::POOL_EFFICIENCY,
            M::PoolEfficiency,
            Ratio,
            Above,
        ),
        spec(
            ("database", "p95_ms"),
            name::DATABASE_P95,
            M::DatabaseP95,
            Millis,
            Below,
        ),
        spec(
            ("database", "slow_statements"),
            name::SLOW_STATEMENTS,
            M::SlowStatements,
            Count,
            AtMost,
        ),
        spec(
            ("database", "replication_lag_ms"),
            name::REPLICATION_LAG,
            M::ReplicationLag,
            Millis,
            Below,
        ),
        spec(
            ("page", "first_paint_ms"),
            name::PAGE_FIRST_PAINT,
            M::Page("first_paint"),
            Millis,
            Below,
        ),
        spec(
            ("page", "fcp_ms"),
            name::PAGE_FCP,
            M::Page("fcp"),
            Millis,
            Below,
        ),
        spec(
            ("page", "lcp_ms"),
            name::PAGE_LCP,
            M::Page("lcp"),
            Millis,
            Below,
        ),
        spec(
            ("page", "cls"),
            name::PAGE_CLS,
            M::Page("cls"),
            Plain,
            Below,
        ),
        spec(
            ("page", "inp_ms"),
            "page INP",
            M::Page("inp"),
            Millis,
            Below,
        ),
        spec(
            ("page", "ttfb_ms"),
            "page TTFB",
            M::Page("ttfb"),
            Millis,
            Below,
        ),
        spec(
            ("page", "load_ms"),
            "page load",
            M::Page("load"),
            Millis,
            Below,
        ),
        spec(
            ("page", "tti_ms"),
            name::PAGE_TTI,
            M::Page("tti"),
            Millis,
            Below,
        ),
        spec(
            ("page", "lighthouse_score"),
            name::PAGE_LIGHTHOUSE,
            M::Score("performance"),
            Score,
            AtLeast,
        ),
        spec(
            ("websocket", "connect_ms"),
            "WebSocket connect",
            M::WebSocket(Exchange::Connect),
            Millis,
            Below,
        ),
        spec(
            ("websocket", "message_ms"),
            name::WEBSOCKET_MESSAGE,
            M::WebSocket(Exchange::Message),
            Millis,
            Below,
        ),
        spec(
            ("websocket", "reconnect_ms"),
            "WebSocket reconnect",
            M::WebSocket(Exchange::Reconnect),
            Millis,
            Below,
        ),
        spec(
            ("websocket", "subscription_ms"),
            "WebSocket subscribe",
            M::WebSocket(Exchange::Subscribe),
            Millis,
            Below,
        ),
    ]
};
