//! Records into rows. A field that has a column goes there, a field that has
//! none to `_extra`, and one that is never stored nowhere.
//!
//! A field is known by its name or, where the API writes it in two ways, by
//! its name in another letter case. Of several that mean the same, the first
//! one with a value is taken; one that says otherwise stays in `_extra`.

mod field;

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use self::field::{Field, addresses, take, value_at};
use super::endpoint::{Column, EXTRA, Endpoint, Kind, ScopeKey, Source};
use super::json::{self, Shape, Writer};
use super::never;
use crate::error::{Error, Result};
use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::value::Value;
use crate::selection::TypeOverride;

/// So many digits survive in any float.
const EXACT_DIGITS: usize = 15;
/// So many names of what was left out are kept in mind.
const NAMED: usize = 20;

/// What rows are of, beside the record.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    /// The slug of the organization.
    pub(super) organization: String,
    /// Its UUID, where that is what it is asked for by.
    pub(super) organization_id: Option<String>,
    /// The UUID of the group or the database, if it has one.
    pub(super) id: Option<String>,
    /// Its name.
    pub(super) name: Option<String>,
    /// The time that is asked for.
    pub(super) window: Option<(String, String)>,
}

/// Makes rows of the records of one endpoint.
#[derive(Debug)]
pub(super) struct Rows {
    /// All columns, and where those that are read are in a row.
    columns: Vec<(Column, Option<usize>)>,
    width: usize,
    /// Where `_extra` is, if it is read.
    extra: Option<usize>,
    /// Names of sensitive columns that are not read.
    hidden: Vec<&'static str>,
    hashes: bool,
    /// Names that were left out because they say that they are secrets.
    pub(super) left_out: BTreeSet<String>,
    /// Values of another type than the document says, which no column takes.
    pub(super) odd: u64,
}

/// What becomes of a field.
enum Stored {
    Value(Value),
    /// It is not of the column's type, and of none that a column could have.
    Odd,
}

impl Rows {
    /// Rows of an endpoint with the columns that are named; the usual ones, if
    /// none are.
    pub(super) fn of(endpoint: &Endpoint, chosen: &[String]) -> Result<Self> {
        let all: Vec<Column> = endpoint.all_columns().collect();
        let is_called = |column: &Column, name: &String| column.name.eq_ignore_ascii_case(name);
        if let Some(name) = chosen
            .iter()
            .find(|name| !all.iter().any(|column| is_called(column, name)))
        {
            let names: Vec<_> = all.iter().map(|column| column.name).collect();
            return Err(Error::config(
                format!("`{}` has no column `{name}`", endpoint.name),
                format!("it has {}", names.join(", ")),
            ));
        }
        let is_read = |column: &Column| match chosen {
            [] => !column.is_sensitive,
            names => names.iter().any(|name| is_called(column, name)),
        };
        let mut width = 0;
        let mut place = |column: &Column| {
            is_read(column).then(|| {
                width += 1;
                width - 1
            })
        };
        let columns: Vec<_> = all.iter().map(|column| (*column, place(column))).collect();
        let hidden = columns.iter().filter(|(_, place)| place.is_none());
        let hidden = hidden.filter(|(column, _)| column.is_sensitive);
        Ok(Self {
            hidden: hidden.map(|(column, _)| column.name).collect(),
            extra: columns
                .iter()
                .find_map(|(column, place)| place.filter(|_| column.name == EXTRA)),
            hashes: endpoint.increment.is_some()
                || all.iter().any(|column| column.source == Source::RecordHash),
            columns,
            width,
            left_out: BTreeSet::new(),
            odd: 0,
        })
    }

    /// Their columns, some of them with the types that the operator wants.
    pub(super) fn specs(&self, types: &[TypeOverride]) -> Result<Vec<ColumnSpec>> {
        let read = self.columns.iter().filter(|(_, place)| place.is_some());
        let mut specs: Vec<_> = read.map(|(column, _)| column.spec()).collect();
        for wanted in types {
            let mut found = specs.iter_mut();
            let found = found.find(|spec| spec.name.eq_ignore_ascii_case(&wanted.column));
            match found {
                Some(spec) => spec.storage = Storage::Logical(wanted.requested),
                None => {
                    return Err(Error::config(
                        format!("`types` names `{}`, which is not read", wanted.column),
                        "list the resources to see their columns",
                    ));
                }
            }
        }
        Ok(specs)
    }

    /// Whether a column is read.
    pub(super) fn reads(&self, name: &str) -> bool {
        let mut columns = self.columns.iter();
        columns.any(|(column, place)| place.is_some() && column.name == name)
    }

    /// The row of a record, and its hash where that is needed.
    pub(super) fn row(
        &mut self,
        record: &RawValue,
        context: &Context,
    ) -> Option<(Vec<Value>, String)> {
        let mut fields = Field::all(record)?;
        let hash = if self.hashes {
            hash_of(record, &context.organization)
        } else {
            String::new()
        };
        let mut row = vec![Value::Null; self.width];
        for at in 0..self.columns.len() {
            let (column, place) = self.columns[at];
            let value = match column.source {
                Source::Fields(names) => self.field(&mut fields, names, column.kind, place),
                Source::Scope(ScopeKey::Organization) => context.organization.as_str().into(),
                Source::Scope(ScopeKey::Id) => optional(context.id.as_deref()),
                Source::Scope(ScopeKey::Name) => optional(context.name.as_deref()),
                Source::From => optional(context.window.as_ref().map(|(from, _)| from.as_str())),
                Source::To => optional(context.window.as_ref().map(|(_, to)| to.as_str())),
                Source::RecordHash => hash.as_str().into(),
                Source::HashOf(name) => {
                    let of = addresses(&mut fields, name);
                    let of = of.first().and_then(|at| value_at(&fields, at));
                    of.and_then(json::text)
                        .map_or(Value::Null, |text| Value::Text(digest(&[&text])))
                }
            };
            if let Some(place) = place {
                row[place] = value;
            }
        }
        if let Some(place) = self.extra {
            row[place] = self.extra(&fields);
        }
        Some((row, hash))
    }

    /// The value of the first field that has one. What it says is then said,
    /// under whichever names the record says it.
    fn field(
        &mut self,
        fields: &mut [Field<'_>],
        names: &[&str],
        kind: Kind,
        place: Option<usize>,
    ) -> Value {
        let found: Vec<_> = names
            .iter()
            .flat_map(|name| addresses(fields, name))
            .collect();
        let is_null = |at: &Vec<usize>| {
            value_at(fields, at).is_none_or(|value| Shape::of(value) == Shape::Null)
        };
        let Some(first) = found.iter().find(|at| !is_null(at)).or(found.first()) else {
            return Value::Null;
        };
        let Some(value) = value_at(fields, first) else {
            return Value::Null;
        };
        let same: Vec<_> = found
            .iter()
            .filter(|at| {
                is_null(at) || value_at(fields, at).is_some_and(|v| v.get() == value.get())
            })
            .collect();
        let stored = if place.is_some() {
            self.stored(kind, value)
        } else {
            Stored::Value(Value::Null)
        };
        match stored {
            Stored::Value(value) => {
                for at in same {
                    take(fields, at);
                }
                value
            }
            Stored::Odd => {
                self.odd += 1;
                Value::Null
            }
        }
    }

    fn stored(&mut self, kind: Kind, value: &RawValue) -> Stored {
        let of_text = |text: Option<String>| {
            text.map_or(Stored::Odd, |text| Stored::Value(Value::Text(text)))
        };
        match (kind, Shape::of(value)) {
            (_, Shape::Null) => Stored::Value(Value::Null),
            (Kind::Json, _) => Stored::Value(Value::Text(self.written(value))),
            (Kind::Text | Kind::Date | Kind::Timestamp | Kind::Integer, Shape::Text) => {
                of_text(json::text(value))
            }
            (Kind::Boolean, Shape::Boolean) => of_text(Some(value.get().to_owned())),
            (Kind::Integer, Shape::Number) => {
                Stored::Value(number(value.get()).unwrap_or_else(|| value.get().into()))
            }
            (Kind::Text, Shape::Number) => number(value.get()).map_or(Stored::Odd, Stored::Value),
            _ => Stored::Odd,
        }
    }

    /// What has no column, as an object; null, if there is nothing.
    fn extra(&mut self, fields: &[Field<'_>]) -> Value {
        let mut out = "{".to_owned();
        self.rest(fields, &mut out);
        out.push('}');
        if out == "{}" {
            Value::Null
        } else {
            Value::Text(out)
        }
    }

    fn rest(&mut self, fields: &[Field<'_>], out: &mut String) {
        for field in fields.iter().filter(|field| !field.taken) {
            match &field.inner {
                None => {
                    let (hidden, left_out) = (&self.hidden, &mut self.left_out);
                    Writer::new(leave_out(hidden, left_out)).member(&field.name, field.value, out);
                }
                Some(inner) => {
                    let mut part = "{".to_owned();
                    self.rest(inner, &mut part);
                    if part != "{" {
                        json::key(&field.name, out);
                        out.push_str(&part);
                        out.push('}');
                    }
                }
            }
        }
    }

    fn written(&mut self, value: &RawValue) -> String {
        Writer::new(leave_out(&self.hidden, &mut self.left_out)).written(value)
    }
}

/// Judges names of fields: secrets, and what is sensitive and was not asked
/// for.
fn leave_out<'a>(
    hidden: &'a [&'static str],
    left_out: &'a mut BTreeSet<String>,
) -> impl FnMut(&str) -> bool + 'a {
    |name| {
        if never::is_secret(name) {
            if left_out.len() < NAMED {
                left_out.insert(name.to_owned());
            }
            return true;
        }
        hidden.iter().any(|other| other.eq_ignore_ascii_case(name))
    }
}

fn optional(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

/// A number that is an integer of 64 bits, or a float with the same digits.
fn number(text: &str) -> Option<Value> {
    if let Ok(integer) = text.parse() {
        return Some(Value::Integer(integer));
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_whole = !text.contains(['.', 'e', 'E']);
    let real: f64 = text.parse().ok()?;
    (!is_whole && digits <= EXACT_DIGITS && real.is_finite()).then_some(Value::Real(real))
}

/// A hash of a record: the same for the same fields, in whatever order they
/// come.
fn hash_of(record: &RawValue, organization: &str) -> String {
    let written = Writer::sorted(never::is_secret).written(record);
    digest(&[organization, &written])
}

/// SHA-256 in hexadecimal digits.
fn digest(parts: &[&str]) -> String {
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
