SELECT /* dbperf */
    s.schemaname::text AS schemaname,
    s.tablename::text AS tablename,
    s.statistics_name::text AS statistics_name,
    s.attnames::text[] AS attnames,
    NULL::text[] AS exprs,
    false AS inherited,
    s.n_distinct::text AS n_distinct,
    s.dependencies::text AS dependencies,
    -- One after the other, as many for each combination as there are columns.
    CASE WHEN $1 THEN ARRAY(SELECT pg_catalog.unnest(s.most_common_vals)) END AS most_common_vals,
    ARRAY(SELECT pg_catalog.unnest(s.most_common_val_nulls)) AS most_common_val_nulls,
    s.most_common_freqs
FROM (
    -- Values are to have one text form, whatever the role or the database prefers; for this statement only.
    SELECT pg_catalog.set_config('DateStyle', 'ISO, YMD', true)
        || pg_catalog.set_config('IntervalStyle', 'postgres', true)
        || pg_catalog.set_config('TimeZone', 'UTC', true)
        || pg_catalog.set_config('extra_float_digits', '1', true)
        || pg_catalog.set_config('bytea_output', 'hex', true)
        || pg_catalog.set_config('lc_monetary', 'C', true) AS ready
) AS f
CROSS JOIN LATERAL (
    SELECT v.*
    FROM pg_catalog.pg_stats_ext AS v
    WHERE f.ready IS NOT NULL
    -- A fence: the values are written after the settings were made.
    OFFSET 0
) AS s
ORDER BY s.schemaname, s.tablename, s.statistics_schemaname, s.statistics_name
