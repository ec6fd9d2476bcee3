//! Names that are reserved for the host, and the comparison of names.

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
    let starts_with = |prefix: &str| {
        let start = column.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    starts_with(PARENT_KEY_PREFIX) || starts_with(INDEX)
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

/// Returns the name of the table of a resource: its own, unless that is
/// reserved for the host.
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

/// Returns the stored name of a source column: its own, unless that is reserved
/// for the host.
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
