//! `/api/health/checks`: 200 when all is well, 503 when not.

use axum::http::StatusCode;
use serde_json::{Value, json};
use warrener_broker::Alarm;

use crate::call::Call;
use crate::reply::{Failure, Reply};

fn ok() -> Reply {
    Reply::Json(json!({ "status": "ok" }))
}

fn failed(reason: &str, more: &[(&str, Value)]) -> Reply {
    let mut value = json!({ "status": "failed", "reason": reason });
    for (name, fact) in more {
        value[*name] = fact.clone();
    }
    Reply::Status(StatusCode::SERVICE_UNAVAILABLE, value)
}

/// Whoever is asked is there, and the log was read back before anybody could ask.
pub(crate) async fn well(_: Call) -> Result<Reply, Failure> {
    Ok(ok())
}

pub(crate) async fn alarms(call: Call) -> Result<Reply, Failure> {
    let node = call.api.host.process().node;
    let names = [(Alarm::Memory, "memory"), (Alarm::Disk, "disk")];
    let on: Vec<Value> = call.look(|view| {
        let on = names.into_iter().filter(|(alarm, _)| view.has_alarm(*alarm));
        on.map(|(_, name)| json!({ "node": node, "resource": name })).collect()
    });
    if on.is_empty() {
        return Ok(ok());
    }
    Ok(failed("There are alarms in effect in the cluster", &[("alarms", on.into())]))
}

pub(crate) async fn port(call: Call) -> Result<Reply, Failure> {
    let wanted: u16 = call.place("port").parse().map_err(|_| Failure::bad("Invalid port"))?;
    let ports: Vec<u16> = call.api.host.listeners().iter().map(|own| own.address.port()).collect();
    if ports.contains(&wanted) {
        return Ok(Reply::Json(json!({ "status": "ok", "port": wanted })));
    }
    Ok(failed("No active listener", &[("missing", wanted.into()), ("ports", ports.into())]))
}

/// Names of protocols that mean one of ours.
fn meant(protocol: &str) -> &str {
    match protocol {
        "amqp091" | "amqp0.9.1" | "amqp0-9-1" | "amqp-0-9-1" | "amqp10" | "amqp1.0" => "amqp",
        "amqps" | "amqp-tls" | "amqp+ssl" => "amqp/ssl",
        "management" => "http",
        "management/ssl" => "https",
        "prometheus" => "http/prometheus",
        other => other,
    }
}

pub(crate) async fn protocol(call: Call) -> Result<Reply, Failure> {
    let wanted = call.place("protocol").to_lowercase();
    let wanted: Vec<&str> = wanted.split(',').map(meant).collect();
    let mut active: Vec<String> =
        call.api.host.listeners().into_iter().map(|own| own.protocol).collect();
    active.dedup();
    let missing: Vec<&&str> =
        wanted.iter().filter(|own| !active.iter().any(|it| it == *own)).collect();
    if missing.is_empty() {
        return Ok(Reply::Json(json!({ "status": "ok", "protocols": active })));
    }
    let facts = [("missing", json!(missing)), ("protocols", json!(active))];
    Ok(failed("No active listener", &facts))
}

/// No listener has a certificate that this crate knows of.
pub(crate) async fn certificates(call: Call) -> Result<Reply, Failure> {
    let units = ["days", "weeks", "months", "years"];
    let within = call.place("within").parse::<u32>();
    if within.is_err() {
        return Err(Failure::bad("Invalid expiration value"));
    }
    if !units.contains(&call.place("unit")) {
        return Err(Failure::bad("Invalid expiration unit"));
    }
    Ok(ok())
}

/// A message in and out again, through the queue that RabbitMQ uses for this.
pub(crate) async fn alive(call: Call) -> Result<Reply, Failure> {
    crate::messages::round_trip(&call).await.map(|()| ok())
}
