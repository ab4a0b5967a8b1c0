//! `wal-sync-waits`: commits wait for the write-ahead log to reach the disk.

use crate::analyze::conclusions::{Severity, WaitShare};

use super::draft::Draft;
use super::waits::Share;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "wal-sync-waits",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let time = facts.waits()?;
    let share = Share::of(time, belongs);
    if share.low() < t::WAL_WAIT_RATIO {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("server", "wal-sync-waits")
        .title(&format!(
            "{} of active session time is waiting for the write-ahead log",
            share.words()
        ))
        .detail(format!(
            "{} samples with {:.2} active sessions on average; the limit is {:.0} %",
            time.samples,
            time.average_active_sessions,
            100.0 * t::WAL_WAIT_RATIO
        ))
        .saves(share.ms_per_sec)
        .note(
            "commit several changes in one transaction; where the last moments may be lost after a crash, synchronous_commit = off for those transactions; a faster disk for pg_wal",
        );
    Ok(vec![finding.fire(facts)])
}

/// The names changed in PostgreSQL 17.
fn belongs(wait: &WaitShare) -> bool {
    let names = [
        ("IO", "WALSync"),
        ("IO", "WALWrite"),
        ("IO", "WalSync"),
        ("IO", "WalWrite"),
        ("LWLock", "WALWrite"),
    ];
    names
        .into_iter()
        .any(|(class, event)| super::waits::is(wait, class, event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, database_time};

    fn case(event: &str, share: f64) -> Case {
        let mut case = Case::new();
        let waits = [("IO", event, share, 0.01)];
        case.conclusions.database_time = Some(database_time(2.0, &waits));
        case
    }

    #[test]
    fn the_lower_end_of_the_share_decides() {
        let finding = case("WALSync", 0.15).the_finding(&RULE);
        assert!(finding.title.contains("± 1.0 % of active session time"));
        assert_eq!(finding.saves_ms_per_sec, Some(0.15 * 2.0 * 1000.0));
        case("WALSync", t::WAL_WAIT_RATIO).assert_quiet(&RULE);
        case("Other", 0.9).assert_quiet(&RULE);
    }
}
