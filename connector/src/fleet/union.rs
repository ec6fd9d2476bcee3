//! The columns that a resource has in any of many databases, and pages in
//! that shape: each row with the name of its database before it.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

/// The column that names the database of a row.
pub(super) const DATABASE: &str = "_database";

/// The columns of all databases together, in the order in which they came.
#[derive(Debug)]
pub(super) struct Union {
    fields: Vec<FieldRef>,
    pub(super) siblings: Vec<(String, String)>,
    pub(super) primary_key: Vec<String>,
    /// How many of them are announced.
    announced: usize,
}

/// Where the columns of one database are among them.
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

    /// Takes the columns of a database in. One whose type is another than in
    /// the databases before goes beside, as values do that do not fit.
    pub(super) fn take(
        &mut self,
        schema: &Schema,
        primary_key: &[String],
        siblings: &[(String, String)],
    ) -> ColumnIndices {
        let mut indices = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let sibling = siblings.iter().find(|(name, _)| name == field.name());
            let of = sibling.map(|(_, of)| own_name(of));
            indices.push(self.index_of(field, of));
        }
        if self.primary_key.is_empty() && !primary_key.is_empty() {
            let key = primary_key.iter().map(|column| own_name(column));
            self.primary_key = std::iter::once(DATABASE.to_owned()).chain(key).collect();
        }
        ColumnIndices(indices)
    }

    /// Whether its rows are told apart by these columns, beside the database.
    pub(super) fn has_key(&self, primary_key: &[String]) -> bool {
        let own = self.primary_key.iter().skip(1);
        let mut own: Vec<_> = own.map(|column| column.to_ascii_lowercase()).collect();
        let other = primary_key.iter();
        let mut other: Vec<_> = other
            .map(|column| own_name(column).to_ascii_lowercase())
            .collect();
        own.sort_unstable();
        other.sort_unstable();
        own == other
    }

    /// Whether any columns of it were announced.
    pub(super) fn is_announced(&self) -> bool {
        self.announced > 0
    }

    /// The columns, if some of them are new.
    pub(super) fn unannounced(&mut self) -> Option<SchemaRef> {
        if self.announced == self.fields.len() {
            return None;
        }
        self.announced = self.fields.len();
        Some(self.schema())
    }

    /// Rows of a database with all columns.
    pub(super) fn page(
        &self,
        database: &str,
        indices: &ColumnIndices,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let mut columns: Vec<Option<ArrayRef>> = vec![None; self.fields.len()];
        columns[0] = Some(Arc::new(StringArray::from(vec![database; rows])));
        for (place, column) in indices.0.iter().zip(batch.columns()) {
            columns[*place] = Some(Arc::clone(column));
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

    fn index_of(&mut self, field: &FieldRef, of: Option<String>) -> usize {
        let name = own_name(field.name());
        let is_same = |known: &FieldRef| {
            known.data_type() == field.data_type() && known.metadata() == field.metadata()
        };
        let named = |known: &FieldRef| known.name().eq_ignore_ascii_case(&name);
        let base = match (self.fields.iter().position(named), of) {
            (Some(at), _) if is_same(&self.fields[at]) => return at,
            (None, None) => return self.add(field, name, None),
            (_, Some(of)) => of,
            (Some(at), None) => self.fields[at].name().clone(),
        };
        // Beside that column there may be one of the type already.
        let mut beside = self.siblings.iter().filter(|(_, of)| *of == base);
        let beside = beside.find_map(|(sibling, _)| {
            let at = self
                .fields
                .iter()
                .position(|known| known.name() == sibling)?;
            (is_same(&self.fields[at]) && !is_bytes_of_text(sibling)).then_some(at)
        });
        if let Some(at) = beside.filter(|_| !is_bytes_of_text(&name)) {
            return at;
        }
        let wanted = if self.fields.iter().any(named) {
            format!("{base}__{}", class(field))
        } else {
            name
        };
        self.add(field, wanted, Some(base))
    }

    fn add(&mut self, field: &FieldRef, wanted: String, of: Option<String>) -> usize {
        let mut name = wanted;
        let is_taken = |name: &str| {
            let mut fields = self.fields.iter();
            fields.any(|known| known.name().eq_ignore_ascii_case(name))
        };
        while is_taken(&name) {
            name.push('_');
        }
        if let Some(of) = of {
            self.siblings.push((name.clone(), of));
        }
        let field = field.as_ref().clone().with_name(name).with_nullable(true);
        self.fields.push(Arc::new(field));
        self.fields.len() - 1
    }
}

/// The name of a column of a database.
fn own_name(column: &str) -> String {
    if column.eq_ignore_ascii_case(DATABASE) {
        format!("{column}__source")
    } else {
        column.to_owned()
    }
}

/// Whether a column holds text that is not UTF-8, which is no blob.
fn is_bytes_of_text(name: &str) -> bool {
    name.trim_end_matches('_').ends_with("__text_bytes")
}

/// The end of a sibling's name, as the host calls them.
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
    fn columns_of_all_databases_stand_side_by_side() {
        let (int, text) = (DataType::Int64, DataType::Utf8);
        let mut union = Union::new();
        let key = ["id".to_owned()];
        union.take(
            &schema(&[("id", int.clone()), ("n", int.clone())]),
            &key,
            &[],
        );
        assert!(union.unannounced().is_some() && union.unannounced().is_none());
        let siblings = [("m__integer".to_owned(), "m".to_owned())];
        let indices = union.take(
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
        // A third database whose column is of the second's type.
        let again = union.take(&schema(&[("n", DataType::Utf8)]), &[], &[]);
        assert_eq!(again.0, [3]);
    }
}
