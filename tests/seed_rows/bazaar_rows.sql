SELECT setseed(0.42);
INSERT INTO customers (id, email, full_name, country, city, segment, credit, birth_date, created_at, updated_at)
SELECT i, 'c' || i || '@example.com', 'Customer ' || (i * 7919 % 20011), chr(65 + k) || chr(75 + k), 'City ' || (k * 10 + floor(10 * random() ^ 2)::int),
    (ARRAY['retail','retail','retail','trade','trade','vip'])[1 + floor(6 * random() ^ 1.5)::int],
    round((exp(4 + 1.2 * (random() + random() + random() - 1.5) * 2))::numeric, 2),
    CASE WHEN random() < 0.7 THEN date '1950-01-01' + floor(20000 * (random() + random()) / 2)::int END,
    made, made + (random() ^ 4) * interval '300 days'
FROM (SELECT i, floor(20 * random() ^ 2.5)::int AS k,
        timestamptz '2023-01-01' + interval '1 day' * (1000 * (i / 20000.0) ^ 0.7) AS made
    FROM generate_series(1, 20000) AS i) AS c;
INSERT INTO products
SELECT i, 'SKU-' || lpad(i::text, 6, '0'), floor(60 * random() ^ 2)::int, round((5 + 400 * random() ^ 4)::numeric, 2),
    CASE WHEN random() < 0.8 THEN 0.1 + random() ^ 2 * 30 END,
    (ARRAY['new','sale','eco','gift','xl','small'])[1:1 + floor(random() * 4)::int]
FROM generate_series(1, 2000) AS i;
INSERT INTO orders (id, customer_id, status, channel, is_gift, placed_at, shipped_at, total, note)
SELECT i, 1 + floor(20000 * random() ^ 3)::int, status,
    CASE status WHEN 'open' THEN 1 + floor(2 * random())::int WHEN 'returned' THEN 5 ELSE 1 + floor(4 * random() ^ 2)::int END,
    random() < 0.08, at, CASE WHEN status <> 'open' THEN at + random() ^ 2 * interval '9 days' END,
    round((10 + 900 * random() ^ 3)::numeric, 2),
    CASE WHEN random() < 0.15 THEN 'Please ' || repeat('note ', 1 + floor(12 * random())::int) || i END
FROM (SELECT i, (CASE WHEN i > 78000 AND random() < 0.8 THEN 'open' WHEN random() < 0.04 THEN 'returned' WHEN random() < 0.1 THEN 'cancelled' ELSE 'done' END) AS status,
        timestamptz '2024-01-01' + i * interval '13 minutes' + random() * interval '3 hours' AS at
    FROM generate_series(1, 80000) AS i) AS o;
INSERT INTO lines
SELECT o.id, n, p, q, price, q * price
FROM (SELECT o.id, n, 1 + floor(2000 * random() ^ 2.5)::int AS p, 1 + floor(12 * random() ^ 4)::int AS q, round((5 + 400 * random() ^ 4)::numeric, 2) AS price
    FROM orders AS o, generate_series(1, 1 + (o.id * 7919 % 5)::int) AS n) AS o;
INSERT INTO visits
SELECT i, timestamptz '2026-01-01' + interval '90 days' * (i / 60000.0) ^ 0.8, CASE WHEN random() < 0.6 THEN 1 + floor(20000 * random() ^ 2)::int END,
    '/page/' || floor(500 * random() ^ 4)::int, floor(20 + 8000 * random() ^ 5)::int
FROM generate_series(0, 59999) AS i;
