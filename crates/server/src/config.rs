//! What a server can be told, and what it does when told nothing.

mod connection_limits;
mod network;
mod tls;

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use warrener_broker::{Sync, Syncs};
use warrener_codec::ShortStr;
use warrener_endpoint::Authentication;

use crate::limits;
use crate::password_hash::Hashing;

pub use connection_limits::{ConnectionLimits, TcpConfig};
pub use network::Network;
pub use tls::{AlternativeName, CertificateFiles, CertificateLogin, ClientCertificates, TlsConfig};

/// The port registered for AMQP (AMQP 0-9-1 §4.1).
pub const AMQP_PORT: u16 = 5672;

/// The port registered for AMQP over TLS.
pub const AMQPS_PORT: u16 = 5671;

/// Everything a server is told before it starts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// AMQP over TLS, on ports of its own. Default: none.
    pub tls: Option<TlsConfig>,
    /// Where to listen for AMQP over WebSocket. Default: nowhere.
    pub web_socket: Vec<SocketAddr>,
    /// The same over TLS, with the certificates of [`tls`](Self::tls). Default: nowhere.
    pub web_socket_tls: Vec<SocketAddr>,
    /// The load balancers that begin every connection with a header of the PROXY protocol, and are believed. Default:
    /// none, and nobody else is.
    pub proxies: Vec<Network>,
    /// How many of everything there may be.
    pub limits: ConnectionLimits,
    /// How a peer that has vanished is noticed.
    pub tcp: TcpConfig,
    /// Where durable things are kept.
    pub storage: Storage,
    /// Publishers wait while less than this is free on the disk. Without it: the smaller of 1 GiB and 5 % of the disk, but
    /// never less than two segments of the log (64 MiB each) and the largest message (128 MiB).
    pub disk_free_bytes: Option<u64>,
    /// How much the broker may hold in memory, in bytes, before the contents of waiting messages are left to the disk.
    /// Without it: a quarter of what the machine, or the process's control group, has.
    pub memory_budget_bytes: Option<u64>,
    /// Where the management API is.
    pub management: Http,
    /// Where the management API is over TLS, with the certificates of [`tls`](Self::tls). Default: nowhere.
    pub management_tls: Option<SocketAddr>,
    /// Where metrics are collected.
    pub metrics: Http,
    /// Where whoever runs the broker may steer it without a login.
    pub control_socket: ControlSocket,
    /// Definitions in RabbitMQ's JSON that are taken at every start, before anybody is let in. Default: none.
    pub definitions: Option<PathBuf>,
    /// What confirms wait for, in which virtual host. Without it: for the disk, in all.
    pub syncs: Syncs,
    /// Users who may log in from anywhere and do anything in the default virtual host, beside guest from this machine.
    pub users: Vec<User>,
    /// Who says which names and passwords are right, in place of the passwords that the broker keeps. Default: nobody else.
    pub authentication: Option<Arc<dyn Authentication>>,
    /// How new passwords are kept. Default: SHA-256 with salt, as in RabbitMQ.
    pub hashing: Hashing,
    /// What the server says about itself in place of, or beside, what it says by itself: `product`, `version` and the
    /// like. `capabilities` are what they are, and stay.
    pub server_properties: BTreeMap<String, String>,
    /// The virtual host that exists from the start, and in which [`users`](Self::users) may do anything.
    pub default_vhost: ShortStr,
    /// Whether guest with password guest may log in from anywhere, and not from this machine only. For developing only.
    pub remote_guest: bool,
    /// Whether whoever asks for the mechanism ANONYMOUS is let in as guest. For developing only.
    pub anonymous: bool,
    /// How long a peer has to log in and open a virtual host.
    pub handshake_timeout: Duration,
    /// How long a shutdown waits for peers to take their close.
    pub shutdown_timeout: Duration,
}

impl Config {
    /// The defaults: loopback only, port 5672, nothing kept beyond the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with_storage(Storage::Memory)
    }

    /// The defaults, with durable things kept in `directory`.
    #[must_use]
    pub fn in_directory(directory: PathBuf) -> Self {
        Self::with_storage(Storage::Directory(directory))
    }

    fn with_storage(storage: Storage) -> Self {
        Self {
            listen: Listen::Loopback,
            tls: None,
            web_socket: Vec::new(),
            web_socket_tls: Vec::new(),
            proxies: Vec::new(),
            limits: ConnectionLimits::default(),
            tcp: TcpConfig::default(),
            storage,
            disk_free_bytes: None,
            memory_budget_bytes: None,
            management: Http::Default,
            management_tls: None,
            metrics: Http::Default,
            control_socket: ControlSocket::Default,
            definitions: None,
            syncs: Syncs { default: Sync::Always, named: BTreeMap::new() },
            users: Vec::new(),
            authentication: None,
            hashing: Hashing::default(),
            server_properties: BTreeMap::new(),
            default_vhost: ShortStr::from_static("/"),
            remote_guest: false,
            anonymous: false,
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            shutdown_timeout: limits::SHUTDOWN_TIMEOUT,
        }
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// The usual port of 127.0.0.1 and, where the machine has it, of ::1 (some clients resolve `localhost` to that one only).
    Loopback,
    /// Exactly these addresses, of either family; port 0 takes a free one.
    On(Vec<SocketAddr>),
}

impl Listen {
    /// The default addresses: the second is one that the machine may lack.
    pub(crate) const fn loopback(port: u16) -> [SocketAddr; 2] {
        [
            SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            SocketAddr::new(core::net::IpAddr::V6(Ipv6Addr::LOCALHOST), port),
        ]
    }
}

/// The port of RabbitMQ's management API.
pub const MANAGEMENT_PORT: u16 = 15672;

/// The port of RabbitMQ's management API over TLS.
pub const MANAGEMENT_TLS_PORT: u16 = 15671;

/// The port of RabbitMQ's metrics.
pub const METRICS_PORT: u16 = 15692;

/// Where something is served by HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// Nowhere.
    Off,
    /// On its port of 127.0.0.1; when that is taken, nowhere, which is warned of.
    Default,
    /// Exactly there; port 0 takes a free one.
    On(SocketAddr),
}

/// Where the socket of `warrener ctl` is: the management API for whoever may open this file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlSocket {
    /// Nowhere.
    Off,
    /// `control.sock` in the data directory; nowhere when there is none.
    Default,
    /// Exactly there. A broker that was killed may have left a socket behind; other files are not touched.
    At(PathBuf),
}

/// Where durable things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory: durable queues and persistent messages end with the process.
    Memory,
    /// In this directory, which is created if need be and held by one broker at a time.
    Directory(PathBuf),
}

/// A user and the password to log in with.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    password: String,
}

impl User {
    /// A user; `None` when a part is empty or the name is longer than AMQP can say (255 bytes).
    #[must_use]
    pub fn new(name: &str, password: &str) -> Option<Self> {
        let lawful = !name.is_empty() && name.len() <= 255 && !password.is_empty();
        lawful.then(|| Self { name: name.to_owned(), password: password.to_owned() })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

/// A password is never shown.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `NAME:PASSWORD`, cut at the first colon, as in a URL.
impl FromStr for User {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        let (name, password) = text.split_once(':').ok_or(UserError)?;
        Self::new(name, password).ok_or(UserError)
    }
}

/// What was given is not `NAME:PASSWORD`. It is not quoted, because it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("NAME:PASSWORD, both not empty, the name at most 255 bytes")]
pub struct UserError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_and_the_rest_is_the_password() {
        let user: User = "ann:a:b".parse().unwrap();
        assert_eq!((user.name(), user.password()), ("ann", "a:b"));
        for wrong in ["", "ann", ":secret", "ann:"] {
            assert_eq!(wrong.parse::<User>(), Err(UserError), "{wrong}");
        }
        assert!(User::new(&"x".repeat(256), "p").is_none());
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = Config { users: vec!["ann:hunter2".parse().unwrap()], ..Config::in_memory() };
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!UserError.to_string().contains("hunter2"));
    }
}
