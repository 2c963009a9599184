//! The settings of AMQPS.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

use super::Listen;

/// How AMQPS is spoken: where, with which certificates, and what is asked of clients'.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Where to listen for it. Default: port 5671 of this machine.
    pub listen: Listen,
    /// What the server shows. A client that asks for a server by name (SNI) is shown the first that names it, any other
    /// the first.
    pub certificates: Vec<CertificateFiles>,
    /// The certificates of the authorities that clients' certificates must come from, in PEM. Without it, none is asked
    /// for.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show one, where [`client_ca`](Self::client_ca) is given. Default: it may.
    pub client_certificates: ClientCertificates,
    /// Where a client's certificate says which user it is, for the mechanism EXTERNAL (RabbitMQ: `ssl_cert_login_from`).
    pub login_from: CertificateLogin,
}

impl TlsConfig {
    /// The defaults, with this certificate.
    #[must_use]
    pub fn new(certificate: CertificateFiles) -> Self {
        Self {
            listen: Listen::Loopback,
            certificates: vec![certificate],
            client_ca: None,
            client_certificates: ClientCertificates::Optional,
            login_from: CertificateLogin::Subject,
        }
    }
}

/// A certificate and its key. Both files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// A client may show none; one that it shows must be good.
    Optional,
    /// Without one nobody gets in.
    Required,
}

/// `optional` or `required`.
impl FromStr for ClientCertificates {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err("optional or required"),
        }
    }
}

/// The words that are read.
impl fmt::Display for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Optional => "optional",
            Self::Required => "required",
        })
    }
}

/// Which part of a client's certificate is its user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateLogin {
    /// The whole subject, as RFC 4514 writes it: `CN=ann,O=Burrow`.
    Subject,
    /// The subject's common name; several are joined by commas.
    CommonName,
    /// A subject alternative name.
    AlternativeName {
        /// Of this kind.
        kind: AlternativeName,
        /// Which of those, counted from 0.
        index: usize,
    },
}

/// A kind of subject alternative name (RFC 5280 §4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// `dNSName`.
    Dns,
    /// `iPAddress`, as it is usually written.
    Ip,
    /// `rfc822Name`.
    Email,
    /// `uniformResourceIdentifier`.
    Uri,
}

/// `distinguished_name`, `common_name`, or `subject_alternative_name:` and a kind, and perhaps a colon and its index.
impl FromStr for CertificateLogin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "distinguished_name, common_name or subject_alternative_name:KIND[:INDEX], where KIND is dns, ip, \
                              email or uri";
        let mut parts = text.split(':');
        let found = match (parts.next(), parts.next(), parts.next()) {
            (Some("distinguished_name"), None, None) => Self::Subject,
            (Some("common_name"), None, None) => Self::CommonName,
            (Some("subject_alternative_name"), Some(kind), index) => {
                let kind = match kind {
                    "dns" => AlternativeName::Dns,
                    "ip" => AlternativeName::Ip,
                    "email" => AlternativeName::Email,
                    "uri" => AlternativeName::Uri,
                    _ => return Err(WANTED),
                };
                let index = index.map_or(Ok(0), str::parse).map_err(|_| WANTED)?;
                Self::AlternativeName { kind, index }
            }
            _ => return Err(WANTED),
        };
        if parts.next().is_some() { Err(WANTED) } else { Ok(found) }
    }
}

/// The words that are read.
impl fmt::Display for CertificateLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Subject => return f.write_str("distinguished_name"),
            Self::CommonName => return f.write_str("common_name"),
            Self::AlternativeName { kind: AlternativeName::Dns, .. } => "dns",
            Self::AlternativeName { kind: AlternativeName::Ip, .. } => "ip",
            Self::AlternativeName { kind: AlternativeName::Email, .. } => "email",
            Self::AlternativeName { kind: AlternativeName::Uri, .. } => "uri",
        };
        let index = if let Self::AlternativeName { index, .. } = self { *index } else { 0 };
        write!(f, "subject_alternative_name:{kind}:{index}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_certificate_names_its_user_is_said_in_a_word() {
        let read = |text: &str| text.parse::<CertificateLogin>();
        assert_eq!(read("common_name"), Ok(CertificateLogin::CommonName));
        assert_eq!(read("distinguished_name"), Ok(CertificateLogin::Subject));
        let uri = |index| CertificateLogin::AlternativeName { kind: AlternativeName::Uri, index };
        assert_eq!(read("subject_alternative_name:uri"), Ok(uri(0)));
        assert_eq!(read("subject_alternative_name:uri:2"), Ok(uri(2)));
        for wrong in ["", "CN", "subject_alternative_name", "common_name:0"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for wrong in ["subject_alternative_name:url", "subject_alternative_name:dns:x:y"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
