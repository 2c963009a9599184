//! Settings of what is served by HTTP.

use super::{KEY, Key};
use crate::config::Http;
use crate::configuration::value::{address, one};

/// Those settings.
pub(super) const KEYS: &[Key] = &[
    Key {
        name: "management",
        takes: "ADDR:PORT|off",
        help: "Answer the management API, which is RabbitMQ's HTTP API, on this address, or `off`\n\n\
            When the default is taken, it is nowhere, and a warning says so.",
        otherwise: "port 15672 of 127.0.0.1",
        set: |to, values| {
            to.server.management = one(values, http)?;
            Ok(())
        },
        show: |of| shown(of.server.management),
        ..KEY
    },
    Key {
        name: "metrics",
        takes: "ADDR:PORT|off",
        help: "Let Prometheus collect metrics on this address, at /metrics, or `off`\n\n\
            When the default is taken, they are nowhere, and a warning says so. On loopback nobody has to log in; elsewhere a \
            user with the tag monitoring or administrator must.",
        otherwise: "port 15692 of 127.0.0.1",
        set: |to, values| {
            to.server.metrics = one(values, http)?;
            Ok(())
        },
        show: |of| shown(of.server.metrics),
        ..KEY
    },
];

fn http(text: &str) -> Result<Http, &'static str> {
    if text == "off" { Ok(Http::Off) } else { address(text).map(Http::On) }
}

fn shown(http: Http) -> Vec<String> {
    match http {
        Http::Default => Vec::new(),
        Http::Off => vec!["off".to_owned()],
        Http::On(address) => vec![address.to_string()],
    }
}
