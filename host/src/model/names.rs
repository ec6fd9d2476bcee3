//! Names that are reserved for the host, and the comparison of names.

use std::collections::BTreeMap;

/// Column with the id of the load that wrote the row.
pub const LOAD_ID: &str = "_load_id";

/// Column with the time at which a row was missing in the source; null before.
/// Part of tables that mark deleted rows.
pub const DELETED_AT: &str = "_deleted_at";
/// Column with the start of the validity of a version. Part of tables that keep
/// versions.
pub const VALID_FROM: &str = "_valid_from";
/// Column with the end of the validity of a version; null for the current one.
pub const VALID_TO: &str = "_valid_to";
/// Flag of deleted rows in a change feed. Not stored.
pub const IS_DELETED: &str = "_is_deleted";

/// Prefix of the columns of a child table that hold the key of the parent row.
pub const PARENT_KEY_PREFIX: &str = "_root_";
/// Index of an item in its list. Null in a row that only starts the group of a
/// parent row; such rows are not stored.
pub const INDEX: &str = "_index";

/// Returns the column of the index in a list, by the number of lists around it.
#[must_use]
pub fn index_column(depth: usize) -> String {
    match depth {
        0 => INDEX.to_owned(),
        _ => format!("{INDEX}_{}", depth + 1),
    }
}

/// True if only a child table may have a column of this name.
#[must_use]
pub fn is_child_table_column(column: &str) -> bool {
    starts_with(column, PARENT_KEY_PREFIX) || starts_with(column, INDEX)
}

/// Columns that the host fills.
pub const OWN_COLUMNS: [&str; 5] = [LOAD_ID, DELETED_AT, VALID_FROM, VALID_TO, IS_DELETED];

/// Table with a row for each load.
pub const LOADS: &str = "_loads";
/// Table with a row for each load and resource.
pub const LOAD_RESOURCES: &str = "_load_resources";
/// Table with the current cursor of each pipeline and resource.
pub const CURSORS: &str = "_cursors";
/// Table with the records that could not be stored.
pub const REJECTED: &str = "_rejected";

/// Tables of the host, whose names resources cannot use.
pub const RESERVED_TABLES: [&str; 4] = [LOADS, LOAD_RESOURCES, CURSORS, REJECTED];

/// Prefix of the names of tables that exist only during a load.
pub const STAGED_PREFIX: &str = "_staged ";

/// Suffix of a stored name whose source name is reserved.
const SOURCE_SUFFIX: &str = "__source";

/// Returns the name of the table of a resource: its own, unless that is
/// reserved for the host.
#[must_use]
pub fn table_name(resource: &str) -> String {
    unreserved(resource, |name| {
        is_one_of(&RESERVED_TABLES, name) || starts_with(name, STAGED_PREFIX)
    })
}

/// Returns the stored name of a source column: its own, unless that is reserved
/// for the host.
#[must_use]
pub fn column_name(column: &str) -> String {
    unreserved(column, |name| is_one_of(&OWN_COLUMNS, name))
}

/// Returns the resource whose table has a name. `None` for a table of the host.
#[must_use]
pub fn resource_of_table(table: &str) -> Option<&str> {
    source_name(table, table_name)
}

/// Returns the source column that is stored under a name. `None` for a column
/// of the host.
#[must_use]
pub fn source_column(stored: &str) -> Option<&str> {
    source_name(stored, column_name)
}

fn source_name(stored: &str, to_stored: impl Fn(&str) -> String) -> Option<&str> {
    let candidates = [stored.strip_suffix(SOURCE_SUFFIX), Some(stored)];
    let mut candidates = candidates.into_iter().flatten();
    candidates.find(|name| to_stored(name) == stored)
}

/// Returns a name that is not reserved. The empty name is reserved, because
/// stores cannot hold it.
///
/// The suffix is also added to the names that a reserved name would get, so
/// that two source names never become one.
fn unreserved(name: &str, is_reserved: impl Fn(&str) -> bool) -> String {
    let mut base = name;
    while let Some(rest) = base.strip_suffix(SOURCE_SUFFIX) {
        base = rest;
    }
    if base.is_empty() || is_reserved(base) {
        format!("{name}{SOURCE_SUFFIX}")
    } else {
        name.to_owned()
    }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn starts_with(name: &str, prefix: &str) -> bool {
    let start = name.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Returns the entry of a resource. Sources ignore the case of ASCII letters in
/// names, and so do the tables of destinations.
#[must_use]
pub fn find_in<'m, T>(entries: &'m BTreeMap<String, T>, name: &str) -> Option<&'m T> {
    let is_same = |known: &&String| known.eq_ignore_ascii_case(name);
    let other_case = || entries.keys().find(is_same);
    let entry = entries.get(name);
    entry.or_else(|| entries.get(other_case()?))
}

/// Returns the known name that is nearest to a mistyped one, if one is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    let (distance, candidate) = scored.min()?;
    (distance <= 1 + name.len() / 4).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_stored_name_leads_back_to_the_source() {
        for source in [
            "id",
            "",
            "__source",
            "_load_id",
            "_LOAD_ID",
            "_load_id__source",
            "_deleted_at__source__source",
            "x__source",
        ] {
            assert_eq!(source_column(&column_name(source)), Some(source));
        }
        assert_eq!(source_column("_load_id"), None);
        assert_eq!(source_column("_Valid_From"), None);
        for resource in ["t", "", "_loads", "_loads__source", "_staged x"] {
            assert_eq!(resource_of_table(&table_name(resource)), Some(resource));
        }
        assert_eq!(resource_of_table("_cursors"), None);
    }

    #[test]
    fn reserved_names_are_kept_free() {
        assert_eq!(table_name("_LOADS"), "_LOADS__source");
        assert_eq!(table_name("orders"), "orders");
        assert_eq!(table_name("_staged 1.5 1"), "_staged 1.5 1__source");
        assert_eq!(column_name("_Load_Id"), "_Load_Id__source");
    }

    #[test]
    fn an_empty_name_gets_one() {
        assert_eq!(table_name(""), "__source");
        assert_eq!(column_name(""), "__source");
    }

    #[test]
    fn two_source_names_never_become_one() {
        let suffixed = |name: &str, times| format!("{name}{}", SOURCE_SUFFIX.repeat(times));
        let names = ["", "_load_id", "_LOADS", "_cursors", "_is_deleted", "id"];
        let names = names.iter().chain(&["__", "_source", "_staged 1", "x"]);
        let all = names.flat_map(|name| (0..4).map(move |times| suffixed(name, times)));
        let all: BTreeSet<String> = all.collect();
        for stored in [table_name, column_name] {
            let distinct: BTreeSet<_> = all.iter().map(|name| stored(name)).collect();
            assert_eq!(distinct.len(), all.len(), "{distinct:?}");
            let reserved = RESERVED_TABLES.iter().chain(&OWN_COLUMNS);
            let mut reachable = reserved.filter(|name| distinct.contains(**name));
            let free = reachable.all(|name| all.contains(*name) && stored(name) == **name);
            assert!(free, "{distinct:?}");
        }
    }

    #[test]
    fn an_entry_is_found_in_any_letter_case() {
        let entries = [("Items", 1), ("items ", 2), ("Ä", 3)];
        let entries = entries.map(|(name, entry)| (name.to_owned(), entry)).into();
        assert_eq!(find_in(&entries, "iTEMS"), Some(&1));
        assert_eq!(find_in(&entries, "Items"), Some(&1));
        assert_eq!(find_in(&entries, "ä"), None);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(nearest("orgin", ["origin", "methods"]), Some("origin"));
        assert_eq!(nearest("banana", ["origin", "methods"]), None);
    }
}
