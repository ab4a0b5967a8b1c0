SELECT /* dbperf */
    -- Before PostgreSQL 15 a reader of statistics waits for the collector to write its file.
    (SELECT b.stats_reset FROM pg_catalog.pg_stat_bgwriter AS b) AS bgwriter_stats_reset,
    (SELECT d.stats_reset FROM pg_catalog.pg_stat_database AS d
     WHERE d.datname = pg_catalog.current_database()) AS database_stats_reset
