SELECT /* dbperf */
    pg_catalog.clock_timestamp() AS read_at,
    pid,
    datname::text AS datname,
    usename::text AS usename,
    application_name,
    backend_type,
    state,
    xact_start,
    state_change,
    pg_catalog.age(backend_xid) AS xid_age,
    pg_catalog.age(backend_xmin) AS xmin_age,
    query_id,
    query
FROM pg_catalog.pg_stat_activity
WHERE xact_start IS NOT NULL
   OR backend_xid IS NOT NULL
   OR backend_xmin IS NOT NULL
   -- The type is NULL where the role may not see it; processes of the server itself have no user.
   OR (backend_type IS NULL AND usesysid IS NOT NULL)
