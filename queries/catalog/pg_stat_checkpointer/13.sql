SELECT /* dbperf */
    checkpoints_timed AS num_timed,
    checkpoints_req AS num_requested,
    checkpoint_write_time AS write_time,
    checkpoint_sync_time AS sync_time,
    buffers_checkpoint AS buffers_written,
    stats_reset
FROM pg_catalog.pg_stat_bgwriter
