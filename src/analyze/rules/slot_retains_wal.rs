//! `slot-retains-wal`: a replication slot keeps WAL back, which fills the primary's disk.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "slot-retains-wal",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let replication = facts.replication()?;
    let window = facts.run.replication.as_ref();
    window
        .and_then(|w| w.slots.as_ref())
        .ok_or_else(|| facts.missing("pg_replication_slots"))?;
    // In megabytes; -1 keeps everything.
    let limit = facts.number_setting("max_slot_wal_keep_size");
    let limit = limit.ok().filter(|mb| *mb > 0.0).map(|mb| mb * 1_048_576.0);
    let found = replication.slots.iter().filter_map(|slot| {
        let retained = slot.retained_bytes?;
        let near = limit.is_some_and(|limit| retained as f64 > t::SLOT_RETAINED_RATIO * limit);
        if retained < t::SLOT_RETAINED_BYTES && !near {
            return None;
        }
        let (severity, state) = if slot.active {
            (Severity::Warning, "active")
        } else {
            (Severity::Critical, "inactive")
        };
        let quoted = slot.name.replace('\'', "''");
        let draft = Draft::new(RULE.id, severity)
            .about("slot", &slot.name)
            .title(&format!(
                "the {state} slot {} keeps {} of WAL back",
                slot.name,
                size(retained)
            ))
            .detail(format!(
                "wal_status is {}; the WAL stays on the primary's disk until the consumer takes it",
                slot.wal_status.as_deref().unwrap_or("not known")
            ))
            .sql((!slot.active).then(|| format!("SELECT pg_drop_replication_slot('{quoted}');")))
            .note(
                "dropping a slot cannot be undone: its consumer has to be built again; \
                 max_slot_wal_keep_size bounds what slots may keep",
            );
        Some(draft.fire(facts))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::{SlotState, StandbyVerdict};
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::{Case, replication_case};

    fn case(gib: u64, active: bool) -> Case {
        let mut case = replication_case(StandbyVerdict::Streaming);
        case.run.replication.as_mut().unwrap().slots = Some(Vec::new());
        case.conclusions.replication.as_mut().unwrap().slots = vec![SlotState {
            name: "old".to_owned(),
            active,
            wal_status: Some("extended".to_owned()),
            retained_bytes: Some(gib << 30),
        }];
        case
    }

    #[test]
    fn an_inactive_slot_is_critical_and_may_be_dropped() {
        let finding = case(11, false).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.title.contains("inactive slot old keeps 11.0 GiB"));
        assert!(finding.remediation.sql.unwrap().contains("'old'"));
        let finding = case(11, true).the_finding(&RULE);
        assert_eq!(
            (finding.severity, finding.remediation.sql),
            (Severity::Warning, None)
        );
        case(9, false).assert_quiet(&RULE);
    }

    #[test]
    fn half_of_the_limit_counts_too() {
        let mut case = case(3, false);
        set(&mut case.run, "max_slot_wal_keep_size", "5120");
        assert_eq!(case.fired(&RULE).len(), 1);
    }
}
