SELECT /* dbperf */
    s.ssl AS ssl,
    s.version AS version,
    s.cipher AS cipher
FROM pg_catalog.pg_stat_ssl AS s
WHERE s.pid = pg_catalog.pg_backend_pid()
