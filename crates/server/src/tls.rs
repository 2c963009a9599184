//! AMQPS: certificates from files, one set for all connections, and a new set when the files change.

mod client_name;
mod session;

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{
    ClientHello, NoClientAuth, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::config::{CertificateFiles, ClientCertificates, TlsConfig};
use crate::poison::LockOrStop;

pub(crate) use client_name::{NoName, user_name};
pub(crate) use session::TlsSession;

/// The certificates that new connections are shown, and what is asked of theirs.
pub(crate) struct Tls {
    config: TlsConfig,
    current: Mutex<Arc<ServerConfig>>,
}

/// Why the files of the TLS settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .file.display())]
pub struct TlsError {
    file: PathBuf,
    reason: String,
}

/// What the files looked like when they were last looked at.
type Looks = Vec<Option<(SystemTime, u64)>>;

impl Tls {
    /// Reads the files.
    pub(crate) fn load(config: TlsConfig) -> Result<Self, TlsError> {
        let current = Mutex::new(load(&config)?);
        Ok(Self { config, current })
    }

    /// What the next connection is served with.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.lock_or_stop())
    }

    /// The settings.
    pub(crate) const fn config(&self) -> &TlsConfig {
        &self.config
    }

    /// Reads the files again. What is wrong with them is logged, and the old ones stay in use.
    pub(crate) fn reload(&self) {
        match load(&self.config) {
            Ok(loaded) => {
                *self.current.lock_or_stop() = loaded;
                tracing::info!("TLS certificates are read again; new connections use them");
            }
            Err(error) => tracing::error!("TLS certificates stay as they were: {error}"),
        }
    }

    /// Reloads whenever a file has changed and rests again, for ever. Files are looked at, because what tells of changes
    /// differs between systems and misses those on network file systems.
    pub(crate) async fn follow_files(&self, every: Duration) {
        let (mut loaded, mut last) = (self.looks(), None);
        loop {
            tokio::time::sleep(every).await;
            let looks = self.looks();
            // A certificate and its key are two files: the second may come a moment later.
            if looks != loaded && last.as_ref() == Some(&looks) {
                self.reload();
                loaded.clone_from(&looks);
            }
            last = Some(looks);
        }
    }

    fn looks(&self) -> Looks {
        let look = |file: &PathBuf| {
            let facts = std::fs::metadata(file).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        };
        let pairs = self.config.certificates.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        pairs.chain(&self.config.client_ca).map(look).collect()
    }
}

fn load(config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let mut shown = Vec::new();
    for files in &config.certificates {
        shown.push(Arc::new(certified_key(files, &provider)?));
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError { file: PathBuf::new(), reason: error.to_string() })?;
    let builder = match &config.client_ca {
        None => builder.with_client_cert_verifier(Arc::new(NoClientAuth)),
        Some(file) => {
            let roots = Arc::new(authorities(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = match config.client_certificates {
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
                ClientCertificates::Required => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().map_err(wrong(file))?)
        }
    };
    let mut loaded = builder.with_cert_resolver(Arc::new(Certificates(shown)));
    // Two TLS 1.3 tickets are sent after each handshake by default, and AMQP clients hardly ever use one.
    loaded.send_tls13_tickets = 1;
    Ok(Arc::new(loaded))
}

fn certified_key(
    files: &CertificateFiles,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(wrong(&files.key))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| TlsError {
        file: files.key.clone(),
        reason: format!("{error} (with the certificate of {})", files.certificate.display()),
    })
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(wrong(file))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(wrong(file))?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(wrong(file))?;
    if certificates.is_empty() {
        return Err(wrong(file)("no certificate in it (PEM is wanted)"));
    }
    Ok(certificates)
}

fn wrong<E: fmt::Display>(file: &Path) -> impl Fn(E) -> TlsError {
    move |error| TlsError { file: file.to_owned(), reason: error.to_string() }
}

/// Which certificate a client is shown: the first that names the server it asks for, else the first.
struct Certificates(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let wanted = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let named = wanted.and_then(|name| self.0.iter().find(|key| is_for(key, &name)));
        named.or_else(|| self.0.first()).cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed =
        key.cert.first().and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
    parsed.is_some_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

/// Keys are never shown.
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificates").field(&self.0.len()).finish()
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
