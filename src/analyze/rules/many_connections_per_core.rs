//! `many-connections-per-core`: the server allows far more sessions than its cores can serve.

use crate::analyze::conclusions::{Evidence, Severity};

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "many-connections-per-core",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let allowed = facts.number_setting("max_connections")?;
    let cores = facts.cores()?;
    if allowed <= t::CONNECTIONS_PER_CORE * f64::from(cores) {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let seen = facts.observed_pool().map(|o| o.in_use_max);
    let seen = seen.map_or_else(
        |_| "How many were busy at once was not sampled".to_owned(),
        |busy| format!("At most {busy} were busy at once in the window"),
    );
    let finding = Draft::new(RULE.id, Severity::Info)
        .evidence(Evidence::RuleOfThumb)
        .about("setting", "max_connections")
        .title(&format!("max_connections is {allowed:.0} on {cores} cores"))
        .detail(format!(
            "{seen}. If all of them were, each core would be shared by {:.0} sessions, and every \
             one of them slow",
            allowed / f64::from(cores.max(1))
        ))
        .note(
            "bound the pools of the application, or put PgBouncer in front; lowering \
             max_connections needs a restart, and a standby's must not be lower than its primary's",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    fn case(max_connections: &str) -> Case {
        let mut case = Case::new();
        set(&mut case.run, "max_connections", max_connections);
        case
    }

    #[test]
    fn more_than_ten_for_each_of_four_cores_are_many() {
        let finding = case("100").the_finding(&RULE);
        assert_eq!(finding.title, "max_connections is 100 on 4 cores");
        assert!(finding.detail.contains("shared by 25 sessions"));
        assert!(finding.detail.contains("was not sampled"));
        case("40").assert_quiet(&RULE);
    }

    #[test]
    fn without_cores_nothing_is_decided_and_a_lab_is_dbperfs_own() {
        let mut unknown = case("100");
        unknown.run.server.as_mut().unwrap().cores = None;
        assert!(unknown.missing_fact(&RULE).contains("cores"));
        let mut lab = case("100");
        lab.run.meta.lab = true;
        assert!(lab.suppressed(&RULE).contains("lab"));
    }
}
