SELECT /* dbperf */
    oid,
    datname::text AS datname,
    datconnlimit
FROM pg_catalog.pg_database
