//! The list of all rules on plans, in the order in which they are evaluated.

use super::{
    InsightRule, bitmap_lossy, casted_column, filter_discards_rows, hash_batched, heap_fetches,
    jit_cost, large_offset, limit_wrong_index, memoize_thrash, nested_loop_blowup, node_dominates,
    or_across_columns, partitions_not_pruned, planning_dominates, repeated_index_descents,
    row_misestimate, serialize_cost, sort_spilled, stale_statistics, subplan_per_row, trigger_time,
    workers_missing,
};

/// Every rule on plans.
pub const INSIGHTS: &[InsightRule] = &[
    node_dominates::RULE,
    // Estimates
    row_misestimate::RULE,
    stale_statistics::RULE,
    // Scans
    filter_discards_rows::RULE,
    casted_column::RULE,
    or_across_columns::RULE,
    partitions_not_pruned::RULE,
    bitmap_lossy::RULE,
    heap_fetches::RULE,
    repeated_index_descents::RULE,
    // Joins, subqueries and limits
    nested_loop_blowup::RULE,
    subplan_per_row::RULE,
    memoize_thrash::RULE,
    limit_wrong_index::RULE,
    large_offset::RULE,
    // Memory
    sort_spilled::RULE,
    hash_batched::RULE,
    // The plan as a whole
    workers_missing::RULE,
    jit_cost::RULE,
    planning_dominates::RULE,
    trigger_time::RULE,
    serialize_cost::RULE,
];
