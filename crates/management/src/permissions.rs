//! `/api/permissions`.

use serde_json::{Value, json};
use warrener_broker::{Command, Object, PermissionDefinition, User};

use crate::call::Call;
use crate::document::required;
use crate::listing::{self, text};
use crate::reply::{Failure, Reply};

fn documents(user: &User) -> Vec<Value> {
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
    let own = found.ok_or(Failure::Missing)?;
    let own = own.into_iter().find(|own| own["vhost"] == call.place("vhost"));
    listing::one(&call, own.ok_or(Failure::Missing)?)
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
    if call.look(|view| view.user(call.place("user").as_bytes()).is_none()) {
        return Err(Failure::bad("user_not_found"));
    }
    call.set(Command::SetPermission(permission)).await
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    let (user, vhost) = (call.short("user")?, call.short("vhost")?);
    call.clear(Command::ClearPermission { user, vhost }).await
}
