//! What the keys of section `tls` say together.

use core::net::SocketAddr;
use std::path::PathBuf;

use crate::config::{CertificateFiles, CertificateLogin, ClientCertificates, Listen, TlsConfig};

/// The section as it was given.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) cert: Vec<PathBuf>,
    pub(crate) key: Vec<PathBuf>,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) client_certificates: ClientCertificates,
    pub(crate) login_from: CertificateLogin,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            cert: Vec::new(),
            key: Vec::new(),
            client_ca: None,
            client_certificates: ClientCertificates::Optional,
            login_from: CertificateLogin::Subject,
        }
    }
}

impl Tls {
    /// What the server is told: nothing without a certificate.
    pub(crate) fn finished(&self) -> Result<Option<TlsConfig>, String> {
        if self.cert.len() != self.key.len() {
            return Err(format!(
                "{} of tls.cert and {} of tls.key: each certificate needs its key, in the same order (--tls-cert, --tls-key)",
                self.cert.len(),
                self.key.len()
            ));
        }
        let pairs = self.cert.iter().cloned().zip(self.key.iter().cloned());
        let mut pairs = pairs.map(|(certificate, key)| CertificateFiles { certificate, key });
        let Some(first) = pairs.next() else {
            let idle = [
                ("tls.listen", !self.listen.is_empty()),
                ("tls.client_ca", self.client_ca.is_some()),
            ];
            let idle = idle.into_iter().find(|(_, given)| *given);
            return idle
                .map_or(Ok(None), |(name, _)| Err(format!("{name} needs tls.cert (--tls-cert)")));
        };
        let mut tls = TlsConfig::new(first);
        tls.certificates.extend(pairs);
        if !self.listen.is_empty() {
            tls.listen = Listen::On(self.listen.clone());
        }
        if self.client_ca.is_none() && self.client_certificates == ClientCertificates::Required {
            return Err("tls.client_certificates needs tls.client_ca (--tls-client-ca)".to_owned());
        }
        tls.client_ca.clone_from(&self.client_ca);
        tls.client_certificates = self.client_certificates;
        tls.login_from = self.login_from;
        Ok(Some(tls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_its_key_and_nothing_is_said_for_nothing() {
        assert_eq!(Tls::default().finished(), Ok(None));
        let (cert, key) = (vec!["c".into()], vec!["k".into()]);
        let given = Tls { cert: cert.clone(), key, ..Tls::default() };
        assert!(matches!(given.finished(), Ok(Some(tls)) if tls.certificates.len() == 1));
        let required = Tls { client_certificates: ClientCertificates::Required, ..given };
        for (wrong, named) in [
            (Tls { cert, ..Tls::default() }, "tls.key"),
            (Tls { listen: vec!["[::1]:1".parse().unwrap()], ..Tls::default() }, "tls.listen"),
            (Tls { client_ca: Some("ca".into()), ..Tls::default() }, "tls.client_ca"),
            (required, "tls.client_ca"),
        ] {
            let refusal = wrong.finished().unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
    }
}
