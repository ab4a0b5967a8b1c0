//! `pg_stat_activity`: one reading of client backends and parallel workers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_postgres::types::Type;

use super::rows::read_view;
use super::tags;
use crate::pg::column::get;
use crate::pg::{OWN_PREFIX, Param, PgError, Session, catalog};
use crate::record::QueryId;
use crate::record::activity::{HIDDEN_TYPE, SessionSample};

/// One reading, with dbperf's own sessions apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Other sessions in any state but `idle`.
    pub sessions: Vec<SessionSample>,
    /// Other idle client sessions by `application_name`.
    pub idle: BTreeMap<String, u32>,
    /// Those of them that are in other databases than the session's own.
    pub idle_elsewhere: BTreeMap<String, u32>,
    /// Sessions whose state the role may not see.
    pub hidden: u64,
    /// Statements as they were sent, values among them, of sessions that wait for a lock or are waited
    /// for, by process. They must not be kept like this.
    pub queries: BTreeMap<i32, String>,
    /// Ids of statements that the sessions named `own` execute or executed last (14+).
    pub own_ids: Vec<i64>,
}

/// Reads the view. `own` is the `application_name` of this run's sessions; those of any dbperf
/// are left out.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session, own: &str) -> Result<Reading, PgError> {
    let rows = read_view(session, &catalog::PG_STAT_ACTIVITY, &[], |row, view| {
        let backend_type: Option<String> = get(row, view, "backend_type")?;
        let query: Option<String> = get(row, view, "query")?;
        let sample = SessionSample {
            pid: get(row, view, "pid")?,
            leader_pid: get(row, view, "leader_pid")?,
            datname: get(row, view, "datname")?,
            usename: get(row, view, "usename")?,
            application_name: get::<Option<_>>(row, view, "application_name")?.unwrap_or_default(),
            backend_type: backend_type.unwrap_or_else(|| HIDDEN_TYPE.to_owned()),
            state: get(row, view, "state")?,
            wait_event_type: get(row, view, "wait_event_type")?,
            wait_event: get(row, view, "wait_event")?,
            query_id: get::<Option<i64>>(row, view, "query_id")?.map(QueryId),
            query_start: get(row, view, "query_start")?,
            xact_start: get(row, view, "xact_start")?,
            state_change: get(row, view, "state_change")?,
            blocked_by: Vec::new(),
            tags: query.as_deref().map(tags::of).unwrap_or_default(),
            text: None,
        };
        Ok((sample, query))
    })
    .await?;
    let mut queries = HashMap::new();
    let rows = rows.into_iter().map(|(sample, query)| {
        queries.extend(query.map(|query| (sample.pid, query)));
        sample
    });
    let rows = rows.collect();
    let mut reading = sort_out(rows, own, session.database());
    add_blockers(session, &mut reading.sessions).await?;
    reading.queries = of_lock_trees(&reading.sessions, queries);
    Ok(reading)
}

/// The statements of those that wait for others, and of those that are waited for.
fn of_lock_trees(
    sessions: &[SessionSample],
    mut queries: HashMap<i32, String>,
) -> BTreeMap<i32, String> {
    let waiting = sessions.iter().filter(|s| !s.blocked_by.is_empty());
    let pids: BTreeSet<i32> = waiting
        .flat_map(|s| s.blocked_by.iter().copied().chain([s.pid]))
        .collect();
    let of_tree = pids.into_iter();
    of_tree
        .filter_map(|pid| Some((pid, queries.remove(&pid)?)))
        .collect()
}

fn sort_out(rows: Vec<SessionSample>, own: &str, database: &str) -> Reading {
    let mut reading = Reading::default();
    for row in rows {
        if row.application_name.starts_with(OWN_PREFIX) {
            if row.application_name == own {
                reading.own_ids.extend(row.query_id.map(|id| id.0));
            }
            continue;
        }
        // A session that is just being opened has no state either, but a type that everybody may see.
        reading.hidden += u64::from(row.is_hidden());
        if row.state.as_deref() == Some("idle") {
            if row.datname.as_deref().is_some_and(|name| name != database) {
                let name = row.application_name.clone();
                *reading.idle_elsewhere.entry(name).or_default() += 1;
            }
            *reading.idle.entry(row.application_name).or_default() += 1;
        } else {
            reading.sessions.push(row);
        }
    }
    reading
}

/// Asks who blocks those that wait for a lock, and nobody else: the question itself takes the
/// locks of the lock manager.
async fn add_blockers(session: &Session, sessions: &mut [SessionSample]) -> Result<(), PgError> {
    let waiting = |s: &&mut SessionSample| s.wait_event_type.as_deref() == Some("Lock");
    let pids: Vec<i32> = sessions.iter_mut().filter(waiting).map(|s| s.pid).collect();
    if pids.is_empty() {
        return Ok(());
    }
    let params: [Param<'_>; 1] = [(&pids, Type::INT4_ARRAY)];
    let rows = read_view(session, &catalog::PG_BLOCKING_PIDS, &params, |row, view| {
        let blockers: Vec<i32> = get(row, view, "blocked_by")?;
        Ok((get::<i32>(row, view, "pid")?, blockers))
    });
    let mut blockers: HashMap<i32, Vec<i32>> = rows.await?.into_iter().collect();
    for waiter in sessions.iter_mut().filter(waiting) {
        waiter.blocked_by = blockers.remove(&waiter.pid).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(application_name: &str, state: Option<&str>) -> SessionSample {
        SessionSample {
            pid: 1,
            leader_pid: None,
            datname: None,
            usename: None,
            application_name: application_name.to_owned(),
            backend_type: "client backend".to_owned(),
            state: state.map(str::to_owned),
            wait_event_type: None,
            wait_event: None,
            query_id: Some(QueryId(7)),
            query_start: None,
            xact_start: None,
            state_change: None,
            blocked_by: Vec::new(),
            tags: BTreeMap::new(),
            text: None,
        }
    }

    #[test]
    fn own_idle_and_hidden_sessions_are_told_apart() {
        let reading = sort_out(
            vec![
                session("dbperf/1/me", Some("active")),
                session("dbperf/1/other", Some("active")),
                session("dbperf-replay", Some("active")),
                session("api", Some("idle")),
                SessionSample {
                    datname: Some("shop".to_owned()),
                    ..session("api", Some("idle"))
                },
                SessionSample {
                    datname: Some("other".to_owned()),
                    ..session("api", Some("idle"))
                },
                session("api", None),
                SessionSample {
                    backend_type: HIDDEN_TYPE.to_owned(),
                    ..session("api", None)
                },
            ],
            "dbperf/1/me",
            "shop",
        );
        assert_eq!(reading.sessions.len(), 3);
        assert_eq!(reading.idle["api"], 3);
        assert_eq!(reading.idle_elsewhere["api"], 1);
        assert_eq!(reading.hidden, 1);
        assert_eq!(reading.own_ids, [7]);
    }
}
