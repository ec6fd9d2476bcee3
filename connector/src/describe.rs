//! How the connector describes itself: what it is, which secrets it may ask
//! for, and which origins it wants to reach. Constant, so that it can be
//! looked at before anything is granted.

/// Its name.
pub const NAME: &str = "turso";
/// Its version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The secret that goes to database servers.
pub const DATABASE_TOKEN: &str = "database_token";
/// The secret that goes to the Platform API.
pub const PLATFORM_TOKEN: &str = "platform_token";

/// A secret and what it is for.
#[derive(Debug)]
pub struct Secret {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub purpose: &'static str,
}

/// The secrets that it may ask for. It can do without each of them.
pub const SECRETS: [Secret; 2] = [
    Secret {
        name: DATABASE_TOKEN,
        purpose: "a token of the database; one that may only read is enough",
    },
    Secret {
        name: PLATFORM_TOKEN,
        purpose: "a token of the Platform API, for platform_* resources; one of the organization \
                  reads all of them, one of a group that may only read reads those of its group",
    },
];

/// An origin and what is done there.
#[derive(Debug)]
pub struct Origin {
    /// A template over the config.
    pub origin: &'static str,
    /// HTTP methods.
    pub methods: &'static [&'static str],
    /// Paths.
    pub paths: &'static [&'static str],
    /// The secrets that are sent there.
    pub secrets: &'static [&'static str],
    /// What it is for.
    pub purpose: &'static str,
}

/// The origins that it wants to reach.
pub const ORIGINS: [Origin; 8] = [
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
        purpose: "db_version, db_health, db_dump and db_listen, when they are selected",
    },
    Origin {
        origin: "{schema_database_url}",
        methods: &["GET"],
        paths: &["/v1/jobs", "/v1/jobs/*"],
        secrets: &[DATABASE_TOKEN],
        purpose: "platform_jobs and platform_job, when they are selected",
    },
    Origin {
        origin: "https://*.turso.io",
        methods: &["POST"],
        paths: &["/v2/pipeline", "/v3/pipeline", "/v3/cursor"],
        secrets: &[DATABASE_TOKEN],
        purpose: "tables, views and queries of `databases`, at the hosts that the Platform API says",
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

/// What is done at the Platform API: nothing is ever changed.
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
    purpose: "the other platform_* resources, when they are selected or there is no database",
};

const REGION: Origin = Origin {
    origin: "",
    methods: &["GET"],
    paths: &["/"],
    secrets: &[],
    purpose: "platform_closest_region, when it is selected",
};
