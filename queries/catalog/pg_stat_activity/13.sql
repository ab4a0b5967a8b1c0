SELECT /* dbperf */
    pid,
    leader_pid,
    datname::text AS datname,
    usename::text AS usename,
    application_name,
    backend_type,
    state,
    wait_event_type,
    wait_event,
    NULL::int8 AS query_id,
    query_start,
    xact_start,
    state_change,
    -- Its comments may tell which route asked; of an idle session nobody needs them.
    CASE WHEN state IS DISTINCT FROM 'idle' THEN query END AS query
FROM pg_catalog.pg_stat_activity
-- The type is NULL where the role may not see it; processes of the server itself have no user.
WHERE backend_type IN ('client backend', 'parallel worker')
   OR (backend_type IS NULL AND usesysid IS NOT NULL)
