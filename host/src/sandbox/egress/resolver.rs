//! Names to addresses, each of them judged. Connections go to what was judged
//! here and to nothing else; there is no second look-up.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use super::address::{Special, special};

/// The future of a look-up.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks up names. Injectable, for tests and for platforms with a resolver of
/// their own.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a host.
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

/// Resolves for one HTTP client and refuses what may not be connected to.
pub(super) struct JudgingResolver {
    pub(super) resolver: Arc<dyn Resolve>,
    /// Whether special addresses pass: this client serves rules that say so.
    pub(super) private: bool,
}

/// A name had an address that may not be connected to.
#[derive(Debug)]
pub(super) struct Prohibited(pub(super) Special);

/// A name could not be resolved.
#[derive(Debug)]
pub(super) struct Unresolved(io::Error);

impl reqwest::dns::Resolve for JudgingResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolving = self.resolver.resolve(name.as_str());
        let private = self.private;
        Box::pin(async move {
            let addresses = resolving.await.map_err(Unresolved)?;
            if addresses.is_empty() {
                let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                return Err(Unresolved(error).into());
            }
            // One bad answer condemns the name: an attacker who mixes answers
            // must not win by chance.
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

    /// Gives one answer after the other.
    struct Changing(Mutex<Vec<&'static str>>);

    impl Resolve for Changing {
        fn resolve(&self, _host: &str) -> Resolving {
            let answer = self.0.lock().unwrap().remove(0);
            Box::pin(async move { Ok(vec![answer.parse().unwrap()]) })
        }
    }

    #[tokio::test]
    async fn every_look_up_is_judged_and_gives_what_was_judged() {
        let judging = JudgingResolver {
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
            let end = judging.resolve(name).await;
            ends.push(match end {
                Ok(addresses) => addresses.map(|a| a.ip().to_string()).collect(),
                Err(error) => error.to_string(),
            });
        }
        let refused = "the host has a loopback address";
        assert_eq!(ends, ["1.1.1.1", refused, "1.0.0.1"]);
    }
}
