SELECT /* dbperf */
    relid,
    -- NULL for one that was dropped meanwhile, and for one that never gave a value.
    CASE WHEN pg_catalog.has_sequence_privilege(relid, 'SELECT') IS NOT NULL
         THEN pg_catalog.pg_sequence_last_value(relid) END AS last_value
FROM pg_catalog.unnest($1::oid[]) AS wanted (relid)
