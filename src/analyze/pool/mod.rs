//! Connections: what the server shows, what the replay's pool measured, and the size that follows.
//!
//! The size follows from Little's law on **lease** time (statements and what is done between them),
//! never on statement time alone. In a closed loop the wait for a connection comes from the
//! machine-repair model, in an open one from M/M/c; both are corrected for the spread of leases by
//! Allen and Cunneen's factor, which is good to about a quarter. The recommended size is the
//! smallest one whose wait meets the target, within the cores of the server and the budget of its
//! connections: what all instances of the application together may have, in a rolling deploy too.

mod budget;
mod compared;
mod draft;
mod estimate;
mod fleet;
mod gauges;
mod interval;
mod model;
mod observed;
mod percent;
mod pgbouncer;
mod pooler;
mod recommend;
mod replayed;
mod room;
mod seen;
mod settings;
mod slices;
mod sweep;

use crate::record::Run;

use super::conclusions::{Pool, Recommendation};

pub use budget::usable_connections;
pub use percent::{Percent, PercentError};
pub use sweep::{SweepPlan, next_turns};

/// What the caller knows of the application and of what else connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// Number of instances of the application, each with a pool of its own; at least 1.
    pub instances: u32,
    /// Instances that a rolling deploy adds for a while, as a share of [`Self::instances`].
    pub surge: Percent,
    /// Connections of everything else that uses the server; `None` for what was seen.
    pub other_connections: Option<u32>,
    /// Share of the connections that stays free for migrations, people and monitoring.
    pub headroom: Percent,
    /// The `PgBouncer` in front of the server, where one is known to be.
    pub pooler: Option<PoolerInFront>,
}

/// A `PgBouncer` in front of the server; every number is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolerInFront {
    /// Processes, each with pools of its own.
    pub processes: u32,
    /// Users that the application connects as.
    pub users: u32,
    /// Databases that it uses.
    pub databases: u32,
}

impl Default for PoolOptions {
    /// One instance without a rolling deploy or a pooler; a fifth stays free.
    fn default() -> Self {
        Self {
            instances: 1,
            surge: Percent::new(0),
            other_connections: None,
            headroom: Percent::new(20),
            pooler: None,
        }
    }
}

impl Default for PoolerInFront {
    /// One process with one user and one database.
    fn default() -> Self {
        Self {
            processes: 1,
            users: 1,
            databases: 1,
        }
    }
}

/// Why there is no recommendation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRecommendation {
    /// Neither a replay nor samples.
    #[error("connections were neither sampled nor used by a replay")]
    NothingMeasured,
    /// The role sees its own sessions only.
    #[error("the sessions of other roles are hidden: GRANT pg_monitor to the role")]
    Hidden,
    /// Fewer samples than the rules ask for.
    #[error(
        "{0} samples of pg_stat_activity are too few; at least {min} are needed, so observe for longer",
        min = estimate::MIN_SAMPLES
    )]
    FewSamples(usize),
    /// No connection did anything.
    #[error("no connection of an application was busy in the window")]
    NothingBusy,
    /// The load is beyond every size.
    #[error(
        "no size of up to {max} connections meets the target for this load",
        max = model::MAX_SIZE
    )]
    NoSize,
    /// All connections were in use, and what would help cannot be told from outside.
    #[error(
        "all {open} connections of {application} were in use again and again, and whether the database has room for \
         more cannot be told: {why}. Growth may be the cure or the opposite of one; replay a workload, or sweep \
         sizes with dbperf pool where that may be done"
    )]
    RoomUnknown {
        /// Connections that were open.
        open: u32,
        /// Whose, as named in reasons.
        application: String,
        /// What is missing.
        why: String,
    },
    /// Several machines had a pool each.
    #[error(
        "{0} machines had a pool each, and a sum of pools is not one large pool; look at the run of one of them"
    )]
    Merged(usize),
    /// Several pools shared the window.
    #[error(
        "several pools were compared in turns; replay through the one that you choose to get its size"
    )]
    Compared,
    /// A sweep without a result.
    #[error("{0}")]
    Sweep(String),
    /// The replay hardly used its pool.
    #[error(
        "{0} leases are too few; at least {min} are needed, so replay for longer",
        min = recommend::MIN_LEASES
    )]
    FewLeases(u64),
    /// Others have every connection.
    #[error(
        "{usable} usable connections less {others} of others and {headroom} in reserve leave none for \
         the application{}; close what is not needed before a size is asked for",
        limit.as_ref().map_or(String::new(), |l| format!(" (CONNECTION LIMIT of {l})"))
    )]
    NoRoom {
        /// `max_connections` without reserved ones.
        usable: u32,
        /// Of them, of others.
        others: u32,
        /// Share that stays free.
        headroom: Percent,
        /// A tighter `CONNECTION LIMIT`.
        limit: Option<String>,
    },
    /// A `PgBouncer` has more pools than there are connections.
    #[error(
        "{budget} connections are fewer than one for each of {databases} database(s) in {processes} \
         PgBouncer process(es); use fewer processes"
    )]
    NoRoomForPools {
        /// Server connections that the fleet may have.
        budget: u32,
        /// Databases in `PgBouncer`.
        databases: u32,
        /// Its processes.
        processes: u32,
    },
}

/// Connections of a run; `None` where they were neither sampled nor used by a replay,
/// and `PgBouncer` was not asked.
#[must_use]
pub fn conclude(run: &Run, options: &PoolOptions) -> Option<Pool> {
    let observed = observed::conclude(run);
    let replay = run.pool.as_ref().map(replayed::conclude);
    let pgbouncer = pgbouncer::conclude(run);
    if observed.is_none() && replay.is_none() && pgbouncer.is_none() && run.sweep.is_none() {
        return None;
    }
    let found: Result<Recommendation, NoRecommendation> = match (&run.sweep, &run.pool) {
        (Some(sweep), _) => sweep::recommend(run, sweep, options),
        (None, Some(_)) if run.comparison.is_some() => Err(NoRecommendation::Compared),
        (None, Some(_)) if run.merged.len() > 1 => Err(NoRecommendation::Merged(run.merged.len())),
        (None, Some(pool)) => recommend::from_replay(run, pool, options),
        (None, None) => estimate::from_observation(run, options),
    };
    let (recommendation, no_recommendation) = match found {
        Ok(recommendation) => (Some(recommendation), None),
        Err(reason) => (None, Some(reason.to_string())),
    };
    Some(Pool {
        observed,
        replay,
        pgbouncer,
        recommendation,
        no_recommendation,
        sweep: run
            .sweep
            .as_ref()
            .map_or_else(Vec::new, |sweep| sweep::sweep_points(run, sweep)),
        scaling: run.sweep.as_ref().map(sweep::scaling),
        comparison: run.comparison.as_ref().map(compared::conclude),
    })
}

/// Share of the replay's statement latency that was waiting in `PgBouncer` (0 to 1); `None` where the
/// replay did not go through one that was asked.
pub(super) fn waiting_in_pgbouncer(run: &Run) -> Option<f64> {
    let replay = pgbouncer::conclude(run)?.replay?;
    Some(replay.waiting_share_ratio)
}

#[cfg(test)]
mod tests;
