//! Statements that are sent without waiting for the answers of those before them.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{LocalBoxFuture, poll_immediate};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::pool::{Execute, ExecuteError, Kept, Lease, Source, Traffic};
use crate::workload::Value;

use super::failure::Failure;
use super::program::slot;
use super::request::{Request, params, watched};
use super::state::State;
use super::trace::Executed;

/// Statements that were sent and not all answered.
#[derive(Default)]
pub(super) struct Pipeline<'l> {
    in_flight: FuturesUnordered<LocalBoxFuture<'l, Answer>>,
    /// The first failure among the answers.
    failure: Option<Failure>,
}

/// The answer to one statement of a pipeline.
struct Answer {
    /// Index of the statement.
    index: usize,
    latency: Duration,
    /// Rows returned or affected.
    result: Result<u64, ExecuteError>,
    kept: Vec<Vec<Value>>,
}

impl<S: Source> Request<'_, S>
where
    S::Connection: Execute,
{
    /// Sends a statement of a pipeline, and takes the answers that are there.
    pub(super) async fn send<'l>(
        &'l self,
        lease: &'l Lease<'_, S>,
        index: usize,
        state: &mut State,
        pipeline: &mut Pipeline<'l>,
    ) {
        let statement = &self.operation.statements[index];
        self.make_bound(statement, state);
        let params = params(
            &statement.bindings,
            &state.slots,
            &state.bound,
            &Value::Null,
        );
        let values: Vec<Value> = params.cloned().collect();
        let connection = lease.connection();
        pipeline.in_flight.push(Box::pin(async move {
            let started = Instant::now();
            let mut values_of = vec![Vec::new(); statement.keep.len()];
            let mut kept = Kept {
                columns: &statement.keep,
                values: &mut values_of,
            };
            let params = values.iter();
            let result = if self.read_only && !self.operation.transactions {
                self.read_only_once(connection, &statement.query, params, &mut kept)
                    .await
            } else {
                connection
                    .execute(&statement.query, params, &mut kept, Traffic::Pipelined)
                    .await
            };
            Answer {
                index,
                latency: started.elapsed(),
                result,
                kept: values_of,
            }
        }));
        // A future sends when it is polled for the first time.
        while let Some(Some(answer)) = poll_immediate(pipeline.in_flight.next()).await {
            self.take(answer, state, &mut pipeline.failure);
        }
    }

    /// Waits for all answers of a pipeline.
    pub(super) async fn answers(
        &self,
        lease: &Lease<'_, S>,
        mut pipeline: Pipeline<'_>,
        state: &mut State,
    ) -> Result<(), Failure> {
        while !pipeline.in_flight.is_empty() {
            let next = pin!(pipeline.in_flight.next());
            match watched(state.deadline.as_ref(), Instant::now(), next).await {
                Some(Some(answer)) => self.take(answer, state, &mut pipeline.failure),
                Some(None) => break,
                None => {
                    lease.busy(state.trace.end_pipeline(Instant::now()));
                    return Err(Failure::StatementTimeout);
                }
            }
        }
        let now = Instant::now();
        lease.busy(state.trace.end_pipeline(now));
        lease.in_flight(false);
        state.fresh = Some(now);
        pipeline.failure.map_or(Ok(()), Err)
    }

    /// Writes down an answer of a pipeline, and hands on what it returned.
    fn take(&self, answer: Answer, state: &mut State, failure: &mut Option<Failure>) {
        let statement = &self.operation.statements[answer.index];
        state.trace.in_pipeline(Executed {
            slot: slot(answer.index),
            latency: answer.latency,
            rows: *answer.result.as_ref().unwrap_or(&0),
        });
        let handed_on = answer.result.map_err(Failure::from).and_then(|rows| {
            if statement.keep.is_empty() {
                return Ok(());
            }
            let done = self.hand_on(statement, rows, &answer.kept, state);
            state.kept[answer.index] = answer.kept;
            done
        });
        if let Err(error) = handed_on {
            failure.get_or_insert(error);
        }
    }
}
