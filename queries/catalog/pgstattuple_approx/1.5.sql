SELECT /* dbperf */
    table_len,
    scanned_percent,
    approx_free_space,
    dead_tuple_len
FROM {schema}.pgstattuple_approx($1::oid::regclass)
