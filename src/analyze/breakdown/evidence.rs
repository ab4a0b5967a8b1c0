//! What is known of an endpoint's requests, whatever source it comes from, and the parts that follow from it.

use crate::analyze::conclusions::{Basis, PartKind};
use crate::record::Millis;
use crate::record::load::{Operation, RequestPhases, ServerTiming};
use crate::record::traces::TracedEndpoint;

use super::api::{DbExec, within};
use super::parts::Component;

/// Share of the requests that must tell something before it stands for all of them (ours).
const MIN_TOLD_RATIO: f64 = 0.5;

/// Share of the requests below which it is said that not all of them told (ours).
const ALL_TOLD_RATIO: f64 = 0.98;

/// A number with how it was obtained, in milliseconds per request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) ms: f64,
    pub(super) basis: Basis,
    pub(super) note: String,
}

/// What is known of the requests of an endpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Evidence {
    /// Execution inside the server.
    pub(super) db_exec: Option<DbExec>,
    /// Why it is not known.
    pub(super) no_db_exec: String,
    /// Statements as the application sees them: execution and round trips.
    pub(super) db_latency: Option<Told>,
    /// Waiting for a connection.
    pub(super) pool_wait: Option<Component>,
    /// The times begin and end inside the API: no way from the client to it is in them.
    pub(super) inside_only: bool,
    /// Between the client and the handler of the request.
    pub(super) outside: Option<Told>,
    /// Upper bound of `outside` where it is not known itself.
    pub(super) outside_at_most: Option<f64>,
    /// Round trips between the application and the server, where `db_latency` does not tell them.
    pub(super) round_trips: Option<Told>,
    /// The application's own work.
    pub(super) app: Option<Told>,
    /// Time in which the application held a transaction open and did nothing in the database: a part of its own work.
    pub(super) held_idle: Option<Told>,
}

impl Evidence {
    /// What traces say.
    pub(super) fn take_traces(&mut self, traced: &TracedEndpoint, operation: &Operation) {
        let requests = traced.requests as f64;
        let mean = |sum: Millis| sum.0 / requests;
        let note = |words: &str| format!("{words} ({} traced requests)", traced.requests);
        self.db_latency = Some(Told {
            ms: mean(traced.database),
            basis: Basis::Measured,
            note: note("database spans"),
        });
        if let Some(wait) = traced.pool_wait {
            self.pool_wait = Some(
                Component::known(PartKind::PoolWait, mean(wait), Basis::Measured)
                    .noted(Some(note("spans of acquiring a connection"))),
            );
        }
        let (own, others) = (mean(traced.own), mean(traced.other_calls));
        self.app = Some(Told {
            ms: own + others,
            basis: Basis::Measured,
            note: if others > 0.0 {
                note(&format!(
                    "server span without its database and pool spans, {others:.2} ms of it calls of other services"
                ))
            } else {
                note("server span without its database and pool spans")
            },
        });
        if traced.with_client > 0 {
            self.outside = Some(Told {
                ms: traced.outside.0 / traced.with_client as f64,
                basis: Basis::Measured,
                note: "client span less server span: with queueing in front of the handler"
                    .to_owned(),
            });
        }
        // Few traces are those of other requests, and their mean is no bound for all.
        if !self.inside_only && requests >= operation.requests as f64 * MIN_TOLD_RATIO {
            self.bound_outside(mean(traced.duration_total), operation);
        }
    }

    /// What `Server-Timing` says, where traces did not.
    pub(super) fn take_server_timing(&mut self, operation: &Operation) {
        let told = |name: &str| entry(operation, name);
        let total = told("total");
        if self.db_latency.is_none() {
            self.db_latency = told("db");
        }
        if self.pool_wait.is_none()
            && let Some(pool) = told("pool")
        {
            self.pool_wait = Some(
                Component::known(PartKind::PoolWait, pool.ms, pool.basis).noted(Some(pool.note)),
            );
        }
        if self.app.is_none() {
            self.app = told("app").or_else(|| {
                let (total, db, pool) = (total.as_ref()?, told("db")?, told("pool")?);
                Some(Told {
                    ms: (total.ms - db.ms - pool.ms).max(0.0),
                    basis: Basis::Derived,
                    note: "Server-Timing: total less pool and db".to_owned(),
                })
            });
        }
        let inside = total.map(|t| t.ms).or_else(|| {
            let parts = [told("pool")?, told("db")?, told("app")?];
            Some(parts.iter().map(|t| t.ms).sum())
        });
        if let Some(inside) = inside {
            self.bound_outside(inside, operation);
        }
    }

    /// The client spent no more outside the API than its response time exceeds the time inside, in milliseconds.
    fn bound_outside(&mut self, inside: f64, operation: &Operation) {
        if let Some(mean) = operation.latency.mean {
            let most = (mean.0 - inside).max(0.0);
            self.outside_at_most = Some(self.outside_at_most.map_or(most, |m| m.min(most)));
        }
    }

    /// What the client's own phases say of the network.
    pub(super) fn take_phases(&mut self, operation: &Operation) {
        let Some(phases) = &operation.phases else {
            return;
        };
        let many = operation.requests as f64 * MIN_TOLD_RATIO;
        if self.outside.is_none() && phases.requests as f64 >= many {
            self.outside = wire(phases);
        }
    }

    /// The client cannot have waited for longer on the wire than outside the API; the shortest opening of few
    /// connections may have been a long one.
    fn outside(&self) -> Option<Told> {
        let told = self.outside.clone()?;
        match self.outside_at_most {
            Some(most) if told.ms > most => Some(Told {
                ms: most,
                note: format!(
                    "{}, no more than the client waited beyond the API's own time",
                    told.note
                ),
                ..told
            }),
            _ => Some(told),
        }
    }

    /// The parts of a mean response time.
    pub(super) fn components(&self, mean_ms: f64) -> Vec<Component> {
        let db_exec = self.execution(mean_ms);
        let pool_wait = self.pool_wait.clone();
        let network = self.network(&db_exec);
        let known = |c: &Component| c.mean_ms.unwrap_or(0.0);
        let so_far = known(&db_exec)
            + pool_wait.as_ref().map_or(0.0, known)
            + known(&network)
            + self.app.as_ref().map_or(0.0, |a| a.ms);
        let left = (mean_ms - so_far).max(0.0);
        let pool_wait = pool_wait.unwrap_or_else(|| bounded_wait(left));
        let app = self.application(left, &db_exec, &pool_wait);
        vec![db_exec, pool_wait, network, app]
    }

    fn execution(&self, mean_ms: f64) -> Component {
        let whole = self
            .db_latency
            .as_ref()
            .map_or(mean_ms, |l| l.ms.min(mean_ms));
        match (&self.db_exec, &self.db_latency) {
            (Some(exec), _) => within(whole, exec),
            (None, Some(latency)) => {
                let mut bound = Component::known(PartKind::DbExec, whole, Basis::Bound);
                bound.high_ms = Some(whole);
                bound.noted(Some(format!(
                    "{}: execution and round trips together, because {}",
                    latency.note, self.no_db_exec
                )))
            }
            (None, None) => Component::unknown(PartKind::DbExec, self.no_db_exec.clone()),
        }
    }

    /// Between the client and the API, and between the API and the server.
    fn network(&self, db_exec: &Component) -> Component {
        let behind = match (&self.db_latency, db_exec.mean_ms) {
            (Some(latency), Some(exec)) if self.db_exec.is_some() => Some(Told {
                ms: (latency.ms - exec).max(0.0),
                basis: Basis::Derived,
                note: "statements as the application sees them less their execution".to_owned(),
            }),
            _ => self.round_trips.clone(),
        };
        let mut component = match (&self.outside(), &behind) {
            (Some(before), Some(behind)) => {
                let basis = if before.basis == Basis::Measured {
                    behind.basis
                } else {
                    before.basis
                };
                Component::known(PartKind::Network, before.ms + behind.ms, basis).noted(Some(format!(
                    "client to API {:.2} ms ({}); API to server {:.2} ms ({})",
                    before.ms, before.note, behind.ms, behind.note
                )))
            }
            (None, Some(behind)) if self.inside_only => {
                Component::known(PartKind::Network, behind.ms, behind.basis)
                    .noted(Some(format!("API to server ({})", behind.note)))
            }
            (Some(before), None) => at_least(before).noted(Some(format!(
                "client to API only ({}); round trips between API and server are not measured",
                before.note
            ))),
            (None, Some(behind)) => at_least(behind).noted(Some(format!(
                "API to server only ({}); the load tool does not tell the network between client and API",
                behind.note
            ))),
            (None, None) => Component::unknown(
                PartKind::Network,
                "the load tool does not tell it from the application",
            ),
        };
        // Where round trips behind the API are not told, they are somewhere in its statements.
        let behind_at_most = behind
            .map(|b| b.ms)
            .or_else(|| self.db_latency.as_ref().map(|l| l.ms));
        if self.outside.is_none()
            && let (Some(most), Some(behind)) = (self.outside_at_most, behind_at_most)
        {
            component.high_ms = Some(most + behind);
            if component.mean_ms.is_none() {
                component.basis = Basis::Bound;
                component.note = Some(
                    "no more than what the client waited beyond the API's own time, and what statements took"
                        .to_owned(),
                );
            }
        }
        component
    }

    /// The application's own work: told by itself, or what is left where every other part is known.
    fn application(&self, left: f64, db_exec: &Component, pool_wait: &Component) -> Component {
        if let Some(app) = &self.app {
            return Component::known(PartKind::App, app.ms, app.basis)
                .noted(Some(app.note.clone()));
        }
        let others_known = db_exec.mean_ms.is_some()
            && db_exec.basis != Basis::Bound
            && pool_wait.mean_ms.is_some()
            && pool_wait.basis != Basis::Bound
            && self.outside.is_some();
        if others_known {
            let held = self.held_idle.as_ref().map_or_else(String::new, |held| {
                format!("; {:.2} ms of it with a transaction held open", held.ms)
            });
            let mut app = Component::known(PartKind::App, left, worse(db_exec, pool_wait));
            // What one of the others has too much, this one has too little.
            let slack = |c: &Component, end: Option<f64>| {
                end.zip(c.mean_ms)
                    .map_or(0.0, |(end, mean)| (end - mean).abs())
            };
            let (mut below, mut above) = (0.0, 0.0);
            for other in [db_exec, pool_wait] {
                below += slack(other, other.high_ms);
                above += slack(other, other.low_ms);
            }
            if below + above > 0.0 {
                app.low_ms = Some((left - below).max(0.0));
                app.high_ms = Some(left + above);
            }
            return app.noted(Some(format!("what the other parts leave{held}")));
        }
        match &self.held_idle {
            Some(held) if held.ms > 0.0 => {
                let mut app = Component::known(PartKind::App, held.ms.min(left), Basis::Bound);
                app.low_ms = app.mean_ms;
                app.high_ms = Some(left);
                app.noted(Some(format!(
                    "{}; its work without a transaction is not measured",
                    held.note
                )))
            }
            _ => {
                let mut app = Component::unknown(
                    PartKind::App,
                    "it needs traces or Server-Timing of the application",
                );
                app.high_ms = Some(left);
                app
            }
        }
    }
}

/// One of the two ways: the network is at least that.
fn at_least(told: &Told) -> Component {
    let mut component = Component::known(PartKind::Network, told.ms, Basis::Bound);
    component.low_ms = component.mean_ms;
    component
}

/// The basis of a difference from both.
fn worse(a: &Component, b: &Component) -> Basis {
    if a.basis == Basis::Inferred || b.basis == Basis::Inferred {
        Basis::Inferred
    } else {
        Basis::Derived
    }
}

/// The wait for a connection is inside the application: what is left bounds it.
fn bounded_wait(left: f64) -> Component {
    Component {
        part: PartKind::PoolWait,
        mean_ms: None,
        low_ms: Some(0.0),
        high_ms: Some(left),
        basis: Basis::Bound,
        note: Some(
            "the wait for a connection is inside the application; it is no more than what is \
             unattributed"
                .to_owned(),
        ),
    }
}

/// An entry of `Server-Timing` per request; `None` where too few requests had it.
fn entry(operation: &Operation, name: &str) -> Option<Told> {
    let ServerTiming { requests, total } = operation.server_timing.get(name)?;
    let share = *requests as f64 / operation.requests.max(1) as f64;
    if *requests == 0 || share < MIN_TOLD_RATIO {
        return None;
    }
    let note = if share < ALL_TOLD_RATIO {
        format!(
            "Server-Timing `{name}` of {requests} of {} requests",
            operation.requests
        )
    } else {
        format!("Server-Timing `{name}`")
    };
    Some(Told {
        ms: total.0 / *requests as f64,
        basis: Basis::Measured,
        note,
    })
}

/// The time on the wire between client and API.
fn wire(phases: &RequestPhases) -> Option<Told> {
    let setup = [phases.dns, phases.connecting, phases.tls, phases.blocked];
    let setup = setup.into_iter().flatten().map(|m| m.0).sum::<f64>();
    let moved = [phases.sending, phases.receiving];
    if moved.iter().all(Option::is_none) {
        return None;
    }
    let moved: f64 = moved.into_iter().flatten().map(|m| m.0).sum();
    let setup = if phases.setup_in_latency { setup } else { 0.0 };
    let trip = phases.round_trip.map_or(0.0, |m| m.0);
    let per_request = (moved + setup) / phases.requests.max(1) as f64;
    Some(Told {
        ms: per_request + trip,
        basis: Basis::Measured,
        note: if phases.round_trip.is_some() {
            "the load tool's phases and one round trip".to_owned()
        } else {
            "the load tool's phases, without the round trip".to_owned()
        },
    })
}
