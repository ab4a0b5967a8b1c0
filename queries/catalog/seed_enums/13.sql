SELECT /* dbperf */
    enumtypid,
    enumlabel::text AS enumlabel
FROM pg_catalog.pg_enum
ORDER BY enumtypid, enumsortorder
