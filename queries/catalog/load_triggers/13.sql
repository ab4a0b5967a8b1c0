SELECT /* dbperf */
    t.tgrelid,
    t.tgname::text AS tgname,
    t.tgtype,
    t.tgenabled::text AS tgenabled,
    pn.nspname::text AS function_schema,
    p.proname::text AS function_name
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.pronamespace
WHERE t.tgrelid = ANY ($1::oid[])
  AND t.tgenabled IN ('O', 'A')
  -- Those of keys are the server's own.
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint AS k
      WHERE k.oid = t.tgconstraint AND k.contype <> 't')
ORDER BY t.tgrelid, t.tgname
