//! What was loaded beside the profile, after the load. Nothing that fails here undoes a row.

use std::time::Instant;

use super::{Filled, Job, Seen, connect};
use crate::cli::context::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::workload_plans;
use crate::pg::{PgError, Session, SessionOptions, Target};
use crate::record::fidelity::Fidelity;
use crate::record::{Coverage, Millis, Status};
use crate::seed::plans::Roots;
use crate::seed::profile::{Profile, StatementProfile};
use crate::seed::{schema, verify};
use crate::workload::Workload;

/// Names of the rows in the coverage.
const FIDELITY: &str = "fidelity";
const PLANS: &str = "plans of the workload";

const INTERRUPTED: &str = "it was interrupted";

/// How alike it is, and what could not be compared.
#[derive(Default)]
pub(super) struct Verified {
    pub(super) fidelity: Option<Fidelity>,
    pub(super) coverage: Vec<Coverage>,
    pub(super) interrupted: bool,
}

impl Verified {
    /// Something was not compared at all.
    pub(super) fn failed(&self) -> bool {
        self.coverage.iter().any(|c| c.status == Status::Failed)
    }

    fn row(&mut self, collector: &str, status: Status, reason: impl Into<String>) {
        self.coverage
            .push(Coverage::not_ok(collector, status, reason));
    }
}

/// A guarded session to the server that was filled.
async fn connect_again(
    target: &Target,
    seen: &Seen,
    id: &str,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    let session = connect(target, SessionOptions::new(id), interrupt).await?;
    interrupt.or(seen.check(&session)).await??;
    Ok(session)
}

/// Compares with the profile, if there is one.
pub(super) async fn verify(
    job: &Job,
    (target, seen): (&Target, &Seen),
    id: &str,
    filled: &Filled,
    interrupt: &Interrupt,
    context: &Context,
) -> Verified {
    let mut verified = Verified::default();
    let Some(mut profile) = job.profile.clone() else {
        return verified;
    };
    // Nothing was made to be like the source there.
    profile
        .tables
        .retain(|table| !filled.left_alone.contains(&table.name));
    let profile = &profile;
    if filled.loaded.interrupted {
        verified.row(FIDELITY, Status::Skipped, INTERRUPTED);
        return verified;
    }
    let session = match connect_again(target, seen, id, interrupt).await {
        Ok(session) => session,
        Err(failure) if failure.exit == Exit::Interrupted => {
            verified.interrupted = true;
            verified.row(FIDELITY, Status::Skipped, INTERRUPTED);
            return verified;
        }
        Err(failure) => {
            verified.row(FIDELITY, Status::Failed, failure.to_string());
            return verified;
        }
    };
    let comparing = Comparing {
        profile,
        workload: job.workload.as_ref(),
        session: &session,
        target,
        id,
        context,
    };
    let compared = Box::pin(comparing.compare(&mut verified));
    if interrupt.or(compared).await.is_err() {
        // That it is gone already is as good.
        let _ = session.cancel().await;
        verified.interrupted = true;
        verified.row(FIDELITY, Status::Skipped, INTERRUPTED);
    }
    session.close().await;
    verified
}

struct Comparing<'a> {
    profile: &'a Profile,
    workload: Option<&'a Workload>,
    /// Guarded, and after ANALYZE.
    session: &'a Session,
    target: &'a Target,
    id: &'a str,
    context: &'a Context,
}

impl Comparing<'_> {
    async fn compare(&self, verified: &mut Verified) {
        let planned = self.plans(verified).await;
        let progress = Progress::step(self.context, "Comparing with the profile");
        let began = Instant::now();
        let here = planned.here.clone();
        let comparing = verify::verify(self.session, self.profile, here);
        match Box::pin(comparing).await {
            Ok(mut fidelity) => {
                let covered = Coverage::ok(FIDELITY, since(began));
                verified.coverage.insert(0, covered);
                planned.explain(&mut fidelity);
                verified.fidelity = Some(fidelity);
                progress.done("Compared with the profile");
            }
            Err(error) => {
                let failure = Failure::precondition(&error);
                verified.row(FIDELITY, Status::Failed, failure.to_string());
            }
        }
    }

    /// The plans of the workload here.
    async fn plans(&self, verified: &mut Verified) -> Planned {
        let mut planned = Planned::default();
        let Some(workload) = self.workload else {
            "no plan was asked for: --workload names the workload"
                .clone_into(&mut planned.otherwise);
            return planned;
        };
        let began = Instant::now();
        match Box::pin(self.asked(workload)).await {
            Ok(plans) => {
                "the workload does not have it".clone_into(&mut planned.otherwise);
                for (name, plan) in plans {
                    match plan {
                        Ok((shape, rows)) => {
                            planned.here.push(StatementProfile { name, shape, rows });
                        }
                        Err(why) => planned.missing.push((name, why)),
                    }
                }
                verified.coverage.push(planned.covered(self.profile, began));
            }
            Err(error) => {
                let failure = Failure::precondition(&error);
                "its plan could not be asked for".clone_into(&mut planned.otherwise);
                verified.row(PLANS, Status::Failed, failure.to_string());
            }
        }
        planned
    }

    /// Partitions are those of here: the source may have others.
    async fn asked(&self, workload: &Workload) -> Result<Vec<workload_plans::Planned>, PgError> {
        let (session, id) = (self.session, self.id);
        let roots = Roots::of(&schema::read(session).await?);
        let conninfo = &self.target.conninfo;
        workload_plans::ask(session, conninfo, id, &roots, workload, self.context).await
    }
}

/// Plans of a workload.
#[derive(Default)]
struct Planned {
    here: Vec<StatementProfile>,
    /// Statements without a plan, and why.
    missing: Vec<(String, String)>,
    /// Why any other has none.
    otherwise: String,
}

impl Planned {
    /// Statements that the workload has and the profile has not are told: nobody compares them.
    fn covered(&self, profile: &Profile, began: Instant) -> Coverage {
        let known = |name: &str| profile.statements.iter().any(|s| s.name == name);
        let names = self.here.iter().map(|s| s.name.as_str());
        let names = names.chain(self.missing.iter().map(|(name, _)| name.as_str()));
        let unknown: Vec<&str> = names.filter(|name| !known(name)).collect();
        let mut covered = Coverage::ok(PLANS, since(began));
        if !unknown.is_empty() {
            covered.status = Status::Partial;
            covered.reason = Some(format!("the profile has no plan of {}", unknown.join(", ")));
        }
        covered
    }

    /// Why statements have no plan here.
    fn explain(&self, fidelity: &mut Fidelity) {
        for statement in &mut fidelity.statements {
            if statement.not_measured.is_some() {
                let why = self
                    .missing
                    .iter()
                    .find(|(name, _)| *name == statement.statement);
                statement.not_measured = Some(why.map_or(&self.otherwise, |(_, why)| why).clone());
            }
        }
    }
}

fn since(began: Instant) -> Millis {
    Millis(began.elapsed().as_secs_f64() * 1000.0)
}
