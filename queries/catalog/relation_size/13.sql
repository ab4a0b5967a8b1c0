SELECT /* dbperf */
    c.oid AS relid,
    CASE WHEN c.relkind = 'i' THEN pg_catalog.pg_relation_size(c.oid)
         ELSE pg_catalog.pg_table_size(c.oid) END AS size_bytes
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'i')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  -- The size functions wait for whoever holds this lock.
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_locks AS l
      WHERE l.relation = c.oid
        AND l.mode = 'AccessExclusiveLock')
