//! A database through a pool as the target of a load.

use std::sync::Arc;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;

use crate::pool::{Execute, Pool, Source};
use crate::workload::Think;

use super::client::Thread;
use super::deadline::Deadlines;
use super::detail::Statements;
use super::failure::Failure;
use super::plan::Plan;
use super::request::Request;
use super::state::State;
use super::target::Target;
use super::trace::Trace;

/// A workload that was checked against the server, and the pool that it goes through.
pub(super) struct Sql<S: Source> {
    pub(super) plan: Plan,
    pub(super) pool: Pool<S>,
    /// Statements that are not in a transaction are put into a read-only one.
    pub(super) read_only: bool,
    /// Pause of a client between two requests.
    pub(super) think: Think,
    /// Time limits of statements; `None` without a limit.
    pub(super) deadlines: Option<Arc<Deadlines>>,
}

impl<S: Source> Target for Sql<S>
where
    S::Connection: Execute,
{
    type Client = State;
    type Detail = Statements;

    fn details(&self) -> impl Iterator<Item = Statements> {
        let operations = self.plan.operations.iter();
        operations.map(|operation| Statements::new(&operation.names))
    }

    fn client(&self, number: usize, rng: ChaCha8Rng) -> State {
        let deadline = self.deadlines.as_ref().and_then(|all| all.of(number));
        State::new(number, rng, deadline)
    }

    fn rng(client: &mut State) -> &mut ChaCha8Rng {
        &mut client.rng
    }

    fn think(&self, _client: &State) -> Think {
        self.think
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> usize {
        self.plan.choose(rng)
    }

    fn prepare(&self, client: &mut State) -> Option<usize> {
        let index = self.plan.choose(&mut client.rng);
        client.prepare(index, self.plan.operations.get(index)?);
        Some(index)
    }

    fn begin(client: &mut State, started: Instant) {
        client.trace.restart(started);
    }

    async fn run(
        &self,
        _thread: &Thread<Self>,
        client: &mut State,
        index: usize,
        started: Instant,
    ) -> Result<(), Failure> {
        let request = Request {
            pool: &self.pool,
            index,
            operation: &self.plan.operations[index],
            read_only: self.read_only,
        };
        request.run(client, started).await
    }

    fn end(client: &mut State) -> Instant {
        let ended = client.now();
        client.trace.close(ended);
        ended
    }

    fn trace(client: &State) -> &Trace {
        &client.trace
    }

    fn window_opened(&self, at: Instant) {
        self.pool.meter().open_window(at);
    }

    fn window_closed(&self, at: Instant) {
        self.pool.meter().close_window(at);
    }

    fn sample(&self, at: Instant) {
        let source = self.pool.source();
        self.pool.meter().sample(at, source.size(), source.idle());
    }
}
