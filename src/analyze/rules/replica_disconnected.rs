//! `replica-disconnected`: a standby receives nothing.

use crate::analyze::conclusions::{Severity, StandbyState, StandbyVerdict};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "replica-disconnected",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let known = &facts.replication()?.standbys;
    let expected = facts.run.replication.as_ref().map(|w| w.standbys.len());
    let severed = known
        .iter()
        .filter(|s| matches!(s.verdict, StandbyVerdict::Severed | StandbyVerdict::Unknown));
    let outcomes: Vec<Outcome> = severed.map(|s| outcome(facts, s)).collect();
    if outcomes.is_empty() && expected.is_none_or(|n| n == 0) {
        return Err(
            "the standbys that should be there are not known (name them with --replica)".to_owned(),
        );
    }
    Ok(outcomes)
}

fn outcome(facts: &Facts<'_>, standby: &StandbyState) -> Outcome {
    if was_not_read(facts, standby) {
        return Outcome::NotEvaluated(format!(
            "the standby {} could not be read, and the primary shows no row of its name",
            standby.name
        ));
    }
    let note = standby.note.as_deref().unwrap_or("its receiver is gone");
    let behind = standby.lag_bytes.map_or_else(String::new, |bytes| {
        format!("; it was {} behind at the end of the window", size(bytes))
    });
    Draft::new(RULE.id, Severity::Critical)
        .about("standby", &standby.name)
        .title(&format!(
            "standby {} receives nothing from the primary",
            standby.name
        ))
        .detail(format!(
            "{note}{behind}. Its data grows older every minute, and a failover to \
             it would lose what it did not receive"
        ))
        .note(
            "look into the standby's log: wrong primary_conninfo, password or pg_hba.conf, network, \
             or WAL that the primary has removed already; in the last case it has to be built anew \
             (pg_basebackup), and a replication slot keeps it from happening again",
        )
        .fire(facts)
}

/// Neither the standby nor the primary told anything: that is not the same as severed.
fn was_not_read(facts: &Facts<'_>, standby: &StandbyState) -> bool {
    if standby.verdict == StandbyVerdict::Unknown {
        return true;
    }
    let mut asked = facts.run.replication.iter().flat_map(|w| &w.standbys);
    let silent = asked.any(|s| s.name == standby.name && s.samples.is_empty());
    silent && standby.state.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;
    use crate::analyze::rules::testing_replication::{asked, replicated, standby};

    #[test]
    fn a_severed_standby_is_critical() {
        let states = vec![standby("one", StandbyVerdict::Severed)];
        let mut case = replicated(states, vec![asked("one", &[0])]);
        let states = &mut case.conclusions.replication.as_mut().unwrap().standbys;
        states[0].lag_bytes = Some(3 << 20);
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(
            finding.title,
            "standby one receives nothing from the primary"
        );
        assert!(finding.detail.contains("3.0 MiB behind"));
    }

    #[test]
    fn a_standby_that_could_not_be_read_is_not_called_severed() {
        let states = vec![standby("one", StandbyVerdict::Severed)];
        let case = replicated(states, vec![asked("one", &[])]);
        assert!(case.missing_fact(&RULE).contains("could not be read"));
    }

    #[test]
    fn without_a_list_of_standbys_nothing_is_absent() {
        assert!(
            Case::new()
                .missing_fact(&RULE)
                .contains("pg_stat_replication")
        );
        let unasked = replicated(vec![], vec![]);
        assert!(unasked.missing_fact(&RULE).contains("--replica"));
        let states = vec![standby("one", StandbyVerdict::Streaming)];
        replicated(states, vec![asked("one", &[0])]).assert_quiet(&RULE);
    }
}
