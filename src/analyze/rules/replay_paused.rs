//! `replay-paused`: a standby receives WAL and does not apply it.

use crate::analyze::conclusions::Severity;
use crate::record::replication::Standby;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "replay-paused",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.replication.as_ref();
    let window = window.ok_or_else(|| facts.missing("pg_stat_replication"))?;
    if window.standbys.is_empty() {
        return Err("no standby was asked (--replica)".to_owned());
    }
    let outcomes = window.standbys.iter().map(|s| outcome(facts, s));
    Ok(outcomes.collect())
}

fn outcome(facts: &Facts<'_>, standby: &Standby) -> Outcome {
    let states = standby.samples.iter().filter(|s| s.in_recovery);
    let states: Vec<&str> = states
        .filter_map(|s| s.replay_pause_state.as_deref())
        .collect();
    let Some(last) = states.last() else {
        return Outcome::NotEvaluated(format!(
            "the state of replay of the standby {} was not read",
            standby.name
        ));
    };
    let paused = states.iter().filter(|s| **s != "not paused").count();
    if paused == 0 {
        return Outcome::Quiet;
    }
    let end = if *last == "not paused" {
        "; at the end it was running again"
    } else {
        "; at the end it still was"
    };
    Draft::new(RULE.id, Severity::Warning)
        .about("standby", &standby.name)
        .title(&format!(
            "replay on standby {} was paused in {paused} of {} readings",
            standby.name,
            states.len()
        ))
        .detail(format!(
            "The standby keeps receiving WAL but does not apply it, so its data stands still and \
             its disk fills up{end}"
        ))
        .sql("SELECT pg_wal_replay_resume();".to_owned())
        .undo("SELECT pg_wal_replay_pause();".to_owned())
        .note(
            "run it on the standby; ask first who paused it: a backup, or a recovery that waits at \
             its target, may need the pause",
        )
        .fire(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::StandbyVerdict;
    use crate::analyze::rules::testing::Case;
    use crate::analyze::rules::testing_replication::{asked, replicated, standby};

    fn case(states: &[Option<&str>]) -> Case {
        let mut one = asked("one", &vec![0; states.len()]);
        for (sample, state) in one.samples.iter_mut().zip(states) {
            sample.replay_pause_state = state.map(str::to_owned);
        }
        replicated(vec![standby("one", StandbyVerdict::Paused)], vec![one])
    }

    #[test]
    fn paused_readings_are_counted() {
        let paused = case(&[Some("not paused"), Some("pause requested"), Some("paused")]);
        let finding = paused.the_finding(&RULE);
        assert_eq!(
            finding.title,
            "replay on standby one was paused in 2 of 3 readings"
        );
        assert!(finding.detail.contains("still was"));
        let resumed = case(&[Some("paused"), Some("not paused")]);
        assert!(resumed.the_finding(&RULE).detail.contains("running again"));
        case(&[Some("not paused")]).assert_quiet(&RULE);
    }

    #[test]
    fn what_was_not_read_is_not_running() {
        assert!(case(&[None]).missing_fact(&RULE).contains("was not read"));
        let unasked = replicated(vec![], vec![]);
        assert!(unasked.missing_fact(&RULE).contains("--replica"));
    }
}
