SELECT /* dbperf */
    a.attrelid,
    a.attnum,
    a.attname::text AS attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name,
    a.attnotnull AS not_null,
    a.attstattarget::int4 AS stattarget
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
