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
    ARRAY(SELECT a.attnum FROM pg_catalog.pg_attribute AS a
          WHERE a.attrelid = x.indexrelid AND a.attstattarget >= 0
          ORDER BY a.attnum) AS stat_attnums,
    ARRAY(SELECT a.attstattarget::int4 FROM pg_catalog.pg_attribute AS a
          WHERE a.attrelid = x.indexrelid AND a.attstattarget >= 0
          ORDER BY a.attnum) AS stat_targets,
    EXISTS (
        SELECT FROM pg_catalog.pg_description AS d
        WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.objoid = x.indexrelid
          AND d.objsubid = 0) AS has_comment,
    EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.objid IN (x.indexrelid, x.indrelid)
          AND d.deptype = 'e') AS extension_owned,
    con.conname::text AS constraint_name,
    i.inhparent AS parent,
    pg_catalog.pg_get_indexdef(x.indexrelid) AS definition,
    EXISTS (
        SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
        WHERE p.index_relid = x.indexrelid) AS building,
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
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
