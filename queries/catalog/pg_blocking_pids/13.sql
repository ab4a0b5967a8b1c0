SELECT /* dbperf */
    pid,
    pg_catalog.pg_blocking_pids(pid) AS blocked_by
FROM pg_catalog.unnest($1::int4[]) AS waiting (pid)
