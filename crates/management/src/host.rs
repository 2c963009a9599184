//! What the management needs of whoever runs the broker: one trait.

use core::future::Future;
use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use std::collections::BTreeMap;

use tokio::sync::mpsc::UnboundedReceiver;
use warrener_broker::{
    Command, CommandError, ConnectionId, Effect, Input, Outcome, PasswordHash, View,
};
use warrener_codec::Table;

/// A command's answer, when it comes. A host that stops answers with an error that says so.
pub type Answer = Pin<Box<dyn Future<Output = Result<Outcome, CommandError>> + Send>>;

/// Whether a login is right, when that is known.
pub type Login = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Whoever runs the broker, and knows what the broker does not: sockets, listeners, the process.
pub trait Host: Send + Sync + 'static {
    /// Looks at the broker between two turns, which wait for it: `look` takes a bounded part at a time.
    fn look(&self, look: &mut dyn FnMut(View<'_>));

    /// Asks the broker for something.
    fn command(&self, command: Command) -> Answer;

    /// Whether this is a user's password, and may be given from this address. The answer takes as long when there is no such user.
    fn login(&self, user: String, password: String, from: IpAddr) -> Login;

    /// The hash to keep of a new password.
    fn hash(&self, password: &[u8]) -> PasswordHash;

    /// A client of the broker that has no wire: it is told of as by [`tell`](Self::tell), and hears what it is sent.
    fn open_session(&self) -> (ConnectionId, UnboundedReceiver<Effect>);

    /// The client without a wire does this.
    fn tell(&self, input: Input);

    /// The client without a wire is gone.
    fn close_session(&self, session: ConnectionId);

    /// What is known of the sockets of connections.
    fn sockets(&self) -> BTreeMap<ConnectionId, Socket>;

    /// Closes a connection with 320 and this reason; whether there is such a connection.
    fn close_connection(&self, connection: ConnectionId, reason: &str) -> bool;

    /// Where it listens.
    fn listeners(&self) -> Vec<Listener>;

    /// How full the queues between the server's own tasks and threads are.
    fn levels(&self) -> Vec<Level>;

    /// What the process is and uses.
    fn process(&self) -> Process;
}

/// One connection's socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Socket {
    /// The two ends, as in `10.0.0.7:4711 -> 10.0.0.1:5672`: the name of the connection here.
    pub name: String,
    /// Where the client is.
    pub peer: Option<SocketAddr>,
    /// Where it was let in.
    pub local: Option<SocketAddr>,
    /// Whether the stream is encrypted.
    pub tls: bool,
    /// Since when it is there, in milliseconds since the epoch.
    pub since_ms: u64,
    /// How the client logged in.
    pub mechanism: String,
    /// What it says about itself.
    pub client_properties: Table,
    /// The largest channel number agreed on.
    pub channel_max: u16,
    /// The heartbeat agreed on, in seconds.
    pub heartbeat_s: u16,
    /// Octets received.
    pub received_bytes: u64,
    /// Octets sent.
    pub sent_bytes: u64,
    /// How many reads brought something.
    pub reads: u64,
    /// How many writes took something.
    pub writes: u64,
}

/// How much waits somewhere, and how much may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// What waits: `disk_records`, `outbound_bytes` and the like.
    pub name: &'static str,
    /// How much there is.
    pub now: u64,
    /// How much there may be, or where who fills it is held up.
    pub bound: u64,
}

/// Something that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// `amqp`, `amqp/ssl`, `http`, `https`, `http/prometheus`.
    pub protocol: String,
    /// Where.
    pub address: SocketAddr,
    /// Whether it is encrypted.
    pub tls: bool,
}

/// What a process is and uses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// The node's name, `warrener@host`.
    pub node: String,
    /// The process's number.
    pub pid: u32,
    /// How long it runs, in milliseconds.
    pub uptime_ms: u64,
    /// Resident memory, in octets.
    pub memory_bytes: u64,
    /// Open file descriptors.
    pub files: u64,
    /// How many there may be.
    pub files_max: u64,
    /// Processors.
    pub processors: u32,
    /// Free octets on the disk, if that is known.
    pub disk_free_bytes: Option<u64>,
    /// Publishers wait below that.
    pub disk_limit_bytes: u64,
    /// Where durable things are kept; nothing when they are kept in memory.
    pub data_dir: Option<String>,
    /// How often the log was written and synced, by how long that took: upper bounds in seconds, and how many took so long
    /// and longer than the bound before.
    pub commits: Vec<(f64, u64)>,
}
