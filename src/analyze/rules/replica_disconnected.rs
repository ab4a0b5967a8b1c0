//! `replica-disconnected`: a standby that should stream receives nothing.

use crate::analyze::conclusions::{Severity, StandbyVerdict};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "replica-disconnected",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let standbys = &facts.replication()?.standbys;
    if standbys.is_empty() {
        return Err("no standby is expected: name it with --replica".to_owned());
    }
    let severed = standbys
        .iter()
        .filter(|s| s.verdict == StandbyVerdict::Severed);
    let found =
        severed.map(|standby| {
            let behind = standby.lag_bytes.map_or_else(
                || "how far behind is not known".to_owned(),
                |bytes| format!("{} behind", size(bytes)),
            );
            Draft::new(RULE.id, Severity::Critical)
            .about("standby", &standby.name)
            .title(&format!("the standby {} receives nothing, {behind}", standby.name))
            .detail(standby.note.clone().unwrap_or_else(|| {
                "It has no WAL receiver, or the primary has no sender for it; this is not the \
                 same as having caught up"
                    .to_owned()
            }))
            .note(
                "check the network, primary_conninfo, the role's password and the standby's log; \
                 if the primary removed WAL that it needs, it has to be built again",
            )
            .fire(facts)
        });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::replication_case;

    #[test]
    fn a_severed_standby_is_critical_and_an_idle_one_is_not() {
        let finding = replication_case(StandbyVerdict::Severed).the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("s1 receives nothing, 80.0 MiB behind")
        );
        assert_eq!(finding.severity, Severity::Critical);
        for verdict in [
            StandbyVerdict::Idle,
            StandbyVerdict::Streaming,
            StandbyVerdict::Paused,
        ] {
            replication_case(verdict).assert_quiet(&RULE);
        }
    }

    #[test]
    fn without_an_expected_standby_it_is_not_evaluated() {
        let mut case = replication_case(StandbyVerdict::Idle);
        case.conclusions
            .replication
            .as_mut()
            .unwrap()
            .standbys
            .clear();
        assert!(case.missing_fact(&RULE).contains("--replica"));
    }
}
