//! From a size that the load asks for to one that the server can give to every instance.
//!
//! Where the wanted size does not fit, a pooler or fewer instances are the cure, never a larger
//! `max_connections` by itself: what is added there has to share the same cores and memory.

use crate::analyze::conclusions::{Fleet, Pooler, Recommendation};
use crate::analyze::figures::plural;
use crate::record::Run;

use super::budget::{Budget, Seen, budget};
use super::draft::{Draft, UNKNOWN};
use super::pooler::{Wanted, plan, present_worst_case};
use super::settings::Settings;
use super::{NoRecommendation, PoolOptions, PoolerInFront};

/// What is known beside the draft.
pub(super) struct Ground<'a> {
    run: &'a Run,
    options: &'a PoolOptions,
    budget: Option<Budget>,
    in_front: Option<PoolerInFront>,
}

impl<'a> Ground<'a> {
    pub(super) fn of(run: &'a Run, seen: &Seen, options: &'a PoolOptions) -> Self {
        let through = run.server.as_ref().and_then(|s| s.through_pooler) == Some(true);
        let found = through || run.pgbouncer.is_some();
        Self {
            run,
            options,
            budget: budget(run, seen, options),
            in_front: options.pooler.or(found.then(PoolerInFront::default)),
        }
    }
}

/// The pools of all instances, as they are to be.
struct Outcome {
    size: u32,
    /// Server connections of all instances, without a rolling deploy.
    total: u32,
    /// Largest number of server connections, in a rolling deploy too.
    most: u32,
    pooler: Option<Pooler>,
}

/// Fits the draft into the budget.
pub(super) fn finish(
    mut draft: Draft,
    ground: &Ground<'_>,
) -> Result<Recommendation, NoRecommendation> {
    let options = ground.options;
    let instances = options.instances.max(1);
    let wanted = draft.size;
    let outcome = if let Some(budget) = &ground.budget {
        within(&mut draft, budget, ground)?
    } else {
        unchecked(&mut draft, instances)
    };
    let fleet = ground.budget.as_ref().map(|budget| Fleet {
        usable_connections: budget.usable,
        other_connections: budget.others,
        headroom_ratio: options.headroom.ratio(),
        surge_ratio: options.surge.ratio(),
        instances_in_rollout: budget.in_rollout,
        budget_connections: budget.total,
        budget_per_instance: budget.per_instance,
        connection_limit: budget.limit.clone(),
        wanted_pool_size: wanted,
        connections_in_rollout: outcome.most,
    });
    let Settings { all, none } =
        Settings::of(&draft, outcome.size, wanted, outcome.pooler.as_ref());
    Ok(Recommendation {
        pool_size: outcome.size,
        pool_size_low: draft.interval.map(|i| i.0.min(outcome.size)),
        pool_size_high: draft.interval.map(|i| i.1.max(outcome.size)),
        instances,
        connections_total: outcome.total,
        evidence: draft.evidence,
        target: draft.target,
        expected: draft.expected,
        verified: None,
        verdict: draft.verdict.to_owned(),
        reasons: draft.reasons,
        fleet,
        pooler: outcome.pooler,
        settings: all,
        no_settings: none,
    })
}

/// Without a budget: the wanted size for everybody.
fn unchecked(draft: &mut Draft, instances: u32) -> Outcome {
    let reason = "max_connections and its reserves were not read: the budget was not checked";
    draft.reasons.push(reason.to_owned());
    let total = draft.size.saturating_mul(instances);
    Outcome {
        size: draft.size,
        total,
        most: total,
        pooler: None,
    }
}

/// With a budget: through a pooler that is there, straight to the server where the wanted size fits, or
/// with a pooler.
fn within(
    draft: &mut Draft,
    budget: &Budget,
    ground: &Ground<'_>,
) -> Result<Outcome, NoRecommendation> {
    let options = ground.options;
    if budget.total == 0 {
        return Err(NoRecommendation::NoRoom {
            usable: budget.usable,
            others: budget.others,
            headroom: options.headroom,
            limit: budget.limit.clone(),
        });
    }
    if !budget.limits_known && options.instances > 1 {
        draft
            .reasons
            .push("CONNECTION LIMITs of roles and databases were not read".to_owned());
    }
    let shape = ground.in_front.unwrap_or_default();
    let settings = |need: &str| {
        let wanted = Wanted {
            servers: draft.fleet_size,
            budget: budget.total,
            clients: draft.size.saturating_mul(budget.in_rollout),
            shape,
        };
        plan(&wanted, need)
    };
    let no_room = NoRecommendation::NoRoomForPools {
        budget: budget.total,
        databases: shape.databases,
        processes: shape.processes,
    };
    if ground.in_front.is_some() {
        let pooler = settings("in-front").ok_or(no_room)?;
        return Ok(behind(draft, budget, ground, pooler));
    }
    if draft.size <= budget.per_instance {
        let pooler = settings("not-needed");
        return Ok(direct(draft.size, budget, options, pooler));
    }
    let pooler = settings("needed");
    draft.reasons.push(too_many(draft, budget, options));
    draft.expected = UNKNOWN;
    if budget.per_instance > 0 {
        return Ok(direct(budget.per_instance, budget, options, pooler));
    }
    let pooler = pooler.ok_or(no_room)?;
    Ok(behind(draft, budget, ground, pooler))
}

/// Each instance connects to the server itself.
fn direct(size: u32, budget: &Budget, options: &PoolOptions, pooler: Option<Pooler>) -> Outcome {
    Outcome {
        size,
        total: size.saturating_mul(options.instances.max(1)),
        most: size.saturating_mul(budget.in_rollout),
        pooler,
    }
}

/// The pools of the instances connect to a pooler, whose server connections are what counts.
fn behind(draft: &mut Draft, budget: &Budget, ground: &Ground<'_>, mut pooler: Pooler) -> Outcome {
    if let Some(window) = &ground.run.pgbouncer {
        pooler.present_server_connections_max = present_worst_case(window, pooler.processes);
    }
    if let Some(most) = pooler.present_server_connections_max
        && most > budget.usable.saturating_sub(budget.others)
    {
        draft.reasons.push(format!(
            "PgBouncer as it is set may open {most} server connections, and {} usable ones less {} \
             of others are left",
            budget.usable, budget.others
        ));
    }
    if pooler.server_connections_max < pooler.server_connections_wanted {
        draft.reasons.push(format!(
            "{} server connections would be wanted for all instances, and PgBouncer may have {}: \
             clients wait there instead of in their pools",
            pooler.server_connections_wanted, pooler.server_connections_max
        ));
        draft.expected = UNKNOWN;
    }
    Outcome {
        size: draft.size,
        total: pooler.server_connections_max,
        most: pooler.server_connections_max,
        pooler: Some(pooler),
    }
}

/// Why the wanted size is not the recommended one.
fn too_many(draft: &Draft, budget: &Budget, options: &PoolOptions) -> String {
    let at_once = match budget.in_rollout.saturating_sub(options.instances.max(1)) {
        0 => instances(budget.in_rollout),
        more => format!(
            "{} instances at once ({more} of them by a rolling deploy)",
            budget.in_rollout
        ),
    };
    let limit = budget.limit.as_ref().map_or(String::new(), |limit| {
        format!(" (and the CONNECTION LIMIT of {limit})")
    });
    let fewer = match budget.instances_that_fit(draft.size, options) {
        0 => String::new(),
        n => format!(" or at most {}", instances(n)),
    };
    format!(
        "the budget binds: {} usable connections less {} of others{limit} and {} in reserve leave \
         {} for each of {at_once}, where {} would be wanted; use a pooler{fewer}, not a larger \
         max_connections by itself",
        budget.usable, budget.others, options.headroom, budget.per_instance, draft.size
    )
}

fn instances(number: u32) -> String {
    plural(u64::from(number), "instance", "instances")
}

#[cfg(test)]
mod tests;
