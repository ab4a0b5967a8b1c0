//! Tables of real servers are filled: what is in the catalogue is the same before and after, whatever ends a load
//! early leaves nothing, and what is not filled is named.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod another;
mod catalogue;
mod circles;
mod columns;
mod command;
mod deferred;
mod ended;
mod fidelity;
mod file;
mod kept;
mod keys_and_checks;
mod left_alone;
mod left_out;
mod made;
mod published;
mod refused;
mod roles;
#[path = "../support/mod.rs"]
mod support;
mod to_partitions;
