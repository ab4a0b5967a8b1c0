//! Advice on missing indexes on real servers: is it what the planner uses, does it leave nothing
//! behind, and is the workload as fast with it as with what other advisors' methods propose?

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod bench;
mod command;
mod peers;
mod place;
mod probe;
#[path = "../support/mod.rs"]
mod support;
mod why_not;
