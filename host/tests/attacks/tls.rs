//! Victim that speaks TLS.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::victim::{Victim, bind, read};

/// Listens on an address with a self-signed certificate for one name.
pub(crate) fn listen(
    address: Ipv4Addr,
    port: u16,
    name: &str,
    response: &'static str,
) -> (Victim, CertificateDer<'static>) {
    let certified = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let tls = Arc::new(tls);
    let serve = move |stream: TcpStream, saw: &dyn Fn(String)| {
        let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // A client that does not trust the certificate disconnects here.
        while let Some(request) = read(&mut stream) {
            saw(request);
            if stream.write_all(response.as_bytes()).is_err() || stream.flush().is_err() {
                return;
            }
        }
    };
    let victim = Victim::serving(bind(address, port).unwrap(), serve);
    (victim, certificate)
}
