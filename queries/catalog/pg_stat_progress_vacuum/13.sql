SELECT /* dbperf */
    p.pid,
    p.datname::text AS datname,
    p.relid,
    p.phase,
    p.heap_blks_total,
    p.heap_blks_scanned,
    p.heap_blks_vacuumed,
    p.index_vacuum_count,
    a.xact_start
FROM pg_catalog.pg_stat_progress_vacuum AS p
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.pid
