SELECT /* dbperf */
    c.oid AS relid,
    n.nspname::text AS schemaname,
    c.relname::text AS relname,
    s.seqmin,
    s.seqmax,
    s.seqincrement,
    s.seqcycle,
    -- Nobody but its creator may read a temporary one, and a standby has no contents of unlogged ones.
    c.relpersistence = 'p' OR NOT pg_catalog.pg_is_in_recovery() AS has_contents,
    pg_catalog.has_sequence_privilege(c.oid, 'SELECT') OR pg_catalog.has_sequence_privilege(c.oid, 'USAGE') AS readable,
    tn.nspname::text AS table_schema,
    tc.relname::text AS table_name,
    a.attname::text AS column_name,
    pg_catalog.format_type(CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE a.atttypid END, NULL)
        AS type_name
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
-- The columns that it is owned by (serial, identity) and those whose default takes from it.
LEFT JOIN (
    SELECT d.objid AS sequence, d.refobjid AS relid, d.refobjsubid AS attnum
    FROM pg_catalog.pg_sequence AS q
    JOIN pg_catalog.pg_depend AS d ON d.objid = q.seqrelid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass
      AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.refobjsubid > 0
      AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, f.adrelid, f.adnum
    FROM pg_catalog.pg_sequence AS q
    JOIN pg_catalog.pg_depend AS d ON d.refobjid = q.seqrelid
    JOIN pg_catalog.pg_attrdef AS f ON f.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass
      AND d.refclassid = 'pg_catalog.pg_class'::regclass
) AS u ON u.sequence = s.seqrelid
LEFT JOIN pg_catalog.pg_class AS tc ON tc.oid = u.relid
LEFT JOIN pg_catalog.pg_namespace AS tn ON tn.oid = tc.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = u.relid AND a.attnum = u.attnum
LEFT JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
