//! `/api/exchanges`.

use serde_json::{Value, json};
use warrener_broker::{Command, ExchangeDefinition, ExchangeView, Object};

use crate::call::{Call, short};
use crate::document::{flag, table, text_of};
use crate::listing::{self, Listed, text};
use crate::reply::{Failure, Reply};
use crate::right::Deed;
use crate::sampler::Samples;
use crate::stats;

impl Listed for ExchangeView {
    fn name(&self) -> String {
        text(&self.name)
    }

    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        (self.vhost.as_bytes().into(), self.name.as_bytes().into())
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let mut exchanges = call.api.all(|view, from, most| view.exchange_slice(from, most)).await;
    exchanges.retain(|exchange| call.shows(&exchange.vhost));
    let samples = call.api.samples();
    listing::answer(&call, exchanges, |exchange| document(exchange, &samples))
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let name = named(call.place("name"));
    let found = call.look(|view| view.exchange_named(call.place("vhost"), name));
    let exchange = found.ok_or(Failure::Missing)?;
    let mut value = document(&exchange, &call.api.samples());
    if let Value::Object(value) = &mut value {
        value.insert("incoming".into(), json!([]));
        value.insert("outgoing".into(), json!([]));
    }
    listing::one(&call, value)
}

/// In paths the default exchange goes by another name, because an empty step is none.
pub(crate) fn named(name: &str) -> &str {
    if name == "amq.default" { "" } else { name }
}

fn document(exchange: &ExchangeView, samples: &Samples) -> Value {
    let mut value = json!({
        "name": text(&exchange.name),
        "vhost": text(&exchange.vhost),
        "type": exchange.kind,
        "durable": exchange.durable,
        "auto_delete": exchange.auto_delete,
        "internal": exchange.internal,
        "arguments": table(&exchange.arguments),
        "user_who_performed_action": "rmq-internal",
    });
    if let Value::Object(all) = &mut value {
        let policies =
            [("policy", &exchange.policy), ("operator_policy", &exchange.operator_policy)];
        for (name, policy) in policies {
            if let Some(policy) = policy {
                all.insert(name.into(), text(policy).into());
            }
        }
        if exchange.passage.published > 0 {
            let between = samples.exchange(exchange.id);
            let traffic = stats::exchange(samples, &exchange.passage, between);
            all.insert("message_stats".into(), traffic.into());
        }
    }
    value
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let (vhost, name) = (call.place("vhost"), call.place("name"));
    call.caller.may(Deed::Configure, vhost, name)?;
    let arguments: Object = crate::document::arguments(&body)?;
    if let Some(to) = arguments.get("alternate-exchange").and_then(|to| to.as_str()) {
        call.caller.may(Deed::Read, vhost, name)?;
        call.caller.may(Deed::Write, vhost, to)?;
    }
    let definition = ExchangeDefinition {
        vhost: call.short("vhost")?,
        name: call.short("name")?,
        kind: short(text_of(&body, "type").unwrap_or("direct"))?,
        durable: flag(&body, "durable", true)?,
        auto_delete: flag(&body, "auto_delete", false)?,
        internal: flag(&body, "internal", false)?,
        arguments,
        others: Object::new(),
    };
    call.set(Command::DeclareExchange(definition)).await
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    if !call.look(|view| view.has_exchange(call.place("vhost"), call.place("name"))) {
        return Err(Failure::Missing);
    }
    call.caller.may(Deed::Configure, call.place("vhost"), call.place("name"))?;
    call.clear(Command::DeleteExchange {
        vhost: call.short("vhost")?,
        name: call.short("name")?,
        if_unused: call.is_asked("if-unused"),
    })
    .await
}
