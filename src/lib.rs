//! dbperf
