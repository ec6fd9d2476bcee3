//! TLS sessions are not shared between tenants.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use connector_host::network::Roots;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{tenant, tries};
use crate::world::World;

#[tokio::test]
async fn no_tls_session_is_shared() {
    let server = Server::start("db.example").await;
    let authority = format!("db.example:{}", server.port);
    let mut world = World::new()
        .name("db.example", &["127.0.0.1"])
        .allow_private(&format!("https://{authority}"));
    world.roots = Roots::Only(vec![server.certificate.clone()]);
    let connector = world.load().unwrap();
    let request = || json!([{ "request": { "scheme": "https", "authority": authority } }]);

    let mut first = tenant(&connector, &world).await;
    tries(&mut first, request()).await.unwrap();
    tries(&mut first, request()).await.unwrap();
    // The server closes the connection after every response. The second connection
    // of a tenant resumes its session, so a shared session would be resumed too.
    assert_eq!(
        server.handshakes(),
        [HandshakeKind::Full, HandshakeKind::Resumed]
    );

    let mut second = tenant(&connector, &world).await;
    tries(&mut second, request()).await.unwrap();
    assert_eq!(server.handshakes().last(), Some(&HandshakeKind::Full));
    assert_eq!(server.handshakes().len(), 3);
}

/// Server that records the handshake of each connection.
struct Server {
    certificate: CertificateDer<'static>,
    port: u16,
    handshakes: Arc<Mutex<Vec<HandshakeKind>>>,
}

impl Server {
    async fn start(name: &str) -> Self {
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
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handshakes = Arc::<Mutex<Vec<_>>>::default();
        let seen = Arc::clone(&handshakes);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // The client may close the connection at any time.
                let _ = serve(&acceptor, connection, &seen).await;
            }
        });
        Self {
            certificate,
            port,
            handshakes,
        }
    }

    fn handshakes(&self) -> Vec<HandshakeKind> {
        self.handshakes.lock().unwrap().clone()
    }
}

async fn serve(
    acceptor: &TlsAcceptor,
    connection: TcpStream,
    seen: &Mutex<Vec<HandshakeKind>>,
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(connection).await?;
    seen.lock()
        .unwrap()
        .extend(stream.get_ref().1.handshake_kind());
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        .await?;
    stream.shutdown().await
}
