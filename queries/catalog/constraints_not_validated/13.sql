SELECT /* dbperf */
    n.nspname::text AS schemaname,
    c.relname::text AS relname,
    k.conname::text AS conname,
    k.contype::text AS contype,
    k.oid,
    k.conparentid
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT k.convalidated
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
