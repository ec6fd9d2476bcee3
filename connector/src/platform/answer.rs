//! Answers into records: where they are, and what is said of a next page.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::endpoint::Selector;
use super::failure;
use super::json::{self, Object, Shape};
use super::never;
use crate::error::Result;

/// The records of an answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) records: Vec<Cow<'a, RawValue>>,
    pub(super) pagination: Pagination,
}

/// What an answer says of further pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pagination {
    /// What the next page is asked for with.
    pub(super) next: Option<String>,
    /// The number of this page, and of all.
    pub(super) page: Option<i64>,
    pub(super) total_pages: Option<i64>,
}

impl<'a> Answer<'a> {
    /// The records of a body. `what` was asked, for people.
    pub(super) fn of(body: &'a str, selector: Selector, what: &str) -> Result<Self> {
        let root: &RawValue = serde_json::from_str(body)
            .map_err(|error| failure::protocol(what, &format!("the answer is no JSON: {error}")))?;
        let object = Object::of(root);
        let missing = |name: &str, expected: &str| {
            let came = object.as_ref().map_or_else(
                || Shape::of(root).name().to_owned(),
                |object| match object.get(name) {
                    Some(value) => format!("{} in `{name}`", Shape::of(value).name()),
                    None => format!("an object of {}", object.names()),
                },
            );
            failure::protocol(
                what,
                &format!("the answer has no {expected} `{name}`; {came} came"),
            )
        };
        let member = |name: &str| object.as_ref().and_then(|object| object.get(name));
        let records = match selector {
            Selector::List(name) => {
                let list = if Shape::of(root) == Shape::Array {
                    Some(root)
                } else {
                    member(name)
                };
                match list.map(|list| (list, Shape::of(list))) {
                    Some((list, Shape::Array)) => {
                        borrowed(json::elements(list).unwrap_or_default())
                    }
                    // An empty list of a server in Go.
                    Some((_, Shape::Null)) => Vec::new(),
                    _ => return Err(missing(name, "list")),
                }
            }
            Selector::Map(name) => {
                match member(name).map(|map| (Object::of(map), Shape::of(map))) {
                    Some((Some(map), _)) => entries(&map, what)?,
                    Some((None, Shape::Null)) => Vec::new(),
                    _ => return Err(missing(name, "object")),
                }
            }
            Selector::One(name) => match member(name) {
                Some(value) if Shape::of(value) == Shape::Object => borrowed(vec![value]),
                _ => return Err(missing(name, "object")),
            },
            Selector::OneOrRoot(name) => match (member(name), &object) {
                (Some(value), _) if Shape::of(value) == Shape::Object => borrowed(vec![value]),
                (None, Some(_)) => borrowed(vec![root]),
                _ => return Err(missing(name, "object")),
            },
            Selector::Root if object.is_some() => borrowed(vec![root]),
            Selector::Root => {
                let came = Shape::of(root).name();
                return Err(failure::protocol(
                    what,
                    &format!("the answer is no object; {came} came"),
                ));
            }
        };
        if let Some(record) = records
            .iter()
            .find(|record| Shape::of(record) != Shape::Object)
        {
            let came = Shape::of(record).name();
            return Err(failure::protocol(
                what,
                &format!("a record is {came}, and no object"),
            ));
        }
        Ok(Self {
            records,
            pagination: Pagination::of(member("pagination")),
        })
    }
}

impl Pagination {
    fn of(value: Option<&RawValue>) -> Self {
        let Some(object) = value.and_then(Object::of) else {
            return Self::default();
        };
        let number = |name| object.get(name).and_then(json::integer);
        let next = object.get("next");
        let next = next.filter(|next| Shape::of(next) != Shape::Null);
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

/// The members of an object as records of a code and a name. A code is a name
/// of a field here, and judged as one.
fn entries<'a>(map: &Object<'_>, what: &str) -> Result<Vec<Cow<'a, RawValue>>> {
    let entry = |(code, name): &(String, &RawValue)| {
        let mut out = "{\"code\":".to_owned();
        json::quoted(code, &mut out);
        out.push_str(",\"name\":");
        out.push_str(name.get());
        out.push('}');
        RawValue::from_string(out)
            .map(Cow::Owned)
            .map_err(|error| failure::protocol(what, &format!("`{code}` is no JSON: {error}")))
    };
    let entries = map.0.iter();
    entries
        .filter(|(code, _)| !never::is_secret(code))
        .map(entry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str, selector: Selector) -> std::result::Result<Vec<String>, String> {
        Answer::of(body, selector, "GET /x")
            .map(|answer| answer.records.iter().map(|r| r.get().to_owned()).collect())
            .map_err(|error| error.message)
    }

    #[test]
    fn records_are_found_in_every_shape_that_is_known() {
        let list = Selector::List("organizations");
        for body in [
            r#"[{"slug":"a"}]"#,
            r#" {"organizations": [ {"slug":"a"} ]}"#,
        ] {
            assert_eq!(of(body, list).unwrap(), [r#"{"slug":"a"}"#], "{body}");
        }
        assert!(
            of(r#"{"top_queries":null}"#, Selector::List("top_queries"))
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            of(
                r#"{"locations":{"aws-\"x":"Ohio","token":"secret"}}"#,
                Selector::Map("locations")
            )
            .unwrap(),
            [r#"{"code":"aws-\"x","name":"Ohio"}"#]
        );
        let usage = Selector::OneOrRoot("database");
        assert_eq!(
            of(r#"{"database":{"uuid":"a"}}"#, usage).unwrap(),
            [r#"{"uuid":"a"}"#]
        );
        assert_eq!(of(r#"{"total":{}}"#, usage).unwrap(), [r#"{"total":{}}"#]);
    }

    #[test]
    fn what_came_instead_is_named() {
        for (body, selector, part) in [
            (
                r#"{"data":[],"x":1}"#,
                Selector::List("databases"),
                "no list `databases`; an object of `data`, `x` came",
            ),
            (
                r#"{"databases":"x"}"#,
                Selector::List("databases"),
                "a text in `databases` came",
            ),
            (
                "[]",
                Selector::One("user"),
                "no object `user`; an array came",
            ),
            ("3", Selector::Root, "a number came"),
            ("[null]", Selector::List("x"), "a record is null"),
            ("<html>", Selector::Root, "no JSON"),
        ] {
            let error = of(body, selector).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
    }

    #[test]
    fn a_next_page_is_seen_wherever_it_is_said() {
        let pagination = |body: &str| {
            Answer::of(body, Selector::List("x"), "")
                .unwrap()
                .pagination
        };
        assert_eq!(
            pagination(r#"{"x":[],"pagination":{"next":"c=1"}}"#)
                .next
                .as_deref(),
            Some("c=1")
        );
        assert_eq!(
            pagination(r#"{"x":[],"pagination":{"next":7}}"#)
                .next
                .as_deref(),
            Some("7")
        );
        for none in [
            r#"{"x":[]}"#,
            r#"{"x":[],"pagination":{"next":null}}"#,
            r#"{"x":[],"pagination":{"next":""}}"#,
            "[]",
        ] {
            assert_eq!(pagination(none), Pagination::default(), "{none}");
        }
        assert_eq!(
            pagination(r#"{"x":[],"pagination":{"page":2,"total_pages":3}}"#).total_pages,
            Some(3)
        );
    }
}
