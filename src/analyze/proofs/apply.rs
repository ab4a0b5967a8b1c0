//! What was tried changes what is recommended.

use crate::analyze::conclusions::{
    Conclusions, Evidence, Finding, Index, IndexVerdict, MissingIndex, NotTried, Proof,
    ProofVerdict, Proofs, Tried,
};
use crate::record::Run;
use crate::record::proof::{ChangeKind, TriedChange};

use super::judge::judge;

/// Puts what was tried into the sections other than that of the existing indexes: what is proved says so with its gain, what is not disappears, what the
/// blocks do not tell keeps its grade.
pub(in crate::analyze) fn apply(run: &Run, conclusions: &mut Conclusions) {
    let Some(record) = &run.proofs else { return };
    let tried: Vec<Tried> = record.tried.iter().map(tried).collect();
    for tried in &tried {
        if let Some(missing) = &mut conclusions.missing_indexes {
            apply_to_missing(missing, tried);
        }
    }
    if let Some(missing) = &mut conclusions.missing_indexes {
        let saves = |m: &MissingIndex| m.saves_ms_per_sec.unwrap_or(-1.0);
        missing.sort_by(|a, b| saves(b).total_cmp(&saves(a)));
    }
    let left_out = record.left_out.iter().map(|left| NotTried {
        sql: left.sql.clone(),
        reason: left.reason.clone(),
    });
    conclusions.proofs = Some(Proofs {
        block_ms: record.block.0,
        block_warmup_ms: record.block_warmup.0,
        quiet: record.quiet,
        interrupted: record.interrupted,
        tried,
        left_out: left_out.collect(),
    });
}

fn tried(record: &TriedChange) -> Tried {
    let change = &record.change;
    Tried {
        change: match change.kind {
            ChangeKind::CreateIndex => "create-index",
            ChangeKind::DropIndex => "drop-index",
        }
        .to_owned(),
        schema: change.schema.clone(),
        table: change.table.clone(),
        index: change.index.clone(),
        columns: change.columns.clone(),
        sql: change.sql.clone(),
        proof: judge(record),
        left_sql: record.left.clone(),
    }
}

fn apply_to_missing(missing: &mut Vec<MissingIndex>, tried: &Tried) {
    let Some(place) = missing.iter().position(|m| m.create_sql == tried.sql) else {
        return;
    };
    let proof = &tried.proof;
    match proof.verdict {
        ProofVerdict::NoGain | ProofVerdict::Worse => {
            missing.remove(place);
        }
        ProofVerdict::Proved => {
            let index = &mut missing[place];
            index.evidence = Evidence::Proved;
            index.saves_ms_per_sec = proof.saves_ms_per_sec;
            if let Some(bytes) = proof.bytes {
                index.size_bytes = u64::try_from(bytes).ok();
            }
            index.proof = Some(proof.clone());
        }
        ProofVerdict::Undecided => missing[place].proof = Some(proof.clone()),
    }
}

/// The same for the indexes that exist.
pub(in crate::analyze) fn apply_to_indexes(indexes: &mut [Index], proofs: &Proofs) {
    for tried in &proofs.tried {
        for index in indexes.iter_mut() {
            apply_to_index(index, tried);
        }
    }
    indexes.sort_by_key(|index| index.verdict == IndexVerdict::Keep);
}

fn apply_to_index(index: &mut Index, tried: &Tried) {
    if index.schema != tried.schema || Some(&index.index) != tried.index.as_ref() {
        return;
    }
    let proof = &tried.proof;
    match proof.verdict {
        ProofVerdict::Proved => index.evidence = Evidence::Proved,
        ProofVerdict::NoGain | ProofVerdict::Worse => {
            index.verdict = IndexVerdict::Keep;
            index.reason = format!("it was dropped to see: {}", proof.reason);
            index.evidence = Evidence::Measured;
            index.remediation_sql = None;
            index.undo_sql = None;
        }
        ProofVerdict::Undecided => {}
    }
    index.proof = Some(Box::new(proof.clone()));
}

/// Findings follow what was tried.
pub(in crate::analyze) fn follow(findings: &mut Vec<Finding>, proofs: &Proofs) {
    for tried in &proofs.tried {
        let proof = &tried.proof;
        findings.retain_mut(|finding| {
            if !is_about(finding, tried) {
                return true;
            }
            match proof.verdict {
                ProofVerdict::NoGain | ProofVerdict::Worse => return false,
                ProofVerdict::Proved => prove(finding, proof),
                ProofVerdict::Undecided => {
                    finding.detail =
                        format!("{} Tried, undecided: {}.", finding.detail, proof.reason);
                }
            }
            true
        });
    }
}

fn is_about(finding: &Finding, tried: &Tried) -> bool {
    let remedy = &finding.remediation;
    let Some(index) = &tried.index else {
        return remedy.sql.as_ref() == Some(&tried.sql);
    };
    let drops = |text: &Option<String>| text.as_ref().is_some_and(|t| t.contains("DROP INDEX"));
    finding.subject.kind == "index"
        && finding.subject.name == format!("{}.{index}", tried.schema)
        && (drops(&remedy.sql) || drops(&remedy.note))
}

fn prove(finding: &mut Finding, proof: &Proof) {
    finding.evidence = Evidence::Proved;
    finding.saves_ms_per_sec = proof.saves_ms_per_sec;
    finding.detail = format!("{} Proved: {}.", finding.detail, proof.reason);
    if let Some(note) = &mut finding.remediation.note {
        // It was measured.
        *note = note.replace(". Measure the load again with it before keeping it", "");
    }
}
