SELECT /* dbperf */
    userid,
    dbid,
    queryid,
    query
FROM {schema}.pg_stat_statements(true)
WHERE queryid = ANY ($1)
