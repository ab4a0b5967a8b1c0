SELECT /* dbperf */
    relid,
    indexrelid,
    schemaname::text AS schemaname,
    relname::text AS relname,
    indexrelname::text AS indexrelname,
    idx_scan,
    idx_tup_read,
    idx_tup_fetch,
    last_idx_scan
FROM pg_catalog.pg_stat_user_indexes
