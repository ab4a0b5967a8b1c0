-- An OLTP-like database: customers, orders, their lines, products and events. Only primary keys have
-- an index. The generator is arithmetic, so that every run has the same rows.
CREATE TABLE customers (
    id int PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    country text NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE TABLE products (
    id int PRIMARY KEY,
    sku text NOT NULL,
    category int NOT NULL,
    title text NOT NULL,
    price numeric(10, 2) NOT NULL,
    archived boolean NOT NULL
);
CREATE TABLE orders (
    id int PRIMARY KEY,
    customer_id int NOT NULL,
    status text NOT NULL,
    placed_at timestamptz NOT NULL,
    shipped_at timestamptz,
    total numeric(10, 2) NOT NULL,
    note text NOT NULL
);
CREATE TABLE order_lines (
    order_id int NOT NULL,
    line int NOT NULL,
    product_id int NOT NULL,
    quantity int NOT NULL,
    price numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);
CREATE TABLE events (
    id bigserial PRIMARY KEY,
    customer_id int NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    payload text NOT NULL
);

INSERT INTO customers
SELECT i, 'user' || i || '@example.org', 'Name ' || md5(i::text),
       (ARRAY['de', 'fr', 'us', 'us', 'us', 'gb', 'in', 'jp'])[1 + i * 7 % 8],
       timestamptz '2024-01-01' + i * interval '9 minutes',
       CASE WHEN i % 20 = 0 THEN timestamptz '2025-06-01' END
FROM generate_series(1, 20000) i;

INSERT INTO products
SELECT i, 'SKU-' || md5(i::text), i * 13 % 200, 'Product ' || md5((i * 3)::text),
       (i * 37 % 9900)::numeric / 100 + 1, i % 10 = 0
FROM generate_series(1, 10000) i;

INSERT INTO orders
SELECT i, 1 + (i::bigint * 7919 % 20000), 
       CASE WHEN i % 50 = 0 THEN 'open' WHEN i % 50 < 4 THEN 'paid' ELSE 'shipped' END,
       timestamptz '2025-01-01' + i * interval '4 minutes',
       CASE WHEN i % 50 >= 4 THEN timestamptz '2025-01-02' + i * interval '4 minutes' END,
       (i::bigint * 31 % 50000)::numeric / 100, md5((i * 5)::text) || md5((i * 11)::text)
FROM generate_series(1, 100000) i;

INSERT INTO order_lines
SELECT o, l, 1 + ((o::bigint * 31 + l * 17) % 10000), 1 + (o + l) % 5, ((o * l) % 9900)::numeric / 100 + 1
FROM generate_series(1, 100000) o, generate_series(1, 3) l;

INSERT INTO events (customer_id, kind, at, payload)
SELECT 1 + (i::bigint * 104729 % 20000), (ARRAY['view', 'view', 'view', 'cart', 'login'])[1 + i % 5],
       timestamptz '2025-03-01' + i * interval '2 minutes', md5(i::text) || md5((i * 2)::text)
FROM generate_series(1, 150000) i;
