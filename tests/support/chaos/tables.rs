//! Tables of the randomized test, in the source and in the destination.

/// Table of the source, and what is expected of the destination.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) create: &'static str,
    /// Lines of its resource.
    pub(super) resource: &'static str,
    /// Query of the source that returns the expected rows. Empty if they are
    /// those of the table.
    expected: &'static str,
    /// Columns that identify a stored row. Empty if none do.
    pub(super) key: &'static [&'static str],
}

impl Table {
    const fn new(
        name: &'static str,
        create: &'static str,
        resource: &'static str,
        key: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            create,
            resource,
            expected: "",
            key,
        }
    }

    const fn expected(mut self, query: &'static str) -> Self {
        self.expected = query;
        self
    }

    /// Returns the query of the source that returns the expected rows.
    pub(super) fn expected_query(&self) -> String {
        if self.expected.is_empty() {
            return format!("SELECT * FROM \"{}\"", self.name);
        }
        self.expected.to_owned()
    }
}

/// Tables of the source.
pub(super) const TABLES: &[Table] = &[
    Table::new(
        "orders",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, total REAL, note TEXT, updated_at INTEGER)",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"",
        &["id"],
    ),
    Table::new(
        "pairs",
        "CREATE TABLE pairs(a TEXT, b INT, v TEXT, updated_at INTEGER, PRIMARY KEY(b, a)) WITHOUT ROWID",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"soft\"",
        &["a", "b"],
    ),
    Table::new(
        "events",
        "CREATE TABLE events(id INTEGER PRIMARY KEY, what TEXT, size)",
        "mode = \"incremental\"",
        &["id"],
    ),
    Table::new(
        "entries",
        "CREATE TABLE entries(code TEXT PRIMARY KEY, what TEXT, at INTEGER)",
        "mode = \"incremental\"\ncursor = \"at\"\nwrite = \"append\"\nlag = 2",
        &["code"],
    ),
    Table::new(
        "prices",
        "CREATE TABLE prices(sku TEXT PRIMARY KEY, price REAL)",
        "write = \"scd2\"",
        &[],
    ),
    Table::new(
        "ticks",
        "CREATE TABLE ticks(id INTEGER PRIMARY KEY, tick INTEGER)",
        "",
        &["id"],
    ),
    Table::new(
        "carts",
        "CREATE TABLE carts(id INTEGER PRIMARY KEY, cart JSON, updated_at INTEGER)",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"\nnested = \"tables\"",
        &["id"],
    )
    .expected("SELECT id, updated_at, json_array_length(cart, '$.items') AS cart__count FROM carts"),
    // The last rows are deleted, and their keys are used again.
    Table::new(
        "jobs",
        "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state TEXT)",
        "mode = \"incremental\"\nwrite = \"merge\"\ndeletes = \"hard\"",
        &["id"],
    ),
    // A key of floats with up to 17 digits, which pages continue from.
    Table::new(
        "readings",
        "CREATE TABLE readings(at REAL, sensor TEXT, value, PRIMARY KEY(at, sensor)) WITHOUT ROWID",
        "",
        &["at", "sensor"],
    ),
    // Floats as the position of an append, several rows at each.
    Table::new(
        "samples",
        "CREATE TABLE samples(id INTEGER PRIMARY KEY, taken REAL, value)",
        "mode = \"incremental\"\ncursor = \"taken\"\nwrite = \"append\"",
        &["id"],
    ),
    // Times in text, some of them late, and keys that change in letter case.
    Table::new(
        "slugs",
        "CREATE TABLE slugs(slug TEXT PRIMARY KEY COLLATE NOCASE, note TEXT, at TEXT)",
        "mode = \"incremental\"\ncursor = \"at\"\nlag = \"10s\"\ndeletes = \"hard\"",
        &["slug"],
    ),
    // Several rows have one key, and older ones arrive later.
    Table::new(
        "rates",
        "CREATE TABLE rates(id INTEGER PRIMARY KEY, pair TEXT, rate REAL, seen INTEGER)",
        "mode = \"incremental\"\ncursor = \"seen\"\nprimary_key = [\"pair\"]\nlag = 6",
        &["pair"],
    )
    .expected(
        "SELECT * FROM rates r WHERE NOT EXISTS (SELECT 1 FROM rates n \
         WHERE n.pair = r.pair AND (n.seen > r.seen OR n.seen = r.seen AND n.id > r.id))",
    ),
    // Names that the host or a destination uses for something else.
    Table::new(
        "order",
        "CREATE TABLE \"order\"(rowid INTEGER PRIMARY KEY, \"\", _load_id, _load_id__source, \"select\")",
        "",
        &["rowid"],
    )
    .expected(
        "SELECT rowid, \"\" AS __source, _load_id AS _load_id__source, \
         _load_id__source AS _load_id__source__source, \"select\" FROM \"order\"",
    ),
    // The table is dropped and created again, while the others are loaded.
    Table::new(FRAGILE, CREATE_FRAGILE, "", &["id"]),
];

/// Table that is missing from time to time.
pub(super) const FRAGILE: &str = "fragile";

/// Statement that creates the table that is missing from time to time.
pub(super) const CREATE_FRAGILE: &str =
    "CREATE TABLE IF NOT EXISTS fragile(id INTEGER PRIMARY KEY, what TEXT)";

/// Tables that the destination derives from JSON, with the expected rows as a
/// query of the source.
pub(super) const NESTED_TABLES: [(&str, &str); 2] = [
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
