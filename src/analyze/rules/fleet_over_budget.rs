//! `fleet-over-budget`: the pools of all instances together may open more than the server allows.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "fleet-over-budget",
    judge,
};

/// Judges the pool as it was replayed, not the one that is recommended, which fits by construction.
fn judge(facts: &Facts<'_>) -> Judgement {
    let recommendation = facts.recommendation()?;
    let fleet = recommendation.fleet.as_ref();
    let fleet = fleet.ok_or_else(|| "max_connections is not visible".to_owned())?;
    if recommendation.instances < 2 && fleet.instances_in_rollout < 2 {
        return Err("only one instance was named (--instances N names the fleet)".to_owned());
    }
    if recommendation
        .pooler
        .as_ref()
        .is_some_and(|p| p.need == "in-front")
    {
        // The instances connect to PgBouncer, which bounds what reaches the server.
        return Ok(Vec::new());
    }
    let pool = u64::from(facts.replay_pool()?.pool_size);
    let instances = u64::from(fleet.instances_in_rollout);
    let wanted = pool * instances + u64::from(fleet.other_connections);
    let usable = u64::from(fleet.usable_connections);
    if wanted <= usable {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Critical)
        .about("pool", "fleet")
        .title(&format!(
            "{instances} instances with a pool of {pool} and {} other connections want {wanted} of \
             {usable} usable ones",
            fleet.other_connections
        ))
        .detail(format!(
            "Instances of a rolling deploy are counted. When all pools are full, as they are under \
             load and after a restart of the server, new connections are refused with SQLSTATE \
             53300. {} connections for each instance would fit, headroom left",
            fleet.budget_per_instance
        ))
        .note(
            "smaller pools, fewer instances, or PgBouncer in transaction mode; a larger \
             max_connections needs a restart and shares the same cores",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::Fleet;
    use crate::analyze::rules::testing::{Case, pool_case};

    /// A pool of 4 for each of so many instances, 10 others, 50 usable.
    fn case(instances: u32) -> Case {
        let mut case = pool_case("fits");
        let pool = case.conclusions.pool.as_mut().unwrap();
        let recommendation = pool.recommendation.as_mut().unwrap();
        recommendation.instances = instances;
        recommendation.fleet = Some(Fleet {
            usable_connections: 50,
            other_connections: 10,
            headroom_ratio: 0.2,
            surge_ratio: 0.0,
            instances_in_rollout: instances,
            budget_connections: 32,
            budget_per_instance: 2,
            connection_limit: None,
            wanted_pool_size: 4,
            connections_in_rollout: 4 * instances,
        });
        case
    }

    #[test]
    fn more_than_all_usable_connections_is_critical() {
        let finding = case(11).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(
            finding.title,
            "11 instances with a pool of 4 and 10 other connections want 54 of 50 usable ones"
        );
        case(10).assert_quiet(&RULE);
    }

    #[test]
    fn a_fleet_that_was_not_named_decides_nothing() {
        assert!(case(1).missing_fact(&RULE).contains("--instances"));
        let mut unknown = case(11);
        let pool = unknown.conclusions.pool.as_mut().unwrap();
        pool.recommendation.as_mut().unwrap().fleet = None;
        assert!(unknown.missing_fact(&RULE).contains("max_connections"));
    }
}
