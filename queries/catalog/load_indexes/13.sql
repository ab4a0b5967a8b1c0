SELECT /* dbperf */
    x.indexrelid,
    x.indrelid,
    c.relname::text AS relname,
    c.relkind::text AS relkind,
    (SELECT i.inhparent FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = x.indexrelid) AS parent,
    pg_catalog.pg_get_indexdef(x.indexrelid) AS definition,
    x.indisvalid AND x.indisready AND x.indislive AS is_valid,
    x.indisclustered,
    x.indisreplident,
    s.spcname::text AS tablespace,
    -- No right is needed for the database's own.
    s.oid IS NULL OR pg_catalog.has_tablespace_privilege(s.oid, 'CREATE') AS may_use_tablespace,
    c.reloptions IS NOT NULL AS has_options,
    pg_catalog.obj_description(x.indexrelid, 'pg_class') AS description,
    k.oid AS constraint_oid,
    k.conname::text AS conname,
    k.contype::text AS contype,
    k.condeferrable,
    k.condeferred,
    pg_catalog.pg_get_constraintdef(k.oid) AS constraint_definition,
    pg_catalog.obj_description(k.oid, 'pg_constraint') AS constraint_description,
    -- 17+ has NULL where older versions have -1.
    ARRAY(
        SELECT a.attnum::int4
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = x.indexrelid AND a.attstattarget >= 0
        ORDER BY a.attnum) AS statistics_columns,
    ARRAY(
        SELECT a.attstattarget::int4
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = x.indexrelid AND a.attstattarget >= 0
        ORDER BY a.attnum) AS statistics_targets,
    -- Foreign keys that refer to it.
    ARRAY(
        SELECT d.objid
        FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid = 'pg_catalog.pg_class'::regclass
          AND d.refobjid = x.indexrelid
          AND d.classid = 'pg_catalog.pg_constraint'::regclass
          AND d.deptype = 'n') AS foreign_keys,
    -- Whatever else would go with it, such as a view that groups by a primary key.
    ARRAY(
        SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
        FROM pg_catalog.pg_depend AS d
        WHERE ((d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = x.indexrelid)
               OR (d.refclassid = 'pg_catalog.pg_constraint'::regclass AND d.refobjid = k.oid))
          AND d.classid <> 'pg_catalog.pg_constraint'::regclass
          AND d.deptype IN ('n', 'a', 'x')) AS needed_by,
    EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
          AND d.objid = x.indexrelid
          AND d.deptype IN ('e', 'x')) AS of_extension,
    -- Functions that may find names by the search path of whoever calls: of expressions, of operators and of operator
    -- classes. No function of the server itself does.
    ARRAY(
        SELECT p.oid::regprocedure::text
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE p.oid IN (
            SELECT CASE WHEN o.oid IS NULL THEN d.refobjid ELSE o.oprcode::oid END
            FROM pg_catalog.pg_depend AS d
            LEFT JOIN pg_catalog.pg_operator AS o
                ON d.refclassid = 'pg_catalog.pg_operator'::regclass AND o.oid = d.refobjid
            WHERE d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass)
              AND ((d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = x.indexrelid)
                   OR (d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid))
            UNION ALL
            SELECT m.amproc::oid
            FROM pg_catalog.pg_opclass AS s
            JOIN pg_catalog.pg_amproc AS m ON m.amprocfamily = s.opcfamily
            WHERE s.oid = ANY (x.indclass::oid[]))
          AND l.lanname NOT IN ('internal', 'c')
          AND p.pronamespace <> 'pg_catalog'::regnamespace
          AND NOT EXISTS (
              SELECT FROM pg_catalog.unnest(p.proconfig) AS c (setting)
              WHERE c.setting LIKE 'search_path=%')
        ORDER BY p.oid) AS functions
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE x.indrelid = ANY ($1::oid[])
ORDER BY x.indexrelid
