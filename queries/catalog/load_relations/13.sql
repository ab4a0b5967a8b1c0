SELECT /* dbperf */
    tree.root,
    c.oid,
    n.nspname::text AS nspname,
    c.relname::text AS relname,
    c.relkind::text AS relkind,
    pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owned,
    pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_use,
    pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS may_create,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_select,
    pg_catalog.has_table_privilege(c.oid, 'INSERT') AS may_insert,
    pg_catalog.pg_has_role(c.relowner, 'USAGE')
        OR pg_catalog.pg_has_role(d.datdba, 'USAGE') AS may_vacuum,
    pg_catalog.row_security_active(c.oid) AS row_security,
    -- Who would be told of a TRUNCATE: subscribers, and those who read the log by slots of other plugins.
    CASE WHEN sent.publications IS NULL THEN '{}'::text[] ELSE sent.publications END AS publications,
    ARRAY(
        SELECT s.slot_name::text
        FROM pg_catalog.pg_replication_slots AS s
        WHERE s.database = pg_catalog.current_database() AND s.plugin <> 'pgoutput'
        ORDER BY s.slot_name) AS slots
FROM (
    -- Each table with its partitions of all levels.
    WITH RECURSIVE members(root, oid) AS (
        SELECT c.oid, c.oid
        FROM unnest($1::text[], $2::text[]) AS wanted(nspname, relname)
        JOIN pg_catalog.pg_namespace AS n ON n.nspname = wanted.nspname
        JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.relname
        UNION ALL
        SELECT m.root, i.inhrelid
        FROM members AS m
        JOIN pg_catalog.pg_class AS p ON p.oid = m.oid AND p.relkind = 'p'
        JOIN pg_catalog.pg_inherits AS i ON i.inhparent = m.oid
    )
    SELECT root, oid FROM members
) AS tree
JOIN pg_catalog.pg_class AS c ON c.oid = tree.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
LEFT JOIN (
    SELECT t.schemaname, t.tablename, pg_catalog.array_agg(t.pubname::text ORDER BY t.pubname) AS publications
    FROM pg_catalog.pg_publication_tables AS t
    JOIN pg_catalog.pg_publication AS p ON p.pubname = t.pubname
    -- Below this level nobody can read tables from the log.
    WHERE p.pubtruncate AND pg_catalog.current_setting('wal_level') = 'logical'
    GROUP BY t.schemaname, t.tablename
) AS sent ON sent.schemaname = n.nspname AND sent.tablename = c.relname
ORDER BY n.nspname, c.relname
