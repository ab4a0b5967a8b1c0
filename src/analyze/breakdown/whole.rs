//! What is known of all requests together only: sums of the server, its sessions, and the wait for a connection.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{Basis, Endpoint, PartKind, TotalBreakdown};
use crate::record::Run;
use crate::record::load::{LoadResult, Operation};

use super::api::{Attribution, DbExec, within};
use super::catalogue::{Catalogue, Totals};
use super::evidence::{Evidence, Told};
use super::parts::{Component, assemble, total};
use super::saturation;
use super::sessions::{Sessions, mean};

/// Idle-in-transaction time below this share of the response time is not told: samples are too coarse for it (ours).
const SHOWN_HELD_RATIO: f64 = 0.01;

/// All requests together.
pub(super) struct Whole {
    /// Round trip between dbperf and the server, in milliseconds.
    round_trip: Option<f64>,
    /// Execution of all statements of the database over all requests.
    db_exec: Option<DbExec>,
    /// Why it is not known.
    no_db_exec: String,
    /// Calls of all statements of the database over all requests.
    calls: Option<f64>,
    held_idle: Option<Told>,
    wait: Component,
    mean_ms: f64,
    /// The times are those inside the API.
    inside_only: bool,
    /// Other applications were seen at work beside the one with most sessions.
    others: bool,
}

impl Whole {
    pub(super) fn of(
        run: &Run,
        result: &LoadResult,
        catalogue: Result<&Catalogue<'_>, &str>,
        requests: &BTreeMap<String, f64>,
    ) -> Self {
        let by_endpoint: f64 = requests.values().sum();
        let number = if run.api.is_empty() {
            // Traces may be of some requests only: what the server did is not theirs alone.
            0.0
        } else if by_endpoint > 0.0 {
            by_endpoint
        } else {
            result.total.requests as f64
        };
        let mean_ms = result.total.latency.mean.map_or(0.0, |m| m.0);
        let some = catalogue.ok().filter(|_| number > 0.0);
        let round_trip = run.server.as_ref().and_then(|s| s.round_trip).map(|t| t.0);
        let calls = some.map(|c| c.calls() / number);
        let sessions = Sessions::of(run);
        let trips = round_trip
            .zip(calls)
            .map_or(0.0, |(trip, calls)| trip * calls);
        let sessions = sessions.as_ref().map_err(String::as_str);
        Self {
            round_trip,
            db_exec: some.map(|c| together(c, number)),
            no_db_exec: catalogue
                .err()
                .unwrap_or("no load tool counted the requests")
                .to_owned(),
            calls,
            held_idle: sessions
                .ok()
                .and_then(|s| held_idle(run, s, number, trips, mean_ms)),
            wait: saturation::wait(run, result, sessions, some, trips),
            mean_ms,
            inside_only: run.api.is_empty() && run.replay.is_none(),
            others: sessions.ok().is_some_and(|s| s.caveat().is_some()),
        }
    }

    /// The times are those inside the API.
    pub(super) fn inside_only(&self) -> bool {
        self.inside_only
    }

    /// What the only endpoint of a load executes: everything that the database executed. `None` where others were seen
    /// at work, whose statements would be counted in.
    pub(super) fn of_only_endpoint(&self) -> Option<DbExec> {
        self.db_exec.clone().filter(|_| !self.others)
    }

    /// The time on the way to the server and back, for so many calls per request.
    pub(super) fn round_trips(&self, calls: f64) -> Option<Told> {
        let trip = self.round_trip?;
        Some(Told {
            ms: calls * trip,
            basis: Basis::Derived,
            note: format!(
                "{calls:.2} calls per request × {trip:.2} ms, the round trip from this machine to the server"
            ),
        })
    }

    /// The wait by endpoint. A pool serves in the order of arrival, so that every request that uses the database waits
    /// equally long on average, and the others do not wait. Nothing where it is not known who uses it.
    pub(super) fn shared_wait(
        &self,
        known: &[(&Operation, Evidence)],
    ) -> BTreeMap<String, Component> {
        let uses = |evidence: &Evidence| evidence.db_exec.as_ref().map(|e| e.mean_ms > 0.0);
        let Some(mean) = self.wait.mean_ms else {
            return BTreeMap::new();
        };
        let told = known.iter().all(|(_, evidence)| uses(evidence).is_some());
        if !told && mean > 0.0 {
            return BTreeMap::new();
        }
        let all: u64 = known.iter().map(|(o, _)| o.requests).sum();
        let using = known.iter().filter(|(_, e)| uses(e) != Some(false));
        let using: u64 = using.map(|(o, _)| o.requests).sum();
        let factor = all as f64 / using.max(1) as f64;
        let share = |(operation, evidence): &(&Operation, Evidence)| {
            let mut wait = self.wait.clone();
            let factor = if uses(evidence) == Some(false) {
                0.0
            } else {
                factor
            };
            for end in [&mut wait.mean_ms, &mut wait.low_ms, &mut wait.high_ms] {
                *end = end.map(|ms| ms * factor);
            }
            if known.len() > 1 && mean > 0.0 {
                let note = wait.note.take().unwrap_or_default();
                wait.note = Some(format!(
                    "{note}; taken to be the same for every request that uses the database"
                ));
            }
            (operation.name.clone(), wait)
        };
        known.iter().map(share).collect()
    }

    /// All requests together: what endpoints know, weighted, and what is only known of all.
    pub(super) fn total(&self, result: &LoadResult, endpoints: &[Endpoint]) -> TotalBreakdown {
        let of_all = Evidence {
            db_exec: self.db_exec.clone(),
            no_db_exec: self.no_db_exec.clone(),
            round_trips: self.calls.and_then(|calls| self.round_trips(calls)),
            pool_wait: self.wait.mean_ms.is_some().then(|| self.wait.clone()),
            held_idle: self.held_idle.clone(),
            inside_only: self.inside_only,
            ..Evidence::default()
        };
        if endpoints.is_empty() {
            // The source has no endpoints: only all requests together are known.
            let mut evidence = of_all;
            evidence.take_phases(&result.total);
            evidence.take_server_timing(&result.total);
            return TotalBreakdown {
                requests: result.total.requests,
                mean_ms: self.mean_ms,
                parts: assemble(self.mean_ms, evidence.components(self.mean_ms)),
                slowest: None,
            };
        }
        let weighted = total(endpoints, &[]);
        let known = |kind: PartKind| {
            endpoints.iter().filter(|e| e.mean_ms.is_some()).all(|e| {
                let mut parts = e.parts.iter().filter(|p| p.part == kind);
                parts.any(|p| p.mean_ms.is_some())
            })
        };
        let mut instead = Vec::new();
        if !known(PartKind::DbExec)
            && let Some(exec) = &self.db_exec
        {
            instead.push(within(weighted.mean_ms, exec));
        }
        if !known(PartKind::PoolWait) && self.wait.mean_ms.is_some() {
            instead.push(self.wait.clone());
        }
        let of_all = of_all.components(weighted.mean_ms);
        for kind in [PartKind::Network, PartKind::App] {
            let better = of_all
                .iter()
                .find(|c| c.part == kind && c.mean_ms.is_some());
            instead.extend(better.filter(|_| !known(kind)).cloned());
        }
        let mut sum = total(endpoints, &instead);
        if let Some(note) = self
            .wait
            .note
            .as_ref()
            .filter(|_| self.wait.mean_ms.is_none())
        {
            let wait = sum.parts.iter_mut().find(|p| p.part == PartKind::PoolWait);
            if let Some(wait) = wait.filter(|w| w.mean_ms.is_none()) {
                wait.note = Some(note.clone());
            }
        }
        sum
    }
}

/// Execution of all statements of the database over all requests.
fn together(catalogue: &Catalogue<'_>, requests: f64) -> DbExec {
    let statement = |(id, totals): (&i64, &Totals)| Attribution {
        id: *id,
        calls_per_request: totals.calls as f64 / requests,
        basis: Basis::Derived,
        interval: None,
    };
    DbExec {
        mean_ms: catalogue.exec_ms() / requests,
        ends: None,
        basis: Basis::Derived,
        note: "execution time of all statements of the database in the window over all requests; \
               other clients' statements are counted in"
            .to_owned(),
        attributions: catalogue.by_id.iter().map(statement).collect(),
    }
}

/// The time that requests held a transaction open without working in the database. While a message is on its way the
/// server takes the transaction for idle: those round trips are no work of the application.
fn held_idle(
    run: &Run,
    sessions: &Sessions,
    requests: f64,
    round_trips_ms: f64,
    mean_ms: f64,
) -> Option<Told> {
    let idle = mean(&sessions.moments, |m| m.idle_in_transaction)?;
    let ms = (idle * run.meta.window.0 / requests - round_trips_ms).max(0.0);
    (ms > SHOWN_HELD_RATIO * mean_ms).then(|| Told {
        ms,
        basis: Basis::Inferred,
        note: format!(
            "transactions held open between statements: {idle:.2} sessions of the application idle in transaction \
             on average, less the round trips"
        ),
    })
}
