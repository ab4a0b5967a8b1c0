//! Verdicts of indexes on real servers: a database of planted situations, the statements that carry
//! verdicts out and take them back, standbys and saved runs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod changes;
mod definitions;
mod hidden;
mod nodes;
mod planted;
mod situations;
#[path = "../support/mod.rs"]
mod support;

use dbperf::analyze::conclusions::IndexVerdict;
use dbperf::lab::LabOptions;
use planted::{grown_old, plant, saved, situations, verdicts};
use support::{each_version, lab};

#[test]
fn every_planted_situation_gets_its_verdict() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        plant(lab.primary(), major).await;
        let run = grown_old(saved(&lab.primary().dsn(), &[]));
        let verdicts = verdicts(&run);
        let mut wrong = Vec::new();
        for situation in situations(major) {
            let judged = &verdicts[situation.index];
            let index = &judged.index;
            if index.verdict != situation.verdict {
                wrong.push(format!(
                    "{}: {:?} instead of {:?}: {}; {:?}",
                    situation.index, index.verdict, situation.verdict, index.reason, judged.doubts
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "PostgreSQL {major}:\n{}",
            wrong.join("\n")
        );
        let planted: Vec<_> = situations(major).map(|s| s.index).collect();
        let changed = verdicts.values().filter(|j| {
            j.index.verdict != IndexVerdict::Keep && !planted.contains(&j.index.index.as_str())
        });
        let changed: Vec<_> = changed.map(|j| &j.index).collect();
        assert!(changed.is_empty(), "PostgreSQL {major}: {changed:#?}");
    });
}
