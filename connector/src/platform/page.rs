//! One response of the API: its records and the next page.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::endpoint::Selector;
use super::failure;
use super::json::{self, JsonType, Object};
use super::secret_fields;
use crate::error::{Error, Result};

/// The records of a response. Those of a list may be any JSON.
#[derive(Debug)]
pub(super) struct RecordPage<'a> {
    pub(super) records: Vec<Cow<'a, RawValue>>,
    pub(super) info: PageInfo,
}

/// The pagination that a response reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageInfo {
    /// Cursor of the next page.
    pub(super) next: Option<String>,
    /// Number of this page.
    pub(super) page: Option<i64>,
    pub(super) total_pages: Option<i64>,
}

impl<'a> RecordPage<'a> {
    /// Parses a body. `request` is for messages.
    pub(super) fn parse(body: &'a str, selector: Selector, request: &str) -> Result<Self> {
        let root: &RawValue = serde_json::from_str(body).map_err(|error| {
            failure::protocol(request, &format!("the response is not JSON: {error}"))
        })?;
        let object = Object::parse(root);
        let missing = |name: &str, expected: &str| missing(root, name, expected, request);
        let member = |name: &str| object.as_ref().and_then(|object| object.get(name));
        let records = match selector {
            Selector::List(name) => {
                let list = if JsonType::from_value(root) == JsonType::Array {
                    Some(root)
                } else {
                    member(name)
                };
                match list.map(|list| (list, JsonType::from_value(list))) {
                    Some((list, JsonType::Array)) => {
                        borrowed(json::elements(list).unwrap_or_default())
                    }
                    // An empty list of a server in Go.
                    Some((_, JsonType::Null)) => Vec::new(),
                    _ => return Err(missing(name, "list")),
                }
            }
            Selector::Map(name) => {
                match member(name).map(|map| (Object::parse(map), JsonType::from_value(map))) {
                    Some((Some(map), _)) => map_records(&map, request)?,
                    Some((None, JsonType::Null)) => Vec::new(),
                    _ => return Err(missing(name, "object")),
                }
            }
            Selector::One(name) => match member(name) {
                Some(value) if JsonType::from_value(value) == JsonType::Object => {
                    borrowed(vec![value])
                }
                _ => return Err(missing(name, "object")),
            },
            Selector::OneOrRoot(name) => match (member(name), &object) {
                (Some(value), _) if JsonType::from_value(value) == JsonType::Object => {
                    borrowed(vec![value])
                }
                (None, Some(_)) => borrowed(vec![root]),
                _ => return Err(missing(name, "object")),
            },
            Selector::Root if object.is_some() => borrowed(vec![root]),
            Selector::Root => {
                let found = JsonType::from_value(root).name();
                return Err(failure::protocol(
                    request,
                    &format!("the response is {found}, not an object"),
                ));
            }
        };
        Ok(Self {
            records,
            info: PageInfo::parse(member("pagination")),
        })
    }
}

/// Returns the error of a response without its records.
fn missing(root: &RawValue, name: &str, expected: &str, request: &str) -> Error {
    let found = match Object::parse(root) {
        None => JsonType::from_value(root).name().to_owned(),
        Some(object) => match object.get(name) {
            Some(value) => format!("{} in `{name}`", JsonType::from_value(value).name()),
            None => format!("an object of {}", object.names()),
        },
    };
    let reason = format!("the response has no {expected} `{name}`, but {found}");
    failure::protocol(request, &reason)
}

impl PageInfo {
    fn parse(value: Option<&RawValue>) -> Self {
        let Some(object) = value.and_then(Object::parse) else {
            return Self::default();
        };
        // A number may be sent as text.
        let number = |name| {
            let value = object.get(name)?;
            json::integer(value).or_else(|| json::text(value)?.trim().parse().ok())
        };
        let next = object.get("next");
        let next = next.filter(|next| JsonType::from_value(next) != JsonType::Null);
        Self {
            next: next
                .map(|next| json::text(next).unwrap_or_else(|| next.get().to_owned()))
                .filter(|next| !next.is_empty()),
            page: number("page"),
            total_pages: number("total_pages"),
        }
    }
}

fn borrowed(records: Vec<&RawValue>) -> Vec<Cow<'_, RawValue>> {
    records.into_iter().map(Cow::Borrowed).collect()
}

/// Creates a record of a code and a name from each member of an object. A code
/// is the name of a field in the response, so that secret ones are excluded.
fn map_records<'a>(map: &Object<'_>, request: &str) -> Result<Vec<Cow<'a, RawValue>>> {
    let record = |(code, name): &(String, &RawValue)| {
        let mut out = "{\"code\":".to_owned();
        json::append_text(code, &mut out);
        out.push_str(",\"name\":");
        out.push_str(name.get());
        out.push('}');
        RawValue::from_string(out)
            .map(Cow::Owned)
            .map_err(|error| failure::protocol(request, &format!("`{code}` is not JSON: {error}")))
    };
    map.0
        .iter()
        .filter(|(code, _)| !secret_fields::is_secret(code))
        .map(record)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(body: &str, selector: Selector) -> std::result::Result<Vec<String>, String> {
        RecordPage::parse(body, selector, "GET /x")
            .map(|page| page.records.iter().map(|r| r.get().to_owned()).collect())
            .map_err(|error| error.message)
    }

    #[test]
    fn records_are_found_in_every_known_shape() {
        let list = Selector::List("organizations");
        for body in [
            r#"[{"slug":"a"}]"#,
            r#" {"organizations": [ {"slug":"a"} ]}"#,
        ] {
            assert_eq!(records(body, list).unwrap(), [r#"{"slug":"a"}"#], "{body}");
        }
        assert!(
            records(r#"{"top_queries":null}"#, Selector::List("top_queries"))
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            records(
                r#"{"locations":{"aws-\"x":"Ohio","token":"secret"}}"#,
                Selector::Map("locations")
            )
            .unwrap(),
            [r#"{"code":"aws-\"x","name":"Ohio"}"#]
        );
        let usage = Selector::OneOrRoot("database");
        assert_eq!(
            records(r#"{"database":{"uuid":"a"}}"#, usage).unwrap(),
            [r#"{"uuid":"a"}"#]
        );
        assert_eq!(
            records(r#"{"total":{}}"#, usage).unwrap(),
            [r#"{"total":{}}"#]
        );
    }

    #[test]
    fn the_error_of_another_shape_describes_it() {
        for (body, selector, part) in [
            (
                r#"{"data":[],"x":1}"#,
                Selector::List("databases"),
                "no list `databases`, but an object of `data`, `x`",
            ),
            (
                r#"{"databases":"x"}"#,
                Selector::List("databases"),
                "but a text in `databases`",
            ),
            (
                "[]",
                Selector::One("user"),
                "no object `user`, but an array",
            ),
            ("3", Selector::Root, "the response is a number"),
            ("<html>", Selector::Root, "not JSON"),
        ] {
            let error = records(body, selector).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
    }

    #[test]
    fn the_next_page_is_found_in_every_known_shape() {
        let info = |body: &str| {
            RecordPage::parse(body, Selector::List("x"), "")
                .unwrap()
                .info
        };
        assert_eq!(
            info(r#"{"x":[],"pagination":{"next":"c=1"}}"#)
                .next
                .as_deref(),
            Some("c=1")
        );
        assert_eq!(
            info(r#"{"x":[],"pagination":{"next":7}}"#).next.as_deref(),
            Some("7")
        );
        for last in [
            r#"{"x":[]}"#,
            r#"{"x":[],"pagination":{"next":null}}"#,
            r#"{"x":[],"pagination":{"next":""}}"#,
            "[]",
        ] {
            assert_eq!(info(last), PageInfo::default(), "{last}");
        }
        assert_eq!(
            info(r#"{"x":[],"pagination":{"page":2,"total_pages":3}}"#).total_pages,
            Some(3)
        );
        assert_eq!(
            info(r#"{"x":[],"pagination":{"page":"2","total_pages":"3"}}"#).total_pages,
            Some(3)
        );
    }
}
