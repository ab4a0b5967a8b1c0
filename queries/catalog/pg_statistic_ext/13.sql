SELECT /* dbperf */
    s.stxrelid,
    n.nspname::text AS schemaname,
    s.stxname::text AS stxname,
    s.stxkeys::int2[] AS stxkeys,
    s.stxkind::text[] AS stxkind
FROM pg_catalog.pg_statistic_ext AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
