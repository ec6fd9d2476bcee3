//! Columns that a resource has in any of many databases, and pages with these
//! columns: the name of its database precedes each row. Must not know how
//! pages are sent.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use crate::output::Columns;
use crate::rows::columns::free_name;
use crate::rows::siblings::Sibling;
use crate::selection::AddedColumn;

/// Name of the column that holds the database of a row.
pub(super) const DATABASE: &str = "_database";
/// Suffix of a database's own column of that name.
const SOURCE_SUFFIX: &str = "__source";

/// Columns of all databases together, in the order in which they arrived.
#[derive(Debug)]
pub(super) struct Union {
    fields: Vec<FieldRef>,
    /// Name of each column in the databases; `None` for siblings.
    own_names: Vec<Option<String>>,
    siblings: Vec<Sibling>,
    primary_key: Vec<String>,
    /// Number of columns that were announced.
    announced: usize,
    /// True if a column has another name, or another first type, than in one of
    /// the databases, so that their checksums cannot be added.
    is_mixed: bool,
}

/// Index in the union of each column of one database.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnIndices(Vec<usize>);

impl Union {
    pub(super) fn new() -> Self {
        Self {
            fields: vec![Arc::new(Field::new(DATABASE, DataType::Utf8, true))],
            own_names: vec![Some(DATABASE.to_owned())],
            siblings: Vec::new(),
            primary_key: Vec::new(),
            announced: 0,
            is_mixed: false,
        }
    }

    /// Adds the columns of a database. A column whose type differs from that of
    /// earlier databases gets a sibling column, like a mismatching value.
    pub(super) fn add_columns(&mut self, columns: &Columns) -> ColumnIndices {
        let mut indices = Vec::with_capacity(columns.schema.fields().len());
        for field in columns.schema.fields() {
            let mut siblings = columns.siblings.iter();
            let sibling = siblings.find(|sibling| sibling.name == *field.name());
            indices.push(self.index_of(field, sibling));
        }
        if self.primary_key.is_empty() && !columns.primary_key.is_empty() {
            let key = columns.primary_key.iter().map(|column| union_name(column));
            self.primary_key = std::iter::once(DATABASE.to_owned()).chain(key).collect();
        }
        ColumnIndices(indices)
    }

    /// True if its primary key has these columns, in addition to the database.
    pub(super) fn has_key(&self, primary_key: &[String]) -> bool {
        let own = self.primary_key.iter().skip(1);
        let mut own: Vec<_> = own.map(|column| column.to_ascii_lowercase()).collect();
        let other = primary_key.iter();
        let mut other: Vec<_> = other
            .map(|column| union_name(column).to_ascii_lowercase())
            .collect();
        own.sort_unstable();
        other.sort_unstable();
        own == other
    }

    /// True if its columns were announced.
    pub(super) fn is_announced(&self) -> bool {
        self.announced > 0
    }

    /// True if the checksums of the databases cannot be added.
    pub(super) fn is_mixed(&self) -> bool {
        self.is_mixed
    }

    /// Returns the columns if some of them are not announced yet.
    pub(super) fn unannounced(&mut self) -> Option<Columns> {
        if self.announced == self.fields.len() {
            return None;
        }
        self.announced = self.fields.len();
        Some(Columns {
            schema: self.schema(),
            primary_key: self.primary_key.clone(),
            siblings: self.siblings.clone(),
        })
    }

    /// Converts a page of one database to the columns of the union.
    pub(super) fn page(
        &self,
        database: &str,
        indices: &ColumnIndices,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let mut columns: Vec<Option<ArrayRef>> = vec![None; self.fields.len()];
        columns[0] = Some(Arc::new(StringArray::from(vec![database; rows])));
        for (index, column) in indices.0.iter().zip(batch.columns()) {
            columns[*index] = Some(Arc::clone(column));
        }
        let columns = columns.into_iter().zip(&self.fields);
        let columns = columns.map(|(column, field)| {
            column.unwrap_or_else(|| new_null_array(field.data_type(), rows))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema(), columns.collect(), &options)
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields.clone()))
    }

    /// Returns the index of a column, which is added if it is new. `sibling` is
    /// set for a sibling column of the database.
    fn index_of(&mut self, field: &FieldRef, sibling: Option<&Sibling>) -> usize {
        let name = union_name(field.name());
        let is_same = |known: &FieldRef| {
            known.data_type() == field.data_type() && known.metadata() == field.metadata()
        };
        let base = sibling.map_or_else(|| name.clone(), |sibling| union_name(&sibling.column));
        let at = self.own_position(&base);
        let column = match (at, sibling) {
            (None, None) => {
                let free = free_name(name.clone(), |name| self.position(name).is_some());
                // The checksum of the server knows the name in the database.
                self.is_mixed |= free != name;
                return self.add(field, free, Some(name));
            }
            (Some(at), None) if is_same(&self.fields[at]) => return at,
            (Some(at), _) => self.fields[at].name().clone(),
            (None, Some(_)) => base,
        };
        if let (Some(at), None) = (at, sibling) {
            self.is_mixed |= !has_checksum(&self.fields[at]);
        }
        let holds_text_bytes = sibling.is_some_and(|sibling| sibling.holds_text_bytes);
        // The column may have a sibling for the values already.
        let mut siblings = self
            .siblings
            .iter()
            .filter(|known| known.column == column && known.holds_text_bytes == holds_text_bytes);
        let existing = siblings.find_map(|known| {
            let at = self.position(&known.name)?;
            is_same(&self.fields[at]).then_some(at)
        });
        if let Some(at) = existing {
            return at;
        }
        let is_taken = |name: &str| self.position(name).is_some();
        let new = match sibling {
            Some(sibling) if !is_taken(&name) => sibling.renamed(name, column),
            _ => Sibling::new(&column, field, holds_text_bytes, is_taken),
        };
        let at = self.add(field, new.name.clone(), None);
        self.siblings.push(new);
        at
    }

    fn position(&self, name: &str) -> Option<usize> {
        let mut fields = self.fields.iter();
        fields.position(|known| known.name().eq_ignore_ascii_case(name))
    }

    /// Returns the index of a column that is no sibling, by its name in the
    /// databases.
    fn own_position(&self, name: &str) -> Option<usize> {
        let mut own = self.own_names.iter();
        own.position(|own| {
            let own = own.as_ref();
            own.is_some_and(|own| own.eq_ignore_ascii_case(name))
        })
    }

    /// Adds a column under a name that is not taken. `own_name` is its name in
    /// the databases, unless it is a sibling. Returns its index.
    fn add(&mut self, field: &FieldRef, name: String, own_name: Option<String>) -> usize {
        let field = field.as_ref().clone().with_name(name).with_nullable(true);
        self.fields.push(Arc::new(field));
        self.own_names.push(own_name);
        self.fields.len() - 1
    }
}

/// True if the values of a column are part of a checksum.
fn has_checksum(field: &Field) -> bool {
    let is_plain = matches!(
        field.data_type(),
        DataType::Int64 | DataType::Float64 | DataType::Utf8 | DataType::Binary
    );
    is_plain && field.metadata().is_empty()
}

/// Returns the column with the name of a database.
pub(super) fn added_column(database: &str) -> AddedColumn {
    AddedColumn {
        name: DATABASE.to_owned(),
        text: database.to_owned(),
        rename: union_name,
    }
}

/// Returns the name in the union of a database's column. The suffix is also
/// added to names that have it already, so that two columns never become one.
fn union_name(column: &str) -> String {
    let mut base = column;
    while let Some(rest) = base.strip_suffix(SOURCE_SUFFIX) {
        base = rest;
    }
    if base.eq_ignore_ascii_case(DATABASE) {
        format!("{column}{SOURCE_SUFFIX}")
    } else {
        column.to_owned()
    }
}

#[cfg(test)]
mod tests;
