//! The HTTP clients of one instance. They use no cookies, proxies or redirects,
//! and share no pool, TLS session or name look-up with another instance.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

use super::resolver::{CheckedResolver, Resolve, SystemResolver};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence of a server. Servers ping an idle event stream every 15
/// seconds.
const READ_TIMEOUT: Duration = Duration::from_mins(2);
/// Idle time after which a connection is closed. Proxies close idle connections
/// after about a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Number of headers of one response.
const MAX_HEADERS: usize = 128;

/// Resolver and certificate authorities that all instances of an engine use.
/// Holds no connection and no session.
#[derive(Clone)]
pub struct Network {
    resolver: Arc<dyn Resolve>,
    roots: Roots,
    provider: Arc<CryptoProvider>,
    /// Verifier with the roots of the system, which take time to load.
    system: Arc<OnceLock<Result<Arc<Verifier>, String>>>,
}

/// Trusted certificate authorities.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Roots {
    /// The authorities of the operating system.
    #[default]
    System,
    /// Only these certificates.
    Only(Vec<CertificateDer<'static>>),
}

impl Default for Network {
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver), Roots::System)
    }
}

impl Network {
    /// Creates a network with a resolver and roots.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolve>, roots: Roots) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self {
            resolver,
            roots,
            provider,
            system: Arc::default(),
        }
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut tls = match &self.roots {
            Roots::System => {
                let load = || {
                    Verifier::new(Arc::clone(&self.provider))
                        .map(Arc::new)
                        .map_err(|e| e.to_string())
                };
                let verifier = self.system.get_or_init(load).clone()?;
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
                    .with_no_client_auth()
            }
            Roots::Only(certificates) => {
                let mut roots = rustls::RootCertStore::empty();
                for certificate in certificates {
                    roots
                        .add(certificate.clone())
                        .map_err(|error| error.to_string())?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(tls)
    }
}

/// Two clients, each created when it is first used. A rule with
/// `private = true` covers its own origin only, so connections to private
/// addresses have a separate pool.
pub(super) struct Clients {
    network: Network,
    public: OnceLock<Result<reqwest::Client, String>>,
    private: OnceLock<Result<reqwest::Client, String>>,
}

impl Clients {
    pub(super) fn new(network: Network) -> Self {
        Self {
            network,
            public: OnceLock::new(),
            private: OnceLock::new(),
        }
    }

    pub(super) fn get(&self, private: bool) -> Result<reqwest::Client, String> {
        let slot = if private { &self.private } else { &self.public };
        slot.get_or_init(|| self.build(private)).clone()
    }

    fn build(&self, private: bool) -> Result<reqwest::Client, String> {
        let resolver = CheckedResolver {
            resolver: Arc::clone(&self.network.resolver),
            private,
        };
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.network.tls()?)
            .dns_resolver(resolver)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // A request that is sent again would not be counted.
            .retry(reqwest::retry::never())
            .http1_max_headers(MAX_HEADERS)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())
    }
}
