SELECT /* dbperf */
    a.attrelid,
    a.attnum,
    a.attname::text AS attname,
    a.atttypid,
    a.atttypmod,
    a.attnotnull,
    a.attidentity::text AS attidentity,
    a.attgenerated::text AS attgenerated,
    pg_catalog.pg_get_expr(f.adbin, f.adrelid) AS expression,
    cn.nspname::text AS collation_schema,
    co.collname::text AS collation_name,
    s.nspname::text AS sequence_schema,
    s.relname::text AS sequence_name,
    pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation AS co ON co.oid = a.attcollation AND co.collname <> 'default'
LEFT JOIN pg_catalog.pg_namespace AS cn ON cn.oid = co.collnamespace
-- Of serial and identity columns. One that owns several has one of identity or one default at most.
LEFT JOIN (
    SELECT DISTINCT ON (d.refobjid, d.refobjsubid)
        d.refobjid,
        d.refobjsubid,
        qn.nspname,
        q.relname
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_class AS q ON q.oid = d.objid AND q.relkind = 'S'
    JOIN pg_catalog.pg_namespace AS qn ON qn.oid = q.relnamespace
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refobjsubid > 0
      AND d.deptype IN ('a', 'i')
    ORDER BY d.refobjid, d.refobjsubid, d.deptype DESC, d.objid
) AS s ON s.refobjid = a.attrelid AND s.refobjsubid = a.attnum
WHERE c.relkind IN ('r', 'p')
  -- Of partitions what is NOT NULL: it may not be so in the root.
  AND (a.attnotnull OR NOT c.relispartition)
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
