//! Where the time of requests went, by dbperf, against a service that knows: six situations, each looked at with the
//! service's traces, with its `Server-Timing`, and with nothing but what the load tool and the server tell.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod k6;
mod own_load;
mod proxy;
mod service;
mod situations;
#[path = "../support/mod.rs"]
mod support;
mod truth;
