//! `cpu-saturated`: at least as many sessions want a processor as there are cores.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::waits::Share;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "cpu-saturated",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let time = facts.waits()?;
    let cores = facts.cores()?;
    let share = Share::of(time, |w| w.wait_class == "CPU*");
    let wanting = share.ratio * time.average_active_sessions;
    if share.low() * time.average_active_sessions < f64::from(cores) {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Critical)
        .about("server", "cpu")
        .title(&format!(
            "{wanting:.1} sessions want a processor and there are {cores} cores"
        ))
        .detail(format!(
            "{} of {:.2} active sessions were not waiting as far as is instrumented (CPU*), so \
             they ran or queued for a core",
            share.words(),
            time.average_active_sessions
        ))
        .note(
            "make the statements cheaper that take most time; more connections only make every \
             one of them slower",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, database_time};

    fn case(aas: f64) -> Case {
        let mut case = Case::new();
        case.conclusions.database_time = Some(database_time(aas, &[("CPU*", "", 0.8, 0.02)]));
        case
    }

    #[test]
    fn more_sessions_than_cores_are_critical() {
        let finding = case(6.0).the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("4.8 sessions want a processor and there are 4 cores")
        );
        case(4.0).assert_quiet(&RULE);
    }

    #[test]
    fn cores_that_are_not_known_decide_nothing() {
        let mut case = case(6.0);
        case.run.server.as_mut().unwrap().cores = None;
        assert!(case.missing_fact(&RULE).contains("cores"));
        case.run.host.cores = Some(4);
        case.run.host.server_is_local = true;
        assert_eq!(case.fired(&RULE).len(), 1);
    }
}
