//! `/api/permissions` and `/api/topic-permissions`.

use serde_json::{Value, json};
use warrener_broker::{Command, Object, PermissionDefinition, TopicPermissionDefinition, User};

use crate::call::{Call, short};
use crate::document::{required, text_of};
use crate::listing::{self, text};
use crate::reply::{Failure, Reply};

/// What a user may do, or may do with routing keys: a document for each virtual host, or for each exchange.
type Documents = fn(&User) -> Vec<Value>;

fn permissions(user: &User) -> Vec<Value> {
    let permissions = user.permissions.iter();
    permissions
        .map(|(vhost, own)| {
            json!({
                "user": text(&user.name),
                "vhost": text(vhost),
                "configure": own.configure.as_str(),
                "write": own.write.as_str(),
                "read": own.read.as_str(),
            })
        })
        .collect()
}

fn topic_permissions(user: &User) -> Vec<Value> {
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

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    all(&call, permissions)
}

pub(crate) async fn list_topic(call: Call) -> Result<Reply, Failure> {
    all(&call, topic_permissions)
}

fn all(call: &Call, documents: Documents) -> Result<Reply, Failure> {
    let all: Vec<Value> = call.look(|view| view.users().flat_map(documents).collect());
    listing::answer(call, all, Value::clone)
}

pub(crate) async fn of_vhost(call: Call) -> Result<Reply, Failure> {
    in_vhost(&call, permissions)
}

pub(crate) async fn topic_of_vhost(call: Call) -> Result<Reply, Failure> {
    in_vhost(&call, topic_permissions)
}

fn in_vhost(call: &Call, documents: Documents) -> Result<Reply, Failure> {
    let vhost = call.place("vhost");
    if !call.api.has_vhost(vhost) {
        return Err(Failure::Missing);
    }
    let mut all: Vec<Value> = call.look(|view| view.users().flat_map(documents).collect());
    all.retain(|own| own["vhost"] == vhost);
    listing::answer(call, all, Value::clone)
}

pub(crate) async fn of_user(call: Call) -> Result<Reply, Failure> {
    listing::answer(&call, own(&call, permissions)?, Value::clone)
}

pub(crate) async fn topic_of_user(call: Call) -> Result<Reply, Failure> {
    listing::answer(&call, own(&call, topic_permissions)?, Value::clone)
}

/// Those of the user whom the path names.
fn own(call: &Call, documents: Documents) -> Result<Vec<Value>, Failure> {
    let found = call.look(|view| view.user(call.place("user").as_bytes()).map(documents));
    found.ok_or(Failure::Missing)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let mut own = own_there(&call, permissions)?;
    listing::one(&call, own.swap_remove(0))
}

pub(crate) async fn one_topic(call: Call) -> Result<Reply, Failure> {
    listing::answer(&call, own_there(&call, topic_permissions)?, Value::clone)
}

/// Those of the user in the virtual host that the path names: at least one.
fn own_there(call: &Call, documents: Documents) -> Result<Vec<Value>, Failure> {
    let mut own = own(call, documents)?;
    own.retain(|own| own["vhost"] == call.place("vhost"));
    if own.is_empty() { Err(Failure::Missing) } else { Ok(own) }
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let [configure, write, read] = required(&call.object()?, ["configure", "write", "read"])?;
    let permission = PermissionDefinition {
        user: call.short("user")?,
        vhost: call.short("vhost")?,
        configure: configure.into(),
        write: write.into(),
        read: read.into(),
        others: Object::new(),
    };
    needs_user(&call)?;
    call.set(Command::SetPermission(permission)).await
}

pub(crate) async fn put_topic(call: Call) -> Result<Reply, Failure> {
    let [exchange, write, read] = required(&call.object()?, ["exchange", "write", "read"])?;
    let permission = TopicPermissionDefinition {
        user: call.short("user")?,
        vhost: call.short("vhost")?,
        exchange: short(&exchange)?,
        write: write.into(),
        read: read.into(),
        others: Object::new(),
    };
    needs_user(&call)?;
    call.set(Command::SetTopicPermission(permission)).await
}

/// A body that names nobody is another mistake than a path that leads nowhere.
fn needs_user(call: &Call) -> Result<(), Failure> {
    if call.look(|view| view.user(call.place("user").as_bytes()).is_none()) {
        return Err(Failure::bad("user_not_found"));
    }
    Ok(())
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    let (user, vhost) = (call.short("user")?, call.short("vhost")?);
    call.clear(Command::ClearPermission { user, vhost }).await
}

/// Lifts all restrictions, or those for the exchange that the body names.
pub(crate) async fn delete_topic(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let exchange = text_of(&body, "exchange").map(short).transpose()?;
    let (user, vhost) = (call.short("user")?, call.short("vhost")?);
    call.clear(Command::ClearTopicPermission { user, vhost, exchange }).await
}
