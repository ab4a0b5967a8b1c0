SELECT /* dbperf */
    oid,
    rolname::text AS rolname
FROM pg_catalog.pg_roles
