SELECT /* dbperf */
    oid,
    datname::text AS datname
FROM pg_catalog.pg_database
