//! Resolution of host names. Every address is checked, and connections go only
//! to checked addresses; there is no second look-up.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use super::address::{Special, special};

/// Future of a look-up.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// A resolver of host names. Tests and platforms can provide their own.
pub trait Resolve: Send + Sync + 'static {
    /// Looks up all addresses of a host.
    fn resolve(&self, host: &str) -> Resolving;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// Resolver of one HTTP client that refuses names with special addresses.
pub(super) struct CheckedResolver {
    pub(super) resolver: Arc<dyn Resolve>,
    /// True if special addresses are allowed, for rules with `private = true`.
    pub(super) private: bool,
}

/// A name with a special address.
#[derive(Debug)]
pub(super) struct Prohibited(pub(super) Special);

/// A name that could not be resolved.
#[derive(Debug)]
pub(super) struct Unresolved(io::Error);

impl reqwest::dns::Resolve for CheckedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolving = self.resolver.resolve(name.as_str());
        let private = self.private;
        Box::pin(async move {
            let addresses = resolving.await.map_err(Unresolved)?;
            if addresses.is_empty() {
                let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                return Err(Unresolved(error).into());
            }
            // One special address refuses the name: an attacker who mixes
            // addresses must not win by chance.
            if !private && let Some(special) = addresses.iter().copied().find_map(special) {
                return Err(Prohibited(special).into());
            }
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

impl fmt::Display for Prohibited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host has {} address", self.0.as_str())
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name could not be resolved: {}", self.0)
    }
}

impl std::error::Error for Prohibited {}
impl std::error::Error for Unresolved {}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use reqwest::dns::Resolve as _;

    use super::*;

    /// A resolver that returns a list of answers in order.
    struct Changing(Mutex<Vec<&'static str>>);

    impl Resolve for Changing {
        fn resolve(&self, _host: &str) -> Resolving {
            let answer = self.0.lock().unwrap().remove(0);
            Box::pin(async move { Ok(vec![answer.parse().unwrap()]) })
        }
    }

    #[tokio::test]
    async fn every_look_up_is_checked() {
        let resolver = CheckedResolver {
            resolver: Arc::new(Changing(Mutex::new(vec![
                "1.1.1.1",
                "127.0.0.1",
                "1.0.0.1",
            ]))),
            private: false,
        };
        let mut ends = Vec::new();
        for _ in 0..3 {
            let name = "db.example".parse().unwrap();
            let end = resolver.resolve(name).await;
            ends.push(match end {
                Ok(addresses) => addresses.map(|a| a.ip().to_string()).collect(),
                Err(error) => error.to_string(),
            });
        }
        let refused = "the host has a loopback address";
        assert_eq!(ends, ["1.1.1.1", refused, "1.0.0.1"]);
    }
}
