//! TLS for `amqps://` (feature `tls`), by rustls.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use warrener_connection::Uri;

use crate::Error;

/// Speaks TLS on a stream to the URI's host, by the URI's options, which are those of RabbitMQ's clients:
///
/// - `cacertfile`: whom to believe (PEM); without it, the authorities that this machine believes
/// - `certfile` and `keyfile`: who we are (PEM), for brokers that ask
/// - `server_name_indication`: the name to ask for, where it is not the host
pub(crate) async fn over(stream: TcpStream, uri: &Uri) -> Result<TlsStream<TcpStream>, Error> {
    let name = option(uri, "server_name_indication").unwrap_or(&uri.host).to_owned();
    let name = ServerName::try_from(name).map_err(refused)?;
    let connector = TlsConnector::from(Arc::new(config(uri)?));
    connector.connect(name, stream).await.map_err(|error| Error::Tls(Arc::new(error)))
}

fn config(uri: &Uri) -> Result<ClientConfig, Error> {
    if option(uri, "verify").is_some_and(|verify| verify != "verify_peer") {
        return Err(refused("a broker that is not verified may be anybody: give its cacertfile"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(roots(option(uri, "cacertfile"))?);
    match (option(uri, "certfile"), option(uri, "keyfile")) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificates), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| refused(format!("{key}: {error}")))?;
            builder.with_client_auth_cert(read(certificates)?, key).map_err(refused)
        }
        _ => Err(refused("certfile and keyfile come together")),
    }
}

fn roots(file: Option<&str>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in read(file)? {
                roots.add(certificate).map_err(refused)?;
            }
        }
        None => {
            // Those of the machine that cannot be read are as good as not there.
            let found = rustls_native_certs::load_native_certs();
            let _ = roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() { Err(refused("no authority to believe")) } else { Ok(roots) }
}

fn read(file: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|error| refused(format!("{file}: {error}")))
}

fn option<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let option = uri.others.iter().find(|(known, _)| known == name);
    option.map(|(_, value)| value.as_str())
}

/// What is wrong on this side, before anything is sent.
fn refused(reason: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Error {
    Error::Tls(Arc::new(io::Error::new(io::ErrorKind::InvalidInput, reason)))
}
