//! The ladder of probes, one read-only transaction each.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::gate::{executable, harmless_volatile, parameter_count};
use super::scrub::scrub;
use crate::record::plan::{PlanMode, PlanRecord};
use crate::record::{Coverage, Millis, QueryId, Status};

/// A statement to explain.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its id in `pg_stat_statements`.
    pub query_id: QueryId,
    /// Its text with `$n` parameters.
    pub text: String,
    /// One typical draw of parameter values in text form (`None` is NULL), where a workload that
    /// runs the same statement is at hand.
    pub sample_params: Option<Vec<Option<String>>>,
    /// Execute it with EXPLAIN ANALYZE, if it is a SELECT that costs little enough.
    pub analyze: bool,
}

/// Limits of the probes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExplainOptions {
    /// Longest time of one probe.
    pub statement_timeout: Duration,
    /// A plan that is estimated above this cost is not executed. The planner's unit is the cost of
    /// reading one page in sequence: 10 million are minutes of work on usual hardware.
    pub cost_limit: f64,
    /// Executed once without per-node timing first; only a statement faster than this is executed
    /// again with it, because reading the clock per row can multiply the cost.
    pub timing_limit: Duration,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(10),
            cost_limit: 1e7,
            timing_limit: Duration::from_secs(2),
        }
    }
}

/// Why one probe gave no plan, in words that name the cure.
struct ProbeError(String);

impl From<tokio_postgres::Error> for ProbeError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return Self(format!("the connection failed: {error}"));
        };
        // The message only: DETAIL may hold row values.
        let message = db.message();
        Self(match db.code() {
            &SqlState::INSUFFICIENT_PRIVILEGE => format!(
                "{message}: a plan needs SELECT on the tables (GRANT SELECT ON … TO the role, or \
                 pg_read_all_data on 14+)"
            ),
            &SqlState::QUERY_CANCELED => format!("{message}: the probe took too long"),
            &SqlState::INDETERMINATE_DATATYPE | &SqlState::SYNTAX_ERROR => {
                format!("{message}: the normalised text cannot be prepared as it is")
            }
            code => format!("{message} (SQLSTATE {})", code.code()),
        })
    }
}

/// Gets a plan for each candidate; what fails says why and the others go on.
pub async fn plans(
    client: &Client,
    candidates: &[Candidate],
    options: &ExplainOptions,
) -> (Vec<PlanRecord>, Vec<Coverage>) {
    let started = Instant::now();
    let mut records = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        records.push(probe(client, candidate, options).await);
    }
    let failed = records.iter().filter(|r| r.plan.is_none()).count();
    let first_error = records.iter().find_map(|r| r.error.clone());
    let coverage = Coverage {
        collector: "explain".to_owned(),
        status: match failed {
            0 => Status::Ok,
            n if n == records.len() => Status::Failed,
            _ => Status::Partial,
        },
        reason: first_error
            .filter(|_| failed > 0)
            .map(|e| format!("{failed} of {} statements have no plan: {e}", records.len())),
        duration: Some(Millis::from(started.elapsed())),
    };
    (records, vec![coverage])
}

async fn probe(client: &Client, candidate: &Candidate, options: &ExplainOptions) -> PlanRecord {
    let mut record = PlanRecord {
        query_id: candidate.query_id,
        mode: PlanMode::Generic,
        plan: None,
        error: None,
    };
    match in_transaction(client, candidate, options).await {
        Ok((mode, mut plan, refusal)) => {
            if mode != PlanMode::Generic {
                scrub(&mut plan);
            }
            record.mode = mode;
            record.plan = Some(plan);
            record.error = refusal;
        }
        Err(ProbeError(why)) => record.error = Some(why),
    }
    record
}

async fn in_transaction(
    client: &Client,
    candidate: &Candidate,
    options: &ExplainOptions,
) -> Result<(PlanMode, Value, Option<String>), ProbeError> {
    execute(client, "BEGIN READ ONLY").await?;
    let climbed = climb(client, candidate, options).await;
    // Nothing was written; a failed transaction needs the same end.
    let _ = execute(client, "ROLLBACK").await;
    // A prepared statement outlives its transaction; it is absent if PREPARE itself failed.
    let _ = execute(client, &format!("DEALLOCATE {PREPARED}")).await;
    climbed
}

/// Name of the one prepared statement of the session.
const PREPARED: &str = "dbperf_probe";

async fn climb(
    client: &Client,
    candidate: &Candidate,
    options: &ExplainOptions,
) -> Result<(PlanMode, Value, Option<String>), ProbeError> {
    let timeout = options.statement_timeout.as_millis();
    execute(client, &format!("SET LOCAL statement_timeout = {timeout}")).await?;
    // The application's names resolve by the search path that a new session gets; the guarded
    // session pins its own.
    execute(
        client,
        "SELECT /* dbperf */ set_config('search_path', reset_val, true) \
         FROM pg_catalog.pg_settings WHERE name = 'search_path'",
    )
    .await?;
    let count = parameter_count(&candidate.text).map_err(|e| ProbeError(e.to_string()))?;
    execute(client, &format!("PREPARE {PREPARED} AS {}", candidate.text)).await?;
    let values = candidate
        .sample_params
        .as_ref()
        .filter(|p| p.len() == count);
    let Some(values) = values else {
        execute(client, "SET LOCAL plan_cache_mode = force_generic_plan").await?;
        let plan = explain(client, "VERBOSE", &vec![None; count]).await?;
        return Ok((PlanMode::Generic, plan, None));
    };
    execute(client, "SET LOCAL plan_cache_mode = force_custom_plan").await?;
    let plan = explain(client, "VERBOSE", values).await?;
    if !candidate.analyze {
        return Ok((PlanMode::Custom, plan, None));
    }
    match may_execute(client, candidate, &plan, options).await {
        Ok(()) => {
            let plan = executed(client, values, options).await?;
            Ok((PlanMode::Analyzed, plan, None))
        }
        Err(ProbeError(why)) => Ok((PlanMode::Custom, plan, Some(format!("not executed: {why}")))),
    }
}

async fn may_execute(
    client: &Client,
    candidate: &Candidate,
    plan: &Value,
    options: &ExplainOptions,
) -> Result<(), ProbeError> {
    let called = executable(&candidate.text).map_err(|e| ProbeError(e.to_string()))?;
    let volatile = client
        .query(
            "SELECT /* dbperf */ DISTINCT proname::text FROM pg_catalog.pg_proc \
             WHERE proname = ANY($1) AND provolatile = 'v'",
            &[&called],
        )
        .await?;
    let names = volatile.iter().map(|row| row.get::<_, String>(0));
    if let Some(name) = names.into_iter().find(|name| !harmless_volatile(name)) {
        return Err(ProbeError(format!("it calls {name}(), which is volatile")));
    }
    let cost = plan.pointer("/Plan/Total Cost").and_then(Value::as_f64);
    match cost {
        Some(cost) if cost <= options.cost_limit => Ok(()),
        Some(cost) => Err(ProbeError(format!(
            "its estimated cost of {cost:.0} is above the limit of {:.0}",
            options.cost_limit
        ))),
        None => Err(ProbeError("its plan has no cost".to_owned())),
    }
}

/// Without the clock per row first; with it only where that was fast.
async fn executed(
    client: &Client,
    values: &[Option<String>],
    options: &ExplainOptions,
) -> Result<Value, ProbeError> {
    let started = Instant::now();
    let plan = explain(client, "VERBOSE, ANALYZE, BUFFERS, TIMING OFF", values).await?;
    if started.elapsed() > options.timing_limit {
        return Ok(plan);
    }
    explain(client, "VERBOSE, ANALYZE, BUFFERS", values).await
}

async fn explain(
    client: &Client,
    options: &str,
    values: &[Option<String>],
) -> Result<Value, ProbeError> {
    let arguments: Vec<String> = values.iter().map(|v| literal(v.as_deref())).collect();
    let arguments = if arguments.is_empty() {
        String::new()
    } else {
        format!("({})", arguments.join(", "))
    };
    let sql = format!("EXPLAIN ({options}, FORMAT JSON) EXECUTE {PREPARED}{arguments}");
    let row = client.query_one(&sql, &[]).await?;
    let document: Value = row.try_get(0)?;
    document
        .get(0)
        .cloned()
        .ok_or_else(|| ProbeError("EXPLAIN gave no plan".to_owned()))
}

/// A quoted literal of unknown type: the server reads it as the parameter's own type.
fn literal(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        // E'' reads backslashes the same whatever standard_conforming_strings says.
        Some(text) => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
    }
}

/// One statement by the extended protocol, its rows dropped.
async fn execute(client: &Client, sql: &str) -> Result<(), ProbeError> {
    client.execute(sql, &[]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_cannot_leave_their_quotes() {
        assert_eq!(literal(None), "NULL");
        assert_eq!(
            literal(Some("a'); DROP TABLE t; --\\'")),
            "E'a''); DROP TABLE t; --\\\\'''"
        );
    }
}
