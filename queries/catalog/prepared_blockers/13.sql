SELECT /* dbperf */
    w.pid,
    x.gid
FROM pg_catalog.pg_locks AS w
JOIN pg_catalog.pg_locks AS h
    ON h.pid IS NULL
   AND h.granted
   AND h.locktype = w.locktype
   AND h.database IS NOT DISTINCT FROM w.database
   AND h.relation IS NOT DISTINCT FROM w.relation
   AND h.page IS NOT DISTINCT FROM w.page
   AND h.tuple IS NOT DISTINCT FROM w.tuple
   AND h.virtualxid IS NOT DISTINCT FROM w.virtualxid
   AND h.transactionid IS NOT DISTINCT FROM w.transactionid
   AND h.classid IS NOT DISTINCT FROM w.classid
   AND h.objid IS NOT DISTINCT FROM w.objid
   AND h.objsubid IS NOT DISTINCT FROM w.objsubid
-- A prepared transaction has no process: all its locks share a name with the lock of its own number.
JOIN pg_catalog.pg_locks AS o
    ON o.pid IS NULL
   AND o.granted
   AND o.locktype = 'transactionid'
   AND o.virtualtransaction = h.virtualtransaction
JOIN pg_catalog.pg_prepared_xacts AS x ON x.transaction = o.transactionid
WHERE NOT w.granted
  AND w.pid = ANY ($1::int4[])
