//! `dbperf capture log` against real logs, whose truth is known.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod damage;
mod logs;
mod program;
mod truth;
