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
    x.indnullsnotdistinct,
    pg_catalog.pg_get_expr(x.indexprs, x.indrelid) AS expressions,
    pg_catalog.pg_get_expr(x.indpred, x.indrelid) AS predicate,
    c.reloptions,
    con.conname::text AS constraint_name,
    i.inhparent AS parent,
    pg_catalog.pg_get_indexdef(x.indexrelid) AS definition,
    EXISTS (
        SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
        WHERE p.index_relid = x.indexrelid) AS building
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_constraint AS con
    ON con.conindid = x.indexrelid AND con.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = x.indexrelid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
