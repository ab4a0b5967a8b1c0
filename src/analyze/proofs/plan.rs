//! Which recommendations are tried, and in which order.

use crate::analyze::conclusions::{
    Conclusions, Index, IndexVerdict, MissingIndex, MissingIndexKind,
};
use crate::analyze::indexes::sql::qualified;
use crate::record::Run;
use crate::record::indexes::IndexFacts;
use crate::record::proof::{Change, ChangeKind, LeftOut};

/// What is to be tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProofPlan {
    /// The most promising first.
    pub changes: Vec<Change>,
    /// What cannot be tried, and why.
    pub left_out: Vec<LeftOut>,
}

/// The changes that recommendations ask for: indexes to create, those that give back most first, then indexes to
/// drop, the largest first, then indexes of which nobody knows what they give back. Each is tried by itself.
#[must_use]
pub fn plan(run: &Run, conclusions: &Conclusions) -> ProofPlan {
    let mut plan = ProofPlan::default();
    let (mut creates, mut drops) = (Vec::new(), Vec::new());
    for missing in conclusions.missing_indexes.iter().flatten() {
        match create(missing) {
            Ok(change) => creates.push(change),
            Err(reason) => plan.leave_out(&missing.create_sql, &reason),
        }
    }
    for index in conclusions.indexes.iter().flatten() {
        if index.verdict == IndexVerdict::Keep {
            continue;
        }
        let sql = drop_sql(index);
        match drop_index(run, index, &sql) {
            Ok(change) => drops.push((index.size_bytes, change)),
            Err(reason) => plan.leave_out(&sql, &reason),
        }
    }
    let gain = |change: &Change| change.promised_ms_per_sec.unwrap_or(-1.0);
    creates.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
    drops.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let (known, unknown): (Vec<_>, Vec<_>) =
        creates.into_iter().partition(|change| gain(change) > 0.0);
    let drops = drops.into_iter().map(|(_, change)| change);
    plan.changes = known.into_iter().chain(drops).chain(unknown).collect();
    plan
}

impl ProofPlan {
    fn leave_out(&mut self, sql: &str, reason: &str) {
        self.left_out.push(LeftOut {
            sql: sql.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

fn create(missing: &MissingIndex) -> Result<Change, String> {
    if !missing.create_sql.starts_with("CREATE INDEX CONCURRENTLY ") {
        return Err(
            "the table is partitioned, where an index cannot be created without blocking writers"
                .to_owned(),
        );
    }
    Ok(Change {
        kind: ChangeKind::CreateIndex,
        schema: missing.schema.clone(),
        table: missing.table.clone(),
        index: None,
        columns: missing.columns.clone(),
        sql: missing.create_sql.clone(),
        definition: None,
        for_foreign_key: missing.kind == MissingIndexKind::ForeignKey,
        promised_ms_per_sec: missing.saves_ms_per_sec,
    })
}

/// The SQL of the recommendation; one that a lab only makes in words has none.
fn drop_sql(index: &Index) -> String {
    index.remediation_sql.clone().unwrap_or_else(|| {
        format!(
            "DROP INDEX CONCURRENTLY {};",
            qualified(&index.schema, &index.index)
        )
    })
}

fn drop_index(run: &Run, index: &Index, sql: &str) -> Result<Change, String> {
    if index.verdict == IndexVerdict::InvalidRebuild {
        return Err("a rebuild of an invalid index cannot be undone".to_owned());
    }
    let mut facts = run.indexes.facts.iter().flatten();
    let facts = facts.find(|f| f.schemaname == index.schema && f.indexrelname == index.index);
    let facts = facts.ok_or("the index was not read")?;
    if let Some(reason) = not_restorable(facts) {
        return Err(reason.to_owned());
    }
    if !sql.starts_with("DROP INDEX CONCURRENTLY ") {
        return Err("it cannot be dropped without blocking others".to_owned());
    }
    Ok(Change {
        kind: ChangeKind::DropIndex,
        schema: index.schema.clone(),
        table: index.table.clone(),
        index: Some(index.index.clone()),
        columns: Vec::new(),
        sql: sql.to_owned(),
        definition: Some(facts.definition.clone()),
        for_foreign_key: false,
        promised_ms_per_sec: None,
    })
}

/// Why an index could not be created again exactly as it is, or why something would be missing while it is not
/// there. What only the server can tell is looked at again before the drop.
fn not_restorable(facts: &IndexFacts) -> Option<&'static str> {
    let reasons = [
        (
            facts.constraint_name.is_some(),
            "a constraint owns it: while it is not there the constraint does not hold",
        ),
        (
            facts.indisunique || facts.indisprimary || facts.indisexclusion,
            "it is unique: while it is not there duplicates may be written, and it could not be created again",
        ),
        (
            facts.indisreplident,
            "it is the replica identity of its table, which logical replication needs",
        ),
        (
            facts.indisclustered,
            "the table is clustered on it, and that mark is lost with it",
        ),
        (
            facts.relkind == "I" || facts.parent.is_some(),
            "it is part of a partitioned index and cannot be dropped alone",
        ),
        (
            facts.expressions.is_some(),
            "it has an expression, whose statistics are lost with it",
        ),
        (
            !facts.indisvalid || facts.building || facts.definition.is_empty(),
            "it is not valid at this moment",
        ),
    ];
    let found = reasons.into_iter().find(|(applies, _)| *applies);
    found.map(|(_, reason)| reason)
}
