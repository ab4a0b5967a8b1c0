SELECT /* dbperf */
    dealloc,
    stats_reset
FROM {schema}.pg_stat_statements_info
