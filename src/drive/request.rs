//! One request: draw, acquire a connection, walk the steps of an operation, give it back.

use std::borrow::Cow;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{LocalBoxFuture, join3, poll_immediate};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use crate::pool::{AcquireError, Control, Execute, ExecuteError, Kept, Lease, Pool, Query, Source};
use crate::workload::pgbench::{self, EvalError, EvalProblem, Var};
use crate::workload::{Pick, Think, Value};

use super::column;
use super::deadline::Deadline;
use super::plan::PlannedOperation;
use super::program::{BEGIN, Binding, PlannedStatement, Rows, Step, Stores, slot};
use super::trace::{Executed, Trace};

/// Why a request failed, without a word of the server's message: it may hold values of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection within the acquire timeout.
    AcquireTimeout,
    /// The pool could not connect; with the SQLSTATE or the kind of the error.
    Connect(String),
    /// The connection was lost.
    ConnectionLost,
    /// The server answered with this SQLSTATE.
    Sql(Arc<str>),
    /// The statement timeout passed.
    StatementTimeout,
    /// The driver refused, such as a value that does not fit its type.
    Conversion,
    /// A script could not go on.
    Script(EvalError),
    /// The replay ended before the answer.
    Cancelled,
}

impl Failure {
    /// The key under which it is counted: the SQLSTATE, or words.
    pub(super) fn key(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::AcquireTimeout => "acquire timeout",
            Self::ConnectionLost => "connection lost",
            Self::StatementTimeout => "statement timeout",
            Self::Conversion => "parameter conversion",
            Self::Cancelled => "cancelled at the end of the run",
            Self::Connect(reason) => return Cow::Owned(format!("connect: {reason}")),
            Self::Sql(state) => return Cow::Owned(state.as_ref().to_owned()),
            Self::Script(error) => return Cow::Owned(format!("script, {error}")),
        })
    }

    /// Repeating the request at once would only hammer a server that is not there.
    pub(super) fn wants_pause(&self) -> bool {
        match self {
            Self::Connect(_) | Self::ConnectionLost => true,
            // 57P…: shutting down or starting up; 53…: out of connections, memory, disk.
            Self::Sql(state) => state.starts_with("57P") || state.starts_with("53"),
            _ => false,
        }
    }

    /// The connection is of use, but a transaction may be open on it.
    fn leaves_a_session(&self) -> bool {
        matches!(self, Self::Sql(_) | Self::Conversion | Self::Script(_))
    }
}

impl From<AcquireError> for Failure {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::TimedOut { .. } => Self::AcquireTimeout,
            AcquireError::Closed => Self::Connect("pool closed".to_owned()),
            AcquireError::Connect(reason) => Self::Connect(reason),
        }
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Sql(state) => Self::Sql(state),
            ExecuteError::ConnectionLost => Self::ConnectionLost,
            ExecuteError::Conversion => Self::Conversion,
        }
    }
}

/// What a client keeps from one request to the next, so that a request allocates as little as possible.
#[derive(Debug)]
pub(super) struct State {
    /// Number of the client.
    pub(super) client: usize,
    pub(super) rng: ChaCha8Rng,
    pub(super) trace: Trace,
    deadline: Option<Deadline>,
    /// Drawn values.
    slots: Vec<Value>,
    /// Parameters that are made for one statement.
    bound: Vec<Value>,
    /// Kept columns, by statement and kept column.
    kept: Vec<Vec<Vec<Value>>>,
    /// Variables of scripts, by operation.
    vars: Vec<Vec<Var>>,
    /// The moment at which the last step ended, if nothing was done since: what begins now begins then.
    /// Asking the clock is a good part of the cost of a fast statement.
    fresh: Option<Instant>,
}

impl State {
    pub(super) fn new(client: usize, rng: ChaCha8Rng, deadline: Option<Deadline>) -> Self {
        Self {
            client,
            rng,
            trace: Trace::new(Instant::now()),
            deadline,
            slots: Vec::new(),
            bound: Vec::new(),
            kept: Vec::new(),
            vars: Vec::new(),
            fresh: None,
        }
    }

    /// Now, or the end of the step that has just ended.
    pub(super) fn now(&mut self) -> Instant {
        self.fresh.take().unwrap_or_else(Instant::now)
    }

    /// Draws the values of a request, and forgets those of the one before.
    pub(super) fn prepare(&mut self, index: usize, operation: &PlannedOperation) {
        if let Some(drawers) = &operation.drawers {
            self.slots.resize(operation.slots, Value::Null);
            drawers.draw(&mut self.rng, &mut self.slots);
        }
        if operation.statements.iter().any(|s| !s.keep.is_empty()) {
            self.kept.resize_with(operation.statements.len(), Vec::new);
            for (kept, statement) in self.kept.iter_mut().zip(&operation.statements) {
                kept.resize_with(statement.keep.len(), Vec::new);
                kept.iter_mut().for_each(Vec::clear);
            }
        }
        if let Some(script) = &operation.script {
            if self.vars.len() <= index {
                self.vars.resize_with(index + 1, Vec::new);
            }
            let vars = &mut self.vars[index];
            if vars.is_empty() {
                vars.clone_from(&script.vars);
                if let Some(id) = script.client_id {
                    let number = i64::try_from(self.client).unwrap_or(i64::MAX);
                    vars[id.index()] = Var::Int(number);
                }
            }
        }
    }
}

/// One request of one client.
pub(super) struct Request<'a, S: Source> {
    pub(super) pool: &'a Pool<S>,
    /// Index of the operation.
    pub(super) index: usize,
    pub(super) operation: &'a PlannedOperation,
    /// Statements that are not in a transaction are put into a read-only one.
    pub(super) read_only: bool,
}

/// Statements that were sent and not all answered.
struct Pipeline<'l> {
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
                    pipeline = Some(Pipeline {
                        in_flight: FuturesUnordered::new(),
                        failure: None,
                    });
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
    fn hand_on(
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
            let work = pin!(connection.execute(&statement.query, params, &mut kept));
            watched(state.deadline.as_ref(), started, work).await
        };
        settle(lease, state, result)
    }

    /// Behind a pooler only a transaction can be read-only. Its three statements travel together.
    async fn read_only_once<'v>(
        &self,
        connection: &S::Connection,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
        kept: &mut Kept<'_>,
    ) -> Result<u64, ExecuteError> {
        let (begun, result, ended) = join3(
            connection.control(Control::BeginReadOnly),
            connection.execute(query, params, kept),
            connection.control(Control::Commit),
        )
        .await;
        begun.and(result).and_then(|rows| ended.map(|()| rows))
    }

    /// Variables of a script become values for the parameters.
    fn make_bound(&self, statement: &PlannedStatement, state: &mut State) {
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

    /// Sends a statement of a pipeline, and takes the answers that are there.
    async fn send<'l>(
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
                    .execute(&statement.query, params, &mut kept)
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
    async fn answers(
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
        let work = pin!(async { connection.control(control).await.map(|()| 0) });
        let result = watched(state.deadline.as_ref(), started, work).await;
        settle(lease, state, result).map(|_| ())
    }
}

/// Where the values of a statement's parameters are.
fn params<'v>(
    bindings: &'v [Binding],
    slots: &'v [Value],
    bound: &'v [Value],
    row: &'v Value,
) -> impl ExactSizeIterator<Item = &'v Value> {
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
async fn watched<T>(
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
