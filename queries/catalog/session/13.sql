SELECT /* dbperf */
    pg_catalog.current_setting('server_version') AS version,
    pg_catalog.current_setting('server_version_num')::int4 AS version_num,
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    pg_catalog.current_setting('transaction_read_only') AS transaction_read_only,
    pg_catalog.current_setting('search_path') AS search_path,
    pg_catalog.current_database()::text AS database,
    pg_catalog.pg_backend_pid() AS pid
