//! Tables in which indexes and virtual tables keep their data. Servers report
//! those of virtual tables, unless they lack the module. Sends no request.

use std::collections::BTreeSet;

/// Names that modules of virtual tables append to the name of the table. A `#`
/// stands for digits.
const SUFFIXES: [(&str, &[&str]); 8] = [
    ("fts3", FTS4),
    ("fts4", FTS4),
    ("fts5", &["data", "idx", "content", "docsize", "config"]),
    ("rtree", RTREE),
    ("rtree_i32", RTREE),
    ("geopoly", RTREE),
    ("spellfix1", &["vocab"]),
    (
        "vec0",
        &[
            "info",
            "chunks",
            "rowids",
            "auxiliary",
            "vector_chunks#",
            "metadatachunks#",
            "metadatatext#",
        ],
    ),
];
const FTS4: &[&str] = &["content", "segments", "segdir", "docsize", "stat"];
const RTREE: &[&str] = &["node", "rowid", "parent"];

/// The shadow tables that a schema implies.
#[derive(Debug, Default)]
pub(super) struct ShadowTables {
    /// Names of tables, in lower case.
    names: BTreeSet<String>,
    /// Starts of names that continue with digits, in lower case.
    numbered: BTreeSet<String>,
}

impl ShadowTables {
    /// Adds the tables of a vector index.
    pub(super) fn add_index(&mut self, name: &str, sql: &str) {
        if sql.to_ascii_lowercase().contains("libsql_vector_idx") {
            let name = name.to_ascii_lowercase();
            self.names.insert(format!("{name}_shadow"));
        }
    }

    /// Adds the tables of a virtual table. Other tables have none.
    pub(super) fn add_table(&mut self, name: &str, sql: &str) {
        let name = name.to_ascii_lowercase();
        let module = module(sql, &name).unwrap_or_default();
        let suffixes = SUFFIXES.iter().filter(|(own, _)| *own == module);
        for suffix in suffixes.flat_map(|(_, suffixes)| *suffixes) {
            match suffix.strip_suffix('#') {
                Some(start) => self.numbered.insert(format!("{name}_{start}")),
                None => self.names.insert(format!("{name}_{suffix}")),
            };
        }
    }

    /// Returns true if the tables include this one.
    pub(super) fn contains(&self, table: &str) -> bool {
        let name = table.to_ascii_lowercase();
        let start = name.trim_end_matches(|last: char| last.is_ascii_digit());
        self.names.contains(&name) || start != name && self.numbered.contains(start)
    }
}

/// Returns the module of a virtual table, in lower case. `name` is the table in
/// lower case; its quotes and a `USING` in it are not those of the statement.
fn module(sql: &str, name: &str) -> Option<String> {
    let sql = sql.to_ascii_lowercase();
    let mut words = sql.split_ascii_whitespace();
    if words.next() != Some("create") || words.next() != Some("virtual") {
        return None;
    }
    let after_name = &sql[sql.find(name)? + name.len()..];
    let (_, module) = after_name.split_once("using")?;
    let module = module
        .trim_start()
        .trim_start_matches(['"', '[', '`', '\'']);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = module.find(|letter| !is_part(letter));
    Some(module[..end.unwrap_or(module.len())].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shadow_tables_follow_from_the_module() {
        let mut shadows = ShadowTables::default();
        for (name, sql) in [
            ("docs", "CREATE VIRTUAL TABLE docs USING fts5(body)"),
            ("Using", "create virtual table \"Using\" using FTS4(x)"),
            (
                "boxes",
                "CREATE VIRTUAL TABLE\n boxes\nUSING\trtree (id, a, b)",
            ),
            (
                "films",
                "CREATE VIRTUAL TABLE IF NOT EXISTS [films] USING \"vec0\"(v float[4])",
            ),
            ("own", "CREATE TABLE own(x) -- using fts5"),
            ("other", "CREATE VIRTUAL TABLE other USING unknown(x)"),
        ] {
            shadows.add_table(name, sql);
        }
        shadows.add_index("index", "CREATE INDEX i ON t(LIBSQL_VECTOR_IDX(v))");
        shadows.add_index("plain", "CREATE INDEX plain ON t(v)");
        for name in [
            "docs_data",
            "DOCS_config",
            "using_segdir",
            "boxes_node",
            "films_rowids",
            "films_vector_chunks00",
            "index_shadow",
        ] {
            assert!(shadows.contains(name), "{name}");
        }
        for name in [
            "docs",
            "docs_node",
            "docs_data2",
            "own_data",
            "other_data",
            "films_vector_chunks",
            "films_chunks1",
            "plain_shadow",
        ] {
            assert!(!shadows.contains(name), "{name}");
        }
    }
}
