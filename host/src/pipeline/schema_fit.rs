//! How the columns that come go into a table that is there. Columns are never
//! converted and never changed: values of another type than the table's go to
//! a sibling column, and back to the column itself when it has their type.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use crate::destination::{StoredType, stored_type};
use crate::model::{SchemaPolicy, Sibling, is_json, names};

/// The columns of a source in the table that takes them.
#[derive(Clone, Debug)]
pub(super) struct SchemaFit {
    /// The columns, under the names by which they are stored.
    pub(super) schema: SchemaRef,
    pub(super) siblings: Vec<Sibling>,
    /// For each of them, where the batches have it.
    kept: Vec<usize>,
    /// Columns of another type than the table's, of which no value has come:
    /// where the batches have them, and what they would be called.
    unseen: Vec<(usize, String)>,
    /// Columns of which a value makes a row one that is rejected.
    forbidden: Vec<usize>,
}

/// Decision on how a column is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnFate {
    /// Stored under this name.
    StoredAs(String),
    /// Stored under this name once it has a value.
    Pending(String),
    /// Left out.
    Dropped,
}

/// A difference between what comes and what is there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// There is no table yet.
    TableAdded,
    /// A column is new.
    ColumnAdded {
        /// Its name in the destination.
        column: String,
        /// Its type, if it is known before its first value.
        #[serde(rename = "type")]
        kind: Option<StoredType>,
    },
    /// Values come with another type than the column has, and get one of
    /// their own.
    TypeChanged {
        /// The column.
        column: String,
        /// Its type.
        from: StoredType,
        /// The type that comes.
        to: StoredType,
        /// The column that takes them.
        into: String,
    },
    /// A column does not come any more. It stays, and is null in new rows.
    ColumnMissing {
        /// Its name.
        column: String,
    },
}

impl SchemaFit {
    /// Columns as they come.
    pub(super) fn new(schema: SchemaRef, siblings: Vec<Sibling>) -> Self {
        Self {
            kept: (0..schema.fields().len()).collect(),
            schema,
            siblings,
            unseen: Vec::new(),
            forbidden: Vec::new(),
        }
    }

    /// The same in a table that has the `known` columns.
    pub(super) fn into_table(self, known: &Schema) -> Self {
        let renamed: Vec<String> = (0..self.schema.fields().len())
            .map(|at| self.stored_name(at, known))
            .collect();
        let siblings = self.schema.fields().iter().zip(&renamed);
        let siblings = siblings.filter_map(|(field, name)| {
            let base = self.base_of(field.name());
            let column = find(known, base).map_or(base, |field| field.name());
            (name != column).then(|| Sibling {
                name: name.clone(),
                column: column.to_owned(),
            })
        });
        let siblings = siblings.collect();
        let fields = self.schema.fields().iter().zip(renamed);
        let fields = fields.map(|(field, name)| {
            let into = find(known, &name).and_then(stored_type);
            if is_json(field) && into == Some(StoredType::Text) {
                return Arc::new(Field::new(name, DataType::Utf8, true));
            }
            Arc::new(field.as_ref().clone().with_name(name))
        });
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            siblings,
            ..self
        }
    }

    /// The same without columns of another type than the table's of which no
    /// value has come: of a column without any value, the type is only
    /// a guess. `seen` are those of which one has.
    pub(super) fn without_unseen(self, known: &Schema, seen: &BTreeSet<String>) -> Self {
        let is_unseen = |field: &FieldRef| {
            let (name, base) = (field.name(), self.base_of(field.name()));
            name != base
                && find(known, base).is_some()
                && find(known, name).is_none()
                && !seen.contains(name)
        };
        let fields = self.schema.fields().iter();
        let (unseen, left): (Vec<usize>, Vec<usize>) =
            (0..fields.len()).partition(|at| is_unseen(&self.schema.fields()[*at]));
        let unseen = unseen
            .into_iter()
            .map(|at| (self.kept[at], self.schema.field(at).name().clone()));
        let unseen = unseen.collect();
        Self {
            unseen,
            ..self.only(&left)
        }
    }

    /// What a column of the batches is stored as, by its place in them.
    pub(super) fn stored_name_of(&self, at: usize) -> ColumnFate {
        if let Some(place) = self.kept.iter().position(|kept| *kept == at) {
            return ColumnFate::StoredAs(self.schema.field(place).name().clone());
        }
        let mut unseen = self.unseen.iter();
        match unseen.find(|(place, _)| *place == at) {
            Some((_, name)) => ColumnFate::Pending(name.clone()),
            None => ColumnFate::Dropped,
        }
    }

    /// The columns of which a first value has come, though their type is
    /// another than the table's.
    pub(super) fn seen_in(&self, batch: &RecordBatch) -> Vec<String> {
        let has_value = |at: &usize| batch.column(*at).null_count() < batch.num_rows();
        let seen = self.unseen.iter().filter(|(at, _)| has_value(at));
        seen.map(|(_, name)| name.clone()).collect()
    }

    /// The same with some of its columns.
    fn only(&self, places: &[usize]) -> Self {
        let fields = places
            .iter()
            .map(|at| Arc::clone(&self.schema.fields()[*at]));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let siblings = self.siblings.iter();
        let siblings = siblings.filter(|sibling| find(&schema, &sibling.name).is_some());
        Self {
            siblings: siblings.cloned().collect(),
            kept: places.iter().map(|at| self.kept[*at]).collect(),
            schema,
            unseen: self.unseen.clone(),
            forbidden: self.forbidden.clone(),
        }
    }

    /// The same under a policy for columns that a table does not have. The
    /// policy to refuse them is the caller's.
    pub(super) fn under(self, policy: SchemaPolicy, known: &Schema) -> Self {
        let fields = self.schema.fields();
        let is_new = |field: &Field| find(known, field.name()).is_none() && !is_own(field.name());
        let (new, old): (Vec<usize>, Vec<usize>) =
            (0..fields.len()).partition(|at| is_new(&fields[*at]));
        if new.is_empty() || matches!(policy, SchemaPolicy::Evolve | SchemaPolicy::Freeze) {
            return self;
        }
        let mut left = self.only(&old);
        if policy == SchemaPolicy::DiscardRow {
            left.forbidden = new.iter().map(|at| self.kept[*at]).collect();
        }
        left
    }

    /// The rows of a batch that may be stored, with the columns that may; and
    /// those that may not be, whole.
    pub(super) fn rows(
        &self,
        batch: RecordBatch,
    ) -> Result<(RecordBatch, Option<RecordBatch>), ArrowError> {
        let (batch, rejected) = self.split(batch)?;
        let columns = self.kept.iter().map(|at| Arc::clone(batch.column(*at)));
        let columns = columns.collect();
        Ok((
            RecordBatch::try_new(Arc::clone(&self.schema), columns)?,
            rejected,
        ))
    }

    fn split(&self, batch: RecordBatch) -> Result<(RecordBatch, Option<RecordBatch>), ArrowError> {
        let bad = |row: usize| {
            self.forbidden
                .iter()
                .any(|at| batch.column(*at).is_valid(row))
        };
        let bad: Vec<bool> = match self.forbidden.as_slice() {
            [] => return Ok((batch, None)),
            _ => (0..batch.num_rows()).map(bad).collect(),
        };
        if !bad.contains(&true) {
            return Ok((batch, None));
        }
        let rejected = arrow_array::BooleanArray::from(bad);
        let good = rejected
            .iter()
            .map(|bad| bad.map(|bad| !bad))
            .collect::<arrow_array::BooleanArray>();
        Ok((
            arrow_select::filter::filter_record_batch(&batch, &good)?,
            Some(arrow_select::filter::filter_record_batch(
                &batch, &rejected,
            )?),
        ))
    }

    /// What differs between what comes and what is there.
    pub(super) fn changes(&self, known: Option<&Schema>) -> Vec<Change> {
        let Some(known) = known else {
            return vec![Change::TableAdded];
        };
        let mut changes = Vec::new();
        for field in self.schema.fields() {
            let kind = stored_type(field);
            if is_own(field.name()) || find(known, field.name()).is_some() {
                continue;
            }
            let column = self.base_of(field.name());
            let from = find(known, column).and_then(stored_type);
            let is_base = column == field.name();
            changes.push(match (from, kind) {
                (Some(from), Some(to)) if !is_base && from != to => Change::TypeChanged {
                    column: column.to_owned(),
                    from,
                    to,
                    into: field.name().clone(),
                },
                _ => Change::ColumnAdded {
                    column: field.name().clone(),
                    kind,
                },
            });
        }
        for field in known.fields() {
            let name = field.name();
            let mut siblings = self.siblings.iter();
            let comes = find(&self.schema, name).is_some()
                || siblings.any(|sibling| sibling.column.eq_ignore_ascii_case(name));
            let missing = !comes && !is_own(name);
            // A sibling is there only in loads that need it.
            if missing && !field.name().contains("__") {
                changes.push(Change::ColumnMissing {
                    column: field.name().clone(),
                });
            }
        }
        changes
    }

    /// The column whose values a column holds: itself, unless it is a sibling.
    fn base_of<'a>(&'a self, name: &'a str) -> &'a str {
        let sibling = self.siblings.iter().find(|sibling| sibling.name == name);
        sibling.map_or(name, |sibling| &sibling.column)
    }

    fn stored_name(&self, at: usize, known: &Schema) -> String {
        let field = self.schema.field(at);
        let name = field.name();
        if is_own(name) {
            return name.clone();
        }
        let base = self.base_of(name);
        let is_base = base == name;
        let of_base = find(known, base);
        let fits = |field: &Field, other: &Field| {
            // Of what no value has decided yet, any type will do.
            *field.data_type() == DataType::Null
                || stored_type(field) == stored_type(other)
                // JSON is text, but not the other way round.
                || is_json(field) && stored_type(other) == Some(StoredType::Text)
        };
        // A value that once did not fit its column may be what the column of
        // the table is made for.
        let base_has_moved = || {
            let own = find(&self.schema, base);
            let moved = |own: &Field| of_base.is_some_and(|of_base| !fits(own, of_base));
            own.is_some_and(moved)
        };
        if !is_base
            && !is_bytes_of_text(name)
            && of_base.is_some_and(|of_base| fits(field, of_base))
            && base_has_moved()
        {
            return of_base.map_or_else(|| base.to_owned(), |field| field.name().clone());
        }
        let mut candidate = name.clone();
        while let Some(taken) = find(known, &candidate) {
            if fits(field, taken) {
                return taken.name().clone();
            }
            candidate = if candidate == *name {
                format!("{base}__{}", class(field))
            } else {
                candidate + "_"
            };
        }
        candidate
    }
}

/// A column, whatever the case of its name.
fn find<'a>(schema: &'a Schema, name: &str) -> Option<&'a Field> {
    let mut fields = schema.fields().iter();
    fields
        .find(|field| field.name().eq_ignore_ascii_case(name))
        .map(AsRef::as_ref)
}

/// Whether the host fills a column itself.
fn is_own(name: &str) -> bool {
    names::OWN_COLUMNS
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether a column holds text that is not UTF-8, and is no blob.
pub(super) fn is_bytes_of_text(name: &str) -> bool {
    name.trim_end_matches('_').ends_with("__text_bytes")
}

/// The end of a sibling's name.
pub(super) fn class(field: &Field) -> &'static str {
    match field.data_type() {
        DataType::Utf8 if is_json(field) => "json",
        DataType::Int32 | DataType::Int64 => "integer",
        DataType::Float64 => "real",
        DataType::Binary => "blob",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Decimal128(_, _) => "decimal",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array as _, ArrayRef, Int64Array, StringArray};

    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
        Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
    }

    fn sibling(name: &str, column: &str) -> Sibling {
        Sibling {
            name: name.to_owned(),
            column: column.to_owned(),
        }
    }

    fn names(fit: &SchemaFit) -> Vec<&str> {
        let fields = fit.schema.fields().iter();
        fields.map(|field| field.name().as_str()).collect()
    }

    #[test]
    fn values_go_where_their_type_is() {
        let incoming = schema(&[
            ("id", DataType::Int64),
            ("at", DataType::Int64),
            ("at__text", DataType::Utf8),
            ("at__text_bytes", DataType::Binary),
        ]);
        let siblings = vec![sibling("at__text", "at"), sibling("at__text_bytes", "at")];
        let fit = SchemaFit::new(incoming, siblings);
        let known = schema(&[("id", DataType::Int64), ("At", DataType::Utf8)]);
        let fitted = fit.clone().into_table(&known);
        assert_eq!(
            names(&fitted),
            ["id", "at__integer", "At", "at__text_bytes"]
        );
        assert_eq!(
            fitted.siblings,
            [
                sibling("at__integer", "At"),
                sibling("at__text_bytes", "At")
            ]
        );
        // The other way round.
        let known = schema(&[("at", DataType::Int64), ("at__text", DataType::Utf8)]);
        assert_eq!(
            names(&fit.clone().into_table(&known)),
            ["id", "at", "at__text", "at__text_bytes"]
        );
        // Bytes of text are no blobs.
        let known = schema(&[("at", DataType::Binary)]);
        assert_eq!(
            names(&fit.into_table(&known)),
            ["id", "at__integer", "at__text", "at__text_bytes"]
        );
    }

    #[test]
    fn a_name_that_is_taken_gives_way() {
        let fit = SchemaFit::new(schema(&[("a", DataType::Float64)]), Vec::new());
        let known = schema(&[("a", DataType::Int64), ("a__real", DataType::Utf8)]);
        let fitted = fit.into_table(&known);
        assert_eq!(names(&fitted), ["a__real_"]);
        assert_eq!(
            fitted.changes(Some(&known)),
            [Change::TypeChanged {
                column: "a".to_owned(),
                from: StoredType::Int64,
                to: StoredType::Float64,
                into: "a__real_".to_owned(),
            }]
        );
    }

    #[test]
    fn columns_and_rows_can_be_refused() {
        let incoming = schema(&[("id", DataType::Int64), ("new", DataType::Utf8)]);
        let known = schema(&[("id", DataType::Int64)]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 2])),
            Arc::new(StringArray::from(vec![None, Some("x")])),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&incoming), columns).unwrap();
        let fit = SchemaFit::new(incoming, Vec::new());
        let values = fit.clone().under(SchemaPolicy::DiscardValue, &known);
        let (rows, rejected) = values.rows(batch.clone()).unwrap();
        assert_eq!((rows.num_rows(), rows.num_columns()), (2, 1));
        assert!(rejected.is_none());
        let rows = fit.clone().under(SchemaPolicy::DiscardRow, &known);
        let (kept, rejected) = rows.rows(batch.clone()).unwrap();
        assert_eq!((kept.num_rows(), kept.num_columns()), (1, 1));
        assert_eq!(rejected.unwrap().column(1).null_count(), 0);
        let (all, _) = fit.under(SchemaPolicy::Evolve, &known).rows(batch).unwrap();
        assert_eq!((all.num_rows(), all.num_columns()), (2, 2));
    }
}
