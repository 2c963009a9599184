//! How many of everything there may be.

use core::time::Duration;

/// How many of everything connections may have. Each is refused, or waits, on its own; no limit is there to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections in all; the next ones wait until somebody leaves. Default: 65,536. The limit of open files may be
    /// lower: some of them are kept for the log.
    pub connections: usize,
    /// Connections from one address (for IPv6: one network of 64 bits); the next are closed. Default: 32,768.
    pub connections_per_source: usize,
    /// Channels of one connection, as it is told in tune. Default: 2,047.
    pub channels_per_connection: u16,
    /// Consumers of one channel. Default: 4,096.
    pub consumers_per_channel: u32,
    /// Consumers of all channels of one connection, together. Default: 65,536.
    pub consumers_per_connection: u32,
    /// Octets of the arguments of a declaration, a binding or a consumer. Default: 64 KiB.
    pub arguments_bytes: u64,
    /// Exchanges and queues of one virtual host, together. Default: 1,048,576.
    pub names_per_vhost: u32,
    /// Bindings of one virtual host. Default: 4,194,304.
    pub bindings_per_vhost: u32,
    /// Bindings that lead to one queue or exchange. Default: 131,072.
    pub bindings_per_target: u32,
    /// Bindings that come from one exchange. Default: 1,048,576.
    pub bindings_per_exchange: u32,
    /// Octets of memory that all bindings of one virtual host take. Default: 1 GiB.
    pub binding_bytes_per_vhost: u64,
    /// Publishes and acknowledgements of one transaction. Default: 65,536.
    pub transaction_entries: u32,
    /// Octets that the open transactions of one connection hold. Default: 128 MiB.
    pub transaction_bytes: u64,
    /// Queues of a virtual host that has no such limit of its own. Default: none.
    pub queues_per_vhost: Option<u32>,
    /// Connections to a virtual host that has no such limit of its own. Default: none.
    pub connections_per_vhost: Option<u32>,
    /// Connections of a user who has no such limit of its own. Default: none.
    pub connections_per_user: Option<u32>,
    /// Channels, over all connections, of a user who has no such limit of its own. Default: none.
    pub channels_per_user: Option<u32>,
    /// Users, virtual hosts, permissions, policies and parameters, together. Default: 262,144.
    pub settings: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        let broker = warrener_broker::Limits::default();
        Self {
            connections: 65_536,
            connections_per_source: 32_768,
            channels_per_connection: 2_047,
            consumers_per_channel: broker.consumers_per_channel,
            consumers_per_connection: broker.consumers_per_connection,
            arguments_bytes: broker.arguments_bytes as u64,
            names_per_vhost: broker.names_per_vhost,
            bindings_per_vhost: broker.bindings_per_vhost,
            bindings_per_target: broker.bindings_per_target as u32,
            bindings_per_exchange: broker.bindings_per_exchange as u32,
            binding_bytes_per_vhost: broker.binding_bytes_per_vhost,
            transaction_entries: broker.transaction_entries as u32,
            transaction_bytes: broker.transaction_bytes,
            queues_per_vhost: None,
            connections_per_vhost: None,
            connections_per_user: None,
            channels_per_user: None,
            settings: broker.settings,
        }
    }
}

/// How the operating system finds out that a peer has vanished, whatever heartbeat it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// A peer that has been silent for so long is probed. Default: 60 seconds.
    pub keepalive_after: Duration,
    /// How long after a probe comes the next. Default: 15 seconds.
    pub keepalive_every: Duration,
    /// After so many probes without an answer the peer is gone. Default: 4.
    pub keepalive_probes: u32,
    /// And so it is when it has not acknowledged what was sent for so long, where the system can be told (Linux). Default: 2
    /// minutes.
    pub user_timeout: Duration,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            keepalive_after: Duration::from_secs(60),
            keepalive_every: Duration::from_secs(15),
            keepalive_probes: 4,
            user_timeout: Duration::from_secs(120),
        }
    }
}
