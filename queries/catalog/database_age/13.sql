SELECT /* dbperf */
    datname::text AS datname,
    datallowconn,
    pg_catalog.age(datfrozenxid) AS frozen_xid_age,
    pg_catalog.mxid_age(datminmxid) AS min_mxid_age
FROM pg_catalog.pg_database
