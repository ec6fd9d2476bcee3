//! The HTTP clients of one instance. No cookie, no proxy, no redirect, no
//! pool, session or look-up that another instance could see.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

use super::resolver::{JudgingResolver, Resolve, SystemResolver};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Servers ping an idle event stream every 15 seconds.
const READ_TIMEOUT: Duration = Duration::from_mins(2);
/// The idle time that sqld grants a stream is 10 seconds; proxies close idle
/// connections after about a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_HEADERS: usize = 128;

/// How connectors reach the network: shared by all instances of an engine.
/// Holds no connection and no session.
#[derive(Clone)]
pub struct Network {
    resolver: Arc<dyn Resolve>,
    roots: Roots,
    provider: Arc<CryptoProvider>,
    /// Loading the roots of the system takes time, so it is done once.
    system: Arc<OnceLock<Result<Arc<Verifier>, String>>>,
}

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// These and no others.
    Only(Vec<CertificateDer<'static>>),
}

impl Default for Network {
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver), Roots::System)
    }
}

impl Network {
    /// A network with its own resolver and roots.
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

/// Two clients, each made when it is first used: a rule with
/// `private = true` covers its own origin only, so connections that may go
/// to private addresses come from a pool of their own.
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
        let resolver = JudgingResolver {
            resolver: Arc::clone(&self.network.resolver),
            private,
        };
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.network.tls()?)
            .dns_resolver(resolver)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .gzip(true)
            .http1_max_headers(MOST_HEADERS)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())
    }
}
