SELECT /* dbperf */
    a.attrelid,
    a.attname::text AS attname,
    a.attnum,
    a.attlen,
    a.attalign::text AS attalign,
    co.collname::text AS collname,
    d.datcollate::text AS datcollate,
    c.relallvisible,
    s.n_distinct,
    s.null_frac,
    s.avg_width
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
LEFT JOIN pg_catalog.pg_collation AS co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_stats AS s
    ON s.schemaname = n.nspname
    AND s.tablename = c.relname
    AND s.attname = a.attname
    -- The view keeps joins out; a list of names gets in, to its index.
    AND s.tablename = ANY ($2)
    AND s.inherited = (c.relkind = 'p')
WHERE a.attrelid = ANY ($1)
  AND a.attnum > 0
  AND NOT a.attisdropped
