//! What clients drive: a database through a pool, or a service over HTTP and WebSocket.

use std::future::Future;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;

use crate::workload::Think;

use super::client::Thread;
use super::detail::Detail;
use super::failure::Failure;

/// The parts of one request, as the target's details keep them.
pub(super) type TraceOf<T> = <<T as Target>::Detail as Detail>::Trace;

/// A load ready to run. Schedules, clients, stages and records are the same for all targets.
pub(super) trait Target: Send + Sync + Sized + 'static {
    /// What one client keeps from one request to the next.
    type Client: 'static;
    /// What is recorded of an operation beside its latency.
    type Detail: Detail;

    /// A record of nothing for each operation, in their order.
    fn details(&self) -> impl Iterator<Item = Self::Detail>;

    /// The client with this number.
    fn client(&self, number: usize, rng: ChaCha8Rng) -> Self::Client;

    /// What a client draws from.
    fn rng(client: &mut Self::Client) -> &mut ChaCha8Rng;

    /// Pause of a client of a closed loop after its last request, or before its first.
    fn think(&self, client: &Self::Client) -> Think;

    /// The operation of a request that no client takes.
    fn draw(&self, rng: &mut ChaCha8Rng) -> usize;

    /// Chooses the operation of the next request, and draws its values; `None` if there is none.
    fn prepare(&self, client: &mut Self::Client) -> Option<usize>;

    /// A request begins; forgets the parts of the one before.
    fn begin(client: &mut Self::Client, started: Instant);

    /// Runs the request that was prepared, and writes down its parts.
    fn run(
        &self,
        thread: &Thread<Self>,
        client: &mut Self::Client,
        operation: usize,
        started: Instant,
    ) -> impl Future<Output = Result<(), Failure>>;

    /// The request ended, or was cut off. Returns when.
    fn end(client: &mut Self::Client) -> Instant;

    /// The parts of the request that ended.
    fn trace(client: &Self::Client) -> &TraceOf<Self>;

    /// The request that ended was of the warm-up, even if it began in the window.
    fn is_warm_up(&self, _client: &Self::Client) -> bool {
        false
    }

    /// The window begins.
    fn window_opened(&self, _at: Instant) {}

    /// The window ended.
    fn window_closed(&self, _at: Instant) {}

    /// A moment of the window at which gauges are read.
    fn sample(&self, _at: Instant) {}
}
