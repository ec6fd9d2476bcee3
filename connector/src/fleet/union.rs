//! Columns that a resource has in any of many databases, and pages with these
//! columns: the name of its database precedes each row. Must not know how
//! pages are sent.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

/// Name of the column that holds the database of a row.
pub(super) const DATABASE: &str = "_database";

/// Columns of all databases together, in the order in which they arrived.
#[derive(Debug)]
pub(super) struct Union {
    fields: Vec<FieldRef>,
    /// Sibling columns, each with its column.
    pub(super) siblings: Vec<(String, String)>,
    pub(super) primary_key: Vec<String>,
    /// Number of columns that were announced.
    announced: usize,
}

/// Index in the union of each column of one database.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnIndices(Vec<usize>);

impl Union {
    pub(super) fn new() -> Self {
        Self {
            fields: vec![Arc::new(Field::new(DATABASE, DataType::Utf8, true))],
            siblings: Vec::new(),
            primary_key: Vec::new(),
            announced: 0,
        }
    }

    /// Adds the columns of a database. A column whose type differs from that of
    /// earlier databases gets a sibling column, like a mismatching value.
    pub(super) fn add_columns(
        &mut self,
        schema: &Schema,
        primary_key: &[String],
        siblings: &[(String, String)],
    ) -> ColumnIndices {
        let mut indices = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let sibling = siblings.iter().find(|(name, _)| name == field.name());
            let column = sibling.map(|(_, column)| union_name(column));
            indices.push(self.index_of(field, column));
        }
        if self.primary_key.is_empty() && !primary_key.is_empty() {
            let key = primary_key.iter().map(|column| union_name(column));
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

    /// Returns the columns if some of them are not announced yet.
    pub(super) fn unannounced(&mut self) -> Option<SchemaRef> {
        if self.announced == self.fields.len() {
            return None;
        }
        self.announced = self.fields.len();
        Some(self.schema())
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

    /// Returns the index of a column, which is added if it is new. `sibling_of`
    /// is the column of a sibling.
    fn index_of(&mut self, field: &FieldRef, sibling_of: Option<String>) -> usize {
        let name = union_name(field.name());
        let is_same = |known: &FieldRef| {
            known.data_type() == field.data_type() && known.metadata() == field.metadata()
        };
        let named = |known: &FieldRef| known.name().eq_ignore_ascii_case(&name);
        let base = match (self.fields.iter().position(named), sibling_of) {
            (Some(at), _) if is_same(&self.fields[at]) => return at,
            (None, None) => return self.add(field, name, None),
            (_, Some(column)) => column,
            (Some(at), None) => self.fields[at].name().clone(),
        };
        // The column may have a sibling of the type already.
        let mut siblings = self.siblings.iter().filter(|(_, column)| *column == base);
        let existing = siblings.find_map(|(sibling, _)| {
            let at = self
                .fields
                .iter()
                .position(|known| known.name() == sibling)?;
            (is_same(&self.fields[at]) && !is_bytes_of_text(sibling)).then_some(at)
        });
        if let Some(at) = existing.filter(|_| !is_bytes_of_text(&name)) {
            return at;
        }
        let name = if self.fields.iter().any(named) {
            format!("{base}__{}", class(field))
        } else {
            name
        };
        self.add(field, name, Some(base))
    }

    /// Adds a column under a name that is made unique. Returns its index.
    fn add(&mut self, field: &FieldRef, mut name: String, sibling_of: Option<String>) -> usize {
        let is_taken = |name: &str| {
            let mut fields = self.fields.iter();
            fields.any(|known| known.name().eq_ignore_ascii_case(name))
        };
        while is_taken(&name) {
            name.push('_');
        }
        if let Some(column) = sibling_of {
            self.siblings.push((name.clone(), column));
        }
        let field = field.as_ref().clone().with_name(name).with_nullable(true);
        self.fields.push(Arc::new(field));
        self.fields.len() - 1
    }
}

/// Returns the name in the union of a database's column.
fn union_name(column: &str) -> String {
    if column.eq_ignore_ascii_case(DATABASE) {
        format!("{column}__source")
    } else {
        column.to_owned()
    }
}

/// True if a column holds text that is not UTF-8, which differs from a blob.
fn is_bytes_of_text(name: &str) -> bool {
    name.trim_end_matches('_').ends_with("__text_bytes")
}

/// Returns the end of a sibling's name, which the host uses for the type.
fn class(field: &Field) -> &'static str {
    match field.data_type() {
        DataType::Int64 => "integer",
        DataType::Float64 => "real",
        DataType::Binary => "blob",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Decimal128(_, _) => "decimal",
        _ if field.extension_type_name().is_some() => "json",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        let field =
            |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
        Schema::new(columns.iter().map(field).collect::<Vec<_>>())
    }

    fn names(union: &Union) -> Vec<&str> {
        union
            .fields
            .iter()
            .map(|field| field.name().as_str())
            .collect()
    }

    #[test]
    fn a_union_has_the_columns_of_all_databases() {
        let (int, text) = (DataType::Int64, DataType::Utf8);
        let mut union = Union::new();
        let key = ["id".to_owned()];
        union.add_columns(
            &schema(&[("id", int.clone()), ("n", int.clone())]),
            &key,
            &[],
        );
        assert!(union.unannounced().is_some() && union.unannounced().is_none());
        let siblings = [("m__integer".to_owned(), "m".to_owned())];
        let indices = union.add_columns(
            &schema(&[
                ("ID", int.clone()),
                ("n", text.clone()),
                ("m", text.clone()),
                ("_database", int.clone()),
                ("m__integer", int.clone()),
            ]),
            &key,
            &siblings,
        );
        assert_eq!(
            names(&union),
            [
                "_database",
                "id",
                "n",
                "n__text",
                "m",
                "_database__source",
                "m__integer"
            ]
        );
        assert_eq!(union.primary_key, ["_database", "id"]);
        assert_eq!(
            union.siblings,
            [("n__text", "n"), ("m__integer", "m")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(StringArray::from(vec!["x"])),
            Arc::new(StringArray::from(vec!["y"])),
            Arc::new(Int64Array::from(vec![2])),
            Arc::new(Int64Array::from(vec![3])),
        ];
        let batch = RecordBatch::try_new(
            Arc::new(schema(&[
                ("ID", int.clone()),
                ("n", text.clone()),
                ("m", text),
                ("_database", int.clone()),
                ("m__integer", int),
            ])),
            columns,
        )
        .unwrap();
        let page = union.page("db", &indices, &batch).unwrap();
        assert_eq!(page.num_columns(), 7);
        assert_eq!(page.column(2).null_count(), 1);
        assert_eq!(page.column(3).null_count(), 0);
        // A third database whose column has the second's type.
        let again = union.add_columns(&schema(&[("n", DataType::Utf8)]), &[], &[]);
        assert_eq!(again.0, [3]);
    }
}
