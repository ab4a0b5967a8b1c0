//! `replay-paused`: a standby receives and does not replay.

use crate::analyze::conclusions::{Severity, StandbyVerdict};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "replay-paused",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let standbys = &facts.replication()?.standbys;
    let outcomes = standbys.iter().filter_map(|standby| match standby.verdict {
        StandbyVerdict::Paused => {
            let behind = standby
                .lag_bytes
                .map_or_else(String::new, |b| format!(", {} behind", size(b)));
            let draft = Draft::new(RULE.id, Severity::Warning)
                .about("standby", &standby.name)
                .title(&format!("the replay of {} is paused{behind}", standby.name))
                .detail("It keeps receiving WAL, which fills its disk, and its data stands still")
                .sql("SELECT pg_wal_replay_resume();".to_owned())
                .undo("SELECT pg_wal_replay_pause();".to_owned())
                .note("run it on the standby, and only if nobody paused it on purpose");
            Some(draft.fire(facts))
        }
        StandbyVerdict::Delayed => Some(Outcome::Suppressed(format!(
            "{} delays on purpose (recovery_min_apply_delay)",
            standby.name
        ))),
        _ => None,
    });
    Ok(outcomes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::replication_case;

    #[test]
    fn a_paused_replay_is_found_and_an_intended_delay_is_not() {
        let finding = replication_case(StandbyVerdict::Paused).the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("the replay of s1 is paused, 80.0 MiB behind")
        );
        let delayed = replication_case(StandbyVerdict::Delayed);
        assert!(delayed.suppressed(&RULE).contains("on purpose"));
        replication_case(StandbyVerdict::Streaming).assert_quiet(&RULE);
    }
}
