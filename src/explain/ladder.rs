//! The ladder of probes, one read-only transaction each.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::error::ProbeError;
use super::gate::{
    Refusal, called_in_plan, executable, explainable_or_why, harmless_volatile, parameter_count,
    with_casts,
};
use super::scrub::scrub;
use crate::pg::TextParam;
use crate::pg::catalog::MARKER;
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
    /// The server's major version, where it is known: it tells the time of serialisation from 17 on.
    pub major: Option<u32>,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(10),
            cost_limit: 1e7,
            timing_limit: Duration::from_secs(2),
            major: None,
        }
    }
}

/// What is asked of every plan: the settings that shaped it cost nothing to tell.
const PLANNED: &str = "VERBOSE, SETTINGS";

const COARSE: &str = "VERBOSE, SETTINGS, ANALYZE, BUFFERS, WAL, TIMING OFF";

/// With the time of making the answer ready for the wire, which is in no node.
fn executed(major: Option<u32>) -> &'static str {
    if major.is_some_and(|major| major >= 17) {
        "VERBOSE, SETTINGS, ANALYZE, BUFFERS, WAL, SERIALIZE TEXT"
    } else {
        "VERBOSE, SETTINGS, ANALYZE, BUFFERS, WAL"
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
        // Boxed: a probe's state is large, and the future of every caller would hold it.
        records.push(Box::pin(probe(client, candidate, options)).await);
    }
    let failed = records.iter().filter(|r| r.plan.is_none()).count();
    let mut without = records.iter().filter(|r| r.plan.is_none());
    let first_error = without.find_map(|r| r.error.clone());
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
    let values = match values_of(candidate) {
        Ok(values) => values,
        Err(refusal) => {
            record.error = Some(refusal.to_string());
            return record;
        }
    };
    let Some(values) = values else {
        match in_transaction(client, options, generic(client, &candidate.text, PLANNED)).await {
            Ok(plan) => record.plan = Some(plan),
            Err(why) => record.error = Some(why.words()),
        }
        return record;
    };
    match in_transaction(client, options, custom(client, candidate, &values)).await {
        Ok(plan) => {
            record.mode = PlanMode::Custom;
            let executed = climb(client, candidate, &values, &plan, options).await;
            record.plan = Some(plan);
            match executed {
                Some(Ok(plan)) => {
                    record.mode = PlanMode::Analyzed;
                    record.plan = Some(plan);
                }
                Some(Err(why)) => {
                    record.error = Some(format!("not executed: {}", why.without_values()));
                }
                None => {}
            }
        }
        // The values of the workload do not fit: the generic plan needs none.
        Err(why) => {
            record.error = Some(format!("no plan with values: {}", why.without_values()));
            let generic = generic(client, &candidate.text, PLANNED);
            if let Ok(plan) = in_transaction(client, options, generic).await {
                record.plan = Some(plan);
            }
        }
    }
    if let Some(plan) = record
        .plan
        .as_mut()
        .filter(|_| record.mode != PlanMode::Generic)
    {
        scrub(plan);
    }
    record
}

/// The plan of a statement, not executed and with its literals: for values where a draw is known, else
/// generic. `None` where there is none.
pub(super) async fn planned(
    client: &Client,
    candidate: &Candidate,
    options: &ExplainOptions,
) -> Option<Value> {
    let values = values_of(candidate).ok()?;
    if let Some(values) = &values
        && let Ok(plan) = in_transaction(client, options, custom(client, candidate, values)).await
    {
        return Some(plan);
    }
    let generic = generic(client, &candidate.text, PLANNED);
    in_transaction(client, options, generic).await.ok()
}

/// The values to plan with: none for a statement with parameters of which no draw is known. A
/// statement without parameters needs none and is complete as it is.
pub(super) fn values_of(candidate: &Candidate) -> Result<Option<Vec<Option<String>>>, Refusal> {
    explainable_or_why(&candidate.text)?;
    let count = parameter_count(&candidate.text)?;
    let drawn = candidate.sample_params.clone();
    let drawn = drawn.filter(|p| p.len() == count);
    Ok(drawn.or_else(|| (count == 0).then(Vec::new)))
}

/// Runs one rung in a read-only transaction of its own and rolls it back.
pub(super) async fn in_transaction<T>(
    client: &Client,
    options: &ExplainOptions,
    rung: impl Future<Output = Result<T, ProbeError>>,
) -> Result<T, ProbeError> {
    execute(client, "BEGIN READ ONLY").await?;
    let came = match prologue(client, options).await {
        Ok(()) => rung.await,
        Err(error) => Err(error),
    };
    // Nothing was written; a failed transaction needs the same end.
    let _ = execute(client, "ROLLBACK").await;
    came
}

pub(super) async fn prologue(client: &Client, options: &ExplainOptions) -> Result<(), ProbeError> {
    // The application's names resolve by the search path that a new session gets; the guarded
    // session pins its own. Behind a pooler the guards of the session are those of somebody else.
    // A statement of its own kind: the server counts `SET` with the application's.
    let timeout = options.statement_timeout.as_millis().to_string();
    client
        .execute(
            "SELECT /* dbperf */ pg_catalog.set_config(name, reset_val, true), \
             pg_catalog.set_config('statement_timeout', $1, true), \
             pg_catalog.set_config('lock_timeout', '500', true) \
             FROM pg_catalog.pg_settings WHERE name = 'search_path'",
            &[&timeout],
        )
        .await?;
    Ok(())
}

/// Name of the one prepared statement of the session.
pub(super) const PREPARED: &str = "dbperf_probe";

/// The plan without any value: `EXECUTE` with NULLs of a statement whose plan must be generic.
/// `EXPLAIN (GENERIC_PLAN)` of 16 would need the simple protocol.
pub(super) async fn generic(client: &Client, text: &str, how: &str) -> Result<Value, ProbeError> {
    let mut plan = explain_prepared(client, how, text).await;
    // That one is dbperf's, and would be told as the user's.
    let settings = plan.as_mut().ok().and_then(|plan| plan.get_mut("Settings"));
    if let Some(settings) = settings.and_then(Value::as_object_mut) {
        settings.remove("plan_cache_mode");
    }
    // A prepared statement outlives its transaction; in one that failed this is refused, and the
    // next PREPARE of the same name finds it gone only if it is dropped after the rollback.
    if execute(client, &format!("DEALLOCATE {PREPARED}"))
        .await
        .is_err()
    {
        let _ = execute(client, "ROLLBACK").await;
        let _ = execute(client, &format!("DEALLOCATE {PREPARED}")).await;
    }
    plan
}

/// [`generic`] that leaves the prepared statement [`PREPARED`] behind.
pub(super) async fn explain_prepared(
    client: &Client,
    options: &str,
    text: &str,
) -> Result<Value, ProbeError> {
    let count = parameter_count(text).map_err(ProbeError::refused)?;
    execute(
        client,
        "SELECT /* dbperf */ pg_catalog.set_config(name, 'force_generic_plan', true) \
         FROM pg_catalog.pg_settings WHERE name = 'plan_cache_mode'",
    )
    .await?;
    let text = with_casts(text);
    execute(
        client,
        &format!("PREPARE /* dbperf */ {PREPARED} AS {text}"),
    )
    .await?;
    let nulls = vec!["NULL"; count].join(", ");
    let arguments = if count == 0 {
        String::new()
    } else {
        format!("({nulls})")
    };
    let sql = format!("EXECUTE {PREPARED}{arguments}");
    explain(client, options, &sql, &[]).await
}

/// The plan for these values. They are bound, so they stand in no text that the server keeps.
async fn custom(
    client: &Client,
    candidate: &Candidate,
    values: &[Option<String>],
) -> Result<Value, ProbeError> {
    explain(client, PLANNED, &with_casts(&candidate.text), values).await
}

/// Executes the statement where that was asked for and is allowed; `None` where it was not asked.
async fn climb(
    client: &Client,
    candidate: &Candidate,
    values: &[Option<String>],
    plan: &Value,
    options: &ExplainOptions,
) -> Option<Result<Value, ProbeError>> {
    if !candidate.analyze {
        return None;
    }
    if let Err(why) = may_execute(client, &candidate.text, plan, options).await {
        return Some(Err(why));
    }
    let text = with_casts(&candidate.text);
    let analyze = |how: &'static str| {
        let probe = explain(client, how, &text, values);
        in_transaction(client, options, probe)
    };
    // Without the clock per row first; with it only where that was fast.
    let started = Instant::now();
    let coarse = match analyze(COARSE).await {
        Ok(coarse) => coarse,
        Err(why) => return Some(Err(why)),
    };
    if started.elapsed() > options.timing_limit {
        return Some(Ok(coarse));
    }
    let fine = analyze(executed(options.major)).await;
    Some(Ok(fine.unwrap_or(coarse)))
}

pub(super) async fn may_execute(
    client: &Client,
    text: &str,
    plan: &Value,
    options: &ExplainOptions,
) -> Result<(), ProbeError> {
    let mut called = executable(text).map_err(ProbeError::refused)?;
    called.extend(called_in_plan(plan).map_err(ProbeError::refused)?);
    nothing_volatile(client, &called).await?;
    cheap_enough(plan, options)
}

/// Only functions that compute are called. A name that is a volatile function in any schema counts as one.
pub(super) async fn nothing_volatile(client: &Client, called: &[String]) -> Result<(), ProbeError> {
    let volatile = client
        .query(
            "SELECT /* dbperf */ DISTINCT proname::text FROM pg_catalog.pg_proc \
             WHERE proname = ANY($1) AND provolatile = 'v'",
            &[&called],
        )
        .await?;
    let names = volatile.iter().map(|row| row.get::<_, String>(0));
    if let Some(name) = names.into_iter().find(|name| !harmless_volatile(name)) {
        return Err(ProbeError::own(format!(
            "it calls {name}(), which is volatile"
        )));
    }
    Ok(())
}

/// A plan that the planner estimates above the limit is not executed.
pub(super) fn cheap_enough(plan: &Value, options: &ExplainOptions) -> Result<(), ProbeError> {
    let cost = plan.pointer("/Plan/Total Cost").and_then(Value::as_f64);
    match cost {
        Some(cost) if cost <= options.cost_limit => Ok(()),
        Some(cost) => Err(ProbeError::own(format!(
            "its estimated cost of {cost:.0} is above the limit of {:.0}",
            options.cost_limit
        ))),
        None => Err(ProbeError::own("its plan has no cost".to_owned())),
    }
}

pub(super) async fn explain(
    client: &Client,
    options: &str,
    statement: &str,
    values: &[Option<String>],
) -> Result<Value, ProbeError> {
    let sql = format!("EXPLAIN /* dbperf */ ({options}, FORMAT JSON) {statement}");
    let values: Vec<TextParam<'_>> = values.iter().map(|v| TextParam(v.as_deref())).collect();
    let bound: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
    let row = client.query_one(&sql, &bound).await?;
    let document: Value = row.try_get(0)?;
    document
        .get(0)
        .cloned()
        .ok_or_else(|| ProbeError::own("EXPLAIN gave no plan".to_owned()))
}

/// One statement of dbperf's own by the extended protocol, marked as such, its rows dropped.
pub(super) async fn execute(client: &Client, sql: &str) -> Result<(), ProbeError> {
    client.execute(marked(sql).as_ref(), &[]).await?;
    Ok(())
}

/// The statement with dbperf's marker after its first keyword, where `PostgreSQL` 18 keeps it.
fn marked(sql: &str) -> Cow<'_, str> {
    if sql.contains(MARKER) {
        return Cow::Borrowed(sql);
    }
    let (keyword, rest) = sql.split_at(sql.find(' ').unwrap_or(sql.len()));
    Cow::Owned(format!("{keyword} {MARKER} */{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_its_own_is_marked_once() {
        for (sql, sent) in [
            ("ROLLBACK", "ROLLBACK /* dbperf */"),
            ("BEGIN READ ONLY", "BEGIN /* dbperf */ READ ONLY"),
            ("SELECT /* dbperf */ f()", "SELECT /* dbperf */ f()"),
        ] {
            assert_eq!(marked(sql), sent);
        }
    }
}
