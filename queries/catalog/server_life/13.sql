SELECT /* dbperf */
    pg_catalog.clock_timestamp() AS at,
    pg_catalog.pg_postmaster_start_time() AS postmaster_start_time,
    pg_catalog.pg_is_in_recovery() AS in_recovery
