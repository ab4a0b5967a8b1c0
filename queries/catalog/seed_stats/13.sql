SELECT /* dbperf */
    s.schemaname::text AS schemaname,
    s.tablename::text AS tablename,
    s.attname::text AS attname,
    s.inherited,
    s.null_frac,
    s.avg_width,
    s.n_distinct,
    CASE WHEN $2 THEN s.most_common_vals::text::text[] END AS most_common_vals,
    s.most_common_freqs,
    CASE WHEN $2 THEN s.histogram_bounds::text::text[] END AS histogram_bounds,
    s.correlation,
    CASE WHEN $2 THEN s.most_common_elems::text::text[] END AS most_common_elems,
    s.most_common_elem_freqs,
    s.elem_count_histogram
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
    FROM pg_catalog.pg_stats AS v
    -- The view keeps joins out; a list of names gets in, to its index.
    WHERE v.tablename = ANY ($1)
      AND f.ready IS NOT NULL
    -- A fence: the values are written after the settings were made.
    OFFSET 0
) AS s
