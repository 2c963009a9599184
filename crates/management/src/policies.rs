//! `/api/policies` and `/api/operator-policies`.

use serde_json::{Value, json};
use warrener_broker::{Command, Object, PolicyDefinition};

use crate::call::Call;
use crate::document::{object, required, text_of, to_object};
use crate::listing::{self, Listed, text};
use crate::reply::{Failure, Reply};

impl Listed for PolicyDefinition {
    fn name(&self) -> String {
        text(&self.name)
    }

    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        (self.vhost.as_bytes().into(), self.name.as_bytes().into())
    }
}

fn document(policy: &PolicyDefinition) -> Value {
    json!({
        "vhost": text(&policy.vhost),
        "name": text(&policy.name),
        "pattern": policy.pattern,
        "apply-to": policy.apply_to,
        "definition": object(&policy.definition),
        "priority": policy.priority,
    })
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let policies = call.look(|view| view.policy_definitions());
    answer(&call, policies)
}

pub(crate) async fn list_operator(call: Call) -> Result<Reply, Failure> {
    let policies = call.look(|view| view.operator_policy_definitions());
    answer(&call, policies)
}

fn answer(call: &Call, mut policies: Vec<PolicyDefinition>) -> Result<Reply, Failure> {
    policies.retain(|policy| call.shows(&policy.vhost));
    listing::answer(call, policies, document)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let policies = call.look(|view| view.policy_definitions());
    named(&call, policies)
}

pub(crate) async fn one_operator(call: Call) -> Result<Reply, Failure> {
    let policies = call.look(|view| view.operator_policy_definitions());
    named(&call, policies)
}

fn named(call: &Call, policies: Vec<PolicyDefinition>) -> Result<Reply, Failure> {
    let name = call.place("name").as_bytes();
    let is_meant = |own: &PolicyDefinition| call.shows(&own.vhost) && own.name.as_bytes() == name;
    let found = policies.into_iter().find(is_meant).ok_or(Failure::Missing)?;
    listing::one(call, document(&found))
}

/// The policy that a body says.
fn definition(call: &Call) -> Result<PolicyDefinition, Failure> {
    let body = call.object()?;
    let missing: Vec<_> = ["pattern", "definition"]
        .iter()
        .filter(|name| !body.contains_key(**name))
        .map(|name| format!("{{key_missing,{name}}}"))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::bad(format!("[{}]", missing.join(","))));
    }
    let [pattern] = required(&body, ["pattern"])?;
    let priority = match body.get("priority") {
        None | Some(Value::Null) => 0,
        Some(Value::String(text)) => {
            text.parse().map_err(|_| Failure::bad("priority is no number"))?
        }
        Some(given) => given.as_i64().ok_or_else(|| Failure::bad("priority is no number"))?,
    };
    Ok(PolicyDefinition {
        vhost: call.short("vhost")?,
        name: call.short("name")?,
        pattern: pattern.into(),
        apply_to: text_of(&body, "apply-to").unwrap_or("all").into(),
        definition: to_object(body["definition"].clone())?,
        priority,
        others: Object::new(),
    })
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let policy = definition(&call)?;
    call.set(Command::SetPolicy(policy)).await
}

pub(crate) async fn put_operator(call: Call) -> Result<Reply, Failure> {
    let policy = definition(&call)?;
    call.set(Command::SetOperatorPolicy(policy)).await
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    let (vhost, name) = (call.short("vhost")?, call.short("name")?);
    call.clear(Command::ClearPolicy { vhost, name }).await
}

pub(crate) async fn delete_operator(call: Call) -> Result<Reply, Failure> {
    let (vhost, name) = (call.short("vhost")?, call.short("name")?);
    call.clear(Command::ClearOperatorPolicy { vhost, name }).await
}
