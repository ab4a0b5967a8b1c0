//! One request: draw, acquire a connection, walk the steps of an operation, give it back.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::future::join3;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use crate::pool::{Control, Execute, ExecuteError, Kept, Lease, Pool, Query, Source, Traffic};
use crate::workload::pgbench::{self, EvalError, EvalProblem};
use crate::workload::{Pick, Think, Value};

use super::column;
use super::deadline::Deadline;
use super::failure::Failure;
use super::pipeline::Pipeline;
use super::plan::PlannedOperation;
use super::program::{BEGIN, Binding, PlannedStatement, Rows, Step, Stores, slot};
use super::state::State;

/// One request of one client.
pub(super) struct Request<'a, S: Source> {
    pub(super) pool: &'a Pool<S>,
    /// Index of the operation.
    pub(super) index: usize,
    pub(super) operation: &'a PlannedOperation,
    /// Statements that are not in a transaction are put into a read-only one.
    pub(super) read_only: bool,
}

impl<S: Source> Request<'_, S>
where
    S::Connection: Execute,
{
    /// Runs the request and writes down its parts.
    pub(super) async fn run(&self, state: &mut State, started: Instant) -> Result<(), Failure> {
        let mut at = 0;
        while let Some(step) = self.operation.steps.get(at).filter(|step| step.is_pure()) {
            at = self.pure(step, at, state)?;
        }
        if at >= self.operation.steps.len() {
            return Ok(());
        }
        // The clock is asked as little as possible: what follows at once begins when the step before ends.
        let begin = if at == 0 { started } else { Instant::now() };
        state.trace.begin_acquire(begin);
        let lease = match self.pool.acquire(state.client, begin).await {
            Ok(lease) => lease,
            Err(error) => {
                state.trace.end_acquire(Instant::now(), false);
                return Err(error.into());
            }
        };
        state.trace.end_acquire(lease.started(), true);
        state.fresh = Some(lease.started());
        let result = self.walk(&lease, at, state).await;
        if let Err(failure) = &result
            && self.operation.transactions
            && failure.leaves_a_session()
        {
            let rollback = self.operation.names.commit() + 1;
            if self
                .control(&lease, rollback, Control::Rollback, state)
                .await
                .is_err()
            {
                // Recycling does not look for an open transaction.
                lease.spoil();
            }
        }
        if let Some(ended) = state.fresh {
            lease.ends_at(ended);
        }
        result
    }

    /// A step without a connection. Returns the index of the next one.
    fn pure(&self, step: &Step, at: usize, state: &mut State) -> Result<usize, Failure> {
        let vars = &mut state.vars[self.index];
        match step {
            Step::Set(var, expr) => {
                let value = pgbench::eval(expr, vars, &mut state.rng).map_err(Failure::Script)?;
                vars[var.index()] = value;
            }
            Step::JumpUnless(condition, to) => {
                let value =
                    pgbench::eval(condition, vars, &mut state.rng).map_err(Failure::Script)?;
                if !pgbench::truth(&value) {
                    return Ok(*to);
                }
            }
            Step::Jump(to) => return Ok(*to),
            _ => {}
        }
        Ok(at + 1)
    }

    /// The steps from the first that needs the connection.
    async fn walk(
        &self,
        lease: &Lease<'_, S>,
        mut at: usize,
        state: &mut State,
    ) -> Result<(), Failure> {
        let mut pipeline: Option<Pipeline<'_>> = None;
        while let Some(step) = self.operation.steps.get(at) {
            at += 1;
            match step {
                Step::Statement(index) => match &mut pipeline {
                    None => self.statement(lease, *index, state).await?,
                    Some(pipeline) => {
                        Box::pin(self.send(lease, *index, state, pipeline)).await;
                    }
                },
                Step::Begin => {
                    let begin = if self.read_only {
                        Control::BeginReadOnly
                    } else {
                        Control::Begin
                    };
                    self.control(lease, BEGIN, begin, state).await?;
                }
                Step::End { rollback_ratio } => {
                    let commit = self.operation.names.commit();
                    if *rollback_ratio > 0.0 && state.rng.random_bool(*rollback_ratio) {
                        self.control(lease, commit + 1, Control::Rollback, state)
                            .await?;
                    } else {
                        self.control(lease, commit, Control::Commit, state).await?;
                    }
                }
                Step::StartPipeline => {
                    let now = state.now();
                    state.trace.begin_pipeline(now);
                    lease.in_flight(true);
                    pipeline = Some(Pipeline::default());
                }
                Step::EndPipeline => {
                    if let Some(pipeline) = pipeline.take() {
                        Box::pin(self.answers(lease, pipeline, state)).await?;
                    }
                }
                Step::Pause(think) => {
                    state.fresh = None;
                    pause(drawn(*think, &mut state.rng)).await;
                }
                Step::Sleep(sleep) => {
                    state.fresh = None;
                    let script = self.operation.script.as_ref();
                    let vars = state.vars.get(self.index).map_or(&[][..], Vec::as_slice);
                    let time = script.map(|s| s.script.sleep_time(sleep, vars)).transpose();
                    pause(time.map_err(Failure::Script)?.unwrap_or_default()).await;
                }
                Step::Set(..) | Step::JumpUnless(..) | Step::Jump(_) => {
                    state.fresh = None;
                    at = self.pure(step, at - 1, state)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a statement, once or for each row of an earlier one, and hands on what it returned.
    async fn statement(
        &self,
        lease: &Lease<'_, S>,
        index: usize,
        state: &mut State,
    ) -> Result<(), Failure> {
        let statement = &self.operation.statements[index];
        let mut mine = match state.kept.get_mut(index) {
            Some(kept) if !statement.keep.is_empty() => std::mem::take(kept),
            _ => Vec::new(),
        };
        let result = match statement.foreach {
            None => {
                self.execute(lease, index, &Value::Null, state, &mut mine)
                    .await
            }
            Some(each) => Box::pin(self.for_each(lease, index, each, state, &mut mine)).await,
        };
        let rows = result?;
        if !statement.keep.is_empty() {
            self.hand_on(statement, rows, &mine, state)?;
            state.kept[index] = mine;
        }
        Ok(())
    }

    /// Runs a statement for each row that an earlier one kept, with a pause before each run.
    async fn for_each(
        &self,
        lease: &Lease<'_, S>,
        index: usize,
        (rows, think): (Rows, Option<Think>),
        state: &mut State,
        kept: &mut [Vec<Value>],
    ) -> Result<u64, Failure> {
        let over = std::mem::take(&mut state.kept[rows.statement][rows.kept]);
        let mut result = Ok(0);
        for row in &over {
            if let Some(think) = think {
                state.fresh = None;
                pause(drawn(think, &mut state.rng)).await;
            }
            result = self.execute(lease, index, row, state, kept).await;
            if result.is_err() {
                break;
            }
        }
        state.kept[rows.statement][rows.kept] = over;
        result
    }

    /// What later statements use of a result.
    pub(super) fn hand_on(
        &self,
        statement: &PlannedStatement,
        rows: u64,
        kept: &[Vec<Value>],
        state: &mut State,
    ) -> Result<(), Failure> {
        for fill in &statement.fills {
            let values = kept.get(fill.kept).map_or(&[][..], Vec::as_slice);
            let value = match fill.pick {
                Pick::First => values.first(),
                Pick::Last => values.last(),
                Pick::Random if values.is_empty() => None,
                Pick::Random => values.get(state.rng.random_range(0..values.len())),
            };
            state.slots[fill.slot] = value.cloned().unwrap_or(Value::Null);
        }
        if let Some(stores) = &statement.store {
            self.store(stores, rows, kept, state)?;
        }
        Ok(())
    }

    /// `\gset` and `\aset`.
    fn store(
        &self,
        stores: &Stores,
        rows: u64,
        kept: &[Vec<Value>],
        state: &mut State,
    ) -> Result<(), Failure> {
        if rows != 1 && !stores.any_rows {
            return Err(Failure::Script(EvalError {
                line: stores.line,
                problem: EvalProblem::StoreRows(rows),
            }));
        }
        for (kept_index, ty, var) in &stores.columns {
            if let Some(value) = kept.get(*kept_index).and_then(|values| values.last()) {
                let value = column::variable(value, ty).ok_or(Failure::Conversion)?;
                state.vars[self.index][var.index()] = value;
            }
        }
        Ok(())
    }

    /// Runs a statement once, and keeps the columns that later ones want.
    async fn execute(
        &self,
        lease: &Lease<'_, S>,
        index: usize,
        row: &Value,
        state: &mut State,
        kept: &mut [Vec<Value>],
    ) -> Result<u64, Failure> {
        let statement = &self.operation.statements[index];
        self.make_bound(statement, state);
        let started = state.now();
        state.trace.begin_statement(started, slot(index));
        lease.in_flight(true);
        let params = params(&statement.bindings, &state.slots, &state.bound, row);
        let mut kept = Kept {
            columns: &statement.keep,
            values: kept,
        };
        let connection = lease.connection();
        let result = if self.read_only && !self.operation.transactions {
            let work = self.read_only_once(connection, &statement.query, params, &mut kept);
            watched(state.deadline.as_ref(), started, Box::pin(work).as_mut()).await
        } else {
            let query = &statement.query;
            let work = pin!(connection.execute(query, params, &mut kept, Traffic::Alone));
            watched(state.deadline.as_ref(), started, work).await
        };
        settle(lease, state, result)
    }

    /// Behind a pooler only a transaction can be read-only. Its three statements travel together.
    pub(super) async fn read_only_once<'v>(
        &self,
        connection: &S::Connection,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value> + Clone,
        kept: &mut Kept<'_>,
    ) -> Result<u64, ExecuteError> {
        let (begun, result, ended) = join3(
            connection.control(Control::BeginReadOnly, Traffic::Pipelined),
            connection.execute(query, params, kept, Traffic::Pipelined),
            connection.control(Control::Commit, Traffic::Pipelined),
        )
        .await;
        begun.and(result).and_then(|rows| ended.map(|()| rows))
    }

    /// Variables of a script become values for the parameters.
    pub(super) fn make_bound(&self, statement: &PlannedStatement, state: &mut State) {
        if self.operation.script.is_none() {
            return;
        }
        state.bound.clear();
        let vars = &state.vars[self.index];
        let values = statement.bindings.iter().map(|binding| match binding {
            Binding::Var(var) => vars.get(var.index()).map_or(Value::Null, Value::from),
            Binding::Drawn(_) | Binding::Row => Value::Null,
        });
        state.bound.extend(values);
    }

    /// A statement of dbperf's own.
    async fn control(
        &self,
        lease: &Lease<'_, S>,
        slot: usize,
        control: Control,
        state: &mut State,
    ) -> Result<(), Failure> {
        let started = state.now();
        state.trace.begin_statement(started, slot);
        lease.in_flight(true);
        let connection = lease.connection();
        let work = pin!(async {
            connection
                .control(control, Traffic::Alone)
                .await
                .map(|()| 0)
        });
        let result = watched(state.deadline.as_ref(), started, work).await;
        settle(lease, state, result).map(|_| ())
    }
}

/// Where the values of a statement's parameters are.
pub(super) fn params<'v>(
    bindings: &'v [Binding],
    slots: &'v [Value],
    bound: &'v [Value],
    row: &'v Value,
) -> impl ExactSizeIterator<Item = &'v Value> + Clone {
    bindings.iter().enumerate().map(move |(index, binding)| {
        let value = match binding {
            Binding::Drawn(slot) => slots.get(*slot),
            Binding::Var(_) => bound.get(index),
            Binding::Row => Some(row),
        };
        value.unwrap_or(&Value::Null)
    })
}

/// Runs a statement under its time limit; `None` if that passed.
pub(super) async fn watched<T>(
    deadline: Option<&Deadline>,
    started: Instant,
    work: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    match deadline {
        None => Some(work.await),
        Some(deadline) => deadline.watch(started, work).await,
    }
}

/// A statement ended, or its time limit passed: then it stays in flight, so that the pool cancels it and
/// discards the connection.
fn settle<S: Source>(
    lease: &Lease<'_, S>,
    state: &mut State,
    result: Option<Result<u64, ExecuteError>>,
) -> Result<u64, Failure> {
    let now = Instant::now();
    let Some(result) = result else {
        lease.busy(state.trace.end_statement(now, 0));
        return Err(Failure::StatementTimeout);
    };
    let rows = *result.as_ref().unwrap_or(&0);
    lease.busy(state.trace.end_statement(now, rows));
    lease.in_flight(false);
    state.fresh = Some(now);
    result.map_err(Failure::from)
}

/// A pause between the bounds of a think time.
pub(super) fn drawn(think: Think, rng: &mut ChaCha8Rng) -> Duration {
    if think.min == think.max {
        return think.min;
    }
    rng.random_range(think.min..=think.max)
}

/// Pauses with the connection held; a cancelled request ends here too.
async fn pause(length: Duration) {
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}
