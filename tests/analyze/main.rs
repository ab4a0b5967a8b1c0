//! `dbperf` as a user runs it, on real servers of every version.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod bad_input;
mod cli;
mod courtesy;
mod flags;
mod load;
mod senders;
mod staged;
#[path = "../support/mod.rs"]
mod support;
mod truth;
