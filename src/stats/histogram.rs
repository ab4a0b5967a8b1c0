//! A latency histogram that merges without loss and travels as text.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as HdrDeserializer, Serializer as _, V2Serializer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Latencies in nanoseconds with three significant digits and no upper bound
/// (`HdrHistogram`, <https://hdrhistogram.org>). Serialised as base64 of the V2 encoding.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyHistogram {
    nanos: Histogram<u64>,
}

/// A histogram could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// The text is not base64.
    #[error("histogram is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The bytes are not an `HdrHistogram` in V2 encoding.
    #[error("histogram is not in HDR V2 encoding: {0}")]
    Encoding(String),
}

/// Count, mean, quantiles and maximum of one histogram, in milliseconds; the mean and quantiles
/// carry the histogram's resolution of three significant digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencySummary {
    /// Number of recorded latencies.
    pub count: u64,
    /// Arithmetic mean in milliseconds.
    pub mean_ms: f64,
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// 95th percentile in milliseconds.
    pub p95_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// 99.9th percentile in milliseconds.
    pub p999_ms: f64,
    /// Largest value in milliseconds.
    pub max_ms: f64,
}

impl LatencyHistogram {
    /// An empty histogram; it grows with the values it meets.
    ///
    /// # Panics
    /// Never: three significant digits is within the supported 0 to 5.
    #[must_use]
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "3 is a valid precision by definition")]
        let nanos = Histogram::new(3).expect("3 significant digits are supported");
        Self { nanos }
    }

    /// Records one latency. Values above 2^63 ns (292 years) are clamped.
    pub fn record(&mut self, latency: Duration) {
        let value = u64::try_from(latency.as_nanos())
            .unwrap_or(u64::MAX)
            .min(i64::MAX as u64);
        if self.nanos.record(value).is_err() {
            self.nanos.saturating_record(value);
        }
    }

    /// Records `count` latencies of one value, as tools that count by rounded value report them.
    pub fn record_n(&mut self, latency: Duration, count: u64) {
        let value = u64::try_from(latency.as_nanos())
            .unwrap_or(u64::MAX)
            .min(i64::MAX as u64);
        if self.nanos.record_n(value, count).is_err() {
            self.nanos.saturating_record_n(value, count);
        }
    }

    /// Adds all values of another histogram; nothing is lost.
    pub fn add(&mut self, other: &Self) {
        // The histogram is auto-resizing, so addition cannot fail.
        let _ = self.nanos.add(&other.nanos);
    }

    /// Number of recorded values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.nanos.len()
    }

    /// True if nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nanos.is_empty()
    }

    /// The value below which the share `quantile` (0 to 1) of values lies, in milliseconds;
    /// `None` without any value.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        (!self.is_empty()).then(|| ms(self.nanos.value_at_quantile(quantile)))
    }

    /// Mean in milliseconds; `None` without any value.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.nanos.mean() / 1e6)
    }

    /// Population standard deviation in milliseconds; `None` without any value.
    #[must_use]
    pub fn stddev_ms(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.nanos.stdev() / 1e6)
    }

    /// Count, mean, quantiles, maximum; `None` without any value.
    #[must_use]
    pub fn summary(&self) -> Option<LatencySummary> {
        (!self.is_empty()).then(|| LatencySummary {
            count: self.nanos.len(),
            mean_ms: self.nanos.mean() / 1e6,
            p50_ms: ms(self.nanos.value_at_quantile(0.50)),
            p95_ms: ms(self.nanos.value_at_quantile(0.95)),
            p99_ms: ms(self.nanos.value_at_quantile(0.99)),
            p999_ms: ms(self.nanos.value_at_quantile(0.999)),
            max_ms: ms(self.nanos.max()),
        })
    }

    /// Base64 of the `HdrHistogram` V2 encoding.
    #[must_use]
    pub fn to_base64(&self) -> String {
        let mut bytes = Vec::new();
        // Writing into memory cannot fail.
        let _ = V2Serializer::new().serialize(&self.nanos, &mut bytes);
        STANDARD.encode(bytes)
    }

    /// Reads what [`Self::to_base64`] wrote.
    ///
    /// # Errors
    /// The text is not base64, or its bytes are not an `HdrHistogram`.
    pub fn from_base64(text: &str) -> Result<Self, HistogramError> {
        let bytes = STANDARD.decode(text)?;
        let mut nanos: Histogram<u64> = HdrDeserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|e| HistogramError::Encoding(e.to_string()))?;
        nanos.auto(true);
        Ok(Self { nanos })
    }
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Serialize for LatencyHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_base64(&text).map_err(D::Error::custom)
    }
}

fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_known_values_are_within_the_resolution() {
        let mut histogram = LatencyHistogram::new();
        for i in 1..=1000u64 {
            histogram.record(Duration::from_micros(i * 100));
        }
        let summary = histogram.summary().unwrap();
        assert_eq!(summary.count, 1000);
        for (actual, expected) in [
            (summary.mean_ms, 50.05),
            (summary.p50_ms, 50.0),
            (summary.p99_ms, 99.0),
            (summary.max_ms, 100.0),
        ] {
            assert!(
                (actual - expected).abs() / expected < 0.002,
                "{actual} {expected}"
            );
        }
    }

    #[test]
    fn travels_as_text_and_adds_without_loss() {
        let mut a = LatencyHistogram::new();
        a.record(Duration::from_millis(3));
        let mut b = LatencyHistogram::from_base64(&a.to_base64()).unwrap();
        assert_eq!(a, b);
        b.record(Duration::from_secs(3600));
        a.add(&b);
        assert_eq!(a.count(), 3);
        assert!((a.summary().unwrap().max_ms - 3_600_000.0).abs() < 3600.0 * 2.0);
    }

    #[test]
    fn counts_of_one_value_are_that_many_values() {
        let mut one_by_one = LatencyHistogram::new();
        for _ in 0..7 {
            one_by_one.record(Duration::from_millis(12));
        }
        let mut at_once = LatencyHistogram::new();
        at_once.record_n(Duration::from_millis(12), 7);
        assert_eq!(one_by_one, at_once);
    }

    #[test]
    fn nothing_recorded_is_not_zero() {
        assert!(LatencyHistogram::new().summary().is_none());
        assert!(LatencyHistogram::from_base64("%").is_err());
        assert!(LatencyHistogram::from_base64("AAAA").is_err());
    }
}
