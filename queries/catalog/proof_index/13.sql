SELECT /* dbperf */
    x.indexrelid,
    t.relname::text AS relname,
    x.indisvalid,
    x.indisready,
    x.indisunique,
    x.indisclustered,
    x.indisreplident,
    x.indexprs IS NOT NULL AS has_expression,
    pg_catalog.pg_get_indexdef(x.indexrelid) AS definition,
    s.spcname::text AS tablespace,
    pg_catalog.obj_description(x.indexrelid, 'pg_class') AS description,
    pg_catalog.pg_relation_size(x.indexrelid) AS size_bytes,
    pg_catalog.pg_stat_get_numscans(x.indexrelid) AS idx_scan,
    pg_catalog.pg_has_role(t.relowner, 'USAGE') AS is_owned,
    -- 17+ has NULL where older versions have -1.
    EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = x.indexrelid
          AND a.attstattarget >= 0) AS has_statistics_target,
    -- What would be dropped with it or would keep it: constraints, extensions, other indexes.
    EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid = 'pg_catalog.pg_class'::regclass
          AND d.refobjid = x.indexrelid) AS is_needed,
    EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
          AND d.objid = x.indexrelid
          AND (d.deptype IN ('e', 'x', 'i', 'P', 'S'))) AS is_part
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
WHERE n.nspname = $1::text
  AND c.relname = $2::text
