SELECT /* dbperf */
    wal_records,
    wal_fpi,
    wal_bytes::int8 AS wal_bytes,
    wal_buffers_full,
    stats_reset
FROM pg_catalog.pg_stat_wal
