//! Asks a server for plans, safely.
//!
//! What a plan means is decided in `analyze`.
//!
//! Texts come from `pg_stat_statements` and hold `$n` where the application sent values. Every
//! probe runs in `BEGIN READ ONLY`, one statement per message of the extended protocol, and is
//! rolled back. The ladder: a generic plan without any value; with a workload's own values a
//! custom plan; and, only where asked, EXPLAIN ANALYZE of a SELECT that costs little enough.

mod error;
mod gate;
mod ladder;
mod scrub;

pub use gate::{Refusal, acts_beyond, explainable, with_casts};
pub use ladder::{Candidate, ExplainOptions, plans};
