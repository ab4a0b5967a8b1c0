//! The Universal Scalability Law (Gunther 1993): what throughput does as more work runs at once, and
//! where it stops to grow. Which concurrency is advised, and by what target, is not decided here.

mod fit;
mod law;
#[cfg(test)]
mod tests;

pub use fit::{MAX_DEVIATION, MIN_CONCURRENCIES, UslError, UslPoint};
pub use law::{Peak, PeakEstimate, UslEstimate, UslFit, UslPrediction};
