//! Databases, their configuration, instances and costliest queries.

use serde_json::{Value as Json, json};

use super::clock;
use super::deleted;
use super::names;
use super::pages;
use super::response::{ApiRequest, EndpointResult, Refusal};
use super::secrets;
use super::world::{Database, Organization};

pub(super) fn list(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let is_selected = |database: &&Database| {
        request.query("group").is_none_or(|group| database.group == group)
            && request.query("parent").is_none_or(|id| {
                let parent = database.parent.as_ref();
                parent.is_some_and(|parent| organization.database_id(parent) == id)
            })
            // The world has no schema databases.
            && request.query("schema").is_none()
    };
    let records = keyed(request, organization, is_selected, record);
    let (records, next) = pages::optional(request, records)?;
    let mut response = json!({"databases": records});
    if let Some(next) = next {
        response["pagination"] = json!({"next": next});
    }
    Ok(response)
}

/// Returns the existing or the deleted databases. Only the latter is documented.
pub(super) fn list_v3(request: &ApiRequest<'_>) -> EndpointResult {
    if request.query("deleted") == Some("true") {
        return deleted::databases(request);
    }
    let organization = request.organization()?;
    let is_selected = |database: &&Database| {
        request
            .query("group_id")
            .is_none_or(|id| organization.group_id(&database.group) == id)
            && request.query("parent_db_id").is_none_or(|id| {
                let parent = database.parent.as_ref();
                parent.is_some_and(|parent| organization.database_id(parent) == id)
            })
    };
    let records = keyed(request, organization, is_selected, record_v3);
    let (records, next) = pages::always(request, records)?;
    Ok(json!({"databases": records, "pagination": {"next": next}}))
}

pub(super) fn retrieve(request: &ApiRequest<'_>) -> EndpointResult {
    let (organization, database) = request.database()?;
    Ok(json!({"database": record(organization, database)}))
}

pub(super) fn retrieve_v3(request: &ApiRequest<'_>) -> EndpointResult {
    let (organization, database) = request.database()?;
    Ok(json!({"database": record_v3(organization, database)}))
}

pub(super) fn configuration(request: &ApiRequest<'_>) -> EndpointResult {
    let (_, database) = request.database()?;
    Ok(json!({
        "size_limit": "10000",
        "allow_attach": false,
        "block_reads": false,
        "block_writes": false,
        "delete_protection": protected(database),
        "allowed_ips": ["203.0.113.7", "10.0.0.0/8"],
        "allowed_aws_vpc_ids": [],
    }))
}

pub(super) fn instances(request: &ApiRequest<'_>) -> EndpointResult {
    let (organization, database) = request.database()?;
    let regions = database.regions.iter();
    let records: Vec<Json> = regions
        .map(|region| instance_record(organization, database, region))
        .collect();
    Ok(json!({"instances": records}))
}

pub(super) fn instance(request: &ApiRequest<'_>) -> EndpointResult {
    let (organization, database) = request.database()?;
    let name = request.parameter("instanceName");
    let mut regions = database.regions.iter();
    let region = regions
        .find(|region| *region == name)
        .ok_or_else(|| Refusal::new(404, "instance not found"))?;
    Ok(json!({"instance": instance_record(organization, database, region)}))
}

/// Returns the costliest queries: null instead of an empty list.
pub(super) fn stats(request: &ApiRequest<'_>) -> EndpointResult {
    let (_, database) = request.database()?;
    let queries = top_queries(database);
    Ok(json!({"top_queries": (!queries.is_empty()).then_some(queries)}))
}

/// Returns the costliest queries as a bare list.
pub(super) fn queries(request: &ApiRequest<'_>) -> EndpointResult {
    let (_, database) = request.database()?;
    Ok(top_queries(database).into())
}

/// Returns the UUID of an instance of a database.
pub(super) fn instance_id(
    organization: &Organization,
    database: &Database,
    region: &str,
) -> String {
    let slug = &organization.slug;
    names::uuid(&format!("instance {slug} {} {region}", database.name))
}

fn keyed(
    request: &ApiRequest<'_>,
    organization: &Organization,
    is_selected: impl Fn(&&Database) -> bool,
    record: fn(&Organization, &Database) -> Json,
) -> Vec<(String, Json)> {
    let databases = organization.databases.iter();
    databases
        .filter(|database| request.token.covers_group(&database.group))
        .filter(is_selected)
        .map(|database| {
            let key = organization.database_id(&database.name);
            (key, record(organization, database))
        })
        .collect()
}

/// Returns a record with the undocumented fields of real ones. One of them is
/// the host under a second name that differs only in case.
fn record(organization: &Organization, database: &Database) -> Json {
    let hostname = organization.hostname(database);
    let id = database.id.clone();
    let id = id.unwrap_or_else(|| organization.database_id(&database.name));
    let mut record = json!({
        "Name": database.name,
        "DbId": id,
        "Hostname": hostname,
        "hostname": hostname,
        "block_reads": false,
        "block_writes": false,
        "regions": database.regions,
        "primaryRegion": database.regions.first(),
        "group": database.group,
        "delete_protection": protected(database),
        "parent": parent(organization, database),
        "type": "logical",
        "version": "v0.24.32",
        "sleeping": false,
        "archived": false,
        "allow_attach": false,
        "is_schema": false,
        "schema": "",
        "engine": "libsql",
        "group_id": organization.group_id(&database.group),
        "organization_id": organization.id(),
        "auth_role_id": names::number(&database.name) % 10_000,
    });
    if database.group != "default" {
        record["encryption_cipher"] = json!("aegis256");
        record["encryption_key"] = json!(secrets::secret("encryption_key"));
    }
    record
}

fn record_v3(organization: &Organization, database: &Database) -> Json {
    let mut record = record(organization, database);
    record["allow_rules_config"] = json!({"allowed_ips": [], "allowed_aws_vpc_ids": []});
    record
}

/// Returns the parent of a branch, else null. The time has nine decimal places.
fn parent(organization: &Organization, database: &Database) -> Json {
    /// 2026-04-15.
    const BRANCHED: i64 = 1_776_211_200;

    let Some(parent) = &database.parent else {
        return Json::Null;
    };
    let number = names::number(&database.name) % 1_000_000_000;
    let branched = clock::moment(BRANCHED).replace('Z', &format!(".{:09}Z", number | 1));
    json!({"id": organization.database_id(parent), "name": parent, "branched_at": branched})
}

fn instance_record(organization: &Organization, database: &Database, region: &str) -> Json {
    let primary = database
        .regions
        .first()
        .is_some_and(|first| first == region);
    json!({
        "uuid": instance_id(organization, database, region),
        "name": region,
        "type": if primary { "primary" } else { "replica" },
        "region": region,
        "hostname": organization.hostname(database),
    })
}

/// Returns the costliest queries. Their texts may hold user data. About every
/// fifth database has none.
fn top_queries(database: &Database) -> Vec<Json> {
    let number = names::number(&database.name);
    if number % 5 == 3 {
        return Vec::new();
    }
    let query = |text: &str, reads: u64, writes: u64| {
        let canary = secrets::private("query");
        json!({
            "query": format!("{text} '{canary}'"),
            "rows_read": number % 1000 * reads,
            "rows_written": number % 1000 * writes,
        })
    };
    vec![
        query("SELECT * FROM customers WHERE name =", 400, 0),
        query("DELETE FROM orders WHERE note =", 5000, 1),
    ]
}

fn protected(database: &Database) -> bool {
    database.name == "shop"
}
