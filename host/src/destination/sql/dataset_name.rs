//! Qualified names of the tables of a dataset.

use super::quoting::quoted;

/// The name of the schema that holds the tables of a dataset.
pub(in crate::destination) struct DatasetName {
    /// Name of the database. Needed where a schema may have the name of its
    /// database, which would be ambiguous.
    pub(in crate::destination) catalog: Option<String>,
    pub(in crate::destination) schema: String,
}

impl DatasetName {
    /// Returns the qualified, quoted name of the schema.
    pub(super) fn quoted(&self) -> String {
        match &self.catalog {
            Some(catalog) => format!("{}.{}", quoted(catalog), quoted(&self.schema)),
            None => quoted(&self.schema),
        }
    }

    /// Returns the qualified, quoted name of a table.
    pub(in crate::destination) fn table(&self, name: &str) -> String {
        format!("{}.{}", self.quoted(), quoted(name))
    }
}
