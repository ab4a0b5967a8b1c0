//! x
pub mod text;
pub mod thresholds;
