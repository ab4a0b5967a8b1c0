//! `replica-lag-bytes`: a standby stays far behind in bytes, whatever its time columns show.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Severity;
use crate::record::replication::{LsnPoint, ReplicationWindow};
use crate::record::{Lsn, Millis};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "replica-lag-bytes",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.replication.as_ref();
    let window = window.ok_or_else(|| facts.missing("pg_stat_replication"))?;
    if window.primary.is_empty() {
        return Err("the primary's WAL position was not read".to_owned());
    }
    let found = positions(window).into_iter().filter_map(|(name, points)| {
        let behind = points
            .iter()
            .filter_map(|(at, lsn)| Some(primary_at(&window.primary, *at)?.bytes_since(*lsn).0));
        let behind: Vec<u64> = behind.collect();
        let run = longest_run(&behind);
        let largest = behind.iter().max()?;
        (run >= t::REPLICA_LAG_SAMPLES).then(|| {
            Draft::new(RULE.id, Severity::Warning)
                .about("standby", &name)
                .title(&format!("{name} was up to {} behind", size(*largest)))
                .detail(format!(
                    "{run} readings in a row were {} or more behind, of {}. Time columns freeze \
                     when writes stop, bytes do not",
                    size(t::REPLICA_LAG_BYTES),
                    behind.len()
                ))
                .note(
                    "look for long queries and conflicts on the standby, its disk, and the \
                     network; bursts of writes on the primary may be spread",
                )
                .fire(facts)
        })
    });
    Ok(found.collect())
}

/// Replayed positions over time by standby: its own where it was asked, else the primary's view.
fn positions(window: &ReplicationWindow) -> BTreeMap<String, Vec<(Millis, Lsn)>> {
    let mut all: BTreeMap<String, Vec<(Millis, Lsn)>> = BTreeMap::new();
    for sender in &window.senders {
        if let Some(lsn) = sender.replay_lsn {
            let name = sender.application_name.clone();
            all.entry(name).or_default().push((sender.at, lsn));
        }
    }
    for standby in &window.standbys {
        if let Some(name) = &standby.application_name {
            all.remove(name);
        }
        let own = standby
            .samples
            .iter()
            .filter_map(|s| Some((s.at, s.replay_lsn?)));
        all.insert(standby.name.clone(), own.collect());
    }
    all
}

/// The primary's last known position at a moment.
fn primary_at(primary: &[LsnPoint], at: Millis) -> Option<Lsn> {
    primary.iter().rev().find(|p| p.at <= at).map(|p| p.lsn)
}

fn longest_run(behind: &[u64]) -> usize {
    let far = behind.split(|bytes| *bytes < t::REPLICA_LAG_BYTES);
    far.map(<[u64]>::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;
    use crate::record::replication::{Standby, StandbySample};

    fn case(replayed_mib: &[u64]) -> Case {
        let mut case = Case::new();
        let at = |i: usize| Millis(1_000.0 * i as f64);
        let sample = |(i, mib): (usize, &u64)| StandbySample {
            at: at(i),
            in_recovery: true,
            receive_lsn: None,
            replay_lsn: Some(Lsn(mib << 20)),
            replay_pause_state: None,
            last_xact_replay_timestamp: None,
            receiver_status: None,
            last_msg_age: None,
        };
        let point = |i| LsnPoint {
            at: at(i),
            lsn: Lsn(200 << 20),
        };
        case.run.replication = Some(ReplicationWindow {
            primary: (0..replayed_mib.len()).map(point).collect(),
            standbys: vec![Standby {
                name: "s1".to_owned(),
                samples: replayed_mib.iter().enumerate().map(sample).collect(),
                ..Standby::default()
            }],
            ..ReplicationWindow::default()
        });
        case
    }

    #[test]
    fn three_readings_far_behind_are_found() {
        let finding = case(&[100, 110, 120, 200]).the_finding(&RULE);
        assert!(finding.title.contains("s1 was up to 100.0 MiB behind"));
        assert!(finding.detail.contains("3 readings in a row"));
        case(&[100, 200, 110, 120]).assert_quiet(&RULE);
    }

    #[test]
    fn without_the_primary_it_is_not_evaluated() {
        let mut case = case(&[100]);
        case.run.replication.as_mut().unwrap().primary.clear();
        assert!(case.missing_fact(&RULE).contains("WAL position"));
    }
}
