SELECT /* dbperf */
    num_timed,
    num_requested,
    write_time,
    sync_time,
    buffers_written,
    stats_reset
FROM pg_catalog.pg_stat_checkpointer
