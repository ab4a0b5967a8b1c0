SELECT /* dbperf */
    index_size,
    internal_pages,
    leaf_pages,
    empty_pages,
    deleted_pages,
    avg_leaf_density
FROM {schema}.pgstatindex($1::oid::regclass)
