-- A schema in the manner of TPC-H at a small scale, with primary keys only. The generator is
-- arithmetic, so that every run has the same rows; it is not the generator of the benchmark.
CREATE TABLE region (r_regionkey int PRIMARY KEY, r_name text NOT NULL);
CREATE TABLE nation (n_nationkey int PRIMARY KEY, n_name text NOT NULL, n_regionkey int NOT NULL);
CREATE TABLE supplier (
    s_suppkey int PRIMARY KEY, s_name text NOT NULL, s_nationkey int NOT NULL, s_acctbal numeric(12, 2) NOT NULL
);
CREATE TABLE customer (
    c_custkey int PRIMARY KEY, c_name text NOT NULL, c_nationkey int NOT NULL,
    c_acctbal numeric(12, 2) NOT NULL, c_mktsegment text NOT NULL
);
CREATE TABLE part (
    p_partkey int PRIMARY KEY, p_name text NOT NULL, p_brand text NOT NULL, p_type text NOT NULL,
    p_size int NOT NULL, p_container text NOT NULL
);
CREATE TABLE partsupp (
    ps_partkey int NOT NULL, ps_suppkey int NOT NULL, ps_availqty int NOT NULL,
    ps_supplycost numeric(12, 2) NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey)
);
CREATE TABLE orders (
    o_orderkey int PRIMARY KEY, o_custkey int NOT NULL, o_orderstatus text NOT NULL,
    o_totalprice numeric(12, 2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority text NOT NULL,
    o_comment text NOT NULL
);
CREATE TABLE lineitem (
    l_orderkey int NOT NULL, l_linenumber int NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL,
    l_quantity numeric(12, 2) NOT NULL, l_extendedprice numeric(12, 2) NOT NULL,
    l_discount numeric(12, 2) NOT NULL, l_returnflag text NOT NULL, l_shipdate date NOT NULL,
    l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipmode text NOT NULL,
    l_comment text NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber)
);

INSERT INTO region SELECT i, 'REGION ' || i FROM generate_series(0, 4) i;
INSERT INTO nation SELECT i, 'NATION ' || i, i % 5 FROM generate_series(0, 24) i;
INSERT INTO supplier
SELECT i, 'Supplier ' || i, i * 7 % 25, (i * 7919 % 1000000)::numeric / 100 FROM generate_series(1, 200) i;
INSERT INTO customer
SELECT i, 'Customer ' || i, i * 11 % 25, (i * 7907 % 1000000)::numeric / 100,
       (ARRAY['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'HOUSEHOLD', 'MACHINERY'])[1 + i * 3 % 5]
FROM generate_series(1, 3000) i;
INSERT INTO part
SELECT i, 'part ' || md5(i::text), 'Brand#' || (1 + i % 5) || (1 + i / 5 % 5), 'TYPE ' || i * 13 % 150,
       1 + i * 7 % 50, 'BOX ' || i / 25 * 17 % 160
FROM generate_series(1, 4000) i;
INSERT INTO partsupp
SELECT p, 1 + (p * 7 + s * 53) % 200, (p * 31 + s) % 10000, ((p * 17 + s * 29) % 100000)::numeric / 100
FROM generate_series(1, 4000) p, generate_series(0, 3) s;
INSERT INTO orders
SELECT i, 1 + (i::bigint * 7919 % 2000), (ARRAY['O', 'F', 'F', 'P'])[1 + i % 4],
       (i::bigint * 104729 % 50000000)::numeric / 100, date '1992-01-01' + (i::bigint * 1009 % 2400)::int,
       (1 + i * 7 % 5) || '-PRIORITY', md5(i::text) || md5((i * 3)::text)
FROM generate_series(1, 30000) i;
INSERT INTO lineitem
SELECT o, l, 1 + (o::bigint * 31 + l * 1103) % 4000, 1 + (o::bigint * 17 + l * 59) % 200, 1 + (o * l) % 50,
       ((o::bigint * 7 + l * 13) % 9000000)::numeric / 100, ((o + l) % 11)::numeric / 100,
       (ARRAY['A', 'N', 'N', 'R'])[1 + (o + l) % 4],
       date '1992-01-01' + (o::bigint * 1009 % 2400)::int + (o + l * 7) % 120,
       date '1992-01-01' + (o::bigint * 1009 % 2400)::int + (o * 3 + l * 11) % 90 + 30,
       date '1992-01-01' + (o::bigint * 1009 % 2400)::int + (o + l * 7) % 120 + 1 + (o * l) % 30,
       (ARRAY['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK'])[1 + (o * 5 + l) % 7],
       md5((o + l)::text)
FROM generate_series(1, 30000) o, generate_series(1, 4) l;
