//! What the server says about itself, and what it holds every peer to, from the first octet on.

use warrener_broker::RABBITMQ_VERSION;
use warrener_codec::{LongStr, Table, TableBuilder, TableRef};
use warrener_connection::ServerConfig;

use crate::config::Config;

/// The server's side of every handshake.
pub(crate) fn config(config: &Config, broker: &warrener_broker::Config) -> ServerConfig {
    let mut greeting = ServerConfig::new();
    if config.anonymous {
        greeting.mechanisms = LongStr::from_static("PLAIN AMQPLAIN ANONYMOUS");
    }
    greeting.limits.message_max_bytes = broker.limits.message_bytes;
    renewed(config, &greeting)
}

/// The same, where the configuration may change while the server runs.
pub(crate) fn renewed(config: &Config, greeting: &ServerConfig) -> ServerConfig {
    let mut greeting = greeting.clone();
    greeting.tune.channel_max = config.limits.channels_per_connection;
    greeting.handshake_timeout = config.handshake_timeout;
    greeting.server_properties = properties(config, &greeting.server_properties);
    greeting
}

/// Clients behave by `product` and `version` (kombu by the first, NServiceBus by both), and it is RabbitMQ that they know;
/// the rest says what this is.
const TOLD: [(&str, &str); 6] = [
    ("product", "RabbitMQ"),
    ("version", RABBITMQ_VERSION),
    ("platform", concat!("Warrener ", env!("CARGO_PKG_VERSION"))),
    ("information", "Warrener, which behaves like RabbitMQ. Licensed under MIT or Apache-2.0"),
    ("cluster_name", "warrener"),
    ("warrener_version", env!("CARGO_PKG_VERSION")),
];

const CAPABILITIES: &str = "capabilities";

/// What is told, with what the host wants told otherwise.
fn properties(config: &Config, defaults: &Table) -> Table {
    let capabilities = defaults.get(CAPABILITIES);
    let capabilities: TableRef<'_> =
        capabilities.and_then(|value| value.as_table()).unwrap_or_default();
    let wanted = &config.server_properties;
    let mut told = TableBuilder::new();
    for (name, text) in TOLD {
        told.insert(name, wanted.get(name).map_or(text, String::as_str));
    }
    let more = wanted.iter().filter(|(name, _)| TOLD.iter().all(|(known, _)| *known != **name));
    for (name, text) in more.filter(|(name, _)| *name != CAPABILITIES) {
        told.insert(name, text.as_str());
    }
    told.insert(CAPABILITIES, capabilities);
    told.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(wanted: &[(&str, &str)]) -> Table {
        let wanted = wanted.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let config = Config { server_properties: wanted.collect(), ..Config::in_memory() };
        properties(&config, &ServerConfig::new().server_properties)
    }

    fn text(table: &Table, name: &str) -> String {
        table.get(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }

    #[test]
    fn clients_are_told_what_they_know_and_people_what_it_is() {
        let told = told(&[]);
        assert_eq!(
            (text(&told, "product"), text(&told, "version")),
            ("RabbitMQ".into(), "4.3.6".into())
        );
        assert_eq!(text(&told, "warrener_version"), env!("CARGO_PKG_VERSION"));
        assert!(text(&told, "platform").starts_with("Warrener "));
        assert!(text(&told, "information").starts_with("Warrener,"));
    }

    #[test]
    fn every_capability_of_rabbitmq_is_there() {
        let told = told(&[("capabilities", "none")]);
        let capabilities = told.get(CAPABILITIES).expect("capabilities");
        let capabilities = capabilities.as_table().expect("a table");
        let mut names: Vec<&[u8]> = capabilities.iter().map(|(name, _)| name.as_bytes()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                &b"authentication_failure_close"[..],
                b"basic.nack",
                b"connection.blocked",
                b"consumer_cancel_notify",
                b"consumer_priorities",
                b"direct_reply_to",
                b"exchange_exchange_bindings",
                b"per_consumer_qos",
                b"publisher_confirms",
            ],
        );
        assert!(capabilities.iter().all(|(_, value)| value.as_bool() == Some(true)));
    }

    #[test]
    fn the_host_may_have_other_things_told() {
        let told = told(&[("product", "Warrener"), ("version", "1"), ("site", "north")]);
        assert_eq!(
            (text(&told, "product"), text(&told, "version")),
            ("Warrener".into(), "1".into())
        );
        assert_eq!(
            (text(&told, "site"), text(&told, "cluster_name")),
            ("north".into(), "warrener".into())
        );
    }
}
