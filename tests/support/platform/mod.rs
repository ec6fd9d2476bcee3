//! A small server of Turso's Platform API, with a world of its own to serve.
//! Every answer is checked against the OpenAPI document before it is sent; it
//! must not send one that does not fit, unless a test switched that on.
//!
//! ```no_run
//! use connector_tests::platform::{Database, Fault, Organization, Platform, Token, World};
//!
//! # fn main() -> anyhow::Result<()> {
//! let world = World::new()
//!     .organization(Organization::team("acme").group("default").databases("default", 30))
//!     .token(Token::of_organization("token", "acme"))
//!     .pages_of(10);
//! let platform = Platform::serve(world)?;
//! platform.fault(Fault::RetryAfter(429, 0).at("/v1/organizations/*/databases").times(1));
//! // Something reads from `platform.url()`.
//! assert_eq!(platform.count("GET", "/v1/organizations/acme/databases"), 4);
//! platform.finish()
//! # }
//! ```

mod access;
mod account;
mod answer;
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
pub use faults::{Fault, RateLimit, Switched};
pub use traps::Trap;
pub use world::{Database, Organization, Plan, World};

use server::{Listener, Origin, Shared};

/// A running server. It ends with this value, and a test ends with it that let
/// answers pass which do not fit the document.
#[derive(Debug)]
pub struct Platform {
    shared: Arc<Shared>,
    ports: [u16; 2],
    listeners: Vec<Listener>,
}

impl Platform {
    /// Serves a world.
    pub fn serve(world: World) -> Result<Self> {
        let shared = Shared::new(world)?;
        let listeners = vec![shared.listen(Origin::Api)?, shared.listen(Origin::Region)?];
        Ok(Self {
            ports: [listeners[0].port, listeners[1].port],
            shared,
            listeners,
        })
    }

    /// Serves the world of a small shop, whose database is at `hostname`, to
    /// whoever has `token`.
    pub fn shop(hostname: &str, token: &str) -> Result<Self> {
        Self::serve(World::shop(hostname, token))
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// The address that says which region is closest. On the internet it is
    /// another host.
    #[must_use]
    pub fn region_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    /// Serves another world from now on.
    pub fn change(&self, world: World) {
        self.shared.state().world = Arc::new(world);
    }

    /// Switches a fault on.
    pub fn fault(&self, fault: Switched) {
        self.shared.state().faults.switched.push(fault);
    }

    /// Refuses every so many requests.
    pub fn limit(&self, limit: RateLimit) {
        self.shared.state().faults.limit = Some(limit);
    }

    /// Switches all faults and limits off.
    pub fn calm(&self) {
        self.shared.state().faults = faults::Faults::default();
    }

    /// The method and the target of every request, in the order of their
    /// arrival, such as `("GET", "/v1/user")`.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, String)> {
        self.shared.state().requests.clone()
    }

    /// How often each path was asked for, by method and path, such as `GET
    /// /v1/user`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (method, target) in &self.shared.state().requests {
            *counts
                .entry(format!("{method} {}", path(target)))
                .or_default() += 1;
        }
        counts
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn count(&self, method: &str, of: &str) -> usize {
        let state = self.shared.state();
        let asked = state.requests.iter();
        asked
            .filter(|(asked, target)| asked == method && path(target) == of)
            .count()
    }

    /// The requests that a connector must never make: those that are no GET,
    /// and those for secrets and for who pays.
    #[must_use]
    pub fn trespasses(&self) -> Vec<(String, String)> {
        let mut requests = self.requests();
        requests.retain(|(method, target)| routes::is_trespass(method, path(target)));
        requests
    }

    /// Waits until so many requests have come.
    pub fn wait_for(&self, requests: usize) {
        self.shared.wait(|state| state.requests.len() < requests);
    }

    /// The most requests that waited for their answer at the same time.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.shared.state().most_in_flight
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        let mut state = self.shared.state();
        state.requests.clear();
        state.most_in_flight = 0;
    }

    /// Ends, and tells of every answer that did not fit the document.
    pub fn finish(self) -> Result<()> {
        let violations = std::mem::take(&mut self.shared.state().violations);
        if !violations.is_empty() {
            bail!("{}", violations.join("\n"));
        }
        Ok(())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.shared.stop(self.listeners.drain(..));
        let violations = std::mem::take(&mut self.shared.state().violations);
        assert!(
            violations.is_empty() || thread::panicking(),
            "{}",
            violations.join("\n")
        );
    }
}

/// What the server can be asked for without being told so by the document, and
/// the reason of each.
pub fn undocumented() -> impl Iterator<Item = (&'static str, &'static str)> {
    let routes = routes::ROUTES.iter();
    routes.filter_map(|route| Some((route.template, route.undocumented?)))
}

/// Every path template that the server answers.
pub fn served() -> impl Iterator<Item = &'static str> {
    routes::ROUTES.iter().map(|route| route.template)
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
