//! Sample database of a small shop, with irregular data as in real databases.
//! Its content is the same every time.

use std::path::Path;

use anyhow::Result;

use crate::source;

/// Writes the database as an SQLite file.
pub fn write(file: &Path) -> Result<()> {
    source::create(file)?.execute_batch(SCRIPT)?;
    Ok(())
}

/// Statements that create the database. Values are row numbers multiplied by
/// primes: they look random but are always the same.
const SCRIPT: &str = "
BEGIN;
CREATE TABLE customers(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, country TEXT, joined DATETIME);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
INSERT INTO customers SELECT i,
    (SELECT value FROM json_each('[\"Ada\",\"Björn\",\"Chloé\",\"Dmitri\",\"Emeka\",\"Fatma\",\"Grace\",\"Hiroshi\"]') WHERE key = i % 8)
        || ' ' ||
    (SELECT value FROM json_each('[\"Lovelace\",\"Ångström\",\"O''Brien\",\"Noether\",\"Okafor\",\"Yılmaz\",\"Hopper\"]') WHERE key = i % 7),
    CASE WHEN i % 9 THEN 'customer' || i || '@example.com' END,
    (SELECT value FROM json_each('[\"DE\",\"FR\",\"NG\",\"TR\",\"US\",\"JP\"]') WHERE key = i * 31 % 6),
    datetime(1700000000 + i * 86413, 'unixepoch')
FROM n;

CREATE TABLE products(
    sku TEXT PRIMARY KEY, title TEXT NOT NULL, price REAL, stock INTEGER, picture BLOB) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
INSERT INTO products SELECT printf('SKU-%04d', i * 7919 % 10000), 'Product no. ' || i,
    CASE WHEN i % 13 THEN round(i * 37 % 500 / 4.0 + 0.99, 2) END, i * 11 % 90,
    CASE WHEN i % 3 = 0 THEN unhex(printf('89504e470d0a1a0a%08x', i)) END
FROM n;
-- SQLite accepts any value in any column.
UPDATE products SET stock = 'sold out' WHERE stock = 20;
UPDATE products SET stock = 'ask us' WHERE sku = 'SKU-7919';

CREATE TABLE orders(
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id),
    sku TEXT NOT NULL REFERENCES products(sku), qty INTEGER NOT NULL, total REAL, note TEXT, ordered_at TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO orders SELECT i, i * 7919 % 400 + 1, printf('SKU-%04d', (i * 13 % 60 + 1) * 7919 % 10000), i % 5 + 1, NULL,
    CASE WHEN i % 5 = 0 THEN 'Please leave it with the neighbours, no. ' || i % 40 END,
    strftime('%Y-%m-%dT%H:%M:%SZ', 1735000000 + i * 3607, 'unixepoch')
FROM n;
UPDATE orders SET total = (SELECT round(price * qty, 2) FROM products WHERE products.sku = orders.sku);

CREATE VIEW revenue AS
    SELECT country, count(*) AS orders, round(sum(total), 2) AS total
    FROM orders JOIN customers ON customers.id = orders.customer_id GROUP BY country;
COMMIT;
";
