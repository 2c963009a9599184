//! `/api/topic-permissions`.

use serde_json::{Value, json};
use warrener_broker::{Command, Object, TopicPermissionDefinition, User};

use crate::call::{Call, short};
use crate::document::{required, text_of};
use crate::listing::{self, text};
use crate::reply::{Failure, Reply};

fn documents(user: &User) -> Vec<Value> {
    let permissions = user.topic_permissions.iter();
    permissions
        .map(|((vhost, exchange), own)| {
            json!({
                "user": text(&user.name),
                "vhost": text(vhost),
                "exchange": text(exchange),
                "write": own.write(),
                "read": own.read(),
            })
        })
        .collect()
}

fn all(call: &Call) -> Vec<Value> {
    call.look(|view| view.users().flat_map(documents).collect())
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let all = all(&call);
    listing::answer(&call, all, Value::clone)
}

pub(crate) async fn of_vhost(call: Call) -> Result<Reply, Failure> {
    if !call.api.has_vhost(call.place("vhost")) {
        return Err(Failure::Missing);
    }
    let mut all = all(&call);
    all.retain(|own| own["vhost"] == call.place("vhost"));
    listing::answer(&call, all, Value::clone)
}

pub(crate) async fn of_user(call: Call) -> Result<Reply, Failure> {
    let found = call.look(|view| view.user(call.place("user").as_bytes()).map(documents));
    listing::answer(&call, found.ok_or(Failure::Missing)?, Value::clone)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let found = call.look(|view| view.user(call.place("user").as_bytes()).map(documents));
    let mut own = found.ok_or(Failure::Missing)?;
    own.retain(|own| own["vhost"] == call.place("vhost"));
    if own.is_empty() {
        return Err(Failure::Missing);
    }
    listing::answer(&call, own, Value::clone)
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let [exchange, write, read] = required(&call.object()?, ["exchange", "write", "read"])?;
    let permission = TopicPermissionDefinition {
        user: call.short("user")?,
        vhost: call.short("vhost")?,
        exchange: short(&exchange)?,
        write: write.into(),
        read: read.into(),
        others: Object::new(),
    };
    if call.look(|view| view.user(call.place("user").as_bytes()).is_none()) {
        return Err(Failure::bad("user_not_found"));
    }
    call.set(Command::SetTopicPermission(permission)).await
}

/// Lifts all restrictions, or those for the exchange that the body names.
pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let exchange = text_of(&body, "exchange").map(short).transpose()?;
    let (user, vhost) = (call.short("user")?, call.short("vhost")?);
    call.clear(Command::ClearTopicPermission { user, vhost, exchange }).await
}
