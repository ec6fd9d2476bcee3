//! Stand-in for Turso's Platform API, with made-up organizations. It checks
//! every response against the OpenAPI document before it sends it. It must not
//! send an invalid response unless a test requests that.
//!
//! ```no_run
//! use connector_tests::platform::{ApiFault, Database, Organization, Platform, Token, World};
//!
//! # fn main() -> anyhow::Result<()> {
//! let world = World::new()
//!     .organization(Organization::team("acme").group("default").databases("default", 30))
//!     .token(Token::for_organization("token", "acme"))
//!     .page_rows(10);
//! let platform = Platform::serve(world)?;
//! platform.fault(ApiFault::RetryAfter(429, 0).at("/v1/organizations/*/databases").times(1));
//! // A client reads from `platform.url()`.
//! assert_eq!(platform.count("GET", "/v1/organizations/acme/databases"), 4);
//! platform.finish()
//! # }
//! ```

mod access;
mod account;
mod audit;
mod billing;
mod clock;
mod databases;
mod deleted;
mod document;
mod faults;
mod groups;
mod http;
mod names;
mod organizations;
mod pages;
mod response;
mod routes;
pub mod secrets;
mod server;
mod tokens;
mod traps;
mod usage;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use anyhow::{Result, bail};

pub use access::{Role, Token};
pub use document::Document;
pub use faults::{ActiveFault, ApiFault, RateLimit};
pub use traps::{PaginationTrap, Trap};
pub use world::{Database, Organization, PricingPlan, World};

use server::{Listener, Origin, Server};

/// Running server. On drop it ends, and panics if a response violated the
/// document.
#[derive(Debug)]
pub struct Platform {
    server: Arc<Server>,
    ports: [u16; 2],
    listeners: Vec<Listener>,
}

impl Platform {
    /// Starts a server of a world.
    pub fn serve(world: World) -> Result<Self> {
        let server = Server::new(world)?;
        let listeners = vec![server.listen(Origin::Api)?, server.listen(Origin::Region)?];
        Ok(Self {
            ports: [listeners[0].port, listeners[1].port],
            server,
            listeners,
        })
    }

    /// Starts a server of the sample organization. Its database `shop` is at
    /// `hostname`, and `token` reads everything.
    pub fn shop(hostname: &str, token: &str) -> Result<Self> {
        Self::serve(World::shop(hostname, token))
    }

    /// URL of the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// URL that returns the closest region. Turso serves it from another host.
    #[must_use]
    pub fn region_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    /// Replaces the world.
    pub fn change(&self, world: World) {
        self.server.state().world = Arc::new(world);
    }

    /// Adds a fault.
    pub fn fault(&self, fault: ActiveFault) {
        self.server.state().faults.active.push(fault);
    }

    /// Sets the rate limit.
    pub fn limit(&self, limit: RateLimit) {
        self.server.state().faults.limit = Some(limit);
    }

    /// Removes all faults and the rate limit.
    pub fn clear_faults(&self) {
        self.server.state().faults = faults::Faults::default();
    }

    /// Method and target of every request so far, in order of arrival, such as
    /// `("GET", "/v1/user")`.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, String)> {
        self.server.state().requests.clone()
    }

    /// Number of requests by method and path, such as `GET /v1/user`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (method, target) in &self.server.state().requests {
            *counts
                .entry(format!("{method} {}", path(target)))
                .or_default() += 1;
        }
        counts
    }

    /// Number of requests of one method and path.
    #[must_use]
    pub fn count(&self, method: &str, expected: &str) -> usize {
        let state = self.server.state();
        let requests = state.requests.iter();
        requests
            .filter(|(found, target)| found == method && path(target) == expected)
            .count()
    }

    /// Requests that a connector must never send: other methods than GET, and
    /// endpoints that return secrets or billing details.
    #[must_use]
    pub fn forbidden_requests(&self) -> Vec<(String, String)> {
        let mut requests = self.requests();
        requests.retain(|(method, target)| routes::is_forbidden(method, path(target)));
        requests
    }

    /// Waits until the server has received that many requests.
    pub fn wait_for(&self, requests: usize) {
        self.server.wait(|state| state.requests.len() < requests);
    }

    /// Largest number of requests that were in flight at the same time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.server.state().max_in_flight
    }

    /// Clears the recorded requests.
    pub fn clear_requests(&self) {
        let mut state = self.server.state();
        state.requests.clear();
        state.max_in_flight = 0;
    }

    /// Ends the server, and fails if a response violated the document.
    pub fn finish(self) -> Result<()> {
        let violations = std::mem::take(&mut self.server.state().violations);
        if !violations.is_empty() {
            bail!("{}", violations.join("\n"));
        }
        Ok(())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.server.stop(self.listeners.drain(..));
        let violations = std::mem::take(&mut self.server.state().violations);
        assert!(
            violations.is_empty() || thread::panicking(),
            "{}",
            violations.join("\n")
        );
    }
}

/// Returns the path templates that are served but not documented, and the reason
/// for each.
pub fn undocumented() -> impl Iterator<Item = (&'static str, &'static str)> {
    let routes = routes::ROUTES.iter();
    routes.filter_map(|route| Some((route.template, route.undocumented?)))
}

/// Returns all path templates that are served.
pub fn served() -> impl Iterator<Item = &'static str> {
    routes::ROUTES.iter().map(|route| route.template)
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
