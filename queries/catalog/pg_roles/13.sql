SELECT /* dbperf */
    oid,
    rolname::text AS rolname,
    rolconnlimit
FROM pg_catalog.pg_roles
