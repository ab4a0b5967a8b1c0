SELECT /* dbperf */
    conname::text AS conname,
    conrelid,
    confrelid,
    conkey,
    confkey
FROM pg_catalog.pg_constraint
WHERE contype = 'f'
