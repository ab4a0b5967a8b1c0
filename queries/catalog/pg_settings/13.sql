SELECT /* dbperf */
    name,
    reset_val,
    unit,
    source,
    pending_restart
FROM pg_catalog.pg_settings
