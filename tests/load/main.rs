//! Load over HTTP and WebSocket against a service that knows what it served.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod closed;
mod evidence;
mod failures;
mod open;
mod program;
mod scenarios;
mod service;
mod sockets;
mod timing;
mod tls;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use dbperf::drive::{Control, DriveOptions, HttpOptions, LoadShape, Replayed, load};
use dbperf::record::load::Operation;
use dbperf::workload::scenario::Scenario;

use service::Service;

/// Tests that measure want the machine for themselves; the others may run side by side.
static MACHINE: RwLock<()> = RwLock::new(());

/// For a test that measures times.
fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// For a test that does not.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

fn scenario(text: &str) -> Scenario {
    let parsed = Scenario::parse(text, "s.toml", &|_| None, &[]);
    parsed.unwrap_or_else(|error| panic!("{error}"))
}

/// The scenario's options for a service, without a warm-up.
fn options(scenario: &Scenario, service: &Service) -> HttpOptions {
    let options = HttpOptions::proposed_by(scenario, service.url().parse().unwrap()).unwrap();
    HttpOptions {
        drive: DriveOptions {
            warmup: Duration::ZERO,
            ..options.drive
        },
        ..options
    }
}

/// Closed loop of so many clients for so long.
fn closed(options: HttpOptions, clients: u32, ms: u64) -> HttpOptions {
    HttpOptions {
        drive: DriveOptions {
            load: LoadShape::Closed { clients },
            duration: Duration::from_millis(ms),
            ..options.drive
        },
        ..options
    }
}

/// A rate for so long.
fn at_rate(options: HttpOptions, rate: f64, ms: u64) -> HttpOptions {
    HttpOptions {
        drive: DriveOptions {
            load: LoadShape::Open { rate },
            duration: Duration::from_millis(ms),
            ..options.drive
        },
        ..options
    }
}

fn run(scenario: Scenario, options: &HttpOptions) -> Replayed {
    load(scenario, options, &Control::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn operation<'a>(loaded: &'a Replayed, name: &str) -> &'a Operation {
    let found = loaded.load.operations.iter().find(|o| o.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {:?}", loaded.load.operations))
}

fn mean_ms(operation: &Operation) -> f64 {
    operation.latency.mean.unwrap().0
}

fn percentile_ms(operation: &Operation, key: &str) -> f64 {
    operation.latency.percentile(key).unwrap().0
}

/// Requests per second.
fn throughput(loaded: &Replayed) -> f64 {
    loaded.load.total.requests as f64 / loaded.load.length.unwrap().secs()
}
