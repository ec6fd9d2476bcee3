//! The table of endpoints: one row for each resource of the Platform API.
//! [`super::endpoint`] defines the fields.
//!
//! Source: Turso's OpenAPI document (25 GETs) and the newer pages of its API
//! reference. Every documented GET is here or in `covers`.

use super::endpoint::{
    ColumnSource, Endpoint, EndpointColumn, FieldType, Incremental, Pagination, Scope, Selector,
    boolean, date, derived, integer, json, text, time,
};
use crate::error::{Category, Error, Result};

/// Values that most rows share.
const DEFAULTS: Endpoint = Endpoint {
    name: "",
    description: "",
    path: "",
    query: "",
    covers: &[],
    scope: Scope::Organization,
    selector: Selector::Root,
    pagination: Pagination::None,
    columns: &[],
    key: &[],
    by_default: false,
    incremental: None,
    note: "",
};

/// Note on the cost of resources of databases.
const PER_DATABASE: &str = "One request for each database";

/// The endpoints, in the order of listings.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "platform_organizations",
        description: "Organizations that the token can read",
        path: "/v1/organizations",
        covers: &["/v1/organizations/{organizationSlug}"],
        scope: Scope::Token,
        selector: Selector::List("organizations"),
        columns: &[
            text("slug", &["slug"]),
            text("id", &["id"]),
            text("name", &["name"]),
            text("type", &["type"]),
            boolean("overages", &["overages"]),
            boolean("require_mfa", &["require_mfa"]),
            boolean("blocked_reads", &["blocked_reads"]),
            boolean("blocked_writes", &["blocked_writes"]),
            text("plan_id", &["plan_id"]),
            text("plan_timeline", &["plan_timeline"]),
            text("platform", &["platform"]),
            boolean("restore_enabled", &["restore_enabled"]),
        ],
        key: &["slug"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_databases",
        description: "Databases of each organization",
        path: "/v1/organizations/{organizationSlug}/databases",
        covers: &["/v1/organizations/{organizationSlug}/databases/{databaseName}"],
        selector: Selector::List("databases"),
        columns: &[
            text("DbId", &["DbId"]),
            text("Name", &["Name"]),
            text("Hostname", &["Hostname"]),
            text("group", &["group"]),
            text("primaryRegion", &["primaryRegion"]),
            json("regions", &["regions"]),
            boolean("block_reads", &["block_reads"]),
            boolean("block_writes", &["block_writes"]),
            boolean("delete_protection", &["delete_protection"]),
            text("parent_id", &["parent.id"]),
            text("parent_name", &["parent.name"]),
            time("parent_branched_at", &["parent.branched_at"]),
        ],
        key: &["DbId"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_groups",
        description: "Groups of each organization",
        path: "/v1/organizations/{organizationSlug}/groups",
        covers: &["/v1/organizations/{organizationSlug}/groups/{groupName}"],
        selector: Selector::List("groups"),
        columns: &[
            text("uuid", &["uuid"]),
            text("name", &["name"]),
            text("version", &["version"]),
            json("locations", &["locations"]),
            text("primary", &["primary"]),
            boolean("delete_protection", &["delete_protection"]),
        ],
        key: &["uuid"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_members",
        description: "Members of each organization",
        path: "/v1/organizations/{organizationSlug}/members",
        covers: &["/v1/organizations/{organizationSlug}/members/{username}"],
        selector: Selector::List("members"),
        columns: &[
            text("username", &["username"]),
            text("role", &["role"]),
            text("email", &["email"]),
        ],
        key: &["organization_slug", "username"],
        by_default: true,
        note: "For admins and owners",
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_invites",
        description: "Pending invitations to each organization",
        path: "/v2/organizations/{organizationSlug}/invites",
        selector: Selector::List("invites"),
        columns: &[
            integer("id", &["id"]),
            text("email", &["email"]),
            text("role", &["role"]),
            time("created_at", &["created_at"]),
        ],
        key: &["organization_slug", "id"],
        note: "For admins and owners, on the Scaler plan and above",
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_audit_logs",
        description: "Actions in each organization. Records have no id: `record_hash` \
                      replaces it, and records with equal fields are one row",
        path: "/v1/organizations/{organizationSlug}/audit-logs",
        selector: Selector::List("audit_logs"),
        pagination: Pagination::Number { size: 100 },
        columns: &[
            derived("record_hash", ColumnSource::RecordHash, FieldType::Text),
            text("code", &["code"]),
            text("message", &["message"]),
            text("origin", &["origin"]),
            text("author", &["author"]),
            time("created_at", &["created_at"]),
            json("data", &["data"]),
            text("ip", &["ip"]).sensitive(),
            text("city", &["city"]).sensitive(),
            text("country", &["country"]).sensitive(),
            text("country_code", &["country_code"]).sensitive(),
            text("latitude", &["latitude"]).sensitive(),
            text("longitude", &["longitude"]).sensitive(),
        ],
        key: &["organization_slug", "record_hash"],
        incremental: Some(Incremental::NewestFirst("created_at")),
        note: "For the Scaler plan and above. One request for each 100 records",
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_invoices",
        description: "Invoices of each organization, including upcoming ones",
        path: "/v1/organizations/{organizationSlug}/invoices",
        query: "type=all",
        selector: Selector::List("invoices"),
        columns: &[
            text("invoice_number", &["invoice_number"]),
            text("amount_due", &["amount_due"]),
            time("due_date", &["due_date"]),
            time("paid_at", &["paid_at"]),
            time("payment_failed_at", &["payment_failed_at"]),
            text("status", &["status"]),
            text("invoice_pdf", &["invoice_pdf"]).sensitive(),
            text("hosted_invoice_url", &["hosted_invoice_url"]).sensitive(),
        ],
        key: &["organization_slug", "invoice_number"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_plans",
        description: "Available plans of each organization, with prices and quotas",
        path: "/v1/organizations/{organizationSlug}/plans",
        selector: Selector::List("plans"),
        columns: &[
            text("name", &["name"]),
            text("price", &["price"]),
            json("prices", &["prices"]),
            integer("quota_rows_read", &["quotas.rowsRead"]),
            integer("quota_rows_written", &["quotas.rowsWritten"]),
            integer("quota_databases", &["quotas.databases"]),
            integer("quota_locations", &["quotas.locations"]),
            integer("quota_storage", &["quotas.storage"]),
            integer("quota_groups", &["quotas.groups"]),
            integer("quota_bytes_synced", &["quotas.bytesSynced"]),
        ],
        key: &["organization_slug", "name"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_subscription",
        description: "Plan of each organization",
        path: "/v1/organizations/{organizationSlug}/subscription",
        selector: Selector::One("subscription"),
        columns: &[
            text("name", &["name"]),
            boolean("overages", &["overages"]),
            text("plan", &["plan"]),
            text("timeline", &["timeline"]),
        ],
        key: &["organization_slug"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_organization_usage",
        description: "Usage of each organization in the current billing cycle, with the usage of \
                      each database in `database_usage`",
        path: "/v1/organizations/{organizationSlug}/usage",
        selector: Selector::One("organization"),
        columns: &[
            text("uuid", &["uuid"]),
            integer("rows_read", &["usage.rows_read"]),
            integer("rows_written", &["usage.rows_written"]),
            integer("databases", &["usage.databases"]),
            integer("locations", &["usage.locations"]),
            integer("storage_bytes", &["usage.storage_bytes"]),
            integer("groups", &["usage.groups"]),
            integer("bytes_synced", &["usage.bytes_synced"]),
            json("database_usage", &["databases"]),
        ],
        key: &["organization_slug"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_database_usage",
        description: "Usage of each database between `from` and `to`: in full reads, the calendar \
                      month (UTC); in incremental reads, each day since `usage_from`",
        path: "/v1/organizations/{organizationSlug}/databases/{databaseName}/usage",
        scope: Scope::Database,
        selector: Selector::OneOrRoot("database"),
        columns: &[
            derived("from", ColumnSource::From, FieldType::Timestamp),
            derived("to", ColumnSource::To, FieldType::Timestamp),
            text("uuid", &["uuid"]),
            integer("rows_read", &["total.rows_read", "usage.rows_read"]),
            integer(
                "rows_written",
                &["total.rows_written", "usage.rows_written"],
            ),
            integer(
                "storage_bytes",
                &["total.storage_bytes", "usage.storage_bytes"],
            ),
            integer(
                "bytes_synced",
                &["total.bytes_synced", "usage.bytes_synced"],
            ),
            json("instances", &["instances"]),
        ],
        key: &["database_id", "from", "to"],
        incremental: Some(Incremental::Days),
        note: "One request for each database; in incremental reads, one request for each database \
               and day. platform_organization_usage has the usage of all databases in one request",
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_database_stats",
        description: "The queries of each database that read and write the most rows; \
                      `query_hash` identifies them",
        path: "/v1/organizations/{organizationSlug}/databases/{databaseName}/stats",
        scope: Scope::Database,
        selector: Selector::List("top_queries"),
        columns: &[
            derived("query_hash", ColumnSource::HashOf("query"), FieldType::Text),
            text("query", &["query"]).sensitive(),
            integer("rows_read", &["rows_read"]),
            integer("rows_written", &["rows_written"]),
        ],
        key: &["database_id", "query_hash"],
        note: PER_DATABASE,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_database_instances",
        description: "Instances of each database",
        path: "/v1/organizations/{organizationSlug}/databases/{databaseName}/instances",
        covers: &[
            "/v1/organizations/{organizationSlug}/databases/{databaseName}/instances/{instanceName}",
        ],
        scope: Scope::Database,
        selector: Selector::List("instances"),
        columns: &[
            text("uuid", &["uuid"]),
            text("name", &["name"]),
            text("type", &["type"]),
            text("region", &["region"]),
            text("hostname", &["hostname"]),
        ],
        key: &["database_id", "uuid"],
        note: PER_DATABASE,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_database_configuration",
        description: "The configuration of each database",
        path: "/v1/organizations/{organizationSlug}/databases/{databaseName}/configuration",
        scope: Scope::Database,
        columns: &[
            text("size_limit", &["size_limit"]),
            boolean("allow_attach", &["allow_attach"]),
            boolean("block_reads", &["block_reads"]),
            boolean("block_writes", &["block_writes"]),
            boolean("delete_protection", &["delete_protection"]),
            json("allowed_ips", &["allowed_ips"]),
            json("allowed_aws_vpc_ids", &["allowed_aws_vpc_ids"]),
        ],
        key: &["database_id"],
        note: PER_DATABASE,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_group_configuration",
        description: "The configuration of each group",
        path: "/v1/organizations/{organizationSlug}/groups/{groupName}/configuration",
        scope: Scope::Group,
        columns: &[boolean("delete_protection", &["delete_protection"])],
        key: &["group_uuid"],
        note: "One request for each group",
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_locations",
        description: "Available locations of databases",
        path: "/v1/locations",
        scope: Scope::Token,
        selector: Selector::Map("locations"),
        columns: &[text("code", &["code"]), text("name", &["name"])],
        key: &["code"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_api_tokens",
        description: "Tokens of the user that the token belongs to: names and permissions, without \
                      the tokens themselves",
        path: "/v1/auth/api-tokens",
        scope: Scope::Token,
        selector: Selector::List("tokens"),
        columns: TOKEN,
        key: &["id"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_organization_api_tokens",
        description: "Tokens of each organization, with their owners: names and permissions, without \
                      the tokens themselves",
        path: "/v1/organizations/{organizationSlug}/api-tokens",
        selector: Selector::List("tokens"),
        columns: OWNED_TOKEN,
        key: &["organization_slug", "id"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_current_user",
        description: "The user that the token belongs to",
        path: "/v1/user",
        scope: Scope::Token,
        selector: Selector::One("user"),
        columns: &[
            text("username", &["username"]),
            text("name", &["name"]),
            text("email", &["email"]),
            text("avatarUrl", &["avatarUrl"]),
            text("plan", &["plan"]),
            boolean("mfa", &["mfa"]),
            boolean("has_pending_invites", &["has_pending_invites"]),
        ],
        key: &["username"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_deleted_databases",
        description: "Databases of each organization deleted in the last days",
        path: "/v3/organizations/{organizationId}/databases",
        query: "deleted=true",
        pagination: Pagination::Cursor { limit: 1_000 },
        selector: Selector::List("databases"),
        columns: &[
            text("DbId", &["DbId"]),
            text("Name", &["Name"]),
            text("Hostname", &["Hostname"]),
            text("group", &["group"]),
            text("group_id", &["group_id"]),
            text("organization_id", &["organization_id"]),
            json("regions", &["regions"]),
            text("primaryRegion", &["primaryRegion"]),
            boolean("delete_protection", &["delete_protection"]),
            time("deleted_at", &["deleted_at"]),
            time("group_deleted_at", &["group_deleted_at"]),
        ],
        key: &["DbId"],
        incremental: Some(Incremental::Unordered("deleted_at")),
        note: "For paid plans",
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_deleted_groups",
        description: "Groups of each organization deleted in the last days",
        path: "/v3/organizations/{organizationId}/deleted-groups",
        pagination: Pagination::Cursor { limit: 1_000 },
        selector: Selector::List("groups"),
        columns: &[
            text("uuid", &["uuid"]),
            text("name", &["name"]),
            time("deleted_at", &["deleted_at"]),
            integer("cascade_databases", &["cascade_databases"]),
        ],
        key: &["uuid"],
        incremental: Some(Incremental::Unordered("deleted_at")),
        note: "For paid plans, and for tokens of the whole organization",
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_token",
        description: "Expiry of the token in seconds since 1970; -1 for a token that does not expire",
        path: "/v1/auth/validate",
        scope: Scope::Token,
        columns: &[integer("exp", &["exp"])],
        key: &["exp"],
        by_default: true,
        ..DEFAULTS
    },
    Endpoint {
        name: "platform_closest_region",
        description: "Region closest to the host",
        path: "/",
        scope: Scope::Region,
        columns: &[text("server", &["server"]), text("client", &["client"])],
        key: &["client"],
        note: "Requested from `region_url`, without a token",
        ..DEFAULTS
    },
];

const TOKEN: &[EndpointColumn] = &[
    text("id", &["id"]),
    text("name", &["name"]),
    text("organization", &["organization"]),
    text("group", &["group"]),
    json("scopes", &["scopes"]),
    date("created_at", &["created_at"]),
];

const OWNED_TOKEN: &[EndpointColumn] = &[
    text("id", &["id"]),
    text("name", &["name"]),
    text("organization", &["organization"]),
    text("group", &["group"]),
    json("scopes", &["scopes"]),
    text("owner_username", &["owner.username"]),
    text("owner_email", &["owner.email"]),
    date("created_at", &["created_at"]),
];

/// Returns the endpoint of a resource.
#[must_use]
pub fn find(name: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.name == name)
}

/// Returns the endpoint that lists the objects of a scope.
pub(super) fn parent(scope: Scope) -> Result<&'static Endpoint> {
    scope.parent().and_then(find).ok_or_else(|| {
        Error::new(
            Category::Internal,
            format!("the scope {scope:?} has no endpoint that lists its objects"),
        )
    })
}

/// Returns true if other endpoints are requested for the records of this one.
pub(super) fn is_parent(endpoint: &Endpoint) -> bool {
    let mut scopes = [Scope::Organization, Scope::Group, Scope::Database].into_iter();
    scopes.any(|scope| scope.parent() == Some(endpoint.name))
}

#[cfg(test)]
mod tests;
