//! Settings of what is served by HTTP.

use super::{KEY, Key};
use crate::config::{ControlSocket, Http};
use crate::configuration::value::{address, one, text};

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
        name: "management_tls",
        takes: "ADDR:PORT",
        help: "Answer the management API over TLS on this address, with the certificates of tls.cert",
        otherwise: "none; RabbitMQ's port is 15671",
        set: |to, values| {
            to.server.management_tls = Some(one(values, address)?);
            Ok(())
        },
        show: |of| of.server.management_tls.iter().map(ToString::to_string).collect(),
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
    Key {
        name: "control_socket",
        takes: "PATH|off",
        help: "Let `warrener ctl` of this user, and of root, steer the broker by this Unix socket, or `off`\n\n\
            Whoever may open the file may do everything; its mode is 0600. A path that is longer than the system's limit \
            (about 100 bytes) cannot be listened on.",
        otherwise: "control.sock in the data directory; none when nothing is kept on disk",
        set: |to, values| {
            let text = one(values, text)?;
            to.server.control_socket =
                if text == "off" { ControlSocket::Off } else { ControlSocket::At(text.into()) };
            Ok(())
        },
        show: |of| match &of.server.control_socket {
            ControlSocket::Default => Vec::new(),
            ControlSocket::Off => vec!["off".to_owned()],
            ControlSocket::At(path) => vec![path.display().to_string()],
        },
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
