//! `/api/connections`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use warrener_broker::{ConnectionId, ConnectionView};

use crate::call::Call;
use crate::document::table;
use crate::host::Socket;
use crate::listing::{self, Listed, text};
use crate::reply::{Failure, Reply};
use crate::sampler::Samples;
use crate::stats::{Object, counter};

/// The names of connections here.
pub(crate) type Names = BTreeMap<ConnectionId, String>;

/// A connection as broker and host know it.
pub(crate) struct Connection {
    view: ConnectionView,
    socket: Socket,
}

impl Connection {
    fn name(&self) -> String {
        self.socket.name.clone()
    }
}

impl Listed for Connection {
    fn name(&self) -> String {
        self.name()
    }
}

/// What connections are called in other listings.
pub(crate) fn names(call: &Call) -> Names {
    let sockets = call.api.host.sockets();
    sockets.into_iter().map(|(id, socket)| (id, socket.name)).collect()
}

/// Those that the caller may see: all of them, or their own.
async fn seen(call: &Call) -> Vec<Connection> {
    let views = call.api.all(|view, from, most| view.connection_slice(from, most)).await;
    let mut sockets = call.api.host.sockets();
    let sees_all = call.caller.is_monitoring();
    let own = |view: &ConnectionView| sees_all || view.user == call.caller.user.name;
    let views = views.into_iter().filter(own);
    // Those without a socket are our own.
    views.filter_map(|view| Some(Connection { socket: sockets.remove(&view.id)?, view })).collect()
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let connections = seen(&call).await;
    answer(&call, connections)
}

pub(crate) async fn of_vhost(call: Call) -> Result<Reply, Failure> {
    if !call.api.has_vhost(call.place("vhost")) {
        return Err(Failure::Missing);
    }
    let mut connections = seen(&call).await;
    let vhost = call.place("vhost").as_bytes();
    connections.retain(|connection| connection.view.vhost.as_bytes() == vhost);
    answer(&call, connections)
}

pub(crate) async fn of_user(call: Call) -> Result<Reply, Failure> {
    allow(&call)?;
    let mut connections = seen(&call).await;
    let user = call.place("user").as_bytes();
    connections.retain(|connection| connection.view.user.as_bytes() == user);
    answer(&call, connections)
}

fn answer(call: &Call, connections: Vec<Connection>) -> Result<Reply, Failure> {
    let (samples, node) = (call.api.samples(), call.api.host.process().node);
    listing::answer(call, connections, |connection| document(connection, &samples, &node))
}

/// The connection that the path names.
pub(crate) async fn find(call: &Call) -> Result<(ConnectionId, Connection), Failure> {
    let wanted = call.place("name");
    let found = seen(call).await.into_iter().find(|connection| connection.name() == wanted);
    found.map(|found| (found.view.id, found)).ok_or(Failure::Missing)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let (_, connection) = find(&call).await?;
    let value = document(&connection, &call.api.samples(), &call.api.host.process().node);
    listing::one(&call, value)
}

pub(crate) async fn close(call: Call) -> Result<Reply, Failure> {
    let (id, _) = find(&call).await?;
    let reason = call.reason.as_deref().unwrap_or("Closed via management plugin");
    if call.api.host.close_connection(id, reason) { Ok(Reply::Done) } else { Err(Failure::Missing) }
}

/// Whoever does not see everything may look at their own.
fn allow(call: &Call) -> Result<(), Failure> {
    let is_own = call.caller.user.name.as_bytes() == call.place("user").as_bytes();
    if is_own || call.caller.is_monitoring() {
        return Ok(());
    }
    Err(Failure::Forbidden("Not monitor user"))
}

pub(crate) async fn close_of_user(call: Call) -> Result<Reply, Failure> {
    allow(&call)?;
    let user = call.place("user").as_bytes();
    let reason = call.reason.as_deref().unwrap_or("Closed via management plugin");
    for connection in seen(&call).await {
        if connection.view.user.as_bytes() == user {
            call.api.host.close_connection(connection.view.id, reason);
        }
    }
    Ok(Reply::Done)
}

fn document(connection: &Connection, samples: &Samples, node: &str) -> Value {
    let view = &connection.view;
    let state = match (view.is_blocked, view.is_held) {
        (true, _) => "blocked",
        (false, true) => "flow",
        (false, false) => "running",
    };
    let mut all = json!({
        "name": connection.name(),
        "user": text(&view.user),
        "user_who_performed_action": text(&view.user),
        "vhost": text(&view.vhost),
        "node": node,
        "state": state,
        "type": "network",
        "protocol": "AMQP 0-9-1",
        "channels": view.channels,
        "frame_max": view.frame_max,
        "send_pend": view.outbound_bytes,
        "reductions": 0,
        "reductions_details": { "rate": 0.0 },
        "garbage_collection": {},
    });
    if let Value::Object(all) = &mut all {
        add_socket(all, &connection.socket, view.id, samples);
    }
    all
}

fn add_socket(all: &mut Object, socket: &Socket, id: ConnectionId, samples: &Samples) {
    let host = |end: Option<core::net::SocketAddr>| end.map(|end| end.ip().to_string());
    let port = |end: Option<core::net::SocketAddr>| end.map(|end| end.port());
    let properties = table(&socket.client_properties);
    let provided = properties.get("connection_name").cloned();
    let facts = json!({
        "peer_host": host(socket.peer),
        "peer_port": port(socket.peer),
        "host": host(socket.local),
        "port": port(socket.local),
        "ssl": socket.tls,
        "ssl_protocol": null,
        "ssl_key_exchange": null,
        "ssl_cipher": null,
        "ssl_hash": null,
        "peer_cert_serial_number": null,
        "peer_cert_subject": null,
        "peer_cert_issuer": null,
        "peer_cert_validity": null,
        "auth_mechanism": socket.mechanism,
        "timeout": socket.heartbeat_s,
        "channel_max": socket.channel_max,
        "connected_at": socket.since_ms,
        "client_properties": properties,
        "recv_cnt": socket.reads,
        "send_cnt": socket.writes,
    });
    if let Value::Object(facts) = facts {
        all.extend(facts);
    }
    if let Some(provided) = provided {
        all.insert("user_provided_name".into(), provided);
    }
    let (before, after) = samples.socket(id.0);
    counter(all, "recv_oct", socket.received_bytes, samples.rate(before.0, after.0));
    counter(all, "send_oct", socket.sent_bytes, samples.rate(before.1, after.1));
}
