SELECT /* dbperf */
    k.oid,
    k.conname::text AS conname,
    k.conrelid,
    k.confrelid,
    k.conparentid,
    k.condeferrable,
    true AS conenforced,
    pg_catalog.pg_get_constraintdef(k.oid) AS definition,
    pg_catalog.obj_description(k.oid, 'pg_constraint') AS description,
    n.nspname::text AS nspname,
    c.relname::text AS relname,
    -- Somebody has switched its checks off, or made them fire always.
    EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t
        WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O') AS is_altered
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype = 'f'
  AND (k.conrelid = ANY ($1::oid[]) OR k.confrelid = ANY ($1::oid[]))
ORDER BY k.oid
