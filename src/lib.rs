//! dbperf: where does the time of a request go, and what change would give it back?
//!
//! The house has three storeys. Doing rooms are async and touch servers, sockets and clocks;
//! thinking rooms are pure; [`record`] is the plain data between them, and [`cli`] joins them.
//!
//! ```text
//! main → cli → { pg, lab, collect, explain, seed, pool, workload, drive, prove } → record → stats
//!              { import, analyze, report }                                       → record → stats
//! ```

pub mod analyze;
pub mod cli;
pub mod collect;
pub mod drive;
pub mod explain;
#[cfg(test)]
mod fixtures;
pub mod import;
pub mod lab;
pub mod pg;
pub mod pool;
pub mod prove;
pub mod record;
pub mod report;
pub mod seed;
pub mod stats;
pub mod workload;
