SELECT /* dbperf */
    c.oid AS relid,
    n.nspname::text AS nspname,
    c.relname::text AS relname,
    c.relkind::text AS relkind,
    i.inhparent AS parent,
    CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END AS bound,
    p.partstrat::text AS partstrat,
    -- Of each partition its own: attnum may differ between levels. NULL stands for an expression.
    (SELECT pg_catalog.array_agg(a.attname::text ORDER BY u.place)
     FROM pg_catalog.unnest(p.partattrs::int2[]) WITH ORDINALITY AS u (attnum, place)
     LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = p.partrelid AND a.attnum = u.attnum AND u.attnum > 0) AS partcolumns,
    c.reltuples,
    c.relpages,
    pg_catalog.row_security_active(c.oid) AS row_security,
    EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.objid = c.oid
          AND d.objsubid = 0
          AND d.deptype = 'e') AS extension_owned
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid AND c.relispartition
LEFT JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname, c.relname
