SELECT /* dbperf */
    pg_catalog.current_setting('server_version') AS version,
    pg_catalog.current_database()::text AS database,
    (SELECT d.oid FROM pg_catalog.pg_database AS d
     WHERE d.datname = pg_catalog.current_database()) AS database_oid,
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    current_user::text AS role,
    (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r
     WHERE r.rolname = current_user) AS superuser,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS read_all_stats,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS read_all_settings,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_data', 'USAGE') AS read_all_data
