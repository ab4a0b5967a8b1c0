SELECT /* dbperf */
    t.oid AS typid,
    n.nspname::text AS nspname,
    t.typname::text AS typname,
    t.typtype::text AS typtype,
    t.typrelid,
    t.typnotnull,
    t.typbasetype,
    t.typtypmod,
    -- Of true arrays: point, box and name have elements, too.
    CASE WHEN e.typarray = t.oid THEN t.typelem END AS element,
    r.rngsubtype AS range_of,
    NULL::oid AS multirange_of,
    x.extname::text AS extname
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem
LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_depend AS d
    ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
    AND d.objid = t.oid
    AND d.objsubid = 0
    AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension AS x
    ON x.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
