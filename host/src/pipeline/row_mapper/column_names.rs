//! The stored names of the columns of a source. An existing table decides about
//! them, otherwise the first load that has the column. Two columns never share a
//! name, and no column has the name of a sibling of another.
//!
//! Must not know types, except that they are the kinds of siblings.

use std::collections::{BTreeMap, BTreeSet};

use arrow_schema::{Field, Schema};

use super::schema_fit::{find, is_host_column};
use crate::model::origin::{ColumnOrigin, recorded_sibling};
use crate::model::siblings::sibling_kind;
use crate::model::{PageKind, Sibling, SourceSchema, names};

/// The stored names of columns, by their names in the source. Names that were
/// given stay the same for the whole run.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnNames {
    /// Names in the source and in the table, by the former in lower case.
    given: BTreeMap<String, (String, String)>,
    /// Names that were given, in lower case.
    taken: BTreeSet<String>,
}

impl ColumnNames {
    /// Gives names to the columns that have none yet. `existing` has the
    /// columns of the table before the load.
    pub(super) fn add(
        &mut self,
        columns: &SourceSchema,
        kind: PageKind,
        existing: Option<&Schema>,
    ) {
        let fields = columns.columns.fields();
        let source_columns = match kind {
            // The last column is the host's.
            PageKind::Changes => fields.len().saturating_sub(1),
            PageKind::Rows | PageKind::Keys => fields.len(),
        };
        let new = fields.iter().take(source_columns).map(AsRef::as_ref);
        let new: Vec<&Field> = new.filter(|field| !self.has(field.name())).collect();
        if new.is_empty() {
            return;
        }
        let sibling = |field: &Field| {
            let mut siblings = columns.siblings.iter();
            siblings.find(|sibling| sibling.name == *field.name())
        };
        let own = new.iter().filter(|field| sibling(field).is_none());
        let recorded = existing.map(recorded_names).unwrap_or_default();
        let wanted: BTreeSet<_> = own
            .clone()
            .map(|field| names::column_name(field.name()).to_ascii_lowercase())
            .collect();
        for field in own {
            let name = self.own_name(field.name(), existing, &recorded, &wanted);
            self.give(field.name(), name);
        }
        for field in new {
            if let Some(sibling) = sibling(field) {
                let name = self.sibling_name(sibling, field, existing);
                self.give(field.name(), name);
            }
        }
    }

    /// Returns the stored name of a column.
    pub(super) fn stored(&self, column: &str) -> String {
        let given = self.given.get(&column.to_ascii_lowercase());
        given.map_or_else(|| names::column_name(column), |(_, stored)| stored.clone())
    }

    /// Keeps the names of siblings that the table got from other columns.
    pub(super) fn reserve(&mut self, siblings: &[Sibling]) {
        let names = siblings
            .iter()
            .map(|sibling| sibling.name.to_ascii_lowercase());
        self.taken.extend(names);
    }

    /// Returns a schema of stored columns with the origin of each.
    pub(super) fn with_origins(&self, schema: &Schema, siblings: &[Sibling]) -> Schema {
        let sources = self.given.values();
        let sources: BTreeMap<_, _> = sources.map(|(source, stored)| (stored, source)).collect();
        let origin = |field: &Field| {
            let mut siblings = siblings.iter();
            if let Some(sibling) = siblings.find(|sibling| sibling.name == *field.name()) {
                return Some(ColumnOrigin::Sibling {
                    of: sibling.column.clone(),
                    kind: sibling_kind(field, sibling.holds_text_bytes()).to_owned(),
                });
            }
            if is_host_column(field.name()) {
                return None;
            }
            let source = sources.get(field.name()).copied();
            ColumnOrigin::for_column(source.unwrap_or(field.name()), field.name())
        };
        let fields = schema.fields().iter();
        let fields =
            fields.map(|field| ColumnOrigin::set(origin(field).as_ref(), field.as_ref().clone()));
        Schema::new(fields.collect::<Vec<_>>())
    }

    fn has(&self, column: &str) -> bool {
        self.given.contains_key(&column.to_ascii_lowercase())
    }

    fn give(&mut self, column: &str, stored: String) {
        self.taken.insert(stored.to_ascii_lowercase());
        let names = (column.to_owned(), stored);
        self.given.insert(column.to_ascii_lowercase(), names);
    }

    /// Returns the name of a column that is no sibling. `wanted` has the names
    /// that all columns would get in a new table.
    fn own_name(
        &self,
        column: &str,
        existing: Option<&Schema>,
        recorded: &BTreeMap<String, String>,
        wanted: &BTreeSet<String>,
    ) -> String {
        if let Some(stored) = recorded.get(&column.to_ascii_lowercase()) {
            return stored.clone();
        }
        let mut name = names::column_name(column);
        let stored = |name: &str| existing.and_then(|existing| find(existing, name));
        // An earlier release stored the column under its own name.
        if let Some(earlier) = stored(column)
            && ColumnOrigin::from_field(earlier).is_none()
            && !is_host_column(column)
            && stored(&name).is_none()
            && !wanted.contains(&column.to_ascii_lowercase())
        {
            return earlier.name().clone();
        }
        let is_of_another = |field: &Field| match ColumnOrigin::from_field(field) {
            Some(ColumnOrigin::Source(source)) => !source.eq_ignore_ascii_case(column),
            Some(ColumnOrigin::Sibling { .. }) => true,
            None => false,
        };
        while self.is_taken(&name) || stored(&name).is_some_and(is_of_another) {
            name.push('_');
        }
        name
    }

    /// Returns the name of a sibling whose column has a name.
    fn sibling_name(&self, sibling: &Sibling, values: &Field, existing: Option<&Schema>) -> String {
        let column = self.stored(&sibling.column);
        let kind = sibling_kind(values, sibling.holds_text_bytes());
        let is_free = |field: &Field| !self.is_taken(field.name());
        let recorded = existing.and_then(|table| recorded_sibling(table, &column, kind, is_free));
        if let Some(recorded) = recorded {
            return recorded.name().clone();
        }
        let is_recorded = |name: &str| {
            let stored = existing.and_then(|existing| find(existing, name));
            stored.is_some_and(|stored| ColumnOrigin::from_field(stored).is_some())
        };
        let mut name = sibling.name.clone();
        while self.is_taken(&name) || is_recorded(&name) {
            name.push('_');
        }
        name
    }

    fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(&name.to_ascii_lowercase()) || is_host_column(name)
    }
}

/// Returns the stored names of the columns whose names in the source are recorded,
/// by their names in the source in lower case.
fn recorded_names(table: &Schema) -> BTreeMap<String, String> {
    let fields = table.fields().iter();
    let names = fields.filter_map(|field| match ColumnOrigin::from_field(field)? {
        ColumnOrigin::Source(source) => Some((source.to_ascii_lowercase(), field.name().clone())),
        ColumnOrigin::Sibling { .. } => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::DataType;

    use super::*;

    fn source(columns: &[&str], siblings: &[(&str, &str)]) -> SourceSchema {
        let field = |name: &str| Field::new(name, DataType::Utf8, true);
        let own = columns.iter().map(|name| field(name));
        let fields = own.chain(siblings.iter().map(|(name, _)| field(name)));
        let sibling =
            |(name, column): &(&str, &str)| Sibling::new((*name).to_owned(), (*column).to_owned());
        SourceSchema {
            columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            primary_key: Vec::new(),
            siblings: siblings.iter().map(sibling).collect(),
        }
    }

    fn stored(names: &ColumnNames, columns: &SourceSchema) -> Vec<String> {
        let fields = columns.columns.fields().iter();
        fields.map(|field| names.stored(field.name())).collect()
    }

    /// Loads columns into a table, and returns their names and the table.
    fn load(columns: &SourceSchema, existing: Option<&Schema>) -> (Vec<String>, Schema) {
        let mut names = ColumnNames::default();
        names.add(columns, PageKind::Rows, existing);
        let found = stored(&names, columns);
        let fields = columns.columns.fields().iter().zip(&found);
        let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
        let siblings = columns.siblings.iter().map(|sibling| {
            sibling.renamed(names.stored(&sibling.name), names.stored(&sibling.column))
        });
        let siblings: Vec<_> = siblings.collect();
        let table = names.with_origins(&Schema::new(fields.collect::<Vec<_>>()), &siblings);
        (found, table)
    }

    fn without_origins(table: &Schema) -> Schema {
        let fields = table.fields().iter();
        let fields = fields.map(|field| ColumnOrigin::set(None, field.as_ref().clone()));
        Schema::new(fields.collect::<Vec<_>>())
    }

    #[test]
    fn two_columns_never_share_a_name() {
        let columns = source(
            &[
                "",
                "__source",
                "_load_id__source",
                "_LOAD_ID",
                "_load_id__text_",
                "x",
            ],
            &[("_load_id__text", "_LOAD_ID"), ("x__text_", "x")],
        );
        let (names, table) = load(&columns, None);
        let distinct: BTreeSet<_> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        // Another order of the columns changes nothing.
        let (again, _) = load(&columns, Some(&table));
        assert_eq!(again, names);
    }

    #[test]
    fn a_column_that_is_added_later_never_meets_a_sibling() {
        let first = source(&["stock"], &[("stock__text", "stock")]);
        let (_, table) = load(&first, None);
        // The source names the sibling differently now.
        let second = source(&["stock", "stock__text"], &[("stock__text_", "stock")]);
        let (names, table) = load(&second, Some(&table));
        assert_eq!(names, ["stock", "stock__text_", "stock__text"]);
        let (names, _) = load(&source(&["stock__TEXT"], &[]), Some(&table));
        assert_eq!(names, ["stock__text_"]);
    }

    #[test]
    fn a_sibling_never_meets_a_column_of_an_earlier_load() {
        let (_, table) = load(&source(&["stock", "stock__text"], &[]), None);
        let second = source(&["stock"], &[("stock__text", "stock")]);
        let (names, table) = load(&second, Some(&table));
        assert_eq!(names, ["stock", "stock__text_"]);
        let (names, _) = load(&second, Some(&table));
        assert_eq!(names, ["stock", "stock__text_"]);
    }

    #[test]
    fn names_of_an_earlier_release_stay() {
        let columns = source(&["_load_id", "stock"], &[("stock__text", "stock")]);
        let (names, table) = load(&columns, None);
        assert_eq!(names, ["_load_id__source", "stock", "stock__text"]);
        let (again, _) = load(&columns, Some(&without_origins(&table)));
        assert_eq!(again, names);
        let escaped = source(&["_load_id__source", ""], &[]);
        let earlier = Schema::new(vec![
            Field::new("_load_id__source", DataType::Utf8, true),
            Field::new("", DataType::Utf8, true),
        ]);
        assert_eq!(load(&escaped, Some(&earlier)).0, ["_load_id__source", ""]);
        // Both columns were refused then.
        let both = source(&["_load_id__source", "_load_id"], &[]);
        assert_eq!(
            load(&both, Some(&earlier)).0,
            ["_load_id__source__source", "_load_id__source"]
        );
    }

    #[test]
    fn a_name_stays_for_the_whole_run() {
        let mut names = ColumnNames::default();
        names.add(&source(&["a"], &[]), PageKind::Rows, None);
        names.reserve(&[Sibling::new("b".to_owned(), "a".to_owned())]);
        let more = source(&["a", "b", "B_"], &[]);
        names.add(&more, PageKind::Rows, None);
        assert_eq!(stored(&names, &more), ["a", "b_", "B__"]);
        names.add(&more, PageKind::Rows, None);
        assert_eq!(stored(&names, &more), ["a", "b_", "B__"]);
    }
}
