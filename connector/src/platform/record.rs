//! Records as rows. A field with a column becomes a value of that column, other
//! fields go to `_extra`, and secret fields are excluded. A record that is not an
//! object is rejected, and so is one that lacks a value of a required key.
//!
//! Names match in any letter case, since the API spells some fields in two
//! ways. Of several fields for one column, the first one with a value is used.
//! A field with another value stays in `_extra`.

mod field;

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use self::field::{Field, find, mark_used, value_at};
use super::endpoint::{ColumnSource, EXTRA, Endpoint, EndpointColumn, FieldType, ScopeKey};
use super::json::{self, JsonType, JsonWriter};
use super::partitions::PartitionContext;
use super::secret_fields;
use crate::error::{Error, Result};
use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::value::Value;
use crate::selection::TypeOverride;

/// Number of decimal digits that every float preserves.
const EXACT_DIGITS: usize = 15;
/// Maximum number of excluded names in the notes.
const MAX_NAMES: usize = 20;

/// Maps the records of one endpoint to rows.
#[derive(Debug)]
pub(super) struct RecordMapper {
    /// All columns, each with its index in a row if it is read.
    columns: Vec<(EndpointColumn, Option<usize>)>,
    width: usize,
    /// Index of `_extra`, if it is read.
    extra: Option<usize>,
    /// Names of sensitive columns that are not read.
    unread_sensitive: Vec<&'static str>,
    needs_hash: bool,
    /// Key columns that need a value, each with its index in a row.
    required_key: Vec<(&'static str, usize)>,
    /// Names of secret fields that were excluded.
    excluded: BTreeSet<String>,
    /// Number of values of undocumented types that no column accepts.
    mismatches: u64,
    /// Number of values that are nested too deeply.
    too_deep: u64,
    /// Indices of the key columns in a row, if all are read.
    key: Vec<usize>,
}

/// Record that was mapped.
#[derive(Debug)]
pub(super) struct MappedRecord {
    /// Values of the row.
    pub(super) row: Vec<Value>,
    /// Hash of the record, or nothing if the endpoint needs none.
    pub(super) hash: String,
    /// Reason for which the row cannot be sent.
    pub(super) rejection: Option<String>,
}

impl RecordMapper {
    /// Creates a mapper to the named columns, or to the default columns.
    pub(super) fn new(endpoint: &Endpoint, names: &[String]) -> Result<Self> {
        let all: Vec<EndpointColumn> = endpoint.all_columns().collect();
        let has_name =
            |column: &EndpointColumn, name: &String| column.name.eq_ignore_ascii_case(name);
        if let Some(name) = names
            .iter()
            .find(|name| !all.iter().any(|column| has_name(column, name)))
        {
            let columns: Vec<_> = all.iter().map(|column| column.name).collect();
            return Err(Error::config(
                format!("`{}` has no column `{name}`", endpoint.name),
                format!("its columns are {}", columns.join(", ")),
            ));
        }
        let is_read = |column: &EndpointColumn| match names {
            [] => !column.is_sensitive,
            names => names.iter().any(|name| has_name(column, name)),
        };
        let mut width = 0;
        let mut next_index = |column: &EndpointColumn| {
            is_read(column).then(|| {
                width += 1;
                width - 1
            })
        };
        let columns: Vec<_> = all
            .iter()
            .map(|column| (*column, next_index(column)))
            .collect();
        Ok(Self {
            unread_sensitive: columns
                .iter()
                .filter(|(column, index)| column.is_sensitive && index.is_none())
                .map(|(column, _)| column.name)
                .collect(),
            extra: columns
                .iter()
                .find_map(|(column, index)| index.filter(|_| column.name == EXTRA)),
            needs_hash: endpoint.incremental.is_some()
                || all
                    .iter()
                    .any(|column| column.source == ColumnSource::RecordHash),
            columns,
            width,
            required_key: Vec::new(),
            excluded: BTreeSet::new(),
            mismatches: 0,
            too_deep: 0,
            key: Vec::new(),
        })
    }

    /// Returns the columns of the rows, with the requested types.
    pub(super) fn columns(&self, types: &[TypeOverride]) -> Result<Vec<ColumnSpec>> {
        let mut specs: Vec<_> = self
            .columns
            .iter()
            .filter(|(_, index)| index.is_some())
            .map(|(column, _)| column.spec())
            .collect();
        for requested in types {
            let spec = specs
                .iter_mut()
                .find(|spec| spec.name.eq_ignore_ascii_case(&requested.column));
            match spec {
                Some(spec) => {
                    if let Some(logical) = requested.requested.logical() {
                        spec.storage = Storage::Logical(logical);
                    }
                }
                None => {
                    return Err(Error::config(
                        format!("`types` names `{}`, which is not read", requested.column),
                        "list the resources to see their columns",
                    ));
                }
            }
        }
        Ok(specs)
    }

    /// Sets the columns that identify a row. If they are required, records without
    /// a value in one of them are rejected. Has no effect if a part of the key is
    /// not read.
    #[must_use]
    pub(super) fn with_key(mut self, key: &[String], is_required: bool) -> Self {
        let read_column = |name: &String| {
            let mut columns = self.columns.iter();
            columns.find_map(|(column, index)| {
                let index = index.filter(|_| column.name == name)?;
                Some((column.name, index))
            })
        };
        let columns: Option<Vec<_>> = key.iter().map(read_column).collect();
        let columns = columns.unwrap_or_default();
        self.key = columns.iter().map(|(_, index)| *index).collect();
        if is_required {
            self.required_key = columns;
        }
        self
    }

    /// Returns a hash of the key of a row, if it has one.
    pub(super) fn identity(&self, row: &[Value]) -> Option<String> {
        let values = self.key.iter().map(|index| &row[*index]);
        let has_key = !self.key.is_empty() && values.clone().all(|value| *value != Value::Null);
        has_key.then(|| {
            let texts: Vec<_> = values.map(|value| format!("{value:?}")).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            sha256(&texts)
        })
    }

    /// Returns true if a column is read.
    pub(super) fn reads(&self, name: &str) -> bool {
        let mut columns = self.columns.iter();
        columns.any(|(column, index)| index.is_some() && column.name == name)
    }

    /// Returns the notes about the mapped records.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.mismatches > 0 {
            notes.push(format!(
                "values of another type than is documented: {}; they are stored in `{EXTRA}`",
                self.mismatches
            ));
        }
        if self.too_deep > 0 {
            notes.push(format!(
                "values nested deeper than {} levels: {}; they are stored as null",
                json::MAX_DEPTH,
                self.too_deep
            ));
        }
        if !self.excluded.is_empty() {
            let names: Vec<_> = self.excluded.iter().map(String::as_str).collect();
            notes.push(format!(
                "fields whose names suggest a secret are never stored: {}",
                names.join(", ")
            ));
        }
        notes
    }

    /// Maps a record to a row. Returns nothing if it is not an object.
    pub(super) fn row(
        &mut self,
        record: &RawValue,
        context: &PartitionContext,
    ) -> Option<MappedRecord> {
        let mut fields = Field::parse_all(record)?;
        let mismatches = self.mismatches;
        let hash = if self.needs_hash {
            record_hash(record, &context.organization)
        } else {
            String::new()
        };
        let window = context.window.as_ref();
        let mut row = vec![Value::Null; self.width];
        for position in 0..self.columns.len() {
            let (column, index) = self.columns[position];
            let value = match column.source {
                ColumnSource::Fields(names) => {
                    self.field_value(&mut fields, names, column.field_type, index.is_some())
                }
                ColumnSource::Scope(ScopeKey::Organization) => context.organization.as_str().into(),
                ColumnSource::Scope(ScopeKey::Id) => optional(context.id.as_deref()),
                ColumnSource::Scope(ScopeKey::Name) => optional(context.name.as_deref()),
                ColumnSource::From => optional(window.map(|(from, _)| from.as_str())),
                ColumnSource::To => optional(window.map(|(_, to)| to.as_str())),
                ColumnSource::RecordHash => hash.as_str().into(),
                ColumnSource::HashOf(name) => find(&mut fields, name)
                    .first()
                    .and_then(|address| value_at(&fields, address))
                    .and_then(json::text)
                    .map_or(Value::Null, |text| Value::Text(sha256(&[&text]))),
            };
            if let Some(index) = index {
                row[index] = value;
            }
        }
        if let Some(index) = self.extra {
            row[index] = self.extra_value(&fields);
        }
        let mut key = self.required_key.iter();
        let rejection = key
            .find(|(_, index)| row[*index] == Value::Null)
            .map(|(name, _)| format!("the key column `{name}` has no valid value"));
        if rejection.is_some() {
            // The values are stored with the rejected record.
            self.mismatches = mismatches;
        }
        Some(MappedRecord {
            row,
            hash,
            rejection,
        })
    }

    /// Returns the value of the first field that has one. Marks all fields with
    /// the same value as used.
    fn field_value(
        &mut self,
        fields: &mut [Field<'_>],
        names: &[&str],
        field_type: FieldType,
        is_read: bool,
    ) -> Value {
        let found: Vec<_> = names.iter().flat_map(|name| find(fields, name)).collect();
        let is_null = |address: &Vec<usize>| {
            value_at(fields, address)
                .is_none_or(|value| JsonType::from_value(value) == JsonType::Null)
        };
        let Some(first) = found
            .iter()
            .find(|address| !is_null(address))
            .or(found.first())
        else {
            return Value::Null;
        };
        let Some(json) = value_at(fields, first) else {
            return Value::Null;
        };
        let same: Vec<_> = found
            .iter()
            .filter(|address| {
                is_null(address)
                    || value_at(fields, address).is_some_and(|other| other.get() == json.get())
            })
            .collect();
        let value = if is_read {
            self.convert(field_type, json)
        } else {
            Some(Value::Null)
        };
        if let Some(value) = value {
            for address in same {
                mark_used(fields, address);
            }
            value
        } else {
            self.mismatches += 1;
            Value::Null
        }
    }

    /// Converts a value of a documented type. A number that is not an integer,
    /// and text, may still become a sibling column of an integer column.
    fn convert(&mut self, field_type: FieldType, value: &RawValue) -> Option<Value> {
        match (field_type, JsonType::from_value(value)) {
            (_, JsonType::Null) => Some(Value::Null),
            (FieldType::Json, _) => Some(Value::Text(self.write(value))),
            (
                FieldType::Text | FieldType::Date | FieldType::Timestamp | FieldType::Integer,
                JsonType::Text,
            ) => json::text(value).map(Value::Text),
            (FieldType::Boolean, JsonType::Boolean) => Some(value.get().into()),
            (FieldType::Integer, JsonType::Number) => {
                Some(number(value.get()).unwrap_or_else(|| value.get().into()))
            }
            (FieldType::Text, JsonType::Number) => number(value.get()),
            _ => None,
        }
    }

    /// Returns the unused fields as an object, or NULL.
    fn extra_value(&mut self, fields: &[Field<'_>]) -> Value {
        let mut out = "{".to_owned();
        self.append_unused(fields, &mut out);
        out.push('}');
        if out == "{}" {
            Value::Null
        } else {
            Value::Text(out)
        }
    }

    fn append_unused(&mut self, fields: &[Field<'_>], out: &mut String) {
        for field in fields.iter().filter(|field| !field.is_used) {
            match &field.inner {
                None => {
                    let excludes = excludes(&self.unread_sensitive, &mut self.excluded);
                    let mut writer = JsonWriter::new(excludes);
                    writer.append_member(&field.name, field.value, out);
                    self.too_deep += writer.too_deep;
                }
                Some(inner) => {
                    let mut object = "{".to_owned();
                    self.append_unused(inner, &mut object);
                    if object != "{" {
                        json::append_name(&field.name, out);
                        out.push_str(&object);
                        out.push('}');
                    }
                }
            }
        }
    }

    /// Writes a value as JSON, as far as it may be stored.
    pub(super) fn write(&mut self, value: &RawValue) -> String {
        let excludes = excludes(&self.unread_sensitive, &mut self.excluded);
        let mut writer = JsonWriter::new(excludes);
        let json = writer.write(value);
        self.too_deep += writer.too_deep;
        json
    }
}

/// Returns the filter of names that are not written: secret fields, and
/// sensitive fields that were not requested.
fn excludes<'a>(
    unread_sensitive: &'a [&'static str],
    excluded: &'a mut BTreeSet<String>,
) -> impl FnMut(&str) -> bool + 'a {
    |name| {
        if secret_fields::is_secret(name) {
            if excluded.len() < MAX_NAMES {
                excluded.insert(name.to_owned());
            }
            return true;
        }
        let mut sensitive = unread_sensitive.iter();
        sensitive.any(|other| other.eq_ignore_ascii_case(name))
    }
}

fn optional(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

/// Parses a 64-bit integer, or a number whose digits a float preserves.
fn number(text: &str) -> Option<Value> {
    if let Ok(integer) = text.parse() {
        return Some(Value::Integer(integer));
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_whole = !text.contains(['.', 'e', 'E']);
    let real: f64 = text.parse().ok()?;
    (!is_whole && digits <= EXACT_DIGITS && real.is_finite()).then_some(Value::Real(real))
}

/// Returns a hash of a record that does not depend on the order of its fields.
fn record_hash(record: &RawValue, organization: &str) -> String {
    let json = JsonWriter::sorted(secret_fields::is_secret).write(record);
    sha256(&[organization, &json])
}

/// Returns a SHA-256 in hexadecimal digits.
fn sha256(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests;
