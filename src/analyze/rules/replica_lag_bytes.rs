//! `replica-lag-bytes`: a standby is many bytes behind.
//!
//! Bytes, because the view's time columns stand still when the primary stops writing.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{Severity, StandbyVerdict};
use crate::analyze::replication::standbys_not_asked;
use crate::record::replication::{LsnPoint, ReplicationWindow, SenderSample};
use crate::record::{Lsn, Millis};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "replica-lag-bytes",
    judge,
};

/// Replayed positions of one standby; absent where the reading did not tell it.
pub(super) type Positions = Vec<(Millis, Option<Lsn>)>;

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.replication.as_ref();
    let window = window.ok_or_else(|| facts.missing("pg_stat_replication"))?;
    if window.primary.is_empty() {
        return Err("the primary's position in the WAL was not read".to_owned());
    }
    let standbys = positions(window);
    let outcomes = standbys
        .iter()
        .map(|(name, positions)| outcome(facts, window, name, positions));
    Ok(outcomes.collect())
}

/// By standby under the name that it is shown with: by its own readings where it was asked, by the primary's rows of it
/// elsewhere.
pub(super) fn positions(window: &ReplicationWindow) -> BTreeMap<String, Positions> {
    let of_rows = |rows: &[&SenderSample]| rows.iter().map(|s| (s.at, s.replay_lsn)).collect();
    let mut all: BTreeMap<String, Positions> = standbys_not_asked(window)
        .into_iter()
        .map(|(name, rows)| (name, of_rows(&rows)))
        .collect();
    for standby in &window.standbys {
        let own = if standby.samples.is_empty() {
            let named =
                |s: &&SenderSample| Some(&s.application_name) == standby.application_name.as_ref();
            let rows: Vec<&SenderSample> = window.standby_senders().filter(named).collect();
            of_rows(&rows)
        } else {
            standby
                .samples
                .iter()
                .map(|s| (s.at, s.replay_lsn))
                .collect()
        };
        if !own.is_empty() {
            all.insert(standby.name.clone(), own);
        }
    }
    all
}

fn outcome(
    facts: &Facts<'_>,
    window: &ReplicationWindow,
    name: &str,
    positions: &Positions,
) -> Outcome {
    let behind = behind_over_time(&window.primary, positions);
    let behind: Vec<u64> = behind.into_iter().map(|(_, bytes)| bytes).collect();
    if behind.is_empty() {
        return Outcome::NotEvaluated(format!(
            "the replayed position of the standby {name} is not visible (GRANT pg_monitor)"
        ));
    }
    let count = longest_run(&behind);
    if count < t::REPLICA_LAG_SAMPLES {
        return Outcome::Quiet;
    }
    if let Some(reason) = harmless(facts, name) {
        return Outcome::Suppressed(reason);
    }
    let most = size(behind.iter().copied().max().unwrap_or(0));
    let last = size(behind.last().copied().unwrap_or(0));
    Draft::new(RULE.id, Severity::Warning)
        .about("standby", name)
        .title(&format!("standby {name} was up to {most} behind"))
        .detail(format!(
            "In {count} readings in a row, of {}, it had {} or more of WAL still to replay; at the \
             end of the window {last}. Reads there see old rows, and a failover has to replay it first",
            behind.len(),
            size(t::REPLICA_LAG_BYTES)
        ))
        .note(
            "find what is slow: the network (sent_lsn behind), the standby's disk (flush_lsn \
             behind) or replay itself, which is one process and waits for queries there that hold \
             old rows (max_standby_streaming_delay); fewer bytes help too: larger max_wal_size, \
             wal_compression, smaller batches",
        )
        .fire(facts)
}

/// Bytes that a standby was behind at each of its readings.
pub(super) fn behind_over_time(
    primary: &[LsnPoint],
    positions: &[(Millis, Option<Lsn>)],
) -> Vec<(Millis, u64)> {
    let known = positions.iter();
    known
        .filter_map(|(at, lsn)| Some((*at, bytes_behind(primary, *at, (*lsn)?)?)))
        .collect()
}

/// Readings in a row that were far behind: one burst is not a lag.
fn longest_run(behind: &[u64]) -> usize {
    let far = behind.split(|bytes| *bytes < t::REPLICA_LAG_BYTES);
    far.map(<[u64]>::len).max().unwrap_or(0)
}

/// Bytes from the replayed position to the last one of the primary that is not younger.
fn bytes_behind(primary: &[LsnPoint], at: Millis, replayed: Lsn) -> Option<u64> {
    let known = primary.iter().rev().find(|p| p.at <= at)?;
    Some(known.lsn.bytes_since(replayed).0)
}

pub(super) fn harmless(facts: &Facts<'_>, name: &str) -> Option<String> {
    let mut all = facts
        .conclusions
        .replication
        .iter()
        .flat_map(|r| &r.standbys);
    match all.find(|s| s.name == name)?.verdict {
        StandbyVerdict::Delayed => Some(format!(
            "standby {name} delays on purpose (recovery_min_apply_delay)"
        )),
        StandbyVerdict::Paused => Some(format!(
            "replay on standby {name} is paused, which replay-paused reports"
        )),
        StandbyVerdict::Streaming
        | StandbyVerdict::Idle
        | StandbyVerdict::Severed
        | StandbyVerdict::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;
    use crate::analyze::rules::testing_replication::{PRIMARY, asked, replicated, sender, standby};

    const FAR: u64 = 64 << 20;

    fn case(verdict: StandbyVerdict, behind: &[u64]) -> Case {
        replicated(vec![standby("one", verdict)], vec![asked("one", behind)])
    }

    #[test]
    fn three_readings_far_behind_are_a_lag() {
        let finding = case(StandbyVerdict::Streaming, &[0, FAR, 2 * FAR, FAR, 1 << 20]);
        let finding = finding.the_finding(&RULE);
        assert_eq!(finding.title, "standby one was up to 128.0 MiB behind");
        assert!(finding.detail.starts_with("In 3 readings in a row, of 5"));
        assert!(finding.detail.contains("at the end of the window 1.0 MiB"));
        case(StandbyVerdict::Streaming, &[FAR, FAR, FAR - 1, FAR]).assert_quiet(&RULE);
    }

    #[test]
    fn a_delay_on_purpose_is_none() {
        let delayed = case(StandbyVerdict::Delayed, &[FAR, FAR, FAR]);
        assert!(delayed.suppressed(&RULE).contains("on purpose"));
        let paused = case(StandbyVerdict::Paused, &[FAR, FAR, FAR]);
        assert!(paused.suppressed(&RULE).contains("paused"));
    }

    #[test]
    fn the_primarys_row_serves_where_the_standby_was_not_asked() {
        let mut case = replicated(vec![standby("two", StandbyVerdict::Streaming)], vec![]);
        let window = case.run.replication.as_mut().unwrap();
        let lsn = Lsn(PRIMARY - FAR);
        window.senders = (0..3).map(|i| sender("two", i, Some(lsn))).collect();
        assert_eq!(case.the_finding(&RULE).subject.name, "two");
        let window = case.run.replication.as_mut().unwrap();
        window.senders = (0..3).map(|i| sender("two", i, None)).collect();
        assert!(case.missing_fact(&RULE).contains("pg_monitor"));
    }

    #[test]
    fn standbys_of_one_name_are_not_mixed() {
        // As of `walreceiver`, which every standby is called that nobody named: one is far behind, the other is not.
        let mut case = replicated(vec![standby("two", StandbyVerdict::Streaming)], vec![]);
        let window = case.run.replication.as_mut().unwrap();
        window.senders = (0..4)
            .flat_map(|i| {
                let far = sender("two", i, Some(Lsn(PRIMARY - FAR)));
                let mut near = sender("two", i, Some(Lsn(PRIMARY)));
                near.pid = far.pid + 1;
                [far, near]
            })
            .collect();
        let finding = case.the_finding(&RULE);
        assert!(
            finding.subject.name.starts_with("two (process "),
            "{finding:?}"
        );
    }

    #[test]
    fn a_subscriber_far_behind_is_no_standby() {
        let mut case = replicated(vec![], vec![]);
        let window = case.run.replication.as_mut().unwrap();
        let lsn = Lsn(PRIMARY - FAR);
        window.senders = (0..3).map(|i| sender("sub", i, Some(lsn))).collect();
        window.senders[2].slot_type = Some("logical".to_owned());
        case.assert_quiet(&RULE);
    }

    #[test]
    fn without_the_primarys_position_nothing_is_known() {
        let mut case = case(StandbyVerdict::Streaming, &[FAR, FAR, FAR]);
        case.run.replication.as_mut().unwrap().primary.clear();
        assert!(case.missing_fact(&RULE).contains("primary's position"));
    }
}
