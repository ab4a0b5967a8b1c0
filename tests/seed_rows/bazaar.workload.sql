-- dbperf workload: bazaar

-- operation: customers
-- param id: column customers.id
-- param email: column customers.email
-- param country: column customers.country
-- param city: column customers.city
-- param from: column customers.created_at
-- statement: customer by id
SELECT * FROM customers WHERE id = :id;
-- statement: customer by email
SELECT id FROM customers WHERE email = :email;
-- statement: customers of a city
SELECT id, full_name FROM customers WHERE country = :country AND city = :city ORDER BY created_at LIMIT 20;
-- statement: customers by segment
SELECT segment, count(*), avg(credit) FROM customers GROUP BY segment;
-- statement: customers since
SELECT count(*) FROM customers WHERE created_at > :from;
-- statement: customers without a birthday
SELECT count(*) FROM customers WHERE birth_date IS NULL AND country = :country;
-- statement: cities
SELECT country, city, count(*) FROM customers GROUP BY country, city;

-- operation: orders
-- param customer: column orders.customer_id
-- param status: column orders.status
-- param channel: column orders.channel
-- param order: column orders.id
-- statement: orders of a customer
SELECT id, status, total FROM orders WHERE customer_id = :customer ORDER BY placed_at DESC LIMIT 10;
-- statement: newest by status
SELECT id, total FROM orders WHERE status = :status ORDER BY placed_at DESC LIMIT 50;
-- statement: open orders
SELECT id FROM orders WHERE shipped_at IS NULL ORDER BY placed_at LIMIT 100;
-- statement: by status and channel
SELECT count(*) FROM orders WHERE status = :status AND channel = :channel;
-- statement: gifts
SELECT count(*), sum(total) FROM orders WHERE is_gift;
-- statement: order with lines
SELECT o.id, l.line_no, p.sku FROM orders o JOIN lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id WHERE o.id = :order;
-- statement: turnover by country
SELECT c.country, sum(o.total) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.country;
-- statement: turnover of a customer
SELECT sum(l.amount) FROM orders o JOIN lines l ON l.order_id = o.id WHERE o.customer_id = :customer;
-- statement: best customers
SELECT customer_id, sum(total) FROM orders GROUP BY customer_id ORDER BY 2 DESC LIMIT 10;
-- statement: customers without orders
SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id);

-- operation: products
-- param product: column lines.product_id
-- param category: column products.category
-- param customer: column visits.customer_id
-- param at: column visits.at
-- statement: lines of a product
SELECT count(*), sum(quantity) FROM lines WHERE product_id = :product;
-- statement: products of a category
SELECT id, price FROM products WHERE category = :category ORDER BY price LIMIT 20;
-- statement: sold by category
SELECT p.category, sum(l.amount) FROM lines l JOIN products p ON p.id = l.product_id GROUP BY p.category;
-- statement: large quantities
SELECT count(*) FROM lines WHERE quantity > 10;
-- statement: who bought a product
SELECT DISTINCT o.customer_id FROM lines l JOIN orders o ON o.id = l.order_id WHERE l.product_id = :product;
-- statement: visits of a customer
SELECT at, page FROM visits WHERE customer_id = :customer ORDER BY at DESC LIMIT 20;
-- statement: visits by page
SELECT page, count(*) FROM visits WHERE at >= '2026-02-10' AND at < '2026-02-20' GROUP BY page ORDER BY 2 DESC LIMIT 10;
-- statement: visit
SELECT * FROM visits WHERE id = 5 AND at = :at;

-- operation: back office
-- param customer: column orders.customer_id
-- param status: column orders.status
-- param category: column products.category
-- param country: column customers.country
-- param segment: column customers.segment
-- param product: column lines.product_id
-- statement: product by id
SELECT * FROM products WHERE id = :product;
-- statement: order and its customer
SELECT o.id, o.total, c.full_name, c.email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = 77;
-- statement: lines of an order
SELECT line_no, product_id, quantity, amount FROM lines WHERE order_id = 77 ORDER BY line_no;
-- statement: new customers
SELECT id, full_name, created_at FROM customers ORDER BY created_at DESC LIMIT 25;
-- statement: customers of a country
SELECT count(*) FROM customers WHERE country = :country;
-- statement: customers of a segment
SELECT id, full_name, credit FROM customers WHERE segment = :segment ORDER BY credit DESC LIMIT 50;
-- statement: largest credits
SELECT id, credit FROM customers ORDER BY credit DESC LIMIT 10;
-- statement: changed customers
SELECT count(*) FROM customers WHERE updated_at > created_at;
-- statement: orders by status
SELECT status, count(*), sum(total) FROM orders GROUP BY status;
-- statement: orders by day
SELECT date_trunc('day', placed_at) AS day, count(*) FROM orders GROUP BY 1 ORDER BY 1;
-- statement: orders of a week
SELECT count(*), sum(total) FROM orders WHERE placed_at >= '2026-02-02' AND placed_at < '2026-02-09';
-- statement: large orders
SELECT id, customer_id, total FROM orders WHERE total > 5000 ORDER BY total DESC LIMIT 20;
-- statement: time to ship
SELECT channel, avg(shipped_at - placed_at) FROM orders WHERE shipped_at IS NOT NULL GROUP BY channel;
-- statement: orders of a country
SELECT o.id, o.total FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.country = :country AND o.status = :status;
-- statement: last order of a customer
SELECT max(placed_at) FROM orders WHERE customer_id = :customer;
-- statement: orders with notes
SELECT count(*) FROM orders WHERE note IS NOT NULL;
-- statement: products by category
SELECT category, count(*), min(price), max(price) FROM products GROUP BY category ORDER BY category;
-- statement: dear products
SELECT id, sku FROM products WHERE price > 100 ORDER BY price DESC LIMIT 20;
-- statement: never sold
SELECT p.id FROM products p LEFT JOIN lines l ON l.product_id = p.id WHERE l.product_id IS NULL;
-- statement: best sold
SELECT product_id, sum(quantity) FROM lines GROUP BY product_id ORDER BY 2 DESC LIMIT 10;
-- statement: sold of a category by status
SELECT o.status, sum(l.amount) FROM products p JOIN lines l ON l.product_id = p.id JOIN orders o ON o.id = l.order_id WHERE p.category = :category GROUP BY o.status;
-- statement: what a customer bought
SELECT p.sku, sum(l.quantity) FROM orders o JOIN lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id WHERE o.customer_id = :customer GROUP BY p.sku;
-- statement: average order
SELECT avg(n) FROM (SELECT count(*) AS n FROM lines GROUP BY order_id) AS lines_of;
-- statement: long visits
SELECT count(*) FROM visits WHERE duration_ms > 60000;
-- statement: visits by day
SELECT date_trunc('day', at) AS day, count(*) FROM visits WHERE at >= '2026-01-05' AND at < '2026-01-12' GROUP BY 1 ORDER BY 1;
-- statement: visitors of a month
SELECT count(DISTINCT customer_id) FROM visits WHERE at >= '2026-03-01' AND at < '2026-04-01';
-- statement: visits of nobody
SELECT page, count(*) FROM visits WHERE customer_id IS NULL GROUP BY page;
-- statement: visits before an order
SELECT count(*) FROM orders o JOIN visits v ON v.customer_id = o.customer_id AND v.at < o.placed_at WHERE o.id = 77;
-- statement: customers by year of birth
SELECT extract(year FROM birth_date) AS year, count(*) FROM customers GROUP BY 1 ORDER BY 1;
-- statement: names that begin so
SELECT id, full_name FROM customers WHERE full_name LIKE 'An%' LIMIT 20;
-- statement: credit by city
SELECT city, sum(credit) FROM customers WHERE country = :country GROUP BY city ORDER BY 2 DESC LIMIT 5;
-- statement: orders of a channel
SELECT count(*) FROM orders WHERE channel = 2;
-- statement: latest orders
SELECT id, status, total FROM orders ORDER BY placed_at DESC LIMIT 20;
-- statement: orders not shipped of a customer
SELECT id FROM orders WHERE customer_id = :customer AND shipped_at IS NULL;
-- statement: weight of what was sold
SELECT sum(p.weight * l.quantity) FROM lines l JOIN products p ON p.id = l.product_id;
-- statement: tagged products
SELECT count(*) FROM products WHERE 'sale' = ANY (tags);
-- statement: pages
SELECT page, avg(duration_ms) FROM visits GROUP BY page;
-- statement: customers with several orders
SELECT customer_id FROM orders GROUP BY customer_id HAVING count(*) > 5;
