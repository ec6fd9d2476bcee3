//! Lists of parents: the organizations, groups and databases for which other
//! endpoints are requested. Each list is requested once in a read.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::value::RawValue;

use super::client::Client;
use super::endpoint::{Endpoint, Scope};
use super::failure;
use super::json::{self, Object};
use super::page::RecordPage;
use super::paginator::{Paginator, percent_encode};
use crate::error::{Error, Result};
use crate::output::Output;

/// Bodies of the pages of one list.
type Bodies = Rc<[String]>;

/// The lists that were requested in a read, including failures.
#[derive(Debug, Default)]
pub(super) struct ParentLists {
    bodies: BTreeMap<String, Result<Bodies>>,
    organization_ids: BTreeMap<String, Result<String>>,
}

/// Organization, group or database in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// UUID, if the list has one.
    pub id: Option<String>,
    /// Name, or the slug of an organization.
    pub name: String,
    /// Host of a database.
    pub hostname: Option<String>,
    /// Group of a database.
    pub group: Option<String>,
}

impl ParentLists {
    /// Returns the bodies of a list.
    pub(super) async fn bodies(
        &mut self,
        client: &Client,
        endpoint: &Endpoint,
        path: &str,
        output: &mut Output,
    ) -> Result<Bodies> {
        if let Some(known) = self.bodies.get(path) {
            return known.clone();
        }
        let bodies = request_list(client, endpoint, path, output).await;
        // After a temporary failure, the next caller requests the list again.
        if bodies.as_ref().is_err_and(|error| error.retryable) {
            return bodies;
        }
        self.bodies.insert(path.to_owned(), bodies.clone());
        bodies
    }

    /// Drops a list, so that the next caller requests it again.
    pub(super) fn invalidate(&mut self, path: &str) {
        self.bodies.remove(path);
    }

    /// Returns the entries of a list.
    pub(super) async fn entries(
        &mut self,
        client: &Client,
        endpoint: &Endpoint,
        path: &str,
        output: &mut Output,
    ) -> Result<Vec<ListEntry>> {
        let bodies = self.bodies(client, endpoint, path, output).await?;
        let names: &[&str] = match endpoint.scope {
            Scope::Token => &["slug"],
            _ => &["Name", "name"],
        };
        let mut entries: Vec<ListEntry> = Vec::new();
        // An object that is created while the pages are requested moves others to
        // the next page, where they are listed again.
        let mut known = BTreeSet::new();
        for body in bodies.iter() {
            for record in RecordPage::parse(body, endpoint.selector, path)?.records {
                let entry = ListEntry::parse(&record, names, path)?;
                if known.insert((entry.id.clone(), entry.name.clone())) {
                    entries.push(entry);
                }
            }
        }
        Ok(entries)
    }

    /// Returns the UUID of an organization, which the newest endpoints require.
    pub(super) async fn organization_id(
        &mut self,
        client: &Client,
        organization: &str,
        output: &mut Output,
    ) -> Result<String> {
        if let Some(known) = self.organization_ids.get(organization) {
            return known.clone();
        }
        let path = format!("/v1/organizations/{}", percent_encode(organization));
        let request = async |path: String, id: &str, output: &mut Output| {
            let body = client.get(false, &path, output).await?;
            let root: Option<&RawValue> = serde_json::from_str(&body).ok();
            let object = root.and_then(Object::parse);
            let member =
                object.and_then(|object| object.get("organization").and_then(Object::parse));
            Ok::<_, Error>(member.and_then(|member| member.get(id).and_then(json::text)))
        };
        let id = match request(path.clone(), "id", output).await {
            Ok(Some(id)) => Ok(id),
            // Some responses lack the id. The usage is documented to have it.
            Ok(None) => request(format!("{path}/usage"), "uuid", output)
                .await
                .and_then(|id| {
                    id.ok_or_else(|| failure::protocol(&path, "the response has no `id`"))
                }),
            Err(error) => Err(error),
        };
        self.organization_ids
            .insert(organization.to_owned(), id.clone());
        id
    }
}

impl ListEntry {
    fn parse(record: &RawValue, names: &[&str], path: &str) -> Result<Self> {
        let object = Object::parse(record);
        let field = |names: &[&str]| {
            let object = object.as_ref()?;
            let text = |name: &&str| object.get(name).and_then(json::text);
            names.iter().find_map(text).filter(|text| !text.is_empty())
        };
        let name = field(names);
        // As a part of a path, these names lead to another path.
        let name = name.filter(|name| !matches!(name.as_str(), "." | ".."));
        Ok(Self {
            id: field(&["DbId", "uuid", "id"]),
            hostname: field(&["Hostname", "hostname"]),
            group: field(&["group"]),
            name: name
                .ok_or_else(|| failure::protocol(path, "a record of the list has no valid name"))?,
        })
    }
}

async fn request_list(
    client: &Client,
    endpoint: &Endpoint,
    path: &str,
    output: &mut Output,
) -> Result<Bodies> {
    let mut paginator = Paginator::new(path.to_owned(), endpoint.pagination);
    let mut next = Some(paginator.first());
    let mut bodies = Vec::new();
    while let Some(path) = next {
        let is_region = endpoint.scope == Scope::Region;
        let body = client.get(is_region, &path, output).await?;
        let page = RecordPage::parse(&body, endpoint.selector, &path)?;
        let records = page.records.len();
        next = paginator.next(&page.info, records, records)?;
        bodies.push(body);
    }
    Ok(bodies.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Result<ListEntry> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        ListEntry::parse(&raw, &["Name", "name"], "/x")
    }

    #[test]
    fn entries_are_parsed_under_every_name_of_a_field() {
        assert_eq!(
            entry(r#"{"Name":"a","DbId":"1","Hostname":"h","hostname":"i"}"#),
            Ok(ListEntry {
                id: Some("1".to_owned()),
                name: "a".to_owned(),
                hostname: Some("h".to_owned()),
                group: None,
            })
        );
        assert_eq!(entry(r#"{"uuid":"1","name":"a"}"#).unwrap().name, "a");
    }

    #[test]
    fn a_name_that_leads_to_another_path_is_an_error() {
        for json in [
            "null",
            "{}",
            r#"{"name":".."}"#,
            r#"{"name":""}"#,
            r#"{"name":7}"#,
        ] {
            assert!(entry(json).is_err(), "{json}");
        }
    }
}
