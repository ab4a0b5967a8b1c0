SELECT /* dbperf */
    a.attname::text AS attname,
    pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
    c.relkind::text AS relkind
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE c.oid = pg_catalog.to_regclass($1)
  AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
  AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY a.attnum
