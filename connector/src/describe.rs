//! How the connector describes itself: what it is, which secrets it may ask
//! for, and which origins it wants to reach. Constant, so that it can be
//! looked at before anything is granted.

/// Its name.
pub const NAME: &str = "turso";
/// Its version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The secret that goes to database servers.
pub const DATABASE_TOKEN: &str = "database_token";

/// An origin and what is done there.
#[derive(Debug)]
pub struct Origin {
    /// A template over the config.
    pub origin: &'static str,
    /// HTTP methods.
    pub methods: &'static [&'static str],
    /// Paths.
    pub paths: &'static [&'static str],
    /// What it is for.
    pub purpose: &'static str,
}

/// The origins that it wants to reach.
pub const ORIGINS: [Origin; 3] = [
    Origin {
        origin: "{database_url}",
        methods: &["POST"],
        paths: &["/v2/pipeline", "/v3/pipeline", "/v3/cursor"],
        purpose: "tables, views and queries",
    },
    Origin {
        origin: "{database_url}",
        methods: &["GET"],
        paths: &["/version", "/health", "/dump", "/beta/listen"],
        purpose: "db_version, db_health, db_dump and db_listen, when they are selected",
    },
    Origin {
        origin: "{schema_database_url}",
        methods: &["GET"],
        paths: &["/v1/jobs", "/v1/jobs/*"],
        purpose: "platform_jobs and platform_job, when they are selected",
    },
];
