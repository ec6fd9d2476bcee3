//! Requests over the network, to a server on the loopback address with its own
//! name and certificate.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use http::header::ACCEPT_ENCODING;
use http_body_util::Empty;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::client::Roots;
use super::resolver::{Resolve, Resolving};
use super::*;
use crate::model::AllowRule;

#[test]
fn responses_are_compressed_unless_the_server_is_on_this_machine() {
    for (url, loopback) in [
        ("http://127.0.0.1:8080/", true),
        ("http://[::1]/", true),
        ("http://localhost:8080/", true),
        ("https://db.example.com/", false),
        ("http://192.0.2.2/", false),
        ("http://localhost.example/", false),
    ] {
        let url = Url::parse(url).unwrap();
        assert_eq!(is_loopback(&url, literal_address(&url)), loopback, "{url}");
    }
}

#[tokio::test]
async fn a_server_with_tls_gets_http_2_and_can_compress() {
    let (certificate, port, server) = serve("db.example").await;
    let egress = egress(&format!("https://db.example:{port}"), certificate);
    let (response, _) = egress
        .0
        .send(1, get("db.example", port), None)
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "well");
    let request = server.await.unwrap().unwrap();
    assert_eq!(request.version(), http::Version::HTTP_2);
    assert_eq!(request.uri().path(), "/health");
    let encodings = request.headers().get(ACCEPT_ENCODING).unwrap();
    assert!(
        encodings.to_str().unwrap().contains("gzip"),
        "{encodings:?}"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (certificate, port, _server) = serve("other.example").await;
    let egress = egress(&format!("https://db.example:{port}"), certificate);
    let refused = egress.0.send(1, get("db.example", port), None).await;
    let error = refused.err();
    assert!(
        matches!(error, Some(Error::TlsCertificateError)),
        "{error:?}"
    );
}

/// Creates the request of a guest.
fn get(host: &str, port: u16) -> http::Request<WasiBody> {
    let body = Empty::new().map_err(|never| match never {});
    http::Request::get(format!("https://{host}:{port}/health"))
        .body(body.boxed_unsync())
        .unwrap()
}

/// Creates an egress for one origin that resolves every name to this machine and
/// trusts one certificate.
fn egress(origin: &str, certificate: CertificateDer<'static>) -> Egress {
    struct Here;

    impl Resolve for Here {
        fn resolve(&self, _host: &str) -> Resolving {
            Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
        }
    }

    let rule = AllowRule {
        origin: origin.to_owned(),
        private: true,
        ..AllowRule::default()
    };
    Egress::new(
        Rules::new(&[rule]).unwrap(),
        Arc::new(GrantedSecrets::default()),
        Limits::default(),
        None,
        Network::new(Arc::new(Here), Roots::Only(vec![certificate])),
    )
}

type Served = tokio::task::JoinHandle<io::Result<http::Request<()>>>;

/// Starts a server that answers one request and returns it.
async fn serve(name: &str) -> (CertificateDer<'static>, u16, Served) {
    let certified = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (connection, _) = listener.accept().await?;
        let connection = TlsAcceptor::from(Arc::new(tls)).accept(connection).await?;
        respond(connection).await.map_err(io::Error::other)
    });
    (certificate, port, served)
}

async fn respond(
    connection: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
) -> Result<http::Request<()>, h2::Error> {
    let mut connection = h2::server::handshake(connection).await?;
    let accepted = connection.accept().await;
    let (request, mut respond) = accepted.ok_or(h2::Error::from(h2::Reason::NO_ERROR))??;
    let mut body = respond.send_response(http::Response::new(()), false)?;
    body.send_data(Bytes::from_static(b"well"), true)?;
    // Polling sends the response, until the client disconnects.
    connection.graceful_shutdown();
    while let Some(Ok(_)) = connection.accept().await {}
    Ok(request.map(drop))
}
