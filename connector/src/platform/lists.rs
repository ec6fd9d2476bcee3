//! Lists that others are fanned out from: organizations, groups, databases.
//! Each is asked for once in a read, however many resources need it.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::value::RawValue;

use super::answer::Answer;
use super::client::Client;
use super::endpoint::{Endpoint, Scope};
use super::failure;
use super::json::{self, Object};
use super::pages::{Pages, encoded};
use crate::error::{Category, Error, Result};
use crate::output::Output;

/// A list of databases, of groups or of organizations: the bodies that it
/// came in.
type Bodies = Rc<[String]>;

/// What has been asked for.
#[derive(Debug)]
pub(super) struct Lists {
    bodies: BTreeMap<String, Result<Bodies>>,
    ids: BTreeMap<String, Result<String>>,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its UUID, where the list has one.
    pub id: Option<String>,
    /// Its name; the slug of an organization.
    pub name: String,
    /// Where it is reached, if it is a database.
    pub hostname: Option<String>,
    /// The group that it is in, if it is a database.
    pub group: Option<String>,
}

impl Lists {
    pub(super) fn new() -> Self {
        Self {
            bodies: BTreeMap::new(),
            ids: BTreeMap::new(),
        }
    }

    /// The pages of a list.
    pub(super) fn bodies(
        &mut self,
        client: &Client,
        endpoint: &Endpoint,
        path: &str,
        output: &mut Output,
    ) -> Result<Bodies> {
        if let Some(known) = self.bodies.get(path) {
            return known.clone();
        }
        let asked = ask(client, endpoint, path, output);
        // What may pass is asked for again by who comes next.
        if asked.as_ref().is_err_and(|error| error.retryable) {
            return asked;
        }
        self.bodies.insert(path.to_owned(), asked.clone());
        asked
    }

    /// Forgets a list.
    pub(super) fn forget(&mut self, path: &str) {
        self.bodies.remove(path);
    }

    /// The entries of a list.
    pub(super) fn entries(
        &mut self,
        client: &Client,
        endpoint: &Endpoint,
        path: &str,
        output: &mut Output,
    ) -> Result<Vec<Entry>> {
        let bodies = self.bodies(client, endpoint, path, output)?;
        let names: &[&str] = match endpoint.scope {
            Scope::Token => &["slug"],
            _ => &["Name", "name"],
        };
        let mut entries = Vec::new();
        for body in bodies.iter() {
            for record in Answer::of(body, endpoint.selector, path)?.records {
                entries.push(Entry::of(&record, names, path)?);
            }
        }
        Ok(entries)
    }

    /// The UUID of an organization, by which the newest endpoints know it.
    /// Not every answer has it.
    pub(super) fn organization_id(
        &mut self,
        client: &Client,
        organization: &str,
        output: &mut Output,
    ) -> Result<String> {
        if let Some(known) = self.ids.get(organization) {
            return known.clone();
        }
        let path = format!("/v1/organizations/{}", encoded(organization));
        let ask = |path: String, id: &str, output: &mut Output| {
            let fetch = client.send(false, path, output);
            let body = client.answer(fetch, output)?;
            let root: Option<&RawValue> = serde_json::from_str(&body).ok();
            let object = root.and_then(Object::of);
            let member = object.and_then(|object| object.get("organization").and_then(Object::of));
            Ok::<_, Error>(member.and_then(|member| member.get(id).and_then(json::text)))
        };
        let found = match ask(path.clone(), "id", output) {
            Ok(Some(id)) => Ok(id),
            // The usage of an organization is documented to name it.
            Ok(None) => ask(format!("{path}/usage"), "uuid", output).and_then(|id| {
                id.ok_or_else(|| failure::protocol(&path, "the answer has no `id`"))
            }),
            Err(error) => Err(error),
        };
        self.ids.insert(organization.to_owned(), found.clone());
        found
    }
}

impl Entry {
    fn of(record: &RawValue, names: &[&str], path: &str) -> Result<Self> {
        let object = Object::of(record);
        let field = |names: &[&str]| {
            let object = object.as_ref()?;
            let text = |name: &&str| object.get(name).and_then(json::text);
            names.iter().find_map(text).filter(|text| !text.is_empty())
        };
        let name = field(names);
        // A path that it stands in leads elsewhere.
        let name = name.filter(|name| !matches!(name.as_str(), "." | ".."));
        Ok(Self {
            id: field(&["DbId", "uuid", "id"]),
            hostname: field(&["Hostname", "hostname"]),
            group: field(&["group"]),
            name: name.ok_or_else(|| {
                failure::protocol(path, "a record has no name that it could be asked for by")
            })?,
        })
    }
}

fn ask(client: &Client, endpoint: &Endpoint, path: &str, output: &mut Output) -> Result<Bodies> {
    let mut pages = Pages::new(path.to_owned(), endpoint.paging);
    let mut next = Some(pages.first());
    let mut bodies = Vec::new();
    while let Some(path) = next {
        let fetch = client.send(endpoint.scope == Scope::Region, path.clone(), output);
        let body = client.answer(fetch, output)?;
        let answer = Answer::of(&body, endpoint.selector, &path)?;
        next = pages.next(&answer.pagination, answer.records.len())?;
        bodies.push(body);
    }
    Ok(bodies.into())
}

/// Creates the error of an organization that the token cannot read.
pub(super) fn unknown_organization(slug: &str) -> Error {
    Error::new(
        Category::NotFound,
        format!("the token cannot read an organization `{slug}`"),
    )
    .hint("check `organization`; the resource `platform_organizations` lists those that the token can read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Result<Entry> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        Entry::of(&raw, &["Name", "name"], "/x")
    }

    #[test]
    fn entries_are_known_by_the_names_that_the_api_uses() {
        assert_eq!(
            entry(r#"{"Name":"a","DbId":"1","Hostname":"h","hostname":"i"}"#),
            Ok(Entry {
                id: Some("1".to_owned()),
                name: "a".to_owned(),
                hostname: Some("h".to_owned()),
                group: None,
            })
        );
        assert_eq!(entry(r#"{"uuid":"1","name":"a"}"#).unwrap().name, "a");
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for json in ["{}", r#"{"name":".."}"#, r#"{"name":""}"#, r#"{"name":7}"#] {
            assert!(entry(json).is_err(), "{json}");
        }
    }
}
