//! Fields of a record, in order. Fields are found by name in any letter case
//! and marked as used one by one. Unused fields have no column.

use serde_json::value::RawValue;

use crate::platform::json::{JsonType, Object};

/// Field of a record.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) name: String,
    pub(super) value: &'a RawValue,
    /// True if a column has the value.
    pub(super) is_used: bool,
    /// Fields of an object in which a column was searched.
    pub(super) inner: Option<Vec<Field<'a>>>,
}

impl<'a> Field<'a> {
    /// Parses the fields of an object.
    pub(super) fn parse_all(object: &'a RawValue) -> Option<Vec<Self>> {
        let field = |(name, value)| Self {
            name,
            value,
            is_used: false,
            inner: None,
        };
        Some(Object::parse(object)?.0.into_iter().map(field).collect())
    }
}

/// Returns the addresses of a field: first with its exact name, then in other
/// letter cases.
pub(super) fn find(fields: &mut [Field<'_>], path: &str) -> Vec<Vec<usize>> {
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    let mut heads: Vec<usize> = (0..fields.len())
        .filter(|index| fields[*index].name.eq_ignore_ascii_case(head))
        .collect();
    heads.sort_by_key(|index| fields[*index].name != head);
    let mut found = Vec::new();
    for index in heads {
        let Some(rest) = rest else {
            found.push(vec![index]);
            continue;
        };
        let field = &mut fields[index];
        if field.inner.is_none() {
            match JsonType::from_value(field.value) {
                JsonType::Object => field.inner = Field::parse_all(field.value),
                // An absent object.
                JsonType::Null => field.is_used = true,
                _ => {}
            }
        }
        if let Some(inner) = &mut field.inner {
            for address in find(inner, rest) {
                found.push([vec![index], address].concat());
            }
        }
    }
    found
}

/// Returns the value at an address.
pub(super) fn value_at<'a>(fields: &[Field<'a>], address: &[usize]) -> Option<&'a RawValue> {
    match address {
        [] => None,
        [index] => Some(fields.get(*index)?.value),
        [index, rest @ ..] => value_at(fields.get(*index)?.inner.as_ref()?, rest),
    }
}

/// Marks the field at an address as used.
pub(super) fn mark_used(fields: &mut [Field<'_>], address: &[usize]) {
    let Some((index, rest)) = address.split_first() else {
        return;
    };
    let Some(field) = fields.get_mut(*index) else {
        return;
    };
    match &mut field.inner {
        Some(inner) if !rest.is_empty() => mark_used(inner, rest),
        _ => field.is_used = true,
    }
}
