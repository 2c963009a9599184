//! `/api/parameters` and `/api/global-parameters`.

use serde_json::{Value, json};
use warrener_broker::{Command, GlobalParameterDefinition, Object, ParameterDefinition};

use crate::call::Call;
use crate::document::{to_json, value};
use crate::listing::{self, text};
use crate::reply::{Failure, Reply};

fn document(parameter: &ParameterDefinition) -> Value {
    json!({
        "vhost": text(&parameter.vhost),
        "component": text(&parameter.component),
        "name": text(&parameter.name),
        "value": value(&parameter.value),
    })
}

/// Policies are parameters inside, and have routes of their own.
fn is_shown(parameter: &ParameterDefinition) -> bool {
    parameter.component.as_bytes() != b"policy"
}

fn all(call: &Call) -> Vec<Value> {
    let wanted = |own: &&ParameterDefinition| {
        let component = call.place("component");
        is_shown(own)
            && (component.is_empty() || own.component.as_bytes() == component.as_bytes())
            && call.shows(&own.vhost)
    };
    call.look(|view| view.parameters().filter(wanted).map(document).collect())
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let all = all(&call);
    listing::answer(&call, all, Value::clone)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let found = all(&call).into_iter().find(|own| own["name"] == call.place("name"));
    listing::one(&call, found.ok_or(Failure::Missing)?)
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let given = body.get("value").ok_or_else(|| Failure::bad("[{key_missing,value}]"))?;
    let parameter = ParameterDefinition {
        vhost: call.short("vhost")?,
        component: call.short("component")?,
        name: call.short("name")?,
        value: to_json(given.clone())?,
        others: Object::new(),
    };
    call.set(Command::SetParameter(parameter)).await
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    let clear = Command::ClearParameter {
        vhost: call.short("vhost")?,
        component: call.short("component")?,
        name: call.short("name")?,
    };
    call.clear(clear).await
}

fn global(parameter: &GlobalParameterDefinition) -> Value {
    json!({ "name": text(&parameter.name), "value": value(&parameter.value) })
}

pub(crate) async fn list_global(call: Call) -> Result<Reply, Failure> {
    let all: Vec<Value> = call.look(|view| view.global_parameters().map(global).collect());
    listing::answer(&call, all, Value::clone)
}

pub(crate) async fn one_global(call: Call) -> Result<Reply, Failure> {
    let name = call.place("name").as_bytes();
    let found = call
        .look(|view| view.global_parameters().find(|own| own.name.as_bytes() == name).map(global));
    listing::one(&call, found.ok_or(Failure::Missing)?)
}

pub(crate) async fn put_global(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let given = body.get("value").ok_or_else(|| Failure::bad("[{key_missing,value}]"))?;
    let parameter = GlobalParameterDefinition {
        name: call.short("name")?,
        value: to_json(given.clone())?,
        others: Object::new(),
    };
    call.set(Command::SetGlobalParameter(parameter)).await
}

pub(crate) async fn delete_global(call: Call) -> Result<Reply, Failure> {
    call.clear(Command::ClearGlobalParameter(call.short("name")?)).await
}
