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

/// The pagination that a response states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageInfo {
    /// True if the response states its pagination, though it may be empty.
    pub(super) is_present: bool,
    /// Cursor of the next page.
    pub(super) next: Option<String>,
    /// Number of this page.
    pub(super) page: Option<i64>,
    /// Number of all pages.
    pub(super) total_pages: Option<i64>,
    /// Number of the records of all pages.
    pub(super) total_records: Option<u64>,
    /// True if another page follows.
    pub(super) has_more: Option<bool>,
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
            info: PageInfo::parse(member("pagination"), request)?,
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
    /// Parses the pagination of a response. What it states in another form than
    /// is known must not be ignored, since the list would end.
    fn parse(value: Option<&RawValue>, request: &str) -> Result<Self> {
        let found = |value: &RawValue| JsonType::from_value(value);
        let Some(value) = value.filter(|value| found(value) != JsonType::Null) else {
            return Ok(Self::default());
        };
        let unexpected = |name: &str, value: &RawValue| {
            let reason = format!("`{name}` is {}", found(value).name());
            failure::protocol(request, &reason)
        };
        let object = Object::parse(value).ok_or_else(|| unexpected("pagination", value))?;
        // A number may be sent as text.
        let number = |name| {
            let value = object.get(name)?;
            json::integer(value).or_else(|| json::text(value)?.trim().parse().ok())
        };
        let next = match object.get("next") {
            None => None,
            Some(next) => match found(next) {
                JsonType::Null => None,
                JsonType::Text => json::text(next),
                JsonType::Number => Some(next.get().to_owned()),
                JsonType::Boolean if next.get() == "false" => None,
                _ => return Err(unexpected("pagination.next", next)),
            },
        };
        Ok(Self {
            is_present: true,
            next: next.filter(|next| !next.is_empty()),
            page: number("page"),
            total_pages: number("total_pages"),
            total_records: number("total_rows").and_then(|total| u64::try_from(total).ok()),
            has_more: object
                .get("has_more")
                .and_then(|more| more.get().parse().ok()),
        })
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

    fn info(pagination: &str) -> std::result::Result<PageInfo, String> {
        let body = format!(r#"{{"x":[],"pagination":{pagination}}}"#);
        let page = RecordPage::parse(&body, Selector::List("x"), "GET /x");
        page.map(|page| page.info).map_err(|error| error.message)
    }

    #[test]
    fn the_next_page_is_found_in_every_known_shape() {
        for (next, expected) in [
            (r#""c=1""#, Some("c=1")),
            ("7", Some("7")),
            ("null", None),
            (r#""""#, None),
            ("false", None),
        ] {
            let found = info(&format!(r#"{{"next":{next}}}"#)).unwrap().next;
            assert_eq!(found.as_deref(), expected, "{next}");
        }
        for body in [r#"{"x":[]}"#, "[]", r#"{"x":null,"pagination":null}"#] {
            let page = RecordPage::parse(body, Selector::List("x"), "").unwrap();
            assert_eq!(page.info, PageInfo::default(), "{body}");
        }
        assert!(info("{}").unwrap().is_present);
    }

    #[test]
    fn numbers_of_pages_are_found_as_numbers_and_as_text() {
        for pagination in [
            r#"{"page":2,"total_pages":3,"total_rows":250,"has_more":true}"#,
            r#"{"page":"2","total_pages":" 3","total_rows":"250","has_more":true}"#,
        ] {
            let info = info(pagination).unwrap();
            assert_eq!(
                (info.page, info.total_pages),
                (Some(2), Some(3)),
                "{pagination}"
            );
            assert_eq!(info.total_records, Some(250), "{pagination}");
            assert_eq!(info.has_more, Some(true), "{pagination}");
        }
        for pagination in [
            r#"{"page":null,"total_pages":null,"total_rows":null}"#,
            r#"{"page":"two","total_pages":[3],"total_rows":-1}"#,
        ] {
            let info = info(pagination).unwrap();
            let numbers = (info.page, info.total_pages, info.total_records);
            assert_eq!(numbers, (None, None, None), "{pagination}");
        }
    }

    #[test]
    fn a_pagination_of_another_form_is_an_error() {
        for (pagination, expected) in [
            (r#""next=2""#, "`pagination` is a text"),
            ("[1]", "`pagination` is an array"),
            (
                r#"{"next":{"cursor":"c"}}"#,
                "`pagination.next` is an object",
            ),
            (r#"{"next":true}"#, "`pagination.next` is "),
        ] {
            let error = info(pagination).unwrap_err();
            assert!(error.contains(expected), "{pagination}: {error}");
        }
    }
}
