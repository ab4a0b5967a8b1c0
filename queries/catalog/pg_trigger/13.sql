SELECT /* dbperf */
    n.nspname::text AS nspname,
    c.relname::text AS relname,
    t.tgname::text AS tgname,
    p.proname::text AS proname
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
-- Those of foreign keys are the server's own.
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
