SELECT /* dbperf */
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    pg_catalog.pg_last_wal_receive_lsn() AS receive_lsn,
    pg_catalog.pg_last_wal_replay_lsn() AS replay_lsn,
    -- The pause functions raise an error once the standby has been promoted.
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_get_wal_replay_pause_state() END AS replay_pause_state,
    pg_catalog.pg_last_xact_replay_timestamp() AS last_xact_replay_timestamp,
    r.pid AS receiver_pid,
    r.status AS receiver_status,
    r.last_msg_receipt_time,
    pg_catalog.clock_timestamp() AS clock_timestamp
FROM (VALUES (true)) AS one (row)
LEFT JOIN pg_catalog.pg_stat_wal_receiver AS r ON true
