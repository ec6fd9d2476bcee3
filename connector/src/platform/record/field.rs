//! Fields of a record, in the order in which they came: found by their names,
//! in whichever letter case, and taken one by one. What is left has no column.

use serde_json::value::RawValue;

use crate::platform::json::{Object, Shape};

/// A field of a record.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) name: String,
    pub(super) value: &'a RawValue,
    /// Whether it has gone to a column.
    pub(super) taken: bool,
    /// What is in it, if a column was looked for there.
    pub(super) inner: Option<Vec<Field<'a>>>,
}

impl<'a> Field<'a> {
    /// The fields of an object; none if it is none.
    pub(super) fn all(object: &'a RawValue) -> Option<Vec<Self>> {
        let field = |(name, value)| Self {
            name,
            value,
            taken: false,
            inner: None,
        };
        Some(Object::of(object)?.0.into_iter().map(field).collect())
    }
}

/// Where a field is, and others of its name in another letter case.
pub(super) fn addresses(fields: &mut [Field<'_>], path: &str) -> Vec<Vec<usize>> {
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    let mut heads: Vec<usize> = (0..fields.len())
        .filter(|at| fields[*at].name.eq_ignore_ascii_case(head))
        .collect();
    heads.sort_by_key(|at| fields[*at].name != head);
    let mut found = Vec::new();
    for at in heads {
        let Some(rest) = rest else {
            found.push(vec![at]);
            continue;
        };
        let field = &mut fields[at];
        if field.inner.is_none() {
            match Shape::of(field.value) {
                Shape::Object => field.inner = Field::all(field.value),
                // An object that is not there.
                Shape::Null => field.taken = true,
                _ => {}
            }
        }
        if let Some(inner) = &mut field.inner {
            for address in addresses(inner, rest) {
                found.push([vec![at], address].concat());
            }
        }
    }
    found
}

/// The value at a place.
pub(super) fn value_at<'a>(fields: &[Field<'a>], address: &[usize]) -> Option<&'a RawValue> {
    match address {
        [] => None,
        [at] => Some(fields.get(*at)?.value),
        [at, rest @ ..] => value_at(fields.get(*at)?.inner.as_ref()?, rest),
    }
}

/// Takes note that a field has gone to a column.
pub(super) fn take(fields: &mut [Field<'_>], address: &[usize]) {
    let Some((at, rest)) = address.split_first() else {
        return;
    };
    let Some(field) = fields.get_mut(*at) else {
        return;
    };
    match &mut field.inner {
        Some(inner) if !rest.is_empty() => take(inner, rest),
        _ => field.taken = true,
    }
}
