//! Health checks: 0 when all is well, 69 when not.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, How, Said, Shown};

/// How long a start is waited for when nobody says.
const STARTUP: Duration = Duration::from_secs(300);

/// How long a listener may take to let somebody in.
const CONNECT: Duration = Duration::from_secs(30);

/// How often it is looked whether there is a broker.
const GLANCE: Duration = Duration::from_millis(100);

pub(super) const VERBS: &[Verb] = &[
    Verb::new("ping", "", ping).saying(|line| {
        let limit = line.timeout.unwrap_or(Duration::from_secs(60)).as_millis();
        format!(
            "Will ping {}. This only checks if the OS process is running and registered with epmd. Timeout: {limit} ms.",
            line.node()
        )
    }),
    Verb::new("await_startup", "", await_startup),
    Verb::new("wait", "[<pidfile>]", await_startup),
    Verb::new("await_online_nodes", "<count>", await_online).saying(|line| {
        let (count, node) = (line.word(0), line.node());
        let limit = line.timeout.unwrap_or(STARTUP).as_secs();
        format!("Will wait for at least {count} nodes to join the cluster of {node}. Timeout: {limit} seconds.")
    }),
    Verb::new("check_running", "", |line| {
        let name = there(line)?;
        Ok(Shown::Text(format!("RabbitMQ on node {name} is fully booted and running")))
    })
    .saying(|line| format!("Checking if RabbitMQ is running on node {} ...", line.node())),
    Verb::new("is_running", "", |line| {
        let name = there(line)?;
        Ok(Shown::Text(format!("RabbitMQ on node {name} is fully booted and running")))
    })
    .saying(|line| format!("Asking node {} for its status ...", line.node())),
    Verb::new("is_booting", "", |line| {
        let name = there(line)?;
        Ok(Shown::Text(format!("RabbitMQ on node {name} is fully booted (check with is_running), stopped or has not started booting yet")))
    })
    .saying(|line| format!("Asking node {} for its boot status ...", line.node())),
    Verb::new("check_local_alarms", "", |line| alarms(line, "Node", "reported no local alarms"))
        .saying(|line| format!("Asking node {} to report any local resource alarms ...", line.node())),
    Verb::new("check_alarms", "", |line| alarms(line, "Node", "reported no alarms, local or clusterwide"))
        .saying(|line| format!("Asking node {} to report any local resource alarms ...", line.node())),
    Verb::new("alarms", "", |line| {
        let name = there(line)?;
        let on = in_effect(line)?;
        Ok(Shown::Text(match on.as_slice() {
            [] => format!("Node {name} reported no alarms, local or clusterwide"),
            on => on.join("\n"),
        }))
    })
    .saying(|line| format!("Asking node {} to report any known resource alarms ...", line.node())),
    Verb::new("check_virtual_hosts", "", |line| {
        line.client.get("/api/health/checks/virtual-hosts")?;
        Ok(Shown::Text(format!("Node {} reported all vhosts as running", line.node())))
    })
    .saying(|line| format!("Checking if all vhosts are running on node {} ...", line.node())),
    Verb::new("check_port_connectivity", "", check_port_connectivity).saying(|line| {
        format!("Testing TCP connections to all active listeners on node {} using hostname resolution ...", line.node())
    }),
    Verb::new("check_port_listener", "<port>", check_port).saying(|line| {
        format!("Asking node {} if there's an active listener on port {} ...", line.node(), line.word(0))
    }),
    Verb::new("check_protocol_listener", "<protocol>", check_protocol).saying(|line| {
        let (node, protocol) = (line.node(), line.word(0));
        format!("Asking node {node} if there's an active listener for protocol {protocol} ...")
    }),
    Verb::new("check_if_node_is_quorum_critical", "", |line| {
        let name = there(line)?;
        Ok(Shown::Text(format!(
            "Node {name} seems to be the only one in a single node cluster, the check does not apply"
        )))
    })
    .saying(|line| {
        let node = line.node();
        format!("Checking if node {node} is critical for quorum of any queues/streams ...")
    }),
    Verb::new("check_if_new_quorum_queue_replicas_have_finished_initial_sync", "", |line| {
        let name = there(line)?;
        Ok(Shown::Text(format!("Node {name} reported no queues with replicas that are syncing")))
    }),
    Verb::new("check_certificate_expiration", "", |line| {
        let within = line.option("unit").unwrap_or("weeks");
        line.client.get(&format!("/api/health/checks/certificate-expiration/4/{}", step(within)))?;
        Ok(Shown::Text("No certificate ends soon".to_owned()))
    }),
    Verb::new("node_health_check", "", |line| {
        there(line)?;
        Ok(Shown::Text("Health check passed".to_owned()))
    }),
];

/// The name of the node, if it answers.
fn there(line: &Line) -> Result<String, Failure> {
    let nodes = line.client.get("/api/nodes?columns=name")?;
    Ok(nodes[0]["name"].as_str().unwrap_or_default().to_owned())
}

fn ping(line: &Line) -> Said {
    there(line)?;
    Ok(Shown::Text("Ping succeeded".to_owned()))
}

/// Tries until the broker answers or the time is up.
fn await_startup(line: &Line) -> Said {
    let (started, limit) = (now(), line.timeout.unwrap_or(STARTUP));
    loop {
        match there(line) {
            Ok(_) => return Ok(Shown::Nothing),
            Err(failure) if started.elapsed() >= limit => return Err(failure),
            Err(_) => pause(),
        }
    }
}

fn await_online(line: &Line) -> Said {
    let count: u32 =
        line.word(0).parse().map_err(|_| Failure::usage("the count of nodes is a number"))?;
    if count > 1 {
        return Err(Failure::refused("there is one node, and there will be no more"));
    }
    await_startup(line)
}

#[expect(clippy::disallowed_methods, reason = "a command line waits in real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a command line waits in real time")]
fn pause() {
    thread::sleep(GLANCE);
}

/// The alarms that are on, a line each.
fn in_effect(line: &Line) -> Result<Vec<String>, Failure> {
    let answer = line.client.ask("GET", "/api/health/checks/alarms", None)?;
    let on = answer.value["alarms"].as_array().into_iter().flatten();
    let text = |alarm: &Value| alarm["resource"].as_str().unwrap_or_default().to_owned();
    match answer.status {
        200 | 503 => Ok(on
            .map(|alarm| {
                format!(
                    "{} alarm on node {}",
                    text(alarm),
                    alarm["node"].as_str().unwrap_or_default()
                )
            })
            .collect()),
        _ => Err(answer.failure()),
    }
}

fn alarms(line: &Line, who: &str, well: &str) -> Said {
    let name = there(line)?;
    match in_effect(line)?.as_slice() {
        [] => Ok(Shown::Text(format!("{who} {name} {well}"))),
        on => {
            Err(Failure::unavailable(format!("{who} {name} reported alarms:\n{}", on.join("\n"))))
        }
    }
}

/// Connects to every listener.
fn check_port_connectivity(line: &Line) -> Said {
    let overview = line.client.get("/api/overview")?;
    let listeners = overview["listeners"].as_array().cloned().unwrap_or_default();
    for listener in &listeners {
        let ip = listener["ip_address"].as_str().unwrap_or_default().parse();
        let port = listener["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let (Ok(ip), Some(port)) = (ip, port) else { continue };
        // What listens everywhere also listens here.
        let ip = if IpAddr::is_unspecified(&ip) { Ipv4Addr::LOCALHOST.into() } else { ip };
        let address = SocketAddr::new(ip, port);
        TcpStream::connect_timeout(&address, line.timeout.unwrap_or(CONNECT)).map_err(|error| {
            Failure::unavailable(format!("Connection to the listener on {address} failed: {error}"))
        })?;
    }
    let name = overview["node"].as_str().unwrap_or_default();
    Ok(Shown::Text(format!(
        "Successfully connected to ports {} on node {name} (using node hostname resolution)",
        ports(&listeners)
    )))
}

fn ports(listeners: &[Value]) -> String {
    let mut ports: Vec<u64> = listeners.iter().filter_map(|own| own["port"].as_u64()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn check_port(line: &Line) -> Said {
    let port = line.word(0);
    if port.parse::<u16>().is_err() {
        return Err(Failure::usage("a port is a number up to 65535"));
    }
    let path = format!("/api/health/checks/port-listener/{}", step(port));
    let answer = line.client.ask("GET", &path, None)?;
    let name = line.node();
    match answer.status {
        200 => Ok(Shown::Text(format!("A listener for port {port} is running on node {name}."))),
        503 => {
            let text = format!(
                "No listener for port {port} is active on node {name}. Found listeners that use the following ports: {}",
                joined(&answer.value["ports"])
            );
            Err(Failure { how: How::Bare, ..Failure::unavailable(text) })
        }
        _ => Err(answer.failure()),
    }
}

fn check_protocol(line: &Line) -> Said {
    let protocol = line.word(0);
    let path = format!("/api/health/checks/protocol-listener/{}", step(protocol));
    let answer = line.client.ask("GET", &path, None)?;
    let name = line.node();
    match answer.status {
        200 => Ok(Shown::Text(format!(
            "A listener for protocol {protocol} is running on node {name}."
        ))),
        503 => Err(Failure::unavailable(format!(
            "No listener for protocol {protocol} is active on node {name}. Found listeners for the following protocols: {}",
            joined(&answer.value["protocols"])
        ))),
        _ => Err(answer.failure()),
    }
}

/// The items of a list, with commas.
fn joined(list: &Value) -> String {
    let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    list.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}
