SELECT /* dbperf */
    r.pid,
    r.application_name,
    r.client_addr::text AS client_addr,
    r.state,
    r.sent_lsn,
    r.write_lsn,
    r.flush_lsn,
    r.replay_lsn,
    r.write_lag,
    r.flush_lag,
    r.replay_lag,
    r.sync_state,
    -- The view does not tell a subscriber from a standby; the slot in use does.
    s.slot_type
FROM pg_catalog.pg_stat_replication AS r
LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.active_pid = r.pid
