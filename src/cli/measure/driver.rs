//! A replay as the window.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::analyze::pool::{SweepPlan, next_turns};
use crate::cli::args::{ArrivalArg, DriveArgs, PoolArg};
use crate::cli::context::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::target::Servers;
use crate::drive::{
    self, Arrivals, CapturedOptions, Control, DriveError, DriveOptions, Gate, LoadShape, PoolKind,
    Replayed, Stopper, SweepTerms,
};
use crate::pg::{Connector, Conninfo, Session, SessionOptions};
use crate::pool::Protocol;
use crate::record::sweep::PoolSweep;
use crate::workload::Workload;

/// A sweep of pool sizes.
#[derive(Debug, Clone)]
pub(in crate::cli) struct SweepJob {
    /// What to run.
    pub(in crate::cli) workload: Arc<Workload>,
    /// How; the pool size is that of each block.
    pub(in crate::cli) options: DriveOptions,
    /// Blocks and bounds.
    pub(in crate::cli) terms: SweepTerms,
    /// Which sizes.
    pub(in crate::cli) plan: SweepPlan,
}

impl SweepJob {
    fn run(&self, target: &Connector, control: &Control) -> Result<Replayed, DriveError> {
        let mut next = |sweep: &PoolSweep| next_turns(sweep, &self.plan);
        let Self {
            workload,
            options,
            terms,
            ..
        } = self;
        drive::sweep(workload, target, options, terms, control, &mut next)
    }
}

/// What is replayed, and how.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Job {
    /// A workload, through a pool.
    Workload {
        /// What to run.
        workload: Arc<Workload>,
        /// How.
        options: DriveOptions,
    },
    /// A workload, through one pool of several sizes.
    Sweep(SweepJob),
    /// A captured workload, session by session.
    Captured {
        /// The file.
        path: PathBuf,
        /// How.
        options: CapturedOptions,
        /// From its first event to its last, at the speed of the replay; zero where that is not known.
        length: Duration,
    },
}

impl Job {
    fn length(&self) -> Duration {
        match self {
            Self::Workload { options, .. } => options.measured_time(),
            // How many blocks there are is decided on the way.
            Self::Sweep(_) => Duration::ZERO,
            Self::Captured {
                options, length, ..
            } => options.duration.map_or(*length, |limit| limit.min(*length)),
        }
    }

    fn run(&self, target: Connector, control: &Control) -> Result<Replayed, DriveError> {
        match self {
            Self::Workload { workload, options } => {
                drive::replay(workload, target, options, control)
            }
            Self::Sweep(sweep) => sweep.run(&target, control),
            Self::Captured { path, options, .. } => {
                drive::replay_captured(path, target, options, control)
            }
        }
    }

    /// The same, so that it works behind a pooler if there is one at this address: one that moves
    /// connections between transactions keeps neither prepared statements nor settings of a session.
    pub(in crate::cli) async fn behind(mut self, load: &Conninfo) -> Self {
        // Whatever is wrong with the connection is said by the replay itself.
        let Ok(session) = Session::connect(load, &SessionOptions::new("replay")).await else {
            return self;
        };
        if let Self::Workload { workload, options }
        | Self::Sweep(SweepJob {
            workload, options, ..
        }) = &mut self
            && session.through_pooler() == Some(true)
        {
            options.protocol = Protocol::Unnamed;
            options.read_only_transactions = !workload.writes;
        }
        session.close().await;
        self
    }

    /// The workload whose statements can be explained with values of its own.
    pub(super) fn workload(&self) -> Option<&Workload> {
        match self {
            Self::Workload { workload, .. } | Self::Sweep(SweepJob { workload, .. }) => {
                Some(workload)
            }
            Self::Captured { .. } => None,
        }
    }
}

/// A replay on its own thread, with its own runtime.
pub(super) struct Driver {
    thread: JoinHandle<Result<Replayed, DriveError>>,
    gate: Gate,
    stopper: Stopper,
    progress: Arc<drive::Progress>,
    length: Duration,
}

impl Driver {
    /// Starts the load and waits until it is warm.
    pub(super) async fn warm_up(
        job: &Job,
        servers: &Servers,
        interrupt: &Interrupt,
        context: &Context,
    ) -> Result<Self, Failure> {
        let target = Connector::new(servers.load.clone());
        let (warm, is_warm) = oneshot::channel();
        let (control, gate) = Control::gated(move || {
            // Nobody waits any more if the command is being interrupted.
            let _ = warm.send(());
        });
        let (stopper, counts) = (control.stopper(), control.progress());
        let length = job.length();
        let job = interrupt.or(job.clone().behind(&servers.load)).await?;
        let progress = Progress::step(context, "Warming up");
        let thread = tokio::task::spawn_blocking(move || job.run(target, &control));
        let driver = Self {
            thread,
            gate,
            stopper,
            progress: counts,
            length,
        };
        tokio::select! {
            warm = is_warm => match warm {
                Ok(()) => {
                    progress.done("Warmed up");
                    Ok(driver)
                }
                // The replay ended before it was warm: it says why.
                Err(_) => match driver.join(context).await {
                    Err(failure) => Err(failure),
                    Ok(_) => Err(Failure::interrupted()),
                },
            },
            () = interrupt.wait() => {
                driver.abandon().await;
                Err(Failure::interrupted())
            }
        }
    }

    /// Opens the window and waits for its end.
    pub(super) async fn measure(
        self,
        interrupt: &Interrupt,
        context: &Context,
    ) -> Result<Replayed, Failure> {
        self.gate.open();
        let bar = Progress::of(context, "Replaying", self.length.as_secs());
        let started = Instant::now();
        while !self.thread.is_finished() {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
                () = interrupt.wait() => self.stopper.stop(),
            }
            if interrupt.asked() {
                break;
            }
            let (done, errors) = (self.progress.requests(), self.progress.errors());
            let failed = if errors > 0 {
                format!(", {errors} failed")
            } else {
                String::new()
            };
            bar.at(
                started.elapsed().as_secs(),
                &format!("Replaying, {done} operations{failed}"),
            );
        }
        let replayed = self.join(context).await?;
        bar.done(&format!(
            "Replayed {} operations",
            replayed.load.total.requests
        ));
        Ok(replayed)
    }

    /// Ends a replay whose result nobody will read.
    pub(super) async fn abandon(self) {
        self.stopper.stop();
        // Its connections are closed when it returns; what it says does not matter any more.
        let _ = self.thread.await;
    }

    async fn join(self, context: &Context) -> Result<Replayed, Failure> {
        let ended = self.thread.await;
        let result =
            ended.map_err(|e| Failure::new(Exit::Bug, format!("the replay failed: {e}")))?;
        let error = match result {
            Ok(replayed) => return Ok(replayed),
            Err(DriveError::Interrupted) => return Err(Failure::interrupted()),
            Err(error) => error,
        };
        let failure = Failure::precondition(&error);
        match error {
            // What was recorded up to there is not lost.
            DriveError::TooManyErrors {
                partial: Some(partial),
                ..
            } => {
                context.fail_later(&failure);
                Ok(*partial)
            }
            _ => Err(failure),
        }
    }
}

impl DriveArgs {
    /// What the drive is told: flags win over the workload file's own header.
    pub(in crate::cli) fn options(&self, workload: &Workload, allow_writes: bool) -> DriveOptions {
        let proposed = DriveOptions::proposed_by(workload);
        let load = match (&self.stages, self.rate, self.clients) {
            (Some(stages), ..) => LoadShape::Stages(stages.clone()),
            (None, Some(rate), _) => LoadShape::Open { rate },
            (None, None, Some(clients)) => LoadShape::Closed { clients },
            (None, None, None) => proposed.load.clone(),
        };
        DriveOptions {
            load,
            arrivals: match self.arrival {
                None | Some(ArrivalArg::Poisson) => Arrivals::Poisson,
                Some(ArrivalArg::Even) => Arrivals::Even,
            },
            open_clients: self.clients,
            duration: self.duration.unwrap_or(proposed.duration),
            warmup: self.warmup.unwrap_or(proposed.warmup),
            think: self.think.unwrap_or(proposed.think),
            pool: self
                .pool
                .first()
                .map_or(PoolKind::default(), |pool| pool.kind()),
            compare_with: self.pool.iter().skip(1).map(|pool| pool.kind()).collect(),
            pool_size: self.pool_size.unwrap_or(proposed.pool_size),
            acquire_timeout: self.acquire_timeout.unwrap_or(proposed.acquire_timeout),
            statement_timeout: Some(self.statement_timeout),
            threads: self.driver_threads.unwrap_or(proposed.threads),
            seed: self.seed,
            max_errors: Some(self.max_errors),
            max_schedule_lag: self.max_schedule_lag,
            start_at: self.start_at,
            shard: self.shard.unwrap_or_default(),
            allow_writes,
            ..proposed
        }
    }
}

impl PoolArg {
    /// The pool that is meant.
    pub(in crate::cli) fn kind(self) -> PoolKind {
        match self {
            Self::Deadpool => PoolKind::Deadpool,
            Self::Sqlx => PoolKind::Sqlx,
            Self::None => PoolKind::None,
        }
    }
}
