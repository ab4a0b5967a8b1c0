SELECT /* dbperf */
    x.indexrelid,
    x.indrelid,
    n.nspname::text AS schemaname,
    t.relname::text AS relname,
    c.relname::text AS indexrelname,
    c.relkind::text AS relkind,
    am.amname::text AS amname,
    x.indnkeyatts,
    x.indkey::int2[] AS indkey,
    x.indclass::oid[] AS indclass,
    x.indcollation::oid[] AS indcollation,
    x.indoption::int2[] AS indoption,
    x.indisunique,
    x.indisprimary,
    x.indisexclusion,
    x.indimmediate,
    x.indisreplident,
    x.indisclustered,
    x.indisvalid,
    x.indisready,
    NULL::bool AS indnullsnotdistinct,
    pg_catalog.pg_get_expr(x.indexprs, x.indrelid) AS expressions,
    pg_catalog.pg_get_expr(x.indpred, x.indrelid) AS predicate,
    c.reloptions,
    c.reltuples,
    c.relpages,
    ts.spcname::text AS tablespace,
    -- Statistics targets of expressions, which a definition does not show; 17 has NULL for the default.
    st.stat_attnums,
    st.stat_targets,
    EXISTS (
        SELECT FROM pg_catalog.pg_description AS d
        WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.objoid = x.indexrelid
          AND d.objsubid = 0) AS has_comment,
    x.indexrelid IN (
        SELECT d.objid FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
          AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.deptype = 'e') OR x.indrelid IN (
        SELECT d.objid FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
          AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.deptype = 'e') AS extension_owned,
    con.conname::text AS constraint_name,
    i.inhparent AS parent,
    -- As the function writes it. It takes most of the time of all this, and most indexes need none of its knowledge.
    CASE WHEN plain.columns IS NOT NULL
         THEN pg_catalog.format('CREATE %sINDEX %I ON %I.%I USING %I (%s)',
                                CASE WHEN x.indisunique THEN 'UNIQUE ' END,
                                c.relname, n.nspname, t.relname, am.amname, plain.columns)
         ELSE pg_catalog.pg_get_indexdef(x.indexrelid) END AS definition,
    EXISTS (
        SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
        -- REINDEX CONCURRENTLY makes new indexes of a whole table one after the other, each invalid until its end.
        WHERE p.index_relid = x.indexrelid
           OR (p.relid = x.indrelid AND NOT x.indisvalid)) AS building,
    -- Another role's build shows its database and nothing else without pg_read_all_stats.
    EXISTS (
        SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
        WHERE p.datname = pg_catalog.current_database()
          AND p.relid IS NULL) AS builds_hidden
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_tablespace AS ts ON ts.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_constraint AS con
    ON con.conindid = x.indexrelid AND con.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = x.indexrelid
LEFT JOIN (
    SELECT
        a.attrelid,
        pg_catalog.array_agg(a.attnum ORDER BY a.attnum) AS stat_attnums,
        pg_catalog.array_agg(a.attstattarget::int4 ORDER BY a.attnum) AS stat_targets
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attstattarget >= 0 AND a.attnum > 0
    GROUP BY a.attrelid
) AS st ON st.attrelid = x.indexrelid
-- The columns of an index that has nothing but columns, with the order, the operators and the collation that they
-- have anyway.
LEFT JOIN LATERAL (
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.place) AS columns
    FROM ROWS FROM (
        pg_catalog.unnest(x.indkey::int2[]),
        pg_catalog.unnest(x.indclass::oid[]),
        pg_catalog.unnest(x.indcollation::oid[])
    ) WITH ORDINALITY AS k (attnum, opclass, colloid, place)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
    JOIN pg_catalog.pg_opclass AS o ON o.oid = k.opclass
    HAVING pg_catalog.bool_and(
        k.colloid = a.attcollation
        AND o.opcdefault
        -- Those of extensions may have options.
        AND o.oid < 16384
        AND (o.opcintype = a.atttypid OR (o.opcintype = 'text'::pg_catalog.regtype
                                          AND a.atttypid = 'varchar'::pg_catalog.regtype)))
) AS plain ON am.amname = 'btree'
    AND c.relkind = 'i'
    AND c.reloptions IS NULL
    AND x.indnatts = x.indnkeyatts
    AND x.indexprs IS NULL
    AND x.indpred IS NULL
    AND 0 = ALL (x.indoption)
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
