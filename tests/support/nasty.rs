//! Source database with the values and shapes that loaders often get wrong. It
//! is written as a file, so that it can hold bytes that no statement inserts.
//! The cases are from real servers and bug reports.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::source;

/// Size of the largest value that sqld returns.
pub const MAX_VALUE_BYTES: usize = 5_000_000;

/// Tables that every server supports.
pub const PLAIN: [&str; 17] = [
    "integers",
    "reals",
    "texts",
    "blobs",
    "mixed",
    "declared",
    "big",
    "empty",
    "no_key",
    "null_key",
    "altered",
    "paged",
    "with \"quotes\" and spaces",
    "select",
    "../up",
    "a/b\\c.",
    "übergröße 表",
];

/// Tables with shapes that tursodb refuses without experimental flags.
pub const SHAPES: [&str; 8] = [
    "without_rowid",
    "strict_types",
    "generated",
    "counted",
    "rowid_taken",
    "all_rowids_taken",
    "_loads",
    "reserved_column",
];

/// Views and virtual tables, which are read only on request.
pub const ON_REQUEST: [&str; 4] = ["totals", "mixed_view", "notes", "areas"];

/// Writes the whole database.
pub fn write(file: &Path) -> Result<()> {
    let connection = source::create(file)?;
    plain(&connection)?;
    shapes(&connection)?;
    on_request(&connection)
}

/// Writes the tables that every server supports.
pub fn write_plain(file: &Path) -> Result<()> {
    plain(&source::create(file)?)
}

fn plain(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        r#"
        -- 64 bits, and rowids at both ends.
        CREATE TABLE integers(id INTEGER PRIMARY KEY, n INTEGER, big BIGINT, tiny TINYINT);
        INSERT INTO integers VALUES
            (-9223372036854775808, -9223372036854775808, 9007199254740993, -1), (-1, -1, 0, 0), (0, 0, NULL, 1),
            (1, NULL, 4294967296, 127), (9223372036854775807, 9223372036854775807, -9007199254740993, NULL);

        -- The wire protocol loses the sign of infinities. SQLite stores NaN as
        -- NULL.
        CREATE TABLE reals(id INTEGER PRIMARY KEY, r REAL, d DOUBLE PRECISION);
        INSERT INTO reals(r, d) VALUES
            (9e999, -9e999), (9e999 - 9e999, 0.1), (5e-324, 1.7976931348623157e308), (2.2250738585072014e-308, -5e-324),
            (1.0, 100.0), (0.1 + 0.2, 1e300), (9007199254740993.0, 123456789012345680.0), (3, -3), (NULL, NULL);

        -- Text that breaks JSON, CSV and C strings. Bytes that are not UTF-8
        -- fail a whole response of sqld.
        CREATE TABLE texts(id INTEGER PRIMARY KEY, t TEXT, v VARCHAR(3));
        INSERT INTO texts(t, v) VALUES
            ('', 'longer than three'), ('null', 'NULL'), ('a' || char(0) || 'b', char(0)), ('"quoted", ''single''', ','),
            ('two' || char(10) || 'lines' || char(13, 10) || 'three', char(9)), ('\n\u0000\', '\'), ('😀 ünïcödé 表', 'é'),
            (char(0x2028) || char(0xFEFF), char(0x7F) || char(1)), (NULL, NULL), (' leading and trailing ', '0012'),
            ('{"json": [1, null]}', '1e5');

        CREATE TABLE blobs(id INTEGER PRIMARY KEY, b BLOB);
        INSERT INTO blobs(b) VALUES
            (x''), (x'00'), (x'dead'), (x'deadbe'), (x'deadbeef'), (x'ff00ff00ff'), (zeroblob(1000)), (NULL);

        -- Values of any type in any column.
        CREATE TABLE mixed(id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB, n NUMERIC, anything);
        INSERT INTO mixed(i, r, t, b, n, anything) VALUES
            (1, 1.5, 'text', x'01', 1, NULL), ('abc', 'def', 1, 'text', 'text', 'text'),
            (1.5, x'01', x'02', 2, 2.5, 2), (x'03', '1x', 1.5, 2.5, x'04', 2.5), ('', '', '', '', '', x'05'),
            (9007199254740993, 9007199254740993, NULL, NULL, 9007199254740993, 9223372036854775807),
            (NULL, NULL, NULL, NULL, NULL, NULL);

        CREATE TABLE declared(
            id INTEGER PRIMARY KEY, price DECIMAL(10, 2), yes BOOLEAN, at DATETIME, day DATE, doc JSON,
            huge BIGINT UNSIGNED, point FLOATING POINT, word STRING);
        INSERT INTO declared(price, yes, at, day, doc, huge, point, word) VALUES
            (1.10, 1, '2024-01-01 00:00:00', '2024-02-30', '{}', 18446744073709551615, 1.5, '007'),
            ('12', 'true', 1700000000, 20240101, NULL, 1, 2, 'x'),
            (12345678901234567890, 0, 2460000.5, '', '[', -1, 'y', 1.0),
            ('1e3', NULL, NULL, NULL, 7, NULL, NULL, NULL);

        CREATE TABLE empty(id INTEGER PRIMARY KEY, x TEXT);
        CREATE TABLE no_key(a, b);
        INSERT INTO no_key VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (2, 'y');
        -- SQLite allows several NULLs in such a key.
        CREATE TABLE null_key(a INTEGER, b TEXT, PRIMARY KEY (a, b));
        INSERT INTO null_key VALUES (2, NULL), (2, NULL), (NULL, NULL), (1, 'x');

        CREATE TABLE altered(id INTEGER PRIMARY KEY, gone TEXT, kept TEXT);
        INSERT INTO altered VALUES (1, 'x', 'y'), (2, 'x', NULL);
        ALTER TABLE altered DROP COLUMN gone;
        ALTER TABLE altered ADD COLUMN added INTEGER DEFAULT 42;
        ALTER TABLE altered ADD COLUMN late TEXT;
        INSERT INTO altered VALUES (3, 'z', 1, 'w');

        -- More than one page, with gaps between the keys.
        CREATE TABLE paged(id INTEGER PRIMARY KEY, label TEXT, amount REAL);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25001)
        INSERT INTO paged SELECT i * 3, 'row ' || i, CASE WHEN i % 7 THEN i / 8.0 END FROM n;

        CREATE TABLE "with ""quotes"" and spaces"("a b" TEXT, "wo""rd" TEXT, "it's" TEXT, "semi;colon" TEXT);
        INSERT INTO "with ""quotes"" and spaces" VALUES ('1', '2', '3', '4');
        CREATE TABLE "select"("group" INTEGER, "order" TEXT, "from" TEXT, "Table" TEXT, "a.b" TEXT, "__x" TEXT);
        INSERT INTO "select" VALUES (1, 'o', 'f', 't', 'd', 'u');
        CREATE TABLE "übergröße 表"("größe" REAL, "名前" TEXT, "😀" TEXT);
        INSERT INTO "übergröße 表" VALUES (1.5, '名', '😀');

        -- Names that look like paths.
        CREATE TABLE "../up"(id INTEGER PRIMARY KEY);
        INSERT INTO "../up" VALUES (1);
        CREATE TABLE "a/b\c."(id INTEGER PRIMARY KEY);
        INSERT INTO "a/b\c." VALUES (2);

        CREATE TABLE big(id INTEGER PRIMARY KEY, t TEXT, b BLOB);
        "#,
    )?;
    connection.execute("INSERT INTO reals(r, d) VALUES (?, ?)", params![-0.0, 0.0])?;
    connection.execute("INSERT INTO mixed(anything) VALUES (?)", params![-0.0])?;
    connection.execute(
        "INSERT INTO mixed(anything) VALUES (?)",
        params![f64::NEG_INFINITY],
    )?;
    connection.execute_batch(
        "INSERT INTO texts(t, v) VALUES (CAST(x'ff41' AS TEXT), 'ok'), (CAST(x'41e28200' AS TEXT), CAST(x'c080' AS TEXT));
         INSERT INTO mixed(i, anything) VALUES (CAST(x'80' AS TEXT), CAST(x'feff' AS TEXT));",
    )?;
    let text = "0123456789abcdef\u{e9}\"\\\n".repeat(MAX_VALUE_BYTES / 21);
    let blob: Vec<u8> = (0..MAX_VALUE_BYTES)
        .map(|index| u8::try_from(index * 31 % 256).unwrap_or_default())
        .collect();
    connection.execute("INSERT INTO big(t, b) VALUES (?, NULL)", params![text])?;
    connection.execute("INSERT INTO big(t, b) VALUES (NULL, ?)", params![blob])?;
    connection.execute(
        "INSERT INTO big(t, b) VALUES ('small', ?)",
        params![&blob[..9]],
    )?;
    Ok(())
}

fn shapes(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        r#"
        CREATE TABLE without_rowid(a TEXT, b INTEGER, c BLOB, note TEXT, PRIMARY KEY (a, b DESC, c)) WITHOUT ROWID;
        INSERT INTO without_rowid VALUES
            ('x', 1, x'00', 'first'), ('x', 2, x'', NULL), ('', -1, x'ff', 'z'), ('X', 1, x'00', ''), ('é', 0, x'01', 'u');
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
        INSERT INTO without_rowid SELECT 'k' || (i % 100), i, x'aa', NULL FROM n;

        CREATE TABLE strict_types(i INT, n INTEGER, r REAL, t TEXT, b BLOB, a ANY, PRIMARY KEY (n)) STRICT;
        INSERT INTO strict_types VALUES (1, 1, 1.5, 't', x'01', 'any'), (NULL, 2, NULL, NULL, NULL, 2), (3, 3, 3, '3', x'', 3.5);

        CREATE TABLE generated(
            id INTEGER PRIMARY KEY, price REAL, qty INTEGER,
            total REAL GENERATED ALWAYS AS (price * qty) VIRTUAL, label TEXT GENERATED ALWAYS AS ('no. ' || id) STORED);
        INSERT INTO generated(price, qty) VALUES (1.5, 2), (NULL, 3), (0.1, 3);

        CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT COLLATE NOCASE);
        INSERT INTO counted(x) VALUES ('a'), ('B'), ('c');
        DELETE FROM counted WHERE id = 3;
        INSERT INTO counted(x) VALUES ('d');

        -- `rowid` is an ordinary column here; `_rowid_` is still the row id.
        CREATE TABLE rowid_taken(rowid TEXT, x INTEGER);
        INSERT INTO rowid_taken VALUES ('z', 1), ('a', 2), (NULL, 3);
        -- No name is left for the row id.
        CREATE TABLE all_rowids_taken(rowid TEXT, _rowid_ TEXT, oid TEXT);
        INSERT INTO all_rowids_taken VALUES ('a', 'b', 'c'), ('a', 'b', 'c'), (NULL, 'x', '');

        -- Names that the destination reserves.
        CREATE TABLE "_loads"(id INTEGER PRIMARY KEY, "load_id" TEXT);
        INSERT INTO "_loads" VALUES (1, 'mine');
        CREATE TABLE reserved_column(id INTEGER PRIMARY KEY, "_load_id" TEXT, "_LOAD_at" TEXT);
        INSERT INTO reserved_column VALUES (1, 'mine', 'too'), (2, NULL, NULL);
        "#,
    )?;
    Ok(())
}

fn on_request(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        "CREATE VIEW totals AS SELECT id % 10 AS digit, count(*) AS n, sum(amount) AS total FROM paged GROUP BY 1;
         CREATE VIEW mixed_view(one, two, three) AS SELECT i, anything, typeof(anything) FROM mixed;
         CREATE VIRTUAL TABLE notes USING fts5(title, body);
         INSERT INTO notes VALUES ('one', 'the first note'), ('two', NULL);
         CREATE VIRTUAL TABLE areas USING rtree(id, west, east, south, north);
         INSERT INTO areas VALUES (1, -1.5, 2.5, 0, 10), (2, 3, 4, 5, 6);",
    )?;
    Ok(())
}
