SELECT /* dbperf */
    pg_catalog.pg_current_wal_lsn() AS lsn
