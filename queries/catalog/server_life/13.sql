SELECT /* dbperf */
    pg_catalog.clock_timestamp() AS at,
    pg_catalog.pg_postmaster_start_time() AS postmaster_start_time,
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    (SELECT b.stats_reset FROM pg_catalog.pg_stat_bgwriter AS b) AS bgwriter_stats_reset,
    (SELECT d.stats_reset FROM pg_catalog.pg_stat_database AS d
     WHERE d.datname = pg_catalog.current_database()) AS database_stats_reset
