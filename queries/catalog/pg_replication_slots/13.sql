SELECT /* dbperf */
    slot_name::text AS slot_name,
    slot_type,
    database::text AS database,
    active,
    active_pid,
    restart_lsn,
    wal_status,
    safe_wal_size,
    pg_catalog.age(xmin) AS xmin_age,
    pg_catalog.age(catalog_xmin) AS catalog_xmin_age,
    NULL::timestamptz AS inactive_since
FROM pg_catalog.pg_replication_slots
