//! The mathematics: histograms, percentiles, intervals, queueing, least squares.
//!
//! Nothing here knows what a database is; functions take numbers and return numbers.

mod histogram;

pub use histogram::{HistogramError, LatencyHistogram, LatencySummary};
