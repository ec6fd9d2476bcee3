//! Organization with many databases: a stand-in for the Platform API that lists
//! them, and sqld with a namespace for each.

use anyhow::{Context, Result};
use serde_json::json;

use crate::hrana::Client;
use crate::pipeline::Pipeline;
use crate::platform::{Database, Organization, Platform, Token, World};
use crate::sqld::{Options, Sqld};

const TOKEN: &str = "token-of-the-organization";
/// Namespace that sqld derives from the first label of the loopback address. It
/// must exist, although the path of each request selects another one.
const LOOPBACK_NAMESPACE: &str = "127";

/// Databases of one server, and the organization that owns them.
#[derive(Debug)]
pub struct Fleet {
    /// Server of all databases.
    pub server: Sqld,
    /// Platform API that lists the databases.
    pub platform: Platform,
}

impl Fleet {
    /// Starts the servers, with empty databases of these names.
    pub fn new(names: &[&str]) -> Result<Self> {
        let server = Sqld::with_options(&Options {
            namespaces: true,
            // An evicted namespace may not be found again.
            arguments: vec!["--max-active-namespaces=1000".to_owned()],
            ..Options::default()
        })?;
        for name in names.iter().chain(&[LOOPBACK_NAMESPACE]) {
            server.create_namespace(name, &json!({}))?;
        }
        let platform = Platform::serve(World::new())?;
        let fleet = Self { server, platform };
        let company = world(names, |name| fleet.hostname(name));
        fleet.platform.change(company);
        Ok(fleet)
    }

    /// Host and path of a database.
    #[must_use]
    pub fn hostname(&self, database: &str) -> String {
        let server = self.server.url();
        format!("{}/dev/{database}", server.trim_start_matches("http://"))
    }

    /// Runs statements in a database.
    pub fn run(&self, database: &str, statements: &[&str]) -> Result<()> {
        let client = Client::new(&format!("http://{}", self.hostname(database))).closing();
        let run = client.run(statements);
        run.with_context(|| format!("in {database}"))
    }

    /// Creates a pipeline from all databases.
    pub fn pipeline(&self) -> Result<Pipeline> {
        self.pipeline_for("[\"*\"]")
    }

    /// Creates a pipeline from the databases that `databases` lists, as TOML.
    pub fn pipeline_for(&self, databases: &str) -> Result<Pipeline> {
        self.pipeline_through(databases, &[])
    }

    /// Creates a pipeline from databases, some of which have other origins than
    /// the server.
    pub fn pipeline_through(&self, databases: &str, origins: &[String]) -> Result<Pipeline> {
        let others = origins.iter().map(|origin| {
            format!(
                "[[connector.allow]]\norigin = \"{origin}\"\nmethods = [\"POST\"]\nprivate = true\nsecrets = []\n"
            )
        });
        let rules = others.collect::<String>()
            + &format!(
                "[[connector.allow]]\norigin = \"{}\"\nprivate = true\nsecrets = [\"platform_token\"]\n\
             [[connector.allow]]\norigin = \"{}\"\nmethods = [\"POST\"]\nprivate = true\nsecrets = []\n\
             [[connector.allow]]\norigin = \"http://127.0.0.1:9\"\nmethods = [\"POST\"]\nprivate = true\nsecrets = []\n",
                self.platform.url(),
                self.server.url()
            );
        Ok(Pipeline::for_platform(&self.platform.url())?
            .config(&format!("organization = \"acme\"\ndatabases = {databases}"))
            .token(TOKEN)
            .allow(&rules))
    }
}

/// Returns an organization with databases of these names, at the hosts that `at`
/// returns.
pub fn world(names: &[&str], at: impl Fn(&str) -> String) -> World {
    world_of(names.iter().map(|name| Database::named(name).at(&at(name))))
}

/// Returns an organization with databases.
pub fn world_of(databases: impl IntoIterator<Item = Database>) -> World {
    let company = Organization::team("acme").group("default");
    let company = databases.into_iter().fold(company, Organization::database);
    World::new()
        .organization(company)
        .token(Token::for_organization(TOKEN, "acme"))
        .page_rows(50)
}
