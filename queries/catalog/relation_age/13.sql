SELECT /* dbperf */
    n.nspname::text AS schemaname,
    t.relname::text AS relname,
    c.relkind = 't' AS is_toast,
    -- A table whose access method needs no freezing has zeros.
    CASE WHEN c.relfrozenxid <> '0' THEN pg_catalog.age(c.relfrozenxid) END AS frozen_xid_age,
    CASE WHEN c.relminmxid <> '0' THEN pg_catalog.mxid_age(c.relminmxid) END AS min_mxid_age
FROM pg_catalog.pg_class AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
-- A TOAST table goes by the name of the table that it belongs to.
JOIN pg_catalog.pg_class AS c ON c.oid IN (t.oid, t.reltoastrelid)
WHERE t.relkind IN ('r', 'm')
