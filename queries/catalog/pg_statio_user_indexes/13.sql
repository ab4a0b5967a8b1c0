SELECT /* dbperf */
    indexrelid,
    idx_blks_read,
    idx_blks_hit
FROM pg_catalog.pg_statio_user_indexes
