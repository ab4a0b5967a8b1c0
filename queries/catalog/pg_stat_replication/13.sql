SELECT /* dbperf */
    pid,
    application_name,
    client_addr::text AS client_addr,
    state,
    sent_lsn,
    write_lsn,
    flush_lsn,
    replay_lsn,
    write_lag,
    flush_lag,
    replay_lag,
    sync_state
FROM pg_catalog.pg_stat_replication
