-- dbperf workload: shop without secondary indexes
-- writes

-- operation: GET /account
-- weight: 10
-- param n: uniform 1 20000
-- statement: by email
SELECT id, name, country FROM customers WHERE email = 'user' || :n::int || '@example.org';

-- operation: GET /orders
-- weight: 20
-- param customer_id: uniform 1 20000
-- statement: orders of a customer
SELECT id, placed_at, total, status FROM orders WHERE customer_id = :customer_id ORDER BY placed_at DESC LIMIT 20;

-- operation: GET /orders/open
-- weight: 5
-- param customer_id: uniform 1 20000
-- statement: open orders of a customer
SELECT id, total FROM orders WHERE customer_id = :customer_id AND status = 'open';

-- operation: GET /orders/queue
-- weight: 4
-- statement: oldest open orders
SELECT id, customer_id, placed_at FROM orders WHERE status = 'open' ORDER BY placed_at LIMIT 50;

-- operation: GET /orders/unshipped
-- weight: 4
-- statement: unshipped
SELECT count(*), sum(total) FROM orders WHERE shipped_at IS NULL AND status = 'paid';

-- operation: GET /orders/day
-- weight: 4
-- param day: uniform 0 270
-- statement: orders of a day
SELECT count(*), sum(total) FROM orders
WHERE placed_at >= timestamptz '2025-01-01' + :day::int * interval '1 day'
  AND placed_at < timestamptz '2025-01-02' + :day::int * interval '1 day';

-- operation: GET /order
-- weight: 20
-- param order_id: uniform 1 100000
-- statement: lines of an order
SELECT l.line, p.title, l.quantity, l.price FROM order_lines l JOIN products p ON p.id = l.product_id WHERE l.order_id = :order_id;

-- operation: GET /product/sales
-- weight: 6
-- param product_id: uniform 1 10000
-- statement: sales of a product
SELECT count(*), sum(quantity) FROM order_lines WHERE product_id = :product_id;

-- operation: GET /product/buyers
-- weight: 3
-- param product_id: uniform 1 10000
-- statement: buyers of a product
SELECT DISTINCT o.customer_id FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.product_id = :product_id;

-- operation: GET /category
-- weight: 8
-- param category: uniform 0 199
-- statement: products of a category
SELECT id, title, price FROM products WHERE category = :category AND NOT archived ORDER BY price LIMIT 30;

-- operation: GET /sku
-- weight: 8
-- param n: uniform 1 10000
-- statement: by sku
SELECT id, title FROM products WHERE sku = 'SKU-' || md5(:n::int::text);

-- operation: GET /customer/events
-- weight: 8
-- param customer_id: uniform 1 20000
-- statement: latest events
SELECT kind, at FROM events WHERE customer_id = :customer_id ORDER BY at DESC LIMIT 10;

-- operation: GET /logins
-- weight: 4
-- param customer_id: uniform 1 20000
-- statement: last login
SELECT max(at) FROM events WHERE customer_id = :customer_id AND kind = 'login';

-- operation: GET /events/hour
-- weight: 3
-- param hour: uniform 0 4800
-- statement: events of an hour
SELECT kind, count(*) FROM events
WHERE at >= timestamptz '2025-03-01' + :hour::int * interval '1 hour'
  AND at < timestamptz '2025-03-01 01:00' + :hour::int * interval '1 hour'
GROUP BY kind;

-- operation: GET /country
-- weight: 2
-- param country: choice de:1 fr:1 jp:1
-- statement: newest customers of a country
SELECT id, name, created_at FROM customers WHERE country = :country AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 20;

-- operation: GET /customer/spent
-- weight: 4
-- param customer_id: uniform 1 20000
-- statement: spent
SELECT c.name, count(*), sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = :customer_id GROUP BY c.name;

-- operation: GET /customer/lines
-- weight: 3
-- param customer_id: uniform 1 20000
-- statement: products of a customer
SELECT l.product_id, sum(l.quantity) FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.customer_id = :customer_id GROUP BY l.product_id;

-- operation: GET /deleted
-- weight: 1
-- statement: deleted customers
SELECT count(*) FROM customers WHERE deleted_at IS NOT NULL;

-- operation: POST /event
-- weight: 10
-- param customer_id: uniform 1 20000
-- statement: add event
INSERT INTO events (customer_id, kind, at, payload) VALUES (:customer_id, 'view', now(), 'x');

-- operation: POST /ship
-- weight: 3
-- param order_id: uniform 1 100000
-- statement: ship
UPDATE orders SET status = 'shipped', shipped_at = now() WHERE id = :order_id;

-- operation: POST /rename
-- weight: 2
-- param customer_id: uniform 1 20000
-- param name: text 10
-- statement: rename
UPDATE customers SET name = :name WHERE id = :customer_id;
