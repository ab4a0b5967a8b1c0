SELECT /* dbperf */
    t.tgrelid,
    t.tgname::text AS tgname,
    t.tgtype,
    pn.nspname::text AS proc_schema,
    p.proname::text AS proname
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.pronamespace
WHERE NOT t.tgisinternal
  -- Disabled, or for replicas only.
  AND t.tgenabled IN ('O', 'A')
  AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition
ORDER BY t.tgrelid, t.tgname
