//! `amqps://`, through a TLS end in front of a broker in this process.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use warrener_client::{Connection, Error};
use warrener_server::{Config, Listen, Server};

/// Where TLS is spoken, and the file of the authority that vouches for it: the certificate itself.
async fn broker(name: &str) -> (u16, tempfile::NamedTempFile) {
    let mut config = Config::in_memory();
    config.listen = Listen::On(vec![([127, 0, 0, 1], 0).into()]);
    let server = Server::start(config).await.unwrap();
    let plain = server.addresses()[0];
    tokio::spawn(server.run(core::future::pending()));

    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut client) = acceptor.accept(client).await {
                    let mut broker = TcpStream::connect(plain).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut broker).await;
                }
            });
        }
    });
    (port, file)
}

#[tokio::test]
async fn a_uri_with_tls_connects_to_whom_its_authority_vouches_for() {
    let (port, authority) = broker("localhost").await;
    let authority = authority.path().display();
    let uri = format!("amqps://guest:guest@localhost:{port}/%2F?cacertfile={authority}");
    let connection = Connection::open(&uri).await.unwrap();
    connection.channel().await.unwrap().confirm_select().await.unwrap();
    connection.close().await.unwrap();

    // The same end under another name, and one that nobody vouches for.
    let elsewhere = uri.replace("localhost", "127.0.0.1");
    let named = format!("{elsewhere}&server_name_indication=localhost");
    Connection::open(&named).await.unwrap().close().await.unwrap();
    let (_, other) = broker("localhost").await;
    let stranger = uri.replace(&authority.to_string(), &other.path().display().to_string());
    for uri in [elsewhere, stranger] {
        let refused = Connection::open(&uri).await.unwrap_err();
        assert!(matches!(refused, Error::Tls(_)), "{refused}");
    }
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused_before_anything_is_sent() {
    let (port, authority) = broker("localhost").await;
    let authority = authority.path().display();
    for (options, reason) in [
        ("verify=verify_none".to_owned(), "may be anybody"),
        ("cacertfile=/nowhere.pem".to_owned(), "/nowhere.pem"),
        (format!("cacertfile={authority}&certfile={authority}"), "come together"),
    ] {
        let uri = format!("amqps://localhost:{port}?{options}");
        let refused = Connection::open(&uri).await.unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}
