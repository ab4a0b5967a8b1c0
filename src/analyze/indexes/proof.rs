//! What the planner says of a drop: with the index hidden no plan of the workload gets worse, or the
//! verdict is withdrawn.

use std::collections::HashMap;

use crate::analyze::conclusions::IndexVerdict;
use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::indexes::{HiddenChange, HiddenIndexes, IndexFacts};

use super::look::Look;
use super::{Judged, judge};

/// An index that a verdict would drop, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Droppable {
    /// `pg_class.oid` of the index.
    pub indexrelid: u32,
    /// Itself and, of a partitioned table, the indexes of all partitions.
    pub members: Vec<u32>,
    /// Names of their tables.
    pub tables: Vec<String>,
}

/// The indexes that the verdicts would drop, for a proof by hiding them.
#[must_use]
pub fn droppable(run: &Run) -> Vec<Droppable> {
    let (Some(look), Some(judged)) = (Look::new(run), judge(run)) else {
        return Vec::new();
    };
    let by_oid: HashMap<u32, &IndexFacts> = look.facts.iter().map(|f| (f.indexrelid, f)).collect();
    let dropped = judged.into_iter().filter(|j| drops(j.index.verdict));
    let found = dropped.filter_map(|judged| {
        let facts = *by_oid.get(&judged.indexrelid)?;
        let mut members: Vec<&IndexFacts> = look.members(facts);
        if facts.relkind == "I" {
            members.push(facts);
        }
        Some(Droppable {
            indexrelid: facts.indexrelid,
            members: members.iter().map(|m| m.indexrelid).collect(),
            tables: members.iter().map(|m| m.relname.clone()).collect(),
        })
    });
    found.collect()
}

fn drops(verdict: IndexVerdict) -> bool {
    matches!(
        verdict,
        IndexVerdict::DropUnused | IndexVerdict::DropDuplicate | IndexVerdict::DropRedundant
    )
}

/// Adds what hiding the index has shown, or withdraws the verdict.
pub(super) fn apply(hidden: &HiddenIndexes, judged: &mut Judged) {
    let (oid, verdict) = (judged.indexrelid, judged.index.verdict);
    if !drops(verdict) || !hidden.indexes.contains(&oid) || hidden.statements == 0 {
        return;
    }
    let changes = hidden.changes.iter();
    let changes: Vec<&HiddenChange> = changes.filter(|c| c.indexrelids.contains(&oid)).collect();
    let worse = changes.iter().find(|change| !harmless(change, verdict));
    if let Some(worse) = worse {
        let cost = match (worse.cost_before, worse.cost_after) {
            (Some(before), Some(after)) => format!("cost {before:.0} to {after:.0}"),
            _ => "it has no plan any more".to_owned(),
        };
        let together = if worse.indexrelids.len() > 1 {
            ", together with others that could be dropped"
        } else {
            ""
        };
        judged.index.reason = format!(
            "kept for a plan: with it hidden by HypoPG{together}, the plan of the statement {} \
             changes ({cost}); otherwise {}",
            worse.query_id, judged.index.reason
        );
        judged.index.verdict = IndexVerdict::Keep;
        judged.index.remediation_sql = None;
        judged.index.undo_sql = None;
        judged.lock_note = None;
        judged.doubts.clear();
        return;
    }
    let asked = hidden.statements;
    let mut said = match changes.iter().filter(|c| c.indexrelids.len() == 1).count() {
        0 => format!("with it hidden by HypoPG none of {asked} plans changes"),
        n => format!(
            "with it hidden by HypoPG {n} of {asked} plans move to another index at about the same \
             cost, the others stay"
        ),
    };
    let missing = hidden.without_plan + hidden.not_asked;
    if missing > 0 {
        said.push_str(&missing_words(missing));
    }
    judged.index.reason = format!("{}; {said}", judged.index.reason);
}

fn missing_words(missing: u64) -> String {
    format!(" ({missing} statements could not be planned)")
}

/// For an index that another one replaces a plan may move to that one, if it costs hardly more.
fn harmless(change: &HiddenChange, verdict: IndexVerdict) -> bool {
    let (Some(before), Some(after)) = (change.cost_before, change.cost_after) else {
        return false;
    };
    let single = change.indexrelids.len() == 1;
    if verdict == IndexVerdict::DropUnused && single {
        // The planner would use what nobody scanned.
        return false;
    }
    let limit = if change.same_shape {
        t::HIDDEN_MAX_COST_FACTOR
    } else {
        1.0
    };
    after <= before * limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::record::QueryId;

    fn change(oids: &[u32], after: f64, same_shape: bool) -> HiddenChange {
        HiddenChange {
            query_id: QueryId(7),
            indexrelids: oids.to_vec(),
            cost_before: Some(100.0),
            cost_after: Some(after),
            same_shape,
        }
    }

    /// `unused` (1), and `narrow` (2) that `wide` (3) replaces; 1 and 2 were hidden.
    fn judged(changes: Vec<HiddenChange>) -> Vec<Judged> {
        let mut run = run_with_indexes(vec![
            (index(1, 1, "unused", &[4]), 0),
            (index(2, 1, "narrow", &[2]), 9),
            (index(3, 1, "wide", &[2, 3]), 9),
        ]);
        let named: Vec<u32> = droppable(&run).iter().map(|d| d.indexrelid).collect();
        assert_eq!(named, [1, 2]);
        run.indexes.hidden = Some(HiddenIndexes {
            indexes: vec![1, 2],
            statements: 5,
            changes,
            ..HiddenIndexes::default()
        });
        judge(&run).unwrap()
    }

    #[test]
    fn plans_that_stay_are_said() {
        let all = judged(Vec::new());
        assert_eq!(all[0].index.verdict, IndexVerdict::DropUnused);
        assert!(all[0].index.reason.ends_with("none of 5 plans changes"));
    }

    #[test]
    fn a_plan_that_would_use_an_unused_index_withdraws_the_verdict() {
        let all = judged(vec![change(&[1], 100.0, true)]);
        assert_eq!(all[0].index.verdict, IndexVerdict::Keep);
        assert_eq!(all[0].index.remediation_sql, None);
        assert!(all[0].index.reason.contains("statement 7"));
        assert_eq!(all[1].index.verdict, IndexVerdict::DropRedundant);
    }

    #[test]
    fn a_plan_may_move_to_the_wider_index_if_it_costs_hardly_more() {
        let all = judged(vec![change(&[2], 105.0, true)]);
        assert_eq!(all[1].index.verdict, IndexVerdict::DropRedundant);
        assert!(all[1].index.reason.contains("1 of 5 plans move"));
        let all = judged(vec![change(&[2], 120.0, true)]);
        assert_eq!(all[1].index.verdict, IndexVerdict::Keep);
        let all = judged(vec![change(&[2], 105.0, false)]);
        assert_eq!(all[1].index.verdict, IndexVerdict::Keep);
        let all = judged(vec![change(&[1, 2], 300.0, false)]);
        assert!(
            all[..2]
                .iter()
                .all(|j| j.index.verdict == IndexVerdict::Keep)
        );
    }
}
