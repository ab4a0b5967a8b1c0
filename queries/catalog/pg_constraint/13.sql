SELECT /* dbperf */
    conname::text AS conname,
    conrelid,
    confrelid,
    conkey,
    confkey,
    conindid
FROM pg_catalog.pg_constraint
WHERE contype = 'f'
