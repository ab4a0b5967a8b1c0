//! Where a request's time went.
//!
//! The time identity, over the totals of the window:
//!
//! ```text
//! response time = network + app + pool wait + hold + unattributed
//! hold          = Σ statement latency + held idle
//! latency       = db exec + db round trips
//! ```
//!
//! dbperf's own replay sees everything but the two parts of a statement's latency: `db_exec` comes
//! from the server's counters, and what is left of the latency is `network` (round trips, planning,
//! transfer and the driver's own work). Pauses with the connection held are `app` (held idle).
//!
//! The result of an API's load tool is one number per request. What it was spent on is told by the best
//! evidence that there is of an endpoint: traces, `Server-Timing`, the load tool's own phases, a mapping
//! file, tags of sampled statements, how calls of statements follow requests over time, and saturation
//! of the application's sessions (`evidence.rs` puts them together). What nothing tells stays
//! `unattributed`. It is never spread over the others: with it the shares add up to 1.

mod api;
mod catalogue;
mod evidence;
mod inferred;
mod mapped;
mod names;
mod nearest;
mod parts;
mod replay;
mod saturation;
mod sessions;
mod slowest;
mod tagged;
mod traced;
mod waits;
mod whole;
mod windows;

use crate::import::EndpointMap;
use crate::record::load::HTTP_TOOL;
use crate::record::{Run, Status};

use super::conclusions::Breakdown;
use super::load::client_view;

use catalogue::Catalogue;

/// A mapping file names what the run does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// A table.
    #[error(
        "the mapping of {endpoint} names the table `{table}`, which the database does not have{}",
        hint(.nearest.as_deref())
    )]
    UnknownTable {
        /// The endpoint.
        endpoint: String,
        /// The table as it is written.
        table: String,
        /// The known table with the most similar name.
        nearest: Option<String>,
    },
    /// A statement.
    #[error(
        "the mapping of {endpoint} names the statement `{statement}`, which was not executed in \
         the window{}",
        hint(.nearest.as_deref())
    )]
    UnknownStatement {
        /// The endpoint.
        endpoint: String,
        /// The statement without its constants, or its id.
        statement: String,
        /// The executed statement with the most similar text.
        nearest: Option<String>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |n| format!("; did you mean `{n}`?"))
}

/// The breakdown by endpoint; `None` without any load result. The result of an API is preferred to
/// the replay.
///
/// # Errors
/// The mapping names a table or a statement that the run does not have.
pub fn conclude(run: &Run, map: Option<&EndpointMap>) -> Result<Option<Breakdown>, MapError> {
    let of_traces = traced::as_load(run);
    let Some((result, others)) = client_view(run).or(of_traces.as_ref().map(|load| (load, 0)))
    else {
        return Ok(None);
    };
    let catalogue = run
        .statements
        .as_ref()
        .map(|window| Catalogue::new(window, run.server.as_ref().map(|s| s.database_oid)));
    let missing = missing_statements(run);
    let catalogue = catalogue.as_ref().ok_or(missing.as_str());
    // dbperf's own load over HTTP knows no more of the inside of a request than another tool's.
    let is_replay = run
        .replay
        .as_ref()
        .is_some_and(|replay| std::ptr::eq(replay, result) && replay.source.tool != HTTP_TOOL);
    let mut breakdown = if is_replay {
        let mut found = replay::conclude(result, catalogue);
        if map.is_some() {
            found.notes.push(
                "the mapping was not used: the replay knows its statements itself".to_owned(),
            );
        }
        if let Some(share) = super::pool::waiting_in_pgbouncer(run).filter(|share| *share > 0.0) {
            found.notes.push(format!(
                "network holds the wait for a server connection in PgBouncer: {} of the latency of \
                 statements (measured by PgBouncer)",
                super::figures::percent(share)
            ));
        }
        found
    } else {
        api::conclude(run, result, catalogue, map)?
    };
    if others > 0 {
        breakdown.notes.push(format!(
            "{others} more load result(s) of this run are not broken down"
        ));
    }
    Ok(Some(breakdown))
}

/// Why there are no counters of statements.
fn missing_statements(run: &Run) -> String {
    let told = run
        .coverage
        .iter()
        .filter(|c| c.status != Status::Ok)
        .find(|c| c.collector.starts_with("pg_stat_statements"))
        .and_then(|c| c.reason.clone());
    told.map_or_else(
        || "pg_stat_statements was not read".to_owned(),
        |reason| format!("pg_stat_statements was not read: {reason}"),
    )
}

#[cfg(test)]
mod tests;
