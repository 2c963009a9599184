//! What a host chooses before a connection begins, and every bound it holds a peer to.

use core::time::Duration;

use warrener_codec::{LongStr, ShortStr, Table, TableBuilder, TableRef};

use crate::{Mechanism, Tune};

/// The bounds on memory and work, for either role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest frame before connection.tune-ok, in octets. The specification says 4,096, but tokens in start-ok
    /// are longer.
    pub login_frame_max: u32,
    /// Octets by which a received frame may pass the negotiated size: some clients forget to count the envelope
    /// (RabbitMQ extension).
    pub frame_slack: u32,
    /// How deep tables and arrays may nest.
    pub table_depth: u8,
    /// How many values one table may hold.
    pub table_entries: u32,
    /// The largest body that is taken, in octets; larger ones become [`Event::Oversized`](crate::Event::Oversized).
    pub message_max_bytes: u64,
    /// The largest body that may be announced at all, in octets; larger ones close the connection with 501.
    pub message_hard_max_bytes: u64,
    /// Unfinished content over all channels together, in octets, with its bookkeeping; more closes the connection
    /// with 506. Never less than one message of `message_max_bytes` needs.
    pub unfinished_max_bytes: usize,
    /// Octets waiting to be written from which on [`wants_read`](crate::Connection::wants_read) is false and
    /// [`is_congested`](crate::Outbound::is_congested) true.
    pub outgoing_high_bytes: usize,
    /// Octets waiting to be written from which on nothing more is taken
    /// ([`Misuse::OutgoingFull`](crate::Misuse::OutgoingFull)).
    pub outgoing_max_bytes: usize,
    /// Bodies up to this size are copied into the outgoing buffer; larger ones are shared.
    pub copy_max_bytes: usize,
}

impl Limits {
    /// 16 KiB to log in, 16 MiB messages of at most 512 MiB, 128 MiB unfinished, 1 MiB and 64 MiB waiting, 1 KiB copied.
    pub const DEFAULT: Self = Self {
        login_frame_max: 16 * 1024,
        frame_slack: 8,
        table_depth: 64,
        table_entries: 16_384,
        message_max_bytes: 16 * 1024 * 1024,
        message_hard_max_bytes: 512 * 1024 * 1024,
        unfinished_max_bytes: 128 * 1024 * 1024,
        outgoing_high_bytes: 1024 * 1024,
        outgoing_max_bytes: 64 * 1024 * 1024,
        copy_max_bytes: 1024,
    };

    /// What the codec is held to while logging in.
    pub(crate) fn for_login(&self) -> warrener_codec::Limits {
        let mut limits = warrener_codec::Limits::with_frame_max(self.login_frame_max);
        limits.frame_slack = self.frame_slack;
        limits.table_depth = self.table_depth;
        limits.table_entries = self.table_entries;
        limits
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A client's side of the handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How to log in.
    pub mechanism: Mechanism,
    /// The virtual host to open.
    pub vhost: ShortStr,
    /// What to say about this client.
    pub client_properties: Table,
    /// The locale for reply texts.
    pub locale: ShortStr,
    /// The highest channel number wanted; 0 for as many as the server offers.
    pub channel_max: u16,
    /// The largest frame wanted, in octets; 0 for what the server offers.
    pub frame_max: u32,
    /// Seconds between heartbeats, 0 for none; `None` for what the server offers.
    pub heartbeat_s: Option<u16>,
    /// How long connecting to an open virtual host may take.
    pub handshake_timeout: Duration,
    /// The bounds on memory and work.
    pub limits: Limits,
}

impl ClientConfig {
    /// A client that logs in this way and opens this virtual host (cut at 255 octets, which no server accepts).
    #[must_use]
    pub fn new(mechanism: Mechanism, vhost: &str) -> Self {
        let capabilities = [
            "authentication_failure_close",
            "basic.nack",
            "connection.blocked",
            "consumer_cancel_notify",
            "exchange_exchange_bindings",
            "publisher_confirms",
        ];
        Self {
            mechanism,
            vhost: ShortStr::truncated(vhost),
            client_properties: properties("Warrener client", &capabilities),
            locale: ShortStr::from_static("en_US"),
            channel_max: Tune::DEFAULT.channel_max,
            frame_max: Tune::DEFAULT.frame_max,
            heartbeat_s: None,
            handshake_timeout: Duration::from_secs(10),
            limits: Limits::DEFAULT,
        }
    }
}

impl Default for ClientConfig {
    /// `guest` and `guest` on `/`.
    fn default() -> Self {
        Self::new(Mechanism::plain("guest", "guest"), "/")
    }
}

/// A server's side of the handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The mechanisms offered, separated by spaces. Those this crate takes apart are PLAIN, AMQPLAIN, EXTERNAL and
    /// ANONYMOUS; for any other the host gets the octets.
    pub mechanisms: LongStr,
    /// What to say about this server, capabilities included.
    pub server_properties: Table,
    /// The locales offered, separated by spaces.
    pub locales: LongStr,
    /// The limits offered.
    pub tune: Tune,
    /// How long it may take from the first octet to an open virtual host, the host's decisions included.
    pub handshake_timeout: Duration,
    /// How long a stream stays open in silence after a login that failed without a word: it slows down guessing.
    pub refusal_pause: Duration,
    /// The bounds on memory and work.
    pub limits: Limits,
}

impl ServerConfig {
    /// A server with RabbitMQ's limits and capabilities, and PLAIN and AMQPLAIN.
    #[must_use]
    pub fn new() -> Self {
        let capabilities = [
            "publisher_confirms",
            "exchange_exchange_bindings",
            "basic.nack",
            "consumer_cancel_notify",
            "connection.blocked",
            "consumer_priorities",
            "authentication_failure_close",
            "per_consumer_qos",
            "direct_reply_to",
        ];
        Self {
            mechanisms: LongStr::from_static("PLAIN AMQPLAIN"),
            server_properties: properties("Warrener", &capabilities),
            locales: LongStr::from_static("en_US"),
            tune: Tune::DEFAULT,
            handshake_timeout: Duration::from_secs(10),
            refusal_pause: Duration::from_secs(3),
            limits: Limits::DEFAULT,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The properties either side introduces itself with. The names are short, so the table cannot fail to fit.
fn properties(product: &str, capabilities: &[&str]) -> Table {
    let mut able = TableBuilder::new();
    for name in capabilities {
        able.insert(name, true);
    }
    let able = able.build().unwrap_or_default();
    let able: TableRef<'_> = able.as_table_ref();
    TableBuilder::new()
        .with("product", product)
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("platform", "Rust")
        .with("capabilities", able)
        .build()
        .unwrap_or_default()
}
