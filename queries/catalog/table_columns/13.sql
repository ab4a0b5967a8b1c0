SELECT /* dbperf */
    n.nspname::text AS nspname,
    c.relname::text AS relname,
    c.relkind::text AS relkind,
    c.reltuples,
    a.attname::text AS attname,
    CASE t.typtype WHEN 'd' THEN b.typname ELSE t.typname END::text AS base_type,
    pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
    EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = c.oid
          AND i.indisunique
          AND i.indpred IS NULL
          AND i.indnkeyatts = 1
          AND i.indkey[0] = a.attnum
    ) AS is_unique
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype
WHERE c.oid = pg_catalog.to_regclass($1)
  AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
  AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY a.attnum
