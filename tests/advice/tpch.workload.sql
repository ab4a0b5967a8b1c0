-- dbperf workload: statements in the manner of TPC-H

-- operation: minimum cost supplier
-- param size: uniform 1 50
-- statement: q2
SELECT s_acctbal, s_name, n_name, p_partkey
FROM part, supplier, partsupp, nation, region
WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = :size AND p_type = 'TYPE 13'
  AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'REGION 2'
  AND ps_supplycost = (SELECT min(ps_supplycost) FROM partsupp WHERE p_partkey = ps_partkey)
ORDER BY s_acctbal DESC, n_name, s_name LIMIT 100;

-- operation: shipping priority
-- param day: uniform 100 2200
-- statement: q3
SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate
FROM customer, orders, lineitem
WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
  AND o_orderdate >= date '1992-01-01' + :day::int AND o_orderdate < date '1992-01-01' + :day::int + 7
  AND l_shipdate > date '1992-01-01' + :day::int
GROUP BY l_orderkey, o_orderdate ORDER BY revenue DESC, o_orderdate LIMIT 10;

-- operation: order priority checking
-- param day: uniform 100 2200
-- statement: q4
SELECT o_orderpriority, count(*)
FROM orders
WHERE o_orderdate >= date '1992-01-01' + :day::int AND o_orderdate < date '1992-01-01' + :day::int + 90
  AND EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
GROUP BY o_orderpriority ORDER BY o_orderpriority;

-- operation: forecast revenue change
-- param day: uniform 100 2200
-- statement: q6
SELECT sum(l_extendedprice * l_discount)
FROM lineitem
WHERE l_shipdate >= date '1992-01-01' + :day::int AND l_shipdate < date '1992-01-01' + :day::int + 30
  AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24;

-- operation: returned items
-- param day: uniform 100 2200
-- statement: q10
SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, n_name
FROM customer, orders, lineitem, nation
WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey
  AND o_orderdate >= date '1992-01-01' + :day::int AND o_orderdate < date '1992-01-01' + :day::int + 14
  AND l_returnflag = 'R' AND c_nationkey = n_nationkey
GROUP BY c_custkey, c_name, n_name ORDER BY revenue DESC LIMIT 20;

-- operation: important stock
-- param nation: uniform 0 24
-- statement: q11
SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
FROM partsupp, supplier
WHERE ps_suppkey = s_suppkey AND s_nationkey = :nation
GROUP BY ps_partkey ORDER BY value DESC LIMIT 50;

-- operation: shipping modes
-- param day: uniform 100 2000
-- statement: q12
SELECT l_shipmode, count(*)
FROM orders, lineitem
WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate
  AND l_receiptdate >= date '1992-01-01' + :day::int AND l_receiptdate < date '1992-01-01' + :day::int + 30
GROUP BY l_shipmode ORDER BY l_shipmode;

-- operation: promotion effect
-- param day: uniform 100 2200
-- statement: q14
SELECT sum(CASE WHEN p_type = 'TYPE 13' THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
FROM lineitem, part
WHERE l_partkey = p_partkey
  AND l_shipdate >= date '1992-01-01' + :day::int AND l_shipdate < date '1992-01-01' + :day::int + 10;

-- operation: small quantity orders
-- param box: uniform 0 159
-- statement: q17
SELECT sum(l_extendedprice) / 7.0
FROM lineitem, part
WHERE p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container = 'BOX ' || :box::int
  AND l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey);

-- operation: discounted revenue
-- param box: uniform 0 159
-- statement: q19
SELECT sum(l_extendedprice * (1 - l_discount))
FROM lineitem, part
WHERE p_partkey = l_partkey AND p_container = 'BOX ' || :box::int AND p_size BETWEEN 1 AND 10
  AND l_quantity BETWEEN 1 AND 20 AND l_shipmode IN ('AIR', 'REG AIR');

-- operation: potential part promotion
-- param nation: uniform 0 24
-- param type: uniform 0 149
-- statement: q20
SELECT s_name
FROM supplier
WHERE s_nationkey = :nation
  AND s_suppkey IN (SELECT ps_suppkey FROM partsupp, part
                    WHERE ps_partkey = p_partkey AND p_type = 'TYPE ' || :type::int AND ps_availqty > 100)
ORDER BY s_name;

-- operation: global sales opportunity
-- param nation: uniform 0 24
-- statement: q22
SELECT count(*), sum(c_acctbal)
FROM customer
WHERE c_nationkey = :nation AND c_acctbal > 5000
  AND NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey);

-- operation: orders of a customer
-- param customer: uniform 1 2000
-- statement: q18
SELECT o_orderkey, o_orderdate, sum(l_quantity)
FROM orders, lineitem
WHERE o_orderkey = l_orderkey AND o_custkey = :customer
GROUP BY o_orderkey, o_orderdate ORDER BY o_orderdate DESC LIMIT 10;
