SELECT /* dbperf */
    c.oid AS relid,
    n.nspname::text AS schemaname,
    c.relname::text AS relname,
    c.relkind::text AS relkind,
    c.reltuples,
    c.relpages,
    c.reloptions,
    i.inhparent AS parent,
    p.partstrat::text AS partstrat,
    p.partattrs::int2[] AS partattrs,
    CASE WHEN p.partrelid IS NOT NULL THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partkeydef,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid AND c.relispartition
LEFT JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
