SELECT /* dbperf */
    x.indrelid,
    c.relname::text AS relname,
    x.indisprimary,
    -- Those of INCLUDE are no part of what is unique. NULL stands for an expression.
    (SELECT pg_catalog.array_agg(a.attname::text ORDER BY u.place)
     FROM pg_catalog.unnest(x.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
     LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = x.indrelid AND a.attnum = u.attnum AND u.attnum > 0
     WHERE u.place <= x.indnkeyatts) AS columns,
    false AS indnullsnotdistinct,
    pg_catalog.pg_get_expr(x.indpred, x.indrelid) AS predicate,
    pg_catalog.pg_get_indexdef(x.indexrelid) AS definition
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
WHERE (x.indisunique OR EXISTS (
    -- EXCLUDE where all parts are equal is a key.
    SELECT FROM pg_catalog.pg_constraint AS k
    WHERE k.conindid = x.indexrelid AND k.contype = 'x'
      AND '=' = ALL (SELECT o.oprname FROM pg_catalog.pg_operator AS o WHERE o.oid = ANY (k.conexclop))))
  AND t.relkind IN ('r', 'p')
  -- Of a partition, what its root does not have.
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = x.indexrelid)
  AND t.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY x.indrelid, x.indisprimary DESC, c.relname
