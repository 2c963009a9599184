//! Small answers about the broker itself.

use serde_json::{Value, json};
use warrener_broker::{Command, GlobalParameterDefinition, Json, Object, RABBITMQ_VERSION};
use warrener_codec::ShortStr;

use crate::call::Call;
use crate::document::required;
use crate::listing::{self, text};
use crate::overview;
use crate::reply::{Failure, Reply};

pub(crate) async fn whoami(call: Call) -> Result<Reply, Failure> {
    let tags: Vec<String> = if call.caller.is_operator {
        vec!["administrator".to_owned()]
    } else {
        call.caller.user.tags.iter().map(text).collect()
    };
    Ok(Reply::Json(json!({
        "name": text(&call.caller.user.name),
        "tags": tags,
        "is_internal_user": true,
    })))
}

pub(crate) async fn version(_: Call) -> Result<Reply, Failure> {
    Ok(Reply::Json(RABBITMQ_VERSION.into()))
}

pub(crate) async fn cluster_name(call: Call) -> Result<Reply, Failure> {
    Ok(Reply::Json(json!({ "name": overview::cluster_name(&call) })))
}

pub(crate) async fn set_cluster_name(call: Call) -> Result<Reply, Failure> {
    let [name] = required(&call.object()?, ["name"])?;
    let parameter = GlobalParameterDefinition {
        name: ShortStr::from_static("cluster_name"),
        value: Json::Text(name.into()),
        others: Object::new(),
    };
    call.command(Command::SetGlobalParameter(parameter)).await.map(|_| Reply::Done)
}

pub(crate) async fn extensions(_: Call) -> Result<Reply, Failure> {
    Ok(Reply::Json(json!([])))
}

/// A list of what this broker has none of.
pub(crate) async fn none(call: Call) -> Result<Reply, Failure> {
    listing::answer(&call, Vec::<Value>::new(), Value::clone)
}

/// Something that is done by doing nothing.
pub(crate) async fn done(_: Call) -> Result<Reply, Failure> {
    Ok(Reply::Done)
}

/// Those of RabbitMQ 4.3, all enabled: clients ask for them by name.
const FEATURE_FLAGS: &str = include_str!("feature_flags.json");

fn flags() -> Vec<Value> {
    serde_json::from_str(FEATURE_FLAGS).unwrap_or_default()
}

pub(crate) async fn feature_flags(call: Call) -> Result<Reply, Failure> {
    listing::answer(&call, flags(), Value::clone)
}

pub(crate) async fn enable_feature_flag(call: Call) -> Result<Reply, Failure> {
    let is_known = flags().iter().any(|flag| flag["name"] == call.place("name"));
    if is_known { Ok(Reply::Done) } else { Err(Failure::bad("unsupported")) }
}
