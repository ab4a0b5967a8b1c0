//! Health on real servers: situations that were planted, and the same servers without them.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod bloat;
mod estimates;
mod observed;
mod planted;
mod privileges;
mod sequences;
mod standby;
#[path = "../support/mod.rs"]
mod support;
mod updates;
mod wraparound;
