//! Plans of real servers, 13 to 18: own times that add up, and planted situations that are found at
//! their node, with cures that cure.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod accounting;
mod cures;
mod insights;
mod planted;
#[path = "../support/mod.rs"]
mod support;

use dbperf::lab::{Lab, LabOptions};

/// A server on which nothing is analysed or vacuumed but by the test.
fn without_autovacuum(major: u32) -> Lab {
    let options = LabOptions {
        settings: support::setting("autovacuum", "off"),
        ..LabOptions::default()
    };
    support::lab(major, options).unwrap()
}
