//! Tables of the randomized test, in the source and in the destination.

/// Tables of the source: name, statement that creates it, lines of its resource.
pub(super) const TABLES: [(&str, &str, &str); 7] = [
    (
        "orders",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, total REAL, note TEXT, updated_at INTEGER)",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"",
    ),
    (
        "pairs",
        "CREATE TABLE pairs(a TEXT, b INT, v TEXT, updated_at INTEGER, PRIMARY KEY(b, a)) WITHOUT ROWID",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"soft\"",
    ),
    (
        "events",
        "CREATE TABLE events(id INTEGER PRIMARY KEY, what TEXT, size)",
        "mode = \"incremental\"",
    ),
    (
        "entries",
        "CREATE TABLE entries(code TEXT PRIMARY KEY, what TEXT, at INTEGER)",
        "mode = \"incremental\"\ncursor = \"at\"\nwrite = \"append\"\nlag = 2",
    ),
    (
        "prices",
        "CREATE TABLE prices(sku TEXT PRIMARY KEY, price REAL)",
        "write = \"scd2\"",
    ),
    (
        "ticks",
        "CREATE TABLE ticks(id INTEGER PRIMARY KEY, tick INTEGER)",
        "",
    ),
    (
        "carts",
        "CREATE TABLE carts(id INTEGER PRIMARY KEY, cart JSON, updated_at INTEGER)",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"\nnested = \"tables\"",
    ),
];

/// Tables that the destination derives from JSON, with the expected rows as a
/// query of the source.
pub(super) const NESTED_TABLES: [(&str, &str); 3] = [
    (
        "carts",
        "SELECT id, updated_at, json_array_length(cart, '$.items') AS cart__count FROM carts",
    ),
    (
        "carts__cart__items",
        "SELECT carts.id AS _root_id, i.key AS _index, json_extract(i.value, '$.sku') AS sku \
         FROM carts, json_each(cart, '$.items') i",
    ),
    (
        "carts__cart__items__tags",
        "SELECT carts.id AS _root_id, i.key AS _index, t.key AS _index_2, t.value AS value \
         FROM carts, json_each(cart, '$.items') i, json_each(i.value, '$.tags') t",
    ),
];
