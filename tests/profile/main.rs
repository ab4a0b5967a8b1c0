//! Profiles of real servers: what is read of a catalogue and of the planner's statistics, and what a profile tells.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod canaries;
mod command;
mod facts;
mod partitions;
mod privileges;
mod schema;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod untouched;

use dbperf::lab::Cluster;
use dbperf::pg::Session;

/// A guarded session.
async fn session(cluster: &Cluster) -> Session {
    support::guarded(&cluster.dsn()).await
}
