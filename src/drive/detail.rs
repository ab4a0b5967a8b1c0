//! What is recorded of an operation beside its requests and their latency.

use std::time::Duration;

use crate::collect::without_values;
use crate::record::fingerprint;
use crate::record::load::{Operation, OperationParts, ReplayedStatement};

use super::program::OperationNames;
use super::recorder::Moments;
use super::trace::Trace;

/// Sums over the requests of one operation, on one thread of the driver; threads add up.
pub(super) trait Detail: Send + 'static {
    /// The parts of one request.
    type Trace;

    /// What the operation is called.
    fn name(&self) -> &str;

    /// What the service sends without being asked each time: such an operation is not in the total.
    fn is_pushed(&self) -> bool {
        false
    }

    /// A request of the window ended.
    fn record(&mut self, moments: Moments, latency: Duration, trace: &Self::Trace);

    /// Adds what another thread recorded of the same operation.
    fn add(&mut self, other: Self);

    /// Writes the sums into the record of the operation.
    fn fill(self, operation: &mut Operation);

    /// What the reader of the sums has to know.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The parts of requests to a database: the pool, and the statements.
#[derive(Debug)]
pub(super) struct Statements {
    names: OperationNames,
    pool_wait: Duration,
    statement_latency: Duration,
    held_idle: Duration,
    schedule_lag: Duration,
    executed: Vec<ReplayedStatement>,
}

impl Statements {
    pub(super) fn new(names: &OperationNames) -> Self {
        let statements = names
            .statements
            .iter()
            .map(|(name, sql)| ReplayedStatement {
                name: name.clone(),
                // A workload file may hold values of somebody's rows.
                sql: without_values(sql),
                fingerprint: fingerprint(sql),
                ..ReplayedStatement::default()
            });
        Self {
            names: names.clone(),
            pool_wait: Duration::ZERO,
            statement_latency: Duration::ZERO,
            held_idle: Duration::ZERO,
            schedule_lag: Duration::ZERO,
            executed: statements.collect(),
        }
    }
}

impl Detail for Statements {
    type Trace = Trace;

    fn name(&self) -> &str {
        &self.names.name
    }

    fn record(&mut self, moments: Moments, _latency: Duration, trace: &Trace) {
        if let Some(due) = moments.due {
            self.schedule_lag += moments.started.saturating_duration_since(due);
        }
        self.pool_wait += trace.pool_wait;
        self.statement_latency += trace.busy;
        self.held_idle += trace.hold.saturating_sub(trace.busy);
        for executed in &trace.executed {
            if let Some(statement) = self.executed.get_mut(executed.slot) {
                statement.calls += 1;
                statement.rows += executed.rows;
                statement.latency.record(executed.latency);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.pool_wait += other.pool_wait;
        self.statement_latency += other.statement_latency;
        self.held_idle += other.held_idle;
        self.schedule_lag += other.schedule_lag;
        for (mine, theirs) in self.executed.iter_mut().zip(other.executed) {
            mine.calls += theirs.calls;
            mine.rows += theirs.rows;
            mine.latency.add(&theirs.latency);
        }
    }

    fn fill(self, operation: &mut Operation) {
        let own = self.names.own;
        let statements = self.executed.into_iter().enumerate();
        operation.parts = Some(OperationParts {
            schedule_lag: self.schedule_lag.into(),
            pool_wait: self.pool_wait.into(),
            statement_latency: self.statement_latency.into(),
            held_idle: self.held_idle.into(),
            statements: statements
                .filter(|(slot, statement)| own.contains(slot) || statement.calls > 0)
                .map(|(_, statement)| statement)
                .collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_statement_has_no_value_and_is_found_again() {
        let sql = "SELECT a FROM t WHERE b = 'canary' /* canary */ AND c > 42 AND d = $1\n  AND at > now() - interval '1 day'";
        let names = OperationNames::new("o", [("s".to_owned(), sql.to_owned())].into_iter());
        let kept = &Statements::new(&names).executed[names.own.start];
        for value in ["canary", "42", "1 day"] {
            assert!(!kept.sql.contains(value), "{}", kept.sql);
        }
        assert!(
            kept.sql.starts_with("SELECT a FROM t WHERE b = $"),
            "{}",
            kept.sql
        );
        let other = sql.replace("canary", "another").replace("42", "7");
        assert_eq!(kept.fingerprint, fingerprint(&other));
    }
}
