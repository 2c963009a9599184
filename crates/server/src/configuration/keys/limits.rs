//! Settings of section `limits`, and where AMQP over WebSocket is listened for.

use super::{KEY, Key, Shape};
use crate::configuration::value::{self, each, number, one, shown_size, size};

/// No limit that counts is larger.
const MOST: u64 = 1 << 31;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "limits.channels_per_connection",
        takes: "COUNT",
        help: "Channels of one connection, as clients are told in tune",
        live: true,
        set: |to, values| {
            to.server.limits.channels_per_connection =
                one(values, |text| number(text, 1, u16::MAX.into()))? as u16;
            Ok(())
        },
        show: |of| vec![of.server.limits.channels_per_connection.to_string()],
        ..KEY
    },
    Key {
        name: "limits.consumers_per_channel",
        takes: "COUNT",
        help: "Consumers of one channel",
        live: true,
        set: |to, values| {
            to.server.limits.consumers_per_channel = one(values, count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.consumers_per_channel.to_string()],
        ..KEY
    },
    Key {
        name: "limits.consumers_per_connection",
        takes: "COUNT",
        help: "Consumers of all channels of one connection, together",
        live: true,
        set: |to, values| {
            to.server.limits.consumers_per_connection = one(values, count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.consumers_per_connection.to_string()],
        ..KEY
    },
    Key {
        name: "limits.arguments_size",
        takes: "SIZE",
        help: "How large the arguments of a declaration, a binding or a consumer may be",
        live: true,
        set: |to, values| {
            to.server.limits.arguments_bytes = one(values, size)?;
            Ok(())
        },
        show: |of| vec![shown_size(of.server.limits.arguments_bytes)],
        ..KEY
    },
    Key {
        name: "limits.names_per_vhost",
        takes: "COUNT",
        help: "Exchanges and queues of one virtual host, together",
        live: true,
        set: |to, values| {
            to.server.limits.names_per_vhost = one(values, count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.names_per_vhost.to_string()],
        ..KEY
    },
    Key {
        name: "limits.bindings_per_vhost",
        takes: "COUNT",
        help: "Bindings of one virtual host",
        live: true,
        set: |to, values| {
            to.server.limits.bindings_per_vhost = one(values, count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.bindings_per_vhost.to_string()],
        ..KEY
    },
    Key {
        name: "limits.bindings_per_target",
        takes: "COUNT",
        help: "Bindings that lead to one queue or exchange",
        live: true,
        set: |to, values| {
            to.server.limits.bindings_per_target = one(values, count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.bindings_per_target.to_string()],
        ..KEY
    },
    Key {
        name: "limits.bindings_per_exchange",
        takes: "COUNT",
        help: "Bindings that come from one exchange",
        live: true,
        set: |to, values| {
            to.server.limits.bindings_per_exchange = one(values, count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.bindings_per_exchange.to_string()],
        ..KEY
    },
    Key {
        name: "limits.binding_memory_per_vhost",
        takes: "SIZE",
        help: "Memory that all bindings of one virtual host take",
        live: true,
        set: |to, values| {
            to.server.limits.binding_bytes_per_vhost = one(values, size)?;
            Ok(())
        },
        show: |of| vec![shown_size(of.server.limits.binding_bytes_per_vhost)],
        ..KEY
    },
    Key {
        name: "limits.transaction_entries",
        takes: "COUNT",
        help: "Publishes and acknowledgements of one transaction",
        live: true,
        set: |to, values| {
            to.server.limits.transaction_entries = one(values, count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.transaction_entries.to_string()],
        ..KEY
    },
    Key {
        name: "limits.transaction_size",
        takes: "SIZE",
        help: "What the open transactions of one connection hold, in all",
        live: true,
        set: |to, values| {
            to.server.limits.transaction_bytes = one(values, size)?;
            Ok(())
        },
        show: |of| vec![shown_size(of.server.limits.transaction_bytes)],
        ..KEY
    },
    Key {
        name: "limits.queues_per_vhost",
        takes: "COUNT",
        help: "Queues of one virtual host that has no such limit of its own",
        live: true,
        set: |to, values| {
            to.server.limits.queues_per_vhost = Some(one(values, count)?);
            Ok(())
        },
        show: |of| shown(of.server.limits.queues_per_vhost),
        ..KEY
    },
    Key {
        name: "limits.connections_per_vhost",
        takes: "COUNT",
        help: "Connections to one virtual host that has no such limit of its own",
        live: true,
        set: |to, values| {
            to.server.limits.connections_per_vhost = Some(one(values, count)?);
            Ok(())
        },
        show: |of| shown(of.server.limits.connections_per_vhost),
        ..KEY
    },
    Key {
        name: "limits.connections_per_user",
        takes: "COUNT",
        help: "Connections of one user who has no such limit of its own",
        live: true,
        set: |to, values| {
            to.server.limits.connections_per_user = Some(one(values, count)?);
            Ok(())
        },
        show: |of| shown(of.server.limits.connections_per_user),
        ..KEY
    },
    Key {
        name: "limits.channels_per_user",
        takes: "COUNT",
        help: "Channels, over all connections, of one user who has no such limit of its own",
        live: true,
        set: |to, values| {
            to.server.limits.channels_per_user = Some(one(values, count)?);
            Ok(())
        },
        show: |of| shown(of.server.limits.channels_per_user),
        ..KEY
    },
    Key {
        name: "web_socket.listen",
        takes: "ADDR:PORT",
        shape: Shape::Many,
        help: "Listen for AMQP over WebSocket on this address (subprotocol amqp); may be given several times",
        set: |to, values| {
            to.server.web_socket = each(values, value::address)?;
            Ok(())
        },
        show: |of| of.server.web_socket.iter().map(ToString::to_string).collect(),
        ..KEY
    },
    Key {
        name: "web_socket.tls_listen",
        takes: "ADDR:PORT",
        shape: Shape::Many,
        help: "The same over TLS, with the certificates of tls.cert; may be given several times",
        set: |to, values| {
            to.server.web_socket_tls = each(values, value::address)?;
            Ok(())
        },
        show: |of| of.server.web_socket_tls.iter().map(ToString::to_string).collect(),
        ..KEY
    },
];

fn count(text: &str) -> Result<u32, String> {
    number(text, 1, MOST).map(|count| count as u32)
}

fn shown(limit: Option<u32>) -> Vec<String> {
    limit.iter().map(ToString::to_string).collect()
}
