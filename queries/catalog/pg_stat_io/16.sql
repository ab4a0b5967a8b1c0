SELECT /* dbperf */
    backend_type,
    object,
    context,
    reads,
    read_time,
    writes,
    write_time,
    extends,
    extend_time,
    hits,
    evictions,
    fsyncs,
    fsync_time,
    stats_reset
FROM pg_catalog.pg_stat_io
