//! `/api/vhost-limits` and `/api/user-limits`.

use serde_json::{Value, json};
use warrener_broker::{Command, Json, Object, ParameterDefinition, User, VhostDefinition};
use warrener_codec::ShortStr;

use crate::call::Call;
use crate::document::object;
use crate::listing::{self, text};
use crate::reply::{Failure, Reply};
use crate::users;

/// What limits there are for virtual hosts.
const OF_VHOSTS: [&str; 2] = ["max-connections", "max-queues"];
/// And for users.
const OF_USERS: [&str; 2] = ["max-connections", "max-channels"];

pub(crate) async fn of_vhosts(call: Call) -> Result<Reply, Failure> {
    let vhosts = call.look(|view| view.vhost_definitions());
    let seen = |own: &&VhostDefinition| {
        let name = text(&own.name);
        let sees_all = call.caller.is_administrator();
        let is_meant =
            call.vhost().map_or_else(|| sees_all || call.caller.enters(&name), |it| it == name);
        is_meant && !own.limits.is_empty()
    };
    let document =
        |own: &VhostDefinition| json!({ "vhost": text(&own.name), "value": object(&own.limits) });
    let all: Vec<Value> = vhosts.iter().filter(seen).map(document).collect();
    listing::answer(&call, all, Value::clone)
}

/// The number that a body gives.
fn number(call: &Call) -> Result<i64, Failure> {
    let body = call.object()?;
    match body.get("value") {
        None => Err(Failure::bad("[{key_missing,value}]")),
        Some(given) => given.as_i64().ok_or_else(|| {
            Failure::bad(format!(
                "Validation failed\n\n\"{}\" should be an integer",
                call.place("limit")
            ))
        }),
    }
}

fn known(call: &Call, names: &[&str]) -> Result<(), Failure> {
    let name = call.place("limit");
    if names.contains(&name) {
        return Ok(());
    }
    Err(Failure::bad(format!("Validation failed\n\nUnrecognised terms [{{\"{name}\"}}] in limits")))
}

pub(crate) async fn set_vhost(call: Call) -> Result<Reply, Failure> {
    known(&call, &OF_VHOSTS)?;
    let (number, mut limits) = (number(&call)?, vhost(&call)?.limits);
    limits.set(call.place("limit"), Json::Integer(number));
    store(&call, limits).await
}

pub(crate) async fn clear_vhost(call: Call) -> Result<Reply, Failure> {
    let mut limits = vhost(&call)?.limits;
    limits.take(call.place("limit"));
    store(&call, limits).await
}

/// The limits of a virtual host are a runtime parameter.
async fn store(call: &Call, limits: Object) -> Result<Reply, Failure> {
    let vhost = call.short("vhost")?;
    let component = ShortStr::from_static("vhost-limits");
    let name = ShortStr::from_static("limits");
    let command = if limits.is_empty() {
        Command::ClearParameter { vhost, component, name }
    } else {
        let value = Json::Object(limits);
        Command::SetParameter(ParameterDefinition {
            vhost,
            component,
            name,
            value,
            others: Object::new(),
        })
    };
    call.command(command).await.map(|_| Reply::Done)
}

fn vhost(call: &Call) -> Result<VhostDefinition, Failure> {
    call.look(|view| view.vhost_named(call.place("vhost"))).ok_or(Failure::Missing)
}

fn of(user: &User) -> Option<Value> {
    let limits = users::limits(user);
    let has_some = limits.as_object().is_some_and(|limits| !limits.is_empty());
    has_some.then(|| json!({ "user": text(&user.name), "value": limits }))
}

pub(crate) async fn of_users(call: Call) -> Result<Reply, Failure> {
    let all: Vec<Value> = call.look(|view| view.users().filter_map(of).collect());
    listing::answer(&call, all, Value::clone)
}

pub(crate) async fn of_user(call: Call) -> Result<Reply, Failure> {
    let user = user(&call)?;
    listing::answer(&call, of(&user).into_iter().collect(), Value::clone)
}

pub(crate) async fn set_user(call: Call) -> Result<Reply, Failure> {
    known(&call, &OF_USERS)?;
    let number = number(&call)?;
    let mut definition = users::definition(&user(&call)?)?;
    definition.limits.set(call.place("limit"), Json::Integer(number));
    call.command(Command::SetUser(definition)).await.map(|_| Reply::Done)
}

pub(crate) async fn clear_user(call: Call) -> Result<Reply, Failure> {
    let mut definition = users::definition(&user(&call)?)?;
    definition.limits.take(call.place("limit"));
    call.command(Command::SetUser(definition)).await.map(|_| Reply::Done)
}

fn user(call: &Call) -> Result<User, Failure> {
    call.look(|view| view.user(call.place("user").as_bytes()).cloned()).ok_or(Failure::Missing)
}
