SELECT /* dbperf */
    e.extname::text AS extname,
    e.extversion,
    n.nspname::text AS nspname,
    a.default_version
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
LEFT JOIN pg_catalog.pg_available_extensions AS a ON a.name = e.extname
