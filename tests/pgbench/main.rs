//! Scripts of pgbench, by dbperf and by pgbench itself: the same values, the same way through the
//! script, the same refusals.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod bench;
mod expressions;
mod scripts;
#[path = "../support/mod.rs"]
mod support;
mod walk;
