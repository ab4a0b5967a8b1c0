SELECT /* dbperf */
    s.inherited,
    s.null_frac,
    s.most_common_vals::text::text[] AS most_common_vals,
    s.most_common_freqs,
    s.histogram_bounds::text::text[] AS histogram_bounds
FROM pg_catalog.pg_stats AS s
JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename
WHERE c.oid = pg_catalog.to_regclass($1)
  AND s.attname = $2
ORDER BY s.inherited
