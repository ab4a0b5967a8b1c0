//! What is remarkable about a plan: one rule per file, each a pure function of the plan and the
//! catalogue's facts.
//!
//! No findings here: which insight matters enough to be one is decided in [`crate::analyze::rules`].
//! A rule that needs executed rows is not evaluated on estimates, and says so; the few that can be
//! judged from estimates say so in their evidence. Thresholds are in
//! [`crate::analyze::rules::thresholds`], and every rule has a page of its name in `docs/rules/`.

mod list;
pub(super) mod look;
mod memory;
mod remark;
mod statistics;

mod bitmap_lossy;
mod casted_column;
mod filter_discards_rows;
mod hash_batched;
mod heap_fetches;
mod jit_cost;
mod large_offset;
mod limit_wrong_index;
mod memoize_thrash;
mod nested_loop_blowup;
mod node_dominates;
mod or_across_columns;
mod partitions_not_pruned;
mod planning_dominates;
mod repeated_index_descents;
mod row_misestimate;
mod serialize_cost;
mod sort_spilled;
mod stale_statistics;
mod subplan_per_row;
mod trigger_time;
mod workers_missing;

#[cfg(test)]
mod testing;

pub use list::INSIGHTS;
pub(crate) use look::find_table;

use crate::analyze::conclusions::{Insight, NotEvaluated};
use crate::analyze::rules::thresholds as t;
use look::Look;
use remark::Remark;

/// What a rule's function returns: its remarks, or the fact without which it cannot be decided.
type Judgement = Result<Vec<Remark>, String>;

/// One rule on plans.
#[derive(Debug, Clone, Copy)]
pub struct InsightRule {
    /// Name, such as `filter-discards-rows`; also the name of its page.
    pub id: &'static str,
    /// What comes of a remark that matters.
    pub finding: Promotion,
    judge: fn(&Look<'_>) -> Judgement,
}

/// Whether an insight that matters becomes a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// It does, and gives back at most the time that it stands for.
    Saves,
    /// It does, but what it costs is in other nodes than its own: how much is not known.
    Causes,
    /// It does not: it says where the time is, not what to change; or another rule has the same
    /// finding.
    Never,
}

/// All insights of a plan, weightiest first, and the rules that could not be decided on it. Plans
/// that touch next to nothing have none.
pub(super) fn find(look: &Look<'_>) -> (Vec<Insight>, Vec<NotEvaluated>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    if is_tiny(look) {
        return (found, missing);
    }
    for rule in INSIGHTS {
        match (rule.judge)(look) {
            Ok(remarks) => found.extend(remarks.into_iter().map(|r| r.insight(rule.id))),
            Err(reason) => missing.push(NotEvaluated {
                rule: rule.id.to_owned(),
                reason,
            }),
        }
    }
    let weight = |i: &Insight| i.weight.as_ref().map_or(0.0, |w| w.plan_ratio);
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then(weight(b).total_cmp(&weight(a)))
            .then(a.evidence.cmp(&b.evidence))
    });
    (found, missing)
}

fn is_tiny(look: &Look<'_>) -> bool {
    let root = &look.tree.root;
    let blocks = |key| root.number(key);
    let buffers = blocks("Shared Hit Blocks").zip(blocks("Shared Read Blocks"));
    root.total_cost < t::PLAN_MIN_TOTAL_COST
        || buffers.is_some_and(|(hit, read)| hit + read < t::PLAN_MIN_BUFFERS)
}
