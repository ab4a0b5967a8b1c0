//! Blocks with known differences, and what they must come to.

use super::*;
use crate::analyze::conclusions::{Conclusions, Evidence, IndexVerdict, ProofVerdict};
use crate::analyze::fixture::{index, run_with_indexes};
use crate::analyze::{self, Options};
use crate::record::load::Arrival;
use crate::record::proof::{
    BlockOperation, Change, ChangeKind, ProofBlock, Proofs, ServerWork, TriedChange,
};
use crate::record::{Bytes, Millis, Run};
use crate::stats::{LatencyHistogram, SplitMix64};
use std::time::Duration;

/// Mean latencies of the operations without and with the change, and the noise of a block.
struct Case<'a> {
    kind: ChangeKind,
    operations: &'a [(&'a str, f64, f64)],
    noise: f64,
    rounds: u32,
}

fn change(kind: ChangeKind) -> Change {
    Change {
        kind,
        schema: "public".to_owned(),
        table: "tasks".to_owned(),
        index: (kind == ChangeKind::DropIndex).then(|| "narrow".to_owned()),
        columns: vec!["a".to_owned()],
        sql: match kind {
            ChangeKind::CreateIndex => "CREATE INDEX CONCURRENTLY i ON public.tasks (a);",
            ChangeKind::DropIndex => "DROP INDEX CONCURRENTLY public.narrow;",
        }
        .to_owned(),
        definition: None,
        for_foreign_key: false,
        promised_ms_per_sec: Some(10.0),
    }
}

impl Case<'_> {
    fn tried(&self) -> TriedChange {
        let mut tried = TriedChange::begun(change(self.kind));
        let mut random = SplitMix64::new(7);
        let mut noise = || {
            let uniform = |r: &mut SplitMix64| r.next_u64() as f64 / u64::MAX as f64;
            let normal = (0..12).map(|_| uniform(&mut random)).sum::<f64>() - 6.0;
            (self.noise * normal).exp()
        };
        for round in 0..self.rounds {
            // The machine slows down by a third over the proof.
            let drift = 1.0 + 0.33 * f64::from(round) / f64::from(self.rounds);
            for changed in [false, true] {
                let factor = drift * noise();
                tried
                    .blocks
                    .push(block(round, changed, self.operations, factor));
            }
        }
        tried.index_bytes = Some(Bytes(1 << 20));
        tried
    }
}

fn block(round: u32, changed: bool, operations: &[(&str, f64, f64)], factor: f64) -> ProofBlock {
    const EACH: u64 = 100;
    let mut latency = LatencyHistogram::new();
    let mut parts = Vec::new();
    for (name, without, with) in operations {
        let ms = factor * if changed { with } else { without };
        latency.record_n(Duration::from_secs_f64(ms / 1000.0), EACH);
        parts.push(BlockOperation {
            name: (*name).to_owned(),
            requests: EACH,
            mean: Some(Millis(ms)),
        });
    }
    let requests = EACH * operations.len() as u64;
    let exec: f64 = parts
        .iter()
        .filter_map(|p| p.mean)
        .map(|m| m.0 * EACH as f64)
        .sum();
    ProofBlock {
        round,
        changed,
        started_at: None,
        length: Millis(1000.0),
        requests,
        failures: 0,
        latency,
        operations: parts,
        driver_saturated: Some(false),
        server: Some(ServerWork {
            calls: i64::try_from(requests).unwrap(),
            exec: Millis(exec),
            blocks: 10,
            wal_bytes: if changed { 3000 } else { 1000 },
        }),
    }
}

fn create<'a>(operations: &'a [(&'a str, f64, f64)], noise: f64) -> Case<'a> {
    Case {
        kind: ChangeKind::CreateIndex,
        operations,
        noise,
        rounds: 10,
    }
}

fn drop_index<'a>(operations: &'a [(&'a str, f64, f64)], noise: f64) -> Case<'a> {
    Case {
        kind: ChangeKind::DropIndex,
        ..create(operations, noise)
    }
}

#[test]
fn an_index_that_helps_is_proved_with_its_gain_and_its_cost() {
    let proof = judge(&create(&[("read", 10.0, 1.0)], 0.03).tried());
    assert_eq!(proof.verdict, ProofVerdict::Proved, "{}", proof.reason);
    let interval = proof.interval.unwrap();
    assert!(
        interval.low_ratio <= 0.1 && 0.1 <= interval.high_ratio,
        "{interval:?}"
    );
    // 100 requests a second, 10 ms each (11.5 on average, as the machine slows down), nine tenths less.
    let saves = proof.saves_ms_per_sec.unwrap();
    assert!((saves - 1035.0).abs() < 60.0, "{saves}");
    assert_eq!(proof.bytes, Some(1 << 20));
    let cost = proof.write_cost.unwrap();
    assert!((cost.wal_bytes_per_call - 20.0).abs() < 1e-9, "{cost:?}");
}

#[test]
fn an_index_that_does_nothing_and_one_that_costs_are_no_recommendations() {
    let useless = judge(&create(&[("read", 10.0, 10.0)], 0.02).tried());
    assert_eq!(useless.verdict, ProofVerdict::NoGain, "{}", useless.reason);
    assert_eq!(useless.saves_ms_per_sec, None);
    let costly = judge(&create(&[("write", 10.0, 14.0), ("read", 1.0, 0.1)], 0.02).tried());
    assert_eq!(costly.verdict, ProofVerdict::Worse, "{}", costly.reason);
    assert!(
        costly.reason.contains("slower: write +4"),
        "{}",
        costly.reason
    );
}

#[test]
fn one_operation_that_surely_gains_is_enough_unless_others_lose() {
    let rare = judge(&create(&[("report", 1.0, 0.2), ("rest", 99.0, 99.0)], 0.01).tried());
    assert_eq!(rare.verdict, ProofVerdict::Proved, "{}", rare.reason);
    let saves = rare.saves_ms_per_sec.unwrap();
    assert!((80.0..110.0).contains(&saves), "{saves}");
    let traded = judge(&create(&[("read", 10.0, 5.0), ("write", 10.0, 15.0)], 0.01).tried());
    assert_eq!(traded.verdict, ProofVerdict::NoGain, "{}", traded.reason);
}

#[test]
fn noise_failures_and_few_blocks_decide_nothing() {
    let undecided = |tried: &TriedChange, word: &str| {
        let proof = judge(tried);
        assert_eq!(proof.verdict, ProofVerdict::Undecided, "{}", proof.reason);
        assert!(proof.reason.contains(word), "{word} in {}", proof.reason);
    };
    let noisy = create(&[("read", 10.0, 9.8)], 0.4).tried();
    undecided(&noisy, "differ too much");
    let mut few = create(&[("read", 10.0, 1.0)], 0.01).tried();
    few.blocks.truncate(6);
    undecided(&few, "3 pairs of blocks");
    few.failure = Some("the build took too long".to_owned());
    undecided(&few, "the build took too long");
    let mut failing = create(&[("read", 10.0, 1.0)], 0.01).tried();
    for block in failing.blocks.iter_mut().filter(|b| b.changed) {
        block.failures = 50;
    }
    undecided(&failing, "of the requests failed");
    let saturated = |mut tried: TriedChange| {
        for block in &mut tried.blocks {
            block.driver_saturated = Some(true);
            block.server = None;
        }
        tried
    };
    let alike = [("read", 10.0, 10.0)];
    undecided(&saturated(create(&alike, 0.01).tried()), "load generator");
    undecided(
        &saturated(drop_index(&alike, 0.01).tried()),
        "load generator",
    );
    let mut witnessed = drop_index(&alike, 0.01).tried();
    for block in &mut witnessed.blocks {
        block.driver_saturated = Some(true);
    }
    assert_eq!(judge(&witnessed).verdict, ProofVerdict::Proved);
    let shows = judge(&saturated(create(&[("read", 10.0, 1.0)], 0.01).tried()));
    assert_eq!(shows.verdict, ProofVerdict::Proved, "{}", shows.reason);
    let mut opposed = create(&[("read", 10.0, 1.0)], 0.01).tried();
    for block in opposed.blocks.iter_mut().filter(|b| b.changed) {
        block.server.as_mut().unwrap().exec.0 *= 100.0;
    }
    undecided(&opposed, "witnesses disagree");
}

#[test]
fn an_index_that_was_never_used_gives_nothing_and_one_of_a_key_is_not_judged() {
    let mut tried = create(&[("read", 10.0, 9.0)], 0.4).tried();
    tried.index_scans = Some(0);
    let proof = judge(&tried);
    assert_eq!(proof.verdict, ProofVerdict::NoGain, "{}", proof.reason);
    tried.change.for_foreign_key = true;
    let proof = judge(&tried);
    assert_eq!(proof.verdict, ProofVerdict::Undecided, "{}", proof.reason);
    assert!(proof.reason.contains("which this workload does not do"));
}

#[test]
fn a_drop_is_proved_where_nothing_is_slower_and_refused_where_something_is() {
    let fine = judge(&drop_index(&[("read", 10.0, 10.0), ("write", 5.0, 4.5)], 0.01).tried());
    assert_eq!(fine.verdict, ProofVerdict::Proved, "{}", fine.reason);
    assert_eq!(fine.bytes, Some(-(1 << 20)));
    let missed = judge(&drop_index(&[("read", 1.0, 3.0), ("rest", 99.0, 99.0)], 0.01).tried());
    assert_eq!(missed.verdict, ProofVerdict::Worse, "{}", missed.reason);
    assert!(
        missed.reason.contains("slower: read +20"),
        "{}",
        missed.reason
    );
    // Four per cent may be within the margin, or not: the blocks cannot tell.
    let near = judge(&drop_index(&[("read", 10.0, 10.4)], 0.06).tried());
    assert_eq!(near.verdict, ProofVerdict::Undecided, "{}", near.reason);
}

#[test]
fn a_drop_is_not_proved_by_an_operation_that_hardly_ran() {
    let mut tried = drop_index(&[("read", 10.0, 10.0), ("monthly", 10.0, 10.0)], 0.01).tried();
    for block in tried.blocks.iter_mut().filter(|b| b.round > 2) {
        block.operations.retain(|o| o.name == "read");
    }
    let proof = judge(&tried);
    assert_eq!(proof.verdict, ProofVerdict::Undecided, "{}", proof.reason);
    assert!(
        proof.reason.contains("monthly ran too seldom"),
        "{}",
        proof.reason
    );
}

#[test]
fn quiet_blocks_are_soon_enough_and_noisy_ones_never() {
    let large = Case {
        rounds: 6,
        ..create(&[("read", 10.0, 1.0)], 0.1)
    };
    assert!(enough(&large.tried()), "a large effect needs few rounds");
    let odd = Case { rounds: 7, ..large };
    assert!(!enough(&odd.tried()), "each side comes first as often");
    let small = Case {
        rounds: 6,
        ..create(&[("read", 10.0, 10.0)], 0.2)
    };
    assert!(!enough(&small.tried()));
    let last = Case {
        rounds: 60,
        ..small
    };
    assert!(enough(&last.tried()));
}

/// A run with a redundant index, as if it had been tried.
fn tried_run(tried: TriedChange) -> Run {
    let mut run = run_with_indexes(vec![
        (index(1, 1, "narrow", &[2]), 9),
        (index(2, 1, "wide", &[2, 3]), 9),
    ]);
    run.proofs = Some(Proofs {
        arrival: Arrival::Closed,
        thinks: false,
        block: Millis(1000.0),
        block_warmup: Millis(250.0),
        quiet: true,
        tried: vec![tried],
        left_out: Vec::new(),
        interrupted: false,
    });
    run
}

fn concluded(run: &Run) -> Conclusions {
    analyze::conclude(run, &Options::default()).unwrap()
}

#[test]
fn a_proved_drop_says_so_in_its_section_and_in_its_finding() {
    let run = tried_run(drop_index(&[("read", 10.0, 10.0)], 0.01).tried());
    let all = concluded(&run);
    let index = all
        .indexes
        .as_ref()
        .unwrap()
        .iter()
        .find(|i| i.index == "narrow")
        .unwrap();
    assert_eq!(index.evidence, Evidence::Proved);
    assert_eq!(index.proof.as_ref().unwrap().verdict, ProofVerdict::Proved);
    let mut findings = all.findings.as_ref().unwrap().iter();
    let finding = findings
        .find(|f| f.rule == "redundant-prefix-index")
        .unwrap();
    assert_eq!(finding.evidence, Evidence::Proved);
    assert!(
        finding.detail.contains("Proved: mean response time"),
        "{}",
        finding.detail
    );
}

#[test]
fn a_drop_that_hurts_is_recommended_nowhere_and_told_where_things_were_tried() {
    let run = tried_run(drop_index(&[("read", 10.0, 30.0)], 0.01).tried());
    let all = concluded(&run);
    let index = all
        .indexes
        .as_ref()
        .unwrap()
        .iter()
        .find(|i| i.index == "narrow")
        .unwrap();
    assert_eq!(
        (index.verdict, &index.remediation_sql),
        (IndexVerdict::Keep, &None)
    );
    assert!(index.reason.contains("it is missed"), "{}", index.reason);
    let findings = all.findings.as_ref().unwrap();
    assert!(findings.iter().all(|f| f.rule != "redundant-prefix-index"));
    assert_eq!(
        all.proofs.unwrap().tried[0].proof.verdict,
        ProofVerdict::Worse
    );
}

#[test]
fn an_undecided_drop_keeps_its_grade_and_says_so() {
    let run = tried_run(drop_index(&[("read", 10.0, 10.4)], 0.2).tried());
    let all = concluded(&run);
    let index = all
        .indexes
        .as_ref()
        .unwrap()
        .iter()
        .find(|i| i.index == "narrow")
        .unwrap();
    assert_eq!(index.verdict, IndexVerdict::DropRedundant);
    assert_eq!(index.evidence, Evidence::Measured);
    let findings = all.findings.as_ref().unwrap();
    let finding = findings
        .iter()
        .find(|f| f.rule == "redundant-prefix-index")
        .unwrap();
    assert!(
        finding.detail.contains("Tried, undecided"),
        "{}",
        finding.detail
    );
}

#[test]
fn drops_that_could_not_be_undone_are_left_out_with_their_reason() {
    let all = |change: &dyn Fn(&mut crate::record::indexes::IndexFacts)| {
        let mut facts = index(1, 1, "narrow", &[2]);
        change(&mut facts);
        let wide = index(2, 1, "wide", &[2, 3]);
        let run = run_with_indexes(vec![(facts, 9), (wide, 9)]);
        plan(&run, &concluded(&run))
    };
    let fine = all(&|_| {});
    assert_eq!(fine.changes.len(), 1, "{fine:?}");
    assert_eq!(fine.changes[0].kind, ChangeKind::DropIndex);
    let clustered = all(&|facts| facts.indisclustered = true);
    assert!(clustered.changes.is_empty());
    assert!(
        clustered.left_out[0].reason.contains("clustered"),
        "{clustered:?}"
    );
    let invalid = all(&|facts| facts.indisvalid = false);
    assert!(
        invalid.left_out[0].reason.contains("cannot be undone"),
        "{invalid:?}"
    );
}
