SELECT /* dbperf */
    uses.relid,
    a.attname::text AS attname,
    n.nspname::text AS nspname,
    c.relname::text AS relname,
    pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owned,
    pg_catalog.has_sequence_privilege(c.oid, 'UPDATE') AS may_update,
    s.seqincrement,
    s.seqmin,
    s.seqmax,
    -- A number, also below a domain.
    pg_catalog.format_type(a.atttypid, NULL) AS type_name,
    t.typcategory::text AS typcategory
FROM (
    -- Sequences that a column owns, as serial and identity columns do.
    SELECT d.objid AS seqrelid, d.refobjid AS relid, d.refobjsubid AS attnum
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass
      AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.refobjid = ANY ($1::oid[])
      AND d.refobjsubid > 0
      AND d.deptype IN ('a', 'i')
    UNION
    -- Those that a default uses.
    SELECT d.refobjid, f.adrelid, f.adnum
    FROM pg_catalog.pg_attrdef AS f
    JOIN pg_catalog.pg_depend AS d
      ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
    WHERE d.refclassid = 'pg_catalog.pg_class'::regclass
      AND f.adrelid = ANY ($1::oid[])
) AS uses
JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = uses.seqrelid
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = uses.relid AND a.attnum = uses.attnum
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
ORDER BY n.nspname, c.relname, a.attname
