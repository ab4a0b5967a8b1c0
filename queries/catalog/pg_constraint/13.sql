SELECT /* dbperf */
    conname::text AS conname,
    conrelid,
    confrelid,
    conkey,
    confkey,
    conindid,
    -- A key of a partitioned table has one more for each partition, on either side.
    conparentid
FROM pg_catalog.pg_constraint
WHERE contype = 'f'
