//! What the server says about itself, and what it holds every peer to, from the first octet on.

use warrener_broker::RABBITMQ_VERSION;
use warrener_codec::{TableBuilder, TableRef};
use warrener_connection::ServerConfig;

use crate::config::Config;

/// The server's side of every handshake.
pub(crate) fn config(config: &Config, broker: &warrener_broker::Config) -> ServerConfig {
    let mut greeting = ServerConfig::new();
    greeting.handshake_timeout = config.handshake_timeout;
    greeting.limits.message_max_bytes = broker.limits.message_bytes;
    let capabilities = greeting.server_properties.get("capabilities");
    let capabilities: TableRef<'_> =
        capabilities.and_then(|value| value.as_table()).unwrap_or_default();
    let properties = TableBuilder::new()
        .with("product", "Warrener")
        // Clients branch on the version, and it is RabbitMQ's that they know.
        .with("version", RABBITMQ_VERSION)
        .with("platform", concat!("Warrener ", env!("CARGO_PKG_VERSION")))
        .with("information", "Licensed under MIT or Apache-2.0")
        .with("cluster_name", "warrener")
        .with("capabilities", capabilities)
        .build();
    greeting.server_properties = properties.unwrap_or_default();
    greeting
}
