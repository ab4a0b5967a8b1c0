//! A connection in use: how long, and how much of it in statements.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Meter;

/// A connection handed over by a pool; given back when dropped.
///
/// Held idle is the length of the lease without the time of its statements, which every user
/// measures with [`Lease::statement`]. If a statement was begun and never finished (its future was
/// dropped), the server still works on it, and the next user of that connection would wait: such a
/// connection is cancelled and discarded instead of given back.
#[derive(Debug)]
pub struct Lease<C> {
    held: Option<(C, OwnedSemaphorePermit)>,
    meter: Meter,
    abandoned: mpsc::UnboundedSender<(C, OwnedSemaphorePermit)>,
    acquire_start: Instant,
    start: Instant,
    statements: Cell<Duration>,
    unfinished: Cell<bool>,
}

/// The time of one statement of a lease, from sending to the last row.
#[derive(Debug)]
#[must_use = "a timer that is not finished makes the lease discard its connection"]
pub struct StatementTimer<'a, C> {
    lease: &'a Lease<C>,
    start: Instant,
    finished: bool,
}

impl<C> Lease<C> {
    pub(super) fn begin(
        connection: C,
        permit: OwnedSemaphorePermit,
        acquire_start: Instant,
        meter: Meter,
        abandoned: mpsc::UnboundedSender<(C, OwnedSemaphorePermit)>,
    ) -> Self {
        let start = Instant::now();
        meter.lease_begins(start);
        Self {
            held: Some((connection, permit)),
            meter,
            abandoned,
            acquire_start,
            start,
            statements: Cell::default(),
            unfinished: Cell::new(false),
        }
    }

    /// The connection.
    ///
    /// # Panics
    /// Never: the connection leaves the lease only in `drop`.
    #[must_use]
    pub fn connection(&self) -> &C {
        #[expect(clippy::expect_used, reason = "held until drop by construction")]
        let (connection, _) = self.held.as_ref().expect("held until drop");
        connection
    }

    /// When the connection was handed over.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.start
    }

    /// Begins to measure a statement that is about to be sent.
    pub fn statement(&self) -> StatementTimer<'_, C> {
        self.unfinished.set(true);
        StatementTimer {
            lease: self,
            start: Instant::now(),
            finished: false,
        }
    }

    /// Marks the connection as not to be given back, such as after a rollback that failed.
    pub fn spoil(&self) {
        self.unfinished.set(true);
    }
}

impl<C> StatementTimer<'_, C> {
    /// The last row, or the error, is there. Returns the latency.
    #[must_use]
    pub fn finish(mut self) -> Duration {
        self.finished = true;
        self.lease.unfinished.set(false);
        self.add()
    }

    fn add(&self) -> Duration {
        let latency = self.start.elapsed();
        let statements = &self.lease.statements;
        statements.set(statements.get() + latency);
        latency
    }
}

impl<C> Drop for StatementTimer<'_, C> {
    fn drop(&mut self) {
        if !self.finished {
            self.add();
        }
    }
}

impl<C> Drop for Lease<C> {
    fn drop(&mut self) {
        let now = Instant::now();
        self.meter
            .lease_ends(self.acquire_start, self.start, now, self.statements.get());
        let Some((connection, permit)) = self.held.take() else {
            return;
        };
        if self.unfinished.get() {
            // Without a reaper the connection is closed by being dropped.
            let _ = self.abandoned.send((connection, permit));
        } else {
            // The source must have its connection back before the next permit holder asks for one.
            drop(connection);
            drop(permit);
        }
    }
}
