//! Names that the host keeps for itself, and how names are compared.

/// The column that says which load a row came with.
pub const LOAD_ID: &str = "_load_id";

/// The time at which a row was found to be gone from the source; null while
/// it is there. Of tables whose deleted rows are marked.
pub const DELETED_AT: &str = "_deleted_at";
/// The time from which on a version of a row is true. Of tables that keep
/// all versions.
pub const VALID_FROM: &str = "_valid_from";
/// The time from which on it no longer is; null for the current version.
pub const VALID_TO: &str = "_valid_to";
/// Says in rows of a feed of changes which of them are deleted. Never stored.
pub const IS_DELETED: &str = "_is_deleted";

/// What the name of a key column begins with where it tells which row of a
/// resource an item of a list is of.
pub const ROOT: &str = "_root_";
/// The place of an item in its list. Null in a row that only begins the items
/// of a row of the resource; such rows are not stored.
pub const INDEX: &str = "_index";

/// The column of the place of an item, by how many lists are around its list.
#[must_use]
pub fn index(depth: usize) -> String {
    match depth {
        0 => INDEX.to_owned(),
        _ => format!("{INDEX}_{}", depth + 1),
    }
}

/// Whether a column has such a name.
#[must_use]
pub fn is_of_list(column: &str) -> bool {
    let begins = |prefix: &str| {
        let start = column.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    begins(ROOT) || begins(INDEX)
}

/// The columns that the host fills itself.
pub const OWN_COLUMNS: [&str; 5] = [LOAD_ID, DELETED_AT, VALID_FROM, VALID_TO, IS_DELETED];

/// One row for each load.
pub const LOADS: &str = "_loads";
/// One row for each load and resource.
pub const LOAD_RESOURCES: &str = "_load_resources";
/// The current cursor of each pipeline and resource.
pub const CURSORS: &str = "_cursors";
/// Records that could not be stored.
pub const REJECTED: &str = "_rejected";

/// Tables of the dataset that no resource may take.
pub const RESERVED_TABLES: [&str; 4] = [LOADS, LOAD_RESOURCES, CURSORS, REJECTED];

/// The table that holds a resource: its own name, unless the host keeps that
/// name for itself.
#[must_use]
pub fn table_name(resource: &str) -> String {
    if RESERVED_TABLES
        .iter()
        .any(|name| name.eq_ignore_ascii_case(resource))
    {
        format!("{resource}__source")
    } else {
        resource.to_owned()
    }
}

/// The stored name of a source column, likewise.
#[must_use]
pub fn column_name(column: &str) -> String {
    if OWN_COLUMNS
        .iter()
        .any(|name| name.eq_ignore_ascii_case(column))
    {
        format!("{column}__source")
    } else {
        column.to_owned()
    }
}

/// The known name that a mistyped one is nearest to, if any is near.
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
    use super::*;

    #[test]
    fn reserved_names_are_kept_free() {
        assert_eq!(table_name("_LOADS"), "_LOADS__source");
        assert_eq!(table_name("orders"), "orders");
        assert_eq!(column_name("_Load_Id"), "_Load_Id__source");
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(nearest("orgin", ["origin", "methods"]), Some("origin"));
        assert_eq!(nearest("banana", ["origin", "methods"]), None);
    }
}
