//! The mathematics: histograms, percentiles, intervals, comparisons, queueing, sizing,
//! scalability, least squares.
//!
//! Nothing here knows what a database is; functions take numbers and return numbers.

mod compare;
mod distribution;
mod histogram;
mod interval;
mod least_squares;
mod levels;
mod quantile;
mod queueing;
mod random;
mod sizing;
mod usl;

pub use compare::{Change, MIN_PAIRS, PairedRatio, compare_pairs, noise_floor};
pub use distribution::{Distribution, kolmogorov_smirnov, sampling_distance};
pub use histogram::{HistogramError, LatencyHistogram, LatencySummary};
pub use interval::{Interval, round_to_count, student_t_quantile, wilson};
pub use least_squares::{LeastSquaresError, NonNegativeFit, NormalEquations, condition_number};
pub use levels::{Levels, Measurement};
pub use quantile::{quantile, time_weighted_quantile};
pub use queueing::{
    ClosedQueue, ClosedSolution, OpenQueue, allen_cunneen_factor, erlang_b, erlang_c,
    little_concurrency,
};
pub use random::SplitMix64;
pub use sizing::{
    Busiest, LoadSlice, MIN_SLICES, SizeInterval, SizingError, SquaredVariation, TimesSlice,
    busiest, size_interval, squared_variation,
};
pub use usl::{
    MAX_DEVIATION, MIN_CONCURRENCIES, Peak, PeakEstimate, UslError, UslEstimate, UslFit, UslPoint,
    UslPrediction,
};
