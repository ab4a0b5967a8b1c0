SELECT /* dbperf */
    k.conrelid,
    k.contypid,
    k.conname::text AS conname,
    k.contype::text AS contype,
    -- Of a partition its own: attnum may differ between levels. NULL stands for an expression.
    (SELECT pg_catalog.array_agg(a.attname::text ORDER BY u.place)
     FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
     LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = k.conrelid AND a.attnum = u.attnum AND u.attnum > 0) AS columns,
    k.confrelid,
    k.confkey,
    k.condeferrable,
    k.confmatchtype::text AS confmatchtype,
    k.conenforced AS conenforced,
    CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END AS expression,
    CASE WHEN k.contype = 'x' OR k.conexclop IS NOT NULL
         THEN pg_catalog.pg_get_constraintdef(k.oid) END AS definition,
    (SELECT pg_catalog.array_agg(o.oprname::text ORDER BY u.place)
     FROM pg_catalog.unnest(k.conexclop) WITH ORDINALITY AS u (opr, place)
     JOIN pg_catalog.pg_operator AS o ON o.oid = u.opr) AS operators
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
WHERE (k.contype IN ('c', 'f', 'x') OR k.conexclop IS NOT NULL)
  -- EXCLUDE where all parts are equal is a key.
  AND NOT (k.contype = 'x' AND '=' = ALL (
      SELECT o.oprname FROM pg_catalog.pg_operator AS o WHERE o.oid = ANY (k.conexclop)))
  -- Of a partition those that it has not from its root.
  AND k.conparentid = 0
  AND (t.relispartition IS NOT TRUE OR (k.contype IN ('c', 'f', 'x') AND k.coninhcount = 0))
  -- Of domains all of them: tables may use those of the information schema.
  AND (k.contypid <> 0 OR n.nspname NOT IN ('pg_catalog', 'information_schema'))
  AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY k.conrelid, k.contypid, k.conname
