//! `slot-retains-wal`: a replication slot keeps WAL from being removed.

use crate::analyze::conclusions::{Severity, SlotState};

use super::draft::Draft;
use super::remedies::literal;
use super::text::{percent, size};
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "slot-retains-wal",
    judge,
};

const LIMIT: &str = "max_slot_wal_keep_size";

fn judge(facts: &Facts<'_>) -> Judgement {
    let slots = &facts.replication()?.slots;
    let read = facts.run.replication.as_ref();
    if read.is_none_or(|window| window.slots.is_none()) {
        return Err(facts.missing("pg_replication_slots"));
    }
    Ok(slots.iter().map(|slot| outcome(facts, slot)).collect())
}

fn outcome(facts: &Facts<'_>, slot: &SlotState) -> Outcome {
    let Some(bytes) = slot.retained_bytes else {
        return without_size(facts, slot);
    };
    // The setting is in megabytes; -1 means no limit.
    let limit = facts.number_setting(LIMIT);
    let share = limit.as_ref().ok().filter(|mb| **mb > 0.0);
    let share = share.map(|mb| bytes as f64 / (mb * 1_048_576.0));
    let near_limit = share.is_some_and(|s| s > t::SLOT_RETAINED_RATIO);
    if bytes < t::SLOT_RETAINED_BYTES && !near_limit {
        return match limit {
            Ok(_) => Outcome::Quiet,
            Err(missing) => Outcome::NotEvaluated(missing),
        };
    }
    let of_limit = match (&limit, share) {
        (_, Some(share)) => format!("{} of {LIMIT}", percent(share)),
        (Ok(_), None) => format!("{LIMIT} sets no limit, so it can fill the disk"),
        (Err(_), None) => format!("{LIMIT} is not visible"),
    };
    fired(facts, slot, &size(bytes), &of_limit)
}

fn fired(facts: &Facts<'_>, slot: &SlotState, kept: &str, of_limit: &str) -> Outcome {
    let (severity, state) = if slot.active {
        (Severity::Warning, "active")
    } else {
        (Severity::Critical, "inactive")
    };
    let status = slot.wal_status.as_deref().unwrap_or("not visible");
    let draft = Draft::new(RULE.id, severity)
        .about("slot", &slot.name)
        .title(&format!("{state} slot {} keeps {kept} of WAL", slot.name))
        .detail(format!(
            "The WAL since the slot's restart_lsn cannot be removed: {of_limit}; wal_status is \
             {status}"
        ));
    let draft = if slot.active {
        draft.note(format!(
            "its consumer is connected but behind: find out why it is slow; {LIMIT} bounds the \
             disk, at the price that a consumer beyond it has to be built anew"
        ))
    } else {
        draft
            .sql(format!(
                "SELECT pg_drop_replication_slot({});",
                literal(&slot.name)
            ))
            .note(format!(
                "only if nobody will come back to it: there is no undo, the consumer has to be \
                 built anew; otherwise start the consumer, or bound the disk with {LIMIT}"
            ))
    };
    draft.fire(facts)
}

/// A slot that reserves nothing keeps nothing; elsewhere the size is not known.
fn without_size(facts: &Facts<'_>, slot: &SlotState) -> Outcome {
    let window = facts.run.replication.as_ref();
    let mut rows = window.iter().filter_map(|w| w.slots.as_ref()).flatten();
    let row = rows.find(|r| r.slot_name == slot.name);
    if row.is_some_and(|r| r.restart_lsn.is_none()) {
        Outcome::Quiet
    } else {
        Outcome::NotEvaluated(format!(
            "the WAL kept by the slot {} could not be computed",
            slot.name
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;
    use crate::analyze::rules::testing_replication::replicated;
    use crate::record::Lsn;
    use crate::record::replication::Slot;

    const GIB: u64 = 1 << 30;

    fn case(active: bool, retained: Option<u64>, limit_mb: &str) -> Case {
        let mut case = replicated(vec![], vec![]);
        let state = SlotState {
            name: "it's".to_owned(),
            active,
            wal_status: Some("extended".to_owned()),
            retained_bytes: retained,
        };
        case.conclusions.replication.as_mut().unwrap().slots = vec![state];
        let row = Slot {
            slot_name: "it's".to_owned(),
            slot_type: "physical".to_owned(),
            active,
            restart_lsn: Some(Lsn(1)),
            wal_status: None,
            ..Slot::default()
        };
        case.run.replication.as_mut().unwrap().slots = Some(vec![row]);
        set(&mut case.run, LIMIT, limit_mb);
        case
    }

    #[test]
    fn an_inactive_slot_is_critical_and_an_active_one_a_warning() {
        let finding = case(false, Some(12 * GIB), "-1").the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.title, "inactive slot it's keeps 12.0 GiB of WAL");
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("SELECT pg_drop_replication_slot('it''s');")
        );
        assert_eq!(finding.remediation.undo_sql, None);
        let active = case(true, Some(12 * GIB), "-1").the_finding(&RULE);
        assert_eq!(active.severity, Severity::Warning);
        assert_eq!(active.remediation.sql, None);
        case(false, Some(9 * GIB), "-1").assert_quiet(&RULE);
    }

    #[test]
    fn half_of_the_limit_is_enough() {
        let finding = case(true, Some(3 * GIB), "4096").the_finding(&RULE);
        assert!(finding.detail.contains("75.0 % of max_slot_wal_keep_size"));
        case(true, Some(2 * GIB), "4096").assert_quiet(&RULE);
    }

    #[test]
    fn what_is_not_known_is_not_small() {
        let mut hidden = case(false, Some(GIB), "-1");
        let settings = &mut hidden.run.server.as_mut().unwrap().settings;
        settings.clear();
        assert!(hidden.missing_fact(&RULE).contains(LIMIT));
        let unknown = case(false, None, "-1");
        assert!(
            unknown
                .missing_fact(&RULE)
                .contains("could not be computed")
        );
        let mut unread = case(false, Some(GIB), "-1");
        unread.run.replication.as_mut().unwrap().slots = None;
        assert!(unread.missing_fact(&RULE).contains("pg_replication_slots"));
    }

    #[test]
    fn a_slot_that_reserves_nothing_is_quiet() {
        let mut case = case(false, None, "-1");
        let slots = &mut case.run.replication.as_mut().unwrap().slots;
        slots.as_mut().unwrap()[0].restart_lsn = None;
        case.assert_quiet(&RULE);
    }
}
