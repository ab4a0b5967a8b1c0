//! What a client keeps from one request to the next.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;

use crate::workload::Value;
use crate::workload::pgbench::Var;

use super::deadline::Deadline;
use super::program::PlannedOperation;
use super::trace::Trace;

/// What a client keeps from one request to the next, so that a request allocates as little as possible.
#[derive(Debug)]
pub(super) struct State {
    /// Number of the client.
    pub(super) client: usize,
    pub(super) rng: ChaCha8Rng,
    pub(super) trace: Trace,
    pub(super) deadline: Option<Deadline>,
    /// Drawn values.
    pub(super) slots: Vec<Value>,
    /// Parameters that are made for one statement.
    pub(super) bound: Vec<Value>,
    /// Kept columns, by statement and kept column.
    pub(super) kept: Vec<Vec<Vec<Value>>>,
    /// Variables of scripts, by operation.
    pub(super) vars: Vec<Vec<Var>>,
    /// The moment at which the last step ended, if nothing was done since: what begins now begins then.
    /// Asking the clock is a good part of the cost of a fast statement.
    pub(super) fresh: Option<Instant>,
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
