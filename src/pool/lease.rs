//! A connection in use: how long, and how much of it in statements.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::{Pool, Source};

/// A connection handed over by a pool; given back when dropped.
///
/// Held idle is the length of the lease without the time of its statements, which its user adds with
/// [`Lease::busy`]. While a statement is under way the lease is [`Lease::in_flight`]: if it is dropped then
/// (its future was dropped), the server still works, and the next user of that connection would wait: such a
/// connection is cancelled and discarded instead of given back.
#[derive(Debug)]
pub struct Lease<'p, S: Source> {
    pool: &'p Pool<S>,
    connection: Option<S::Connection>,
    acquire_start: Instant,
    start: Instant,
    statements: Cell<Duration>,
    unfinished: Cell<bool>,
    end: Cell<Option<Instant>>,
}

impl<'p, S: Source> Lease<'p, S> {
    pub(super) fn begin(
        pool: &'p Pool<S>,
        connection: S::Connection,
        acquire_start: Instant,
        start: Instant,
    ) -> Self {
        Self {
            pool,
            connection: Some(connection),
            acquire_start,
            start,
            statements: Cell::default(),
            unfinished: Cell::new(false),
            end: Cell::new(None),
        }
    }

    /// The connection.
    ///
    /// # Panics
    /// Never: the connection leaves the lease only in `drop`.
    #[must_use]
    pub fn connection(&self) -> &S::Connection {
        #[expect(clippy::expect_used, reason = "held until drop by construction")]
        self.connection.as_ref().expect("held until drop")
    }

    /// When the connection was handed over.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.start
    }

    /// Says whether the server may be at work on this connection. A lease that ends in that state discards
    /// its connection.
    pub fn in_flight(&self, at_work: bool) {
        self.unfinished.set(at_work);
    }

    /// Adds time in which a statement was under way.
    pub fn busy(&self, time: Duration) {
        self.statements.set(self.statements.get() + time);
    }

    /// Its last statement has just ended, at this moment: so the clock is not asked again.
    pub fn ends_at(&self, end: Instant) {
        self.end.set(Some(end));
    }

    /// Marks the connection as not to be given back, such as after a rollback that failed.
    pub fn spoil(&self) {
        self.unfinished.set(true);
    }
}

impl<S: Source> Drop for Lease<'_, S> {
    fn drop(&mut self) {
        let now = self.end.get().unwrap_or_else(Instant::now);
        let (start, statements) = (self.start, self.statements.get());
        self.pool
            .meter()
            .lease_ends(self.acquire_start, start, now, statements);
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.unfinished.get() {
            // Without a reaper the connection is closed by being dropped, and nobody waits for the permit.
            let _ = self.pool.abandoned.send(connection);
        } else {
            S::give_back(connection, &self.pool.permits);
        }
    }
}
