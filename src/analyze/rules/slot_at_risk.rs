//! `slot-at-risk`: a replication slot has lost, or is about to lose, WAL that it needs.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "slot-at-risk",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.replication.as_ref();
    let slots = window.and_then(|w| w.slots.as_ref());
    let slots = slots.ok_or_else(|| facts.missing("pg_replication_slots"))?;
    let found = slots.iter().filter_map(|slot| {
        let status = slot.wal_status.as_deref()?;
        matches!(status, "unreserved" | "lost").then(|| {
            Draft::new(RULE.id, Severity::Critical)
                .about("slot", &slot.slot_name)
                .title(&format!("the slot {} is {status}", slot.slot_name))
                .detail(
                    "Its consumer is so far behind that the WAL it needs exceeds \
                     max_slot_wal_keep_size: `unreserved` may still be saved, `lost` is gone",
                )
                .note(
                    "let the consumer catch up at once, or raise max_slot_wal_keep_size and \
                     reload; the consumer of a lost slot has to be built again",
                )
                .fire(facts)
        })
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::StandbyVerdict;
    use crate::analyze::rules::testing::replication_case;
    use crate::record::replication::Slot;

    #[test]
    fn a_lost_slot_is_critical() {
        let mut case = replication_case(StandbyVerdict::Streaming);
        assert!(case.missing_fact(&RULE).contains("pg_replication_slots"));
        let slot = |status: &str| Slot {
            slot_name: "cdc".to_owned(),
            slot_type: "logical".to_owned(),
            active: false,
            restart_lsn: None,
            wal_status: Some(status.to_owned()),
            ..Slot::default()
        };
        let window = case.run.replication.as_mut().unwrap();
        window.slots = Some(vec![slot("reserved"), slot("lost")]);
        assert!(case.the_finding(&RULE).title.contains("cdc is lost"));
    }
}
