SELECT /* dbperf */
    n.nspname::text AS nspname,
    e.extversion::text AS extversion
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'hypopg'
