//! An organization with many databases: a server of the Platform API that
//! names them, and sqld that holds each in a namespace of its own.

use anyhow::{Context, Result};
use serde_json::json;

use crate::hrana::Client;
use crate::pipeline::Pipeline;
use crate::platform::{Database, Organization, Platform, Token, World};
use crate::sqld::{Options, Sqld};

const TOKEN: &str = "token-of-the-organization";
/// sqld takes the first label of a host for a namespace, and the path then
/// names another.
const OF_LOOPBACK: &str = "127";

/// Databases of one server, and an organization that has them.
#[derive(Debug)]
pub struct Fleet {
    /// Holds them.
    pub server: Sqld,
    /// Says where they are.
    pub platform: Platform,
}

impl Fleet {
    /// Empty databases of these names.
    pub fn of(names: &[&str]) -> Result<Self> {
        let server = Sqld::with(&Options {
            namespaces: true,
            // One that is put aside for others may not be found again.
            arguments: vec!["--max-active-namespaces=1000".to_owned()],
            ..Options::default()
        })?;
        for name in names.iter().chain(&[OF_LOOPBACK]) {
            server.create_namespace(name, &json!({}))?;
        }
        let platform = Platform::serve(World::new())?;
        let fleet = Self { server, platform };
        let company = world(names, |name| fleet.hostname(name));
        fleet.platform.change(company);
        Ok(fleet)
    }

    /// Where a database is.
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

    /// Reads all of them.
    pub fn pipeline(&self) -> Result<Pipeline> {
        self.pipeline_of("[\"*\"]")
    }

    /// Reads those that `databases` names, as TOML.
    pub fn pipeline_of(&self, databases: &str) -> Result<Pipeline> {
        let rules = format!(
            "[[connector.allow]]\norigin = \"{}\"\nprivate = true\nsecrets = [\"platform_token\"]\n\
             [[connector.allow]]\norigin = \"{}\"\nmethods = [\"POST\"]\nprivate = true\nsecrets = []\n\
             [[connector.allow]]\norigin = \"http://127.0.0.1:9\"\nmethods = [\"POST\"]\nprivate = true\nsecrets = []\n",
            self.platform.url(),
            self.server.url()
        );
        Ok(Pipeline::of_platform(&self.platform.url())?
            .config(&format!("organization = \"acme\"\ndatabases = {databases}"))
            .token(TOKEN)
            .allow(&rules))
    }
}

/// An organization with databases of these names, each at its place.
pub fn world(names: &[&str], at: impl Fn(&str) -> String) -> World {
    let mut company = Organization::team("acme").group("default");
    for name in names {
        company = company.database(Database::named(name).at(&at(name)));
    }
    World::new()
        .organization(company)
        .token(Token::of_organization(TOKEN, "acme"))
        .pages_of(50)
}
