//! The list of all rules, in the order in which they are evaluated.

use super::{
    Rule, autovacuum_behind, autovacuum_off, buffer_contention, chatty_statement, client_waits,
    connection_churn, connections_near_limit, cpu_saturated, database_saturated, driver_saturated,
    duplicate_index, durability_off, idle_in_transaction, index_unused_by_workload, invalid_index,
    io_timing_off, jit_heavy, lease_held_idle, lock_logging_off, lock_manager_contention,
    lock_waits, low_hit_ratio, missing_fk_index, missing_index, no_idle_timeout, pgss_missing,
    pgss_outdated, planning_heavy, pool_oversized, pool_too_small, read_bound_statement,
    read_waits, redundant_prefix_index, replay_paused, replica_disconnected, replica_lag_bytes,
    requested_checkpoints, restart_pending, rollback_share, seq_scan_heavy_table, sessions_lost,
    slot_at_risk, slot_retains_wal, slow_statement, stale_statistics, statement_dominates_time,
    statements_evicted, sync_replica_waits, temp_spill, unstable_statement, unused_index,
    wal_heavy, wal_sync_waits,
};

/// Every rule.
pub const RULES: &[Rule] = &[
    // Statements
    slow_statement::RULE,
    statement_dominates_time::RULE,
    temp_spill::RULE,
    chatty_statement::RULE,
    read_bound_statement::RULE,
    low_hit_ratio::RULE,
    unstable_statement::RULE,
    wal_heavy::RULE,
    planning_heavy::RULE,
    jit_heavy::RULE,
    rollback_share::RULE,
    statements_evicted::RULE,
    // Indexes and tables
    missing_index::RULE,
    missing_fk_index::RULE,
    unused_index::RULE,
    index_unused_by_workload::RULE,
    duplicate_index::RULE,
    redundant_prefix_index::RULE,
    invalid_index::RULE,
    seq_scan_heavy_table::RULE,
    // Waits and saturation
    cpu_saturated::RULE,
    lock_waits::RULE,
    wal_sync_waits::RULE,
    sync_replica_waits::RULE,
    read_waits::RULE,
    lock_manager_contention::RULE,
    buffer_contention::RULE,
    client_waits::RULE,
    // Connections and pool
    pool_too_small::RULE,
    pool_oversized::RULE,
    database_saturated::RULE,
    lease_held_idle::RULE,
    idle_in_transaction::RULE,
    connection_churn::RULE,
    connections_near_limit::RULE,
    sessions_lost::RULE,
    // Replication
    replica_disconnected::RULE,
    replica_lag_bytes::RULE,
    replay_paused::RULE,
    slot_retains_wal::RULE,
    slot_at_risk::RULE,
    // Vacuum
    autovacuum_behind::RULE,
    stale_statistics::RULE,
    // Settings and the measurement itself
    pgss_missing::RULE,
    pgss_outdated::RULE,
    io_timing_off::RULE,
    durability_off::RULE,
    autovacuum_off::RULE,
    requested_checkpoints::RULE,
    no_idle_timeout::RULE,
    lock_logging_off::RULE,
    restart_pending::RULE,
    driver_saturated::RULE,
];
