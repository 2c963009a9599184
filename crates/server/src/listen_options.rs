//! The options of the command line about listening for anything but plain AMQP.

use core::net::SocketAddr;
use std::path::PathBuf;

use crate::cli::parse_address;
use crate::config::{
    CertificateFiles, CertificateLogin, ClientCertificates, Config, ConnectionLimits, Listen,
    Network, TlsConfig,
};

#[derive(Debug, clap::Args)]
pub(crate) struct ListenOptions {
    /// Listen for AMQP over TLS on this address; may be given several times
    ///
    /// Without it, and with --tls-cert: port 5671 of 127.0.0.1 and, where the machine has it, of ::1.
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_address, requires = "tls_cert")]
    tls_listen: Vec<SocketAddr>,

    /// Show clients this certificate, and those that lead to its authority (PEM); may be given several times
    ///
    /// A client that asks for a server by name is shown the first that names it, any other the first of all. The files
    /// are read again when they change, and on SIGHUP.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Vec<PathBuf>,

    /// The private key of each --tls-cert, in the same order (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Vec<PathBuf>,

    /// Ask clients for certificates of these authorities (PEM); the mechanism EXTERNAL logs in whom they name
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,

    /// Whether clients must show a certificate: optional or required
    #[arg(long, value_name = "WHETHER", default_value = "optional", requires = "tls_client_ca")]
    tls_client_certificates: ClientCertificates,

    /// Where a client's certificate names its user
    ///
    /// distinguished_name, common_name or `subject_alternative_name:KIND[:INDEX]`, where KIND is dns, ip, email or uri.
    #[arg(
        long,
        value_name = "WHERE",
        default_value = "distinguished_name",
        requires = "tls_client_ca"
    )]
    tls_login_from: CertificateLogin,

    /// Believe what this load balancer, or all in this network, say about clients by the PROXY protocol (version 1 or 2);
    /// may be given several times
    ///
    /// They must say it at the beginning of every connection, on every address; whoever is not named must not.
    #[arg(long, value_name = "NETWORK")]
    proxy_from: Vec<Network>,

    /// Let so many connections in; the next wait until somebody leaves
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().connections)]
    max_connections: usize,

    /// And so many from one address, or one network of 64 bits of IPv6; the next are closed
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().connections_per_source)]
    max_connections_per_source: usize,
}

impl ListenOptions {
    pub(crate) fn apply(self, config: &mut Config) -> Result<(), String> {
        config.proxies = self.proxy_from;
        config.limits.connections = self.max_connections;
        config.limits.connections_per_source = self.max_connections_per_source;
        if self.tls_cert.len() != self.tls_key.len() {
            return Err(format!(
                "{} --tls-cert and {} --tls-key: each certificate needs its key, in the same order",
                self.tls_cert.len(),
                self.tls_key.len()
            ));
        }
        let pairs = self.tls_cert.into_iter().zip(self.tls_key);
        let mut pairs = pairs.map(|(certificate, key)| CertificateFiles { certificate, key });
        let Some(first) = pairs.next() else { return Ok(()) };
        let mut tls = TlsConfig::new(first);
        tls.certificates.extend(pairs);
        if !self.tls_listen.is_empty() {
            tls.listen = Listen::On(self.tls_listen);
        }
        tls.client_ca = self.tls_client_ca;
        tls.client_certificates = self.tls_client_certificates;
        tls.login_from = self.tls_login_from;
        config.tls = Some(tls);
        Ok(())
    }
}
