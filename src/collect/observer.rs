//! The observer of a window: opening sample, background samplers, closing sample.
//!
//! It holds at most three connections to the server (statements and both ends; activity;
//! replication), one to every standby and one to the console of PgBouncer, all guarded and read-only, and leaves nothing behind:
//! they end with [`Observer::finish`], or when the observer is dropped.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use super::activity::{self, Activity};
use super::closing::Closing;
use super::cures;
use super::ends::End;
use super::ledger::Ledger;
use super::link::Link;
use super::pg_stat_statements::Source;
use super::pgbouncer::{self, PgBouncerTarget, PgBouncerWatch};
use super::replication::{Primary, StandbyWatch};
use super::statements::Chain;
use crate::pg::{
    Extension, PgError, Session, SessionOptions, Target, read_extensions, read_server,
};
use crate::record::activity::ActivitySeries;
use crate::record::database::DatabaseWindow;
use crate::record::health::HealthWindow;
use crate::record::indexes::IndexWindow;
use crate::record::pgbouncer::PgBouncerWindow;
use crate::record::replication::ReplicationWindow;
use crate::record::server::{Disturbance, Server, ServerLife};
use crate::record::statements::StatementWindow;
use crate::record::tables::TableWindow;
use crate::record::{Coverage, Millis, Status};

/// How to observe.
#[derive(Debug, Clone)]
pub struct ObserveOptions {
    /// Interval of `pg_stat_activity` samples.
    pub activity_interval: Duration,
    /// Interval of `pg_stat_statements` samples; `None` takes at least 1 s, and more where
    /// reading takes more than 0.5 % of the time.
    pub statements_interval: Option<Duration>,
    /// Interval of write-ahead log positions, on the primary and on every standby.
    pub lsn_interval: Duration,
    /// Standbys to ask.
    pub replicas: Vec<Target>,
    /// `PgBouncer` to ask.
    pub pgbouncer: Option<PgBouncerTarget>,
    /// Name of the run, part of `application_name`.
    pub run_id: String,
}

impl ObserveOptions {
    /// 10 activity samples and 20 positions per second, statements adaptive, no standby, no
    /// `PgBouncer`.
    #[must_use]
    pub fn new(run_id: &str) -> Self {
        Self {
            activity_interval: Duration::from_millis(100),
            statements_interval: None,
            lsn_interval: Duration::from_millis(50),
            replicas: Vec::new(),
            pgbouncer: None,
            run_id: run_id.to_owned(),
        }
    }
}

/// What the load is doing when the window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadState {
    /// Others go on: the closing sample is taken at once.
    GoesOn,
    /// It has ended and closed its connections: their last counters are waited for, at most two
    /// seconds.
    Ended,
}

/// What was observed: the server's part of a [`Run`](crate::record::Run).
#[derive(Debug, Clone)]
pub struct Observed {
    /// Facts of the server at the start.
    pub server: Server,
    /// One row per collector.
    pub coverage: Vec<Coverage>,
    /// Continuity at every statement sample.
    pub life: Vec<ServerLife>,
    /// What broke the continuity.
    pub disturbances: Vec<Disturbance>,
    /// `pg_stat_activity`; `None` where no sample could be taken.
    pub activity: Option<ActivitySeries>,
    /// `pg_stat_statements`; `None` where it could not be read.
    pub statements: Option<StatementWindow>,
    /// `pg_stat_database` and the cluster's counters.
    pub database: DatabaseWindow,
    /// Tables.
    pub tables: TableWindow,
    /// Indexes.
    pub indexes: IndexWindow,
    /// Replication; `None` where nothing of it could be read.
    pub replication: Option<ReplicationWindow>,
    /// Ages, open transactions, sequences, constraints; `None` where the connection was lost.
    pub health: Option<HealthWindow>,
    /// `PgBouncer`; `None` where it was not asked or did not answer.
    pub pgbouncer: Option<PgBouncerWindow>,
    /// Length of the window: from [`Observer::started`] to the call of [`Observer::finish`].
    pub window: Millis,
    /// Execution time of dbperf's own statements in the window as the server counted it, or, where
    /// it did not, the time that dbperf waited for them, which is an upper bound.
    pub own_exec: Option<Millis>,
}

/// A background task, ended when dropped.
struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    fn spawn(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }

    async fn join(mut self) -> Result<T, JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A window that is being observed.
pub struct Observer {
    origin: Instant,
    server: Server,
    stop: watch::Sender<bool>,
    opening: End,
    ledger: Ledger,
    main: Task<(Chain, Link)>,
    activity: Task<Activity>,
    primary: Option<Task<Primary>>,
    standbys: Vec<Task<StandbyWatch>>,
    pgbouncer: Option<Task<PgBouncerWatch>>,
}

impl Observer {
    /// Connects, reads the facts of the server and the opening sample, and starts the samplers on
    /// the current runtime. The load should start after this returns.
    ///
    /// # Errors
    ///
    /// [`PgError`] where the server cannot be reached or identified. Everything else that cannot
    /// be read becomes a row of [`Observed::coverage`].
    pub async fn start(
        target: &Target,
        options: ObserveOptions,
    ) -> Result<(Self, Server), PgError> {
        let session_options = SessionOptions::new(&options.run_id);
        let session = Session::connect(&target.conninfo, &session_options).await?;
        let server = read_server(&session, target).await?;
        let mut ledger = Ledger::default();
        let extension = read_extensions(&session)
            .await?
            .remove("pg_stat_statements");
        let source = statements_source(&server, extension.as_ref(), &mut ledger);
        let mut chain = Chain::new(source, &server);

        let open = |target: &Target| Link::open(target.clone(), session_options.clone());
        // Of several hosts, every sampler takes the one that answered.
        let here = Target {
            conninfo: target.conninfo.with_host(session.host()),
            source: target.source.clone(),
        };
        let (activity_link, opened) = open(&here).await;
        if let Err(e) = opened {
            ledger.failed("pg_stat_activity", &e);
        }
        let (stop, stopped) = watch::channel(false);
        let mut replication = Replication::open(&here, &server, &options, &open, &mut ledger).await;
        let pooler = match options.pgbouncer.clone() {
            Some(target) => {
                let name = &session_options.application_name;
                Some(PgBouncerWatch::open(target, name).await)
            }
            None => None,
        };

        let origin = Instant::now();
        let own = session_options.application_name.clone();
        let interval = options.activity_interval;
        let sampler = activity::run(activity_link, own, interval, origin, stopped.clone());
        let activity = Task::spawn(sampler);
        let interval = options.lsn_interval;
        let watched = !options.replicas.is_empty();
        let primary = replication.primary.take().map(|link| {
            let sampler = Primary::run(link, watched, interval, origin, stopped.clone());
            Task::spawn(sampler)
        });
        let standbys = replication.standbys.into_iter();
        let standbys = standbys
            .map(|standby| Task::spawn(standby.run(interval, origin, stopped.clone())))
            .collect();

        let pgbouncer = pooler.map(|pooler| Task::spawn(pooler.run(origin, stopped.clone())));

        let opening = End::read(&session, origin, &mut ledger).await;
        let mut link = Link::over(session, target.clone(), session_options);
        chain.tick(&mut link, origin).await;
        let main = Task::spawn(chain.run(link, options.statements_interval, origin, stopped));
        let observer = Self {
            origin,
            server: server.clone(),
            stop,
            opening,
            ledger,
            main,
            activity,
            primary,
            standbys,
            pgbouncer,
        };
        Ok((observer, server))
    }

    /// The origin of the window's clock: every `at` counts from here.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.origin
    }

    /// Stops the samplers, takes the closing sample, reads the catalogue's facts and ends every
    /// session. Connections of a replay should be closed before, so that their counters are
    /// published; those that are just ending are waited for.
    pub async fn finish(self, load: LoadState) -> Observed {
        let window = Millis::from(self.origin.elapsed());
        // Nobody listens only if every sampler has ended already.
        let _nobody = self.stop.send(true);
        let mut ledger = self.ledger;

        let activity = join(self.activity, "pg_stat_activity", &mut ledger).await;
        let primary = match self.primary {
            Some(task) => join(task, "pg_stat_replication", &mut ledger).await,
            None => None,
        };
        let mut standbys = Vec::new();
        for task in self.standbys {
            standbys.extend(join(task, "standby", &mut ledger).await);
        }
        let main = join(self.main, "pg_stat_statements", &mut ledger).await;
        let pooler = match self.pgbouncer {
            Some(task) => join(task, pgbouncer::COLLECTOR, &mut ledger).await,
            None => None,
        };
        let pooler = match pooler {
            Some(pooler) => Box::pin(pooler.finish(self.origin, &mut ledger)).await,
            None => None,
        };

        let mut own_ids = BTreeSet::new();
        let activity = match activity {
            Some(activity) => {
                own_ids.clone_from(&activity.own_ids);
                Some(Box::pin(finish_activity(activity, &self.server, &mut ledger)).await)
            }
            None => None,
        };
        let closing = Closing {
            origin: self.origin,
            server: self.server,
            window,
            opening: self.opening,
            ledger,
            own_ids,
            load,
        };
        // Boxed, because every reader's future is part of it.
        let observed = Box::pin(closing.finish(main, activity.flatten(), primary, standbys)).await;
        Observed {
            pgbouncer: pooler,
            ..observed
        }
    }
}

/// Links of the replication samplers.
struct Replication {
    primary: Option<Link>,
    standbys: Vec<StandbyWatch>,
}

impl Replication {
    async fn open<F>(
        target: &Target,
        server: &Server,
        options: &ObserveOptions,
        open: &impl Fn(&Target) -> F,
        ledger: &mut Ledger,
    ) -> Self
    where
        F: Future<Output = (Link, Result<(), PgError>)>,
    {
        let mut standbys = Vec::new();
        // A target that is a standby itself has positions of its own kind.
        let own_standby = server.in_recovery.then_some(target);
        for target in options.replicas.iter().chain(own_standby) {
            let (link, opened) = open(target).await;
            let mut standby = StandbyWatch::open(link).await;
            if let Err(e) = opened {
                ledger.failed("standby", &e);
                standby.standby.failure = Some(e.to_string());
            }
            if let Some(session) = standby.link.current() {
                let weak = session.protection().warning(session.host());
                for warning in target.conninfo.warnings().iter().cloned().chain(weak) {
                    ledger.note("connection", Status::Partial, warning);
                }
            }
            standbys.push(standby);
        }
        let mut primary = None;
        if !server.in_recovery {
            let (link, opened) = open(target).await;
            if let Err(e) = opened {
                ledger.failed("pg_stat_replication", &e);
            }
            primary = Some(link);
        }
        Self { primary, standbys }
    }
}

/// The extension if it can be read; otherwise the ledger says why not.
pub(super) fn statements_source(
    server: &Server,
    extension: Option<&Extension>,
    ledger: &mut Ledger,
) -> Option<Source> {
    if !cures::statements_usable(server, extension, ledger) {
        return None;
    }
    let extension = extension?;
    let source = Source::new(extension)?;
    if let Err(e) = source.sql(&crate::pg::catalog::PG_STAT_STATEMENTS) {
        ledger.failed("pg_stat_statements", &e);
        ledger.note(
            "pg_stat_statements",
            crate::record::Status::Failed,
            "ALTER EXTENSION pg_stat_statements UPDATE brings it to the server's version",
        );
        return None;
    }
    cures::statements_limits(server, extension, ledger);
    Some(source)
}

async fn finish_activity(
    activity: Activity,
    server: &Server,
    ledger: &mut Ledger,
) -> Option<ActivitySeries> {
    ledger.merge(activity.ledger);
    if activity.hidden {
        ledger.note(
            "pg_stat_activity",
            crate::record::Status::Partial,
            format!(
                "state and waits of other roles' sessions are hidden: {}",
                cures::grant_monitor(server)
            ),
        );
    }
    activity.link.close().await;
    (!activity.series.samples.is_empty()).then_some(activity.series)
}

/// The result of a sampler; one that panicked becomes a row of coverage.
async fn join<T: Send + 'static>(
    task: Task<T>,
    collector: &'static str,
    ledger: &mut Ledger,
) -> Option<T> {
    if let Ok(result) = task.join().await {
        return Some(result);
    }

    ledger.note(
        collector,
        crate::record::Status::Failed,
        "the sampler ended unexpectedly; please report this",
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Callers run the observer in tasks of their own.
    #[expect(dead_code, reason = "only has to compile")]
    fn the_observer_can_be_moved_between_threads(
        target: &'static Target,
        options: ObserveOptions,
        observer: Observer,
    ) {
        fn movable(_: impl Send) {}
        movable(Observer::start(target, options));
        movable(observer.finish(LoadState::GoesOn));
    }
}
