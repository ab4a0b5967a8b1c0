//! x
pub mod thresholds;
