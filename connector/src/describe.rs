//! Descriptor of the connector: its name, the secrets it may request and the
//! origins it may contact. Constant, so that an operator can inspect it before
//! granting anything.

/// Name of the connector.
pub const NAME: &str = "turso";
/// Version of the connector.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Name of the secret that is sent to database servers.
pub const DATABASE_TOKEN: &str = "database_token";
/// Name of the secret that is sent to the Platform API.
pub const PLATFORM_TOKEN: &str = "platform_token";

/// Secret that the connector may request.
#[derive(Debug)]
pub struct Secret {
    /// Name of the secret.
    pub name: &'static str,
    /// Purpose, for an operator who decides about the grant.
    pub purpose: &'static str,
}

/// Secrets that the connector may request. Each of them is optional.
pub const SECRETS: [Secret; 2] = [
    Secret {
        name: DATABASE_TOKEN,
        purpose: "a token of the database; a read-only token is sufficient",
    },
    Secret {
        name: PLATFORM_TOKEN,
        purpose: "a token of the Platform API, for platform_* resources; a token of the organization \
                  reads all of them, a read-only token of a group reads those of its group",
    },
];

/// Origin that the connector may contact.
#[derive(Debug)]
pub struct Origin {
    /// Template over the config.
    pub origin: &'static str,
    /// HTTP methods of the requests.
    pub methods: &'static [&'static str],
    /// Patterns of the paths.
    pub paths: &'static [&'static str],
    /// Secrets that are sent to the origin.
    pub secrets: &'static [&'static str],
    /// Purpose, for an operator who decides about the grant.
    pub purpose: &'static str,
}

/// Origins that the connector may contact.
pub const ORIGINS: [Origin; 9] = [
    Origin {
        origin: "{database_url}",
        methods: &["POST"],
        paths: &["/v2/pipeline", "/v3/pipeline", "/v3/cursor"],
        secrets: &[DATABASE_TOKEN],
        purpose: "tables, views and queries",
    },
    Origin {
        origin: "{database_url}",
        methods: &["GET"],
        paths: &["/version", "/health", "/dump", "/beta/listen"],
        secrets: &[DATABASE_TOKEN],
        purpose: "db_version, db_health, db_dump and db_listen, if they are selected",
    },
    Origin {
        origin: "{schema_database_url}",
        methods: &["GET"],
        paths: &["/v1/jobs", "/v1/jobs/*"],
        secrets: &[DATABASE_TOKEN],
        purpose: "platform_jobs and platform_job, if they are selected",
    },
    Origin {
        origin: "https://*.turso.io",
        ..DATABASES
    },
    Origin {
        origin: "https://*.*.turso.io",
        ..DATABASES
    },
    Origin {
        origin: "https://api.turso.tech",
        ..PLATFORM
    },
    Origin {
        origin: "{platform_url}",
        ..PLATFORM
    },
    Origin {
        origin: "https://region.turso.io",
        ..REGION
    },
    Origin {
        origin: "{region_url}",
        ..REGION
    },
];

/// Requests to the databases of an organization. Their hosts are
/// `name-organization.turso.io` or `name-organization.region.turso.io`.
const DATABASES: Origin = Origin {
    origin: "",
    methods: &["POST"],
    paths: &["/v2/pipeline", "/v3/pipeline", "/v3/cursor"],
    secrets: &[DATABASE_TOKEN],
    purpose: "tables, views and queries of `databases`, at the hosts that the Platform API reports",
};

/// Requests to the Platform API, which only read.
const PLATFORM: Origin = Origin {
    origin: "",
    methods: &["GET"],
    paths: &[
        "/v1/organizations",
        "/v1/organizations/*",
        "/v2/organizations/*",
        "/v3/organizations/*",
        "/v1/locations",
        "/v1/user",
        "/v1/auth/api-tokens",
        "/v1/auth/validate",
    ],
    secrets: &[PLATFORM_TOKEN],
    purpose: "the other platform_* resources, if they are selected or no database is configured",
};

/// Request to the service that reports the closest region.
const REGION: Origin = Origin {
    origin: "",
    methods: &["GET"],
    paths: &["/"],
    secrets: &[],
    purpose: "platform_closest_region, if it is selected",
};
