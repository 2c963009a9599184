//! `/api/users`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use warrener_broker::{Command, PasswordHash, User, UserDefinition};
use warrener_codec::ShortStr;

use crate::call::{Call, short};
use crate::document::{text_of, to_object};
use crate::listing::{self, text};
use crate::reply::{Failure, Reply};
use crate::vhosts::tags;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let users: Vec<Value> = call.look(|view| view.users().map(document).collect());
    listing::answer(&call, users, Value::clone)
}

pub(crate) async fn without_permissions(call: Call) -> Result<Reply, Failure> {
    let users: Vec<Value> = call.look(|view| {
        view.users().filter(|user| user.permissions.is_empty()).map(document).collect()
    });
    listing::answer(&call, users, Value::clone)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let found = call.look(|view| view.user(call.place("user").as_bytes()).map(document));
    listing::one(&call, found.ok_or(Failure::Missing)?)
}

fn document(user: &User) -> Value {
    let tags: Vec<String> = user.tags.iter().map(text).collect();
    json!({
        "name": text(&user.name),
        "password_hash": STANDARD.encode(&user.password.octets),
        "hashing_algorithm": text(&user.password.algorithm),
        "tags": tags,
        "limits": limits(user),
    })
}

/// The limits of a user, as a document.
pub(crate) fn limits(user: &User) -> Value {
    let mut limits = Map::new();
    let all = [
        ("max-connections", user.limits.max_connections),
        ("max-channels", user.limits.max_channels),
    ];
    for (name, limit) in all {
        if let Some(limit) = limit {
            limits.insert(name.into(), limit.into());
        }
    }
    Value::Object(limits)
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let before = call.look(|view| view.user(call.place("user").as_bytes()).cloned());
    let password = password(&call, &body)?;
    let Some(said) = body.get("tags").or_else(|| body.get("administrator")) else {
        return Err(Failure::bad("[{key_missing,tags}]"));
    };
    let said: Vec<Value> = match tags(said) {
        Value::Array(tags) => tags,
        Value::Bool(true) => vec!["administrator".into()],
        _ => Vec::new(),
    };
    let tags: Result<Vec<ShortStr>, Failure> =
        said.iter().filter_map(Value::as_str).map(short).collect();
    let limits = before.as_ref().map(limits).unwrap_or_else(|| json!({}));
    let definition = UserDefinition {
        name: call.short("user")?,
        password_hash: STANDARD.encode(&password.octets).into(),
        hashing_algorithm: Some(password.algorithm),
        tags: tags?,
        limits: to_object(limits)?,
        others: before.map(|own| own.others).unwrap_or_default(),
    };
    call.set(Command::SetUser(definition)).await
}

/// The password that a body gives, plain or as a hash; one that says nothing leaves a user without.
fn password(call: &Call, body: &Map<String, Value>) -> Result<PasswordHash, Failure> {
    if let Some(hash) = text_of(body, "password_hash") {
        let octets =
            STANDARD.decode(hash).map_err(|_| Failure::bad("password_hash is not in base 64"))?;
        if octets.is_empty() {
            return Ok(PasswordHash::default());
        }
        let algorithm = text_of(body, "hashing_algorithm").unwrap_or(PasswordHash::SHA256);
        return Ok(PasswordHash { octets: octets.into(), algorithm: short(algorithm)? });
    }
    match text_of(body, "password") {
        Some("") => Ok(PasswordHash::default()),
        Some(password) => Ok(call.api.host.hash(password.as_bytes())),
        // Whoever sets a user sets all of it (RabbitMQ).
        None => Ok(PasswordHash::default()),
    }
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    call.clear(Command::DeleteUser(call.short("user")?)).await
}

pub(crate) async fn bulk_delete(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let Some(Value::Array(users)) = body.get("users") else {
        return Err(Failure::bad("[{key_missing,users}]"));
    };
    for user in users.iter().filter_map(Value::as_str) {
        call.command(Command::DeleteUser(short(user)?)).await?;
    }
    Ok(Reply::Done)
}

/// The user as a definition, to be set again with something changed.
pub(crate) fn definition(user: &User) -> Result<UserDefinition, Failure> {
    Ok(UserDefinition {
        name: user.name.clone(),
        password_hash: STANDARD.encode(&user.password.octets).into(),
        hashing_algorithm: Some(user.password.algorithm.clone()),
        tags: user.tags.clone(),
        limits: to_object(limits(user))?,
        others: user.others.clone(),
    })
}
