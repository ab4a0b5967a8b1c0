SELECT /* dbperf */
    relid,
    heap_blks_read::int8 AS heap_blks_read,
    heap_blks_hit::int8 AS heap_blks_hit,
    idx_blks_read::int8 AS idx_blks_read,
    idx_blks_hit::int8 AS idx_blks_hit,
    toast_blks_read::int8 AS toast_blks_read,
    toast_blks_hit::int8 AS toast_blks_hit
FROM pg_catalog.pg_statio_user_tables
