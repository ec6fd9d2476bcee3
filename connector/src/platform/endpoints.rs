//! The table of endpoints: one row for each resource of the Platform API.
//! Data and no code; what its words mean is said in [`super::endpoint`].
//!
//! Source: Turso's OpenAPI document (25 GETs) and the newer pages of its API
//! reference. Every documented GET is here or in `covers`.

use super::endpoint::{
    Column, Endpoint, Increment, Kind, Paging, Scope, Selector, Source, boolean, date, integer,
    json, made, text, time,
};

/// What most rows have in common.
const USUAL: Endpoint = Endpoint {
    name: "",
    description: "",
    path: "",
    query: "",
    covers: &[],
    scope: Scope::Organization,
    selector: Selector::Root,
    paging: Paging::None,
    columns: &[],
    key: &[],
    by_default: false,
    increment: None,
    note: "",
};

/// What children of databases cost.
const PER_DATABASE: &str = "One request for each database";

/// All endpoints.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "platform_organizations",
        description: "Organizations that the token sees",
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
        ..USUAL
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
        ..USUAL
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
        ..USUAL
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
        ..USUAL
    },
    Endpoint {
        name: "platform_invites",
        description: "Invitations to each organization that are pending",
        path: "/v2/organizations/{organizationSlug}/invites",
        selector: Selector::List("invites"),
        columns: &[
            integer("id", &["id"]),
            text("email", &["email"]),
            text("role", &["role"]),
            time("created_at", &["created_at"]),
        ],
        key: &["organization_slug", "id"],
        note: "For admins and owners, on plans from Scaler on",
        ..USUAL
    },
    Endpoint {
        name: "platform_audit_logs",
        description: "What was done in each organization. Records have no id: `record_hash` is \
                      one, and records that are the same in all their fields are one row",
        path: "/v1/organizations/{organizationSlug}/audit-logs",
        selector: Selector::List("audit_logs"),
        paging: Paging::Number { size: 100 },
        columns: &[
            made("record_hash", Source::RecordHash, Kind::Text),
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
        increment: Some(Increment::NewestFirst("created_at")),
        note: "For plans from Scaler on. One request for each 100 records",
        ..USUAL
    },
    Endpoint {
        name: "platform_invoices",
        description: "Invoices of each organization, upcoming ones among them",
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
        ..USUAL
    },
    Endpoint {
        name: "platform_plans",
        description: "Plans that each organization can have, with their prices and quotas",
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
        ..USUAL
    },
    Endpoint {
        name: "platform_subscription",
        description: "The plan that each organization has",
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
        ..USUAL
    },
    Endpoint {
        name: "platform_organization_usage",
        description: "What each organization has used in the current billing cycle, with each of \
                      its databases in `database_usage`",
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
        ..USUAL
    },
    Endpoint {
        name: "platform_database_usage",
        description: "What each database has used between `from` and `to`: in full, in the \
                      calendar month (UTC); incrementally, on each day since `usage_from`",
        path: "/v1/organizations/{organizationSlug}/databases/{databaseName}/usage",
        scope: Scope::Database,
        selector: Selector::OneOrRoot("database"),
        columns: &[
            made("from", Source::From, Kind::Timestamp),
            made("to", Source::To, Kind::Timestamp),
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
        increment: Some(Increment::Days),
        note: "One request for each database, incrementally for each database and day; \
               platform_organization_usage has the usage of all databases in one",
        ..USUAL
    },
    Endpoint {
        name: "platform_database_stats",
        description: "The queries of each database that read and write the most rows; \
                      `query_hash` tells them apart",
        path: "/v1/organizations/{organizationSlug}/databases/{databaseName}/stats",
        scope: Scope::Database,
        selector: Selector::List("top_queries"),
        columns: &[
            made("query_hash", Source::HashOf("query"), Kind::Text),
            text("query", &["query"]).sensitive(),
            integer("rows_read", &["rows_read"]),
            integer("rows_written", &["rows_written"]),
        ],
        key: &["database_id", "query_hash"],
        note: PER_DATABASE,
        ..USUAL
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
        ..USUAL
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
        ..USUAL
    },
    Endpoint {
        name: "platform_group_configuration",
        description: "The configuration of each group",
        path: "/v1/organizations/{organizationSlug}/groups/{groupName}/configuration",
        scope: Scope::Group,
        columns: &[boolean("delete_protection", &["delete_protection"])],
        key: &["group_uuid"],
        note: "One request for each group",
        ..USUAL
    },
    Endpoint {
        name: "platform_locations",
        description: "Locations where databases can be",
        path: "/v1/locations",
        scope: Scope::Token,
        selector: Selector::Map("locations"),
        columns: &[text("code", &["code"]), text("name", &["name"])],
        key: &["code"],
        by_default: true,
        ..USUAL
    },
    Endpoint {
        name: "platform_api_tokens",
        description: "Tokens of the user that the token belongs to: what they are called and may \
                      do, never what they are",
        path: "/v1/auth/api-tokens",
        scope: Scope::Token,
        selector: Selector::List("tokens"),
        columns: TOKEN,
        key: &["id"],
        by_default: true,
        ..USUAL
    },
    Endpoint {
        name: "platform_organization_api_tokens",
        description: "Tokens of each organization, with their owners: what they are called and \
                      may do, never what they are",
        path: "/v1/organizations/{organizationSlug}/api-tokens",
        selector: Selector::List("tokens"),
        columns: OWNED_TOKEN,
        key: &["organization_slug", "id"],
        by_default: true,
        ..USUAL
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
        ..USUAL
    },
    Endpoint {
        name: "platform_deleted_databases",
        description: "Databases of each organization that were deleted within the last days",
        path: "/v3/organizations/{organizationId}/databases",
        query: "deleted=true&limit=1000",
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
        increment: Some(Increment::Unordered("deleted_at")),
        note: "For paid plans",
        ..USUAL
    },
    Endpoint {
        name: "platform_deleted_groups",
        description: "Groups of each organization that were deleted within the last days",
        path: "/v3/organizations/{organizationId}/deleted-groups",
        query: "limit=1000",
        selector: Selector::List("groups"),
        columns: &[
            text("uuid", &["uuid"]),
            text("name", &["name"]),
            time("deleted_at", &["deleted_at"]),
            integer("cascade_databases", &["cascade_databases"]),
        ],
        key: &["uuid"],
        increment: Some(Increment::Unordered("deleted_at")),
        note: "For paid plans, and for tokens of the whole organization",
        ..USUAL
    },
    Endpoint {
        name: "platform_token",
        description: "When the token expires, in seconds since 1970; -1 stands for never",
        path: "/v1/auth/validate",
        scope: Scope::Token,
        columns: &[integer("exp", &["exp"])],
        key: &["exp"],
        by_default: true,
        ..USUAL
    },
    Endpoint {
        name: "platform_closest_region",
        description: "The region that is closest to where the host runs",
        path: "/",
        scope: Scope::Region,
        columns: &[text("server", &["server"]), text("client", &["client"])],
        key: &["client"],
        note: "Asked of `region_url`, without a token",
        ..USUAL
    },
];

const TOKEN: &[Column] = &[
    text("id", &["id"]),
    text("name", &["name"]),
    text("organization", &["organization"]),
    text("group", &["group"]),
    json("scopes", &["scopes"]),
    date("created_at", &["created_at"]),
];

const OWNED_TOKEN: &[Column] = &[
    text("id", &["id"]),
    text("name", &["name"]),
    text("organization", &["organization"]),
    text("group", &["group"]),
    json("scopes", &["scopes"]),
    text("owner_username", &["owner.username"]),
    text("owner_email", &["owner.email"]),
    date("created_at", &["created_at"]),
];
