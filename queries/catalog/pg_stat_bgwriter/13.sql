SELECT /* dbperf */
    buffers_clean,
    maxwritten_clean,
    buffers_alloc,
    stats_reset
FROM pg_catalog.pg_stat_bgwriter
