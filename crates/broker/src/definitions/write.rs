//! From definitions to JSON, as RabbitMQ writes it.

use alloc::vec::Vec;

use warrener_codec::ShortStr;

use super::{
    BindingDefinition, Definitions, ExchangeDefinition, GlobalParameterDefinition,
    ParameterDefinition, PermissionDefinition, PolicyDefinition, QueueDefinition,
    TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use crate::json::{Json, Object};
use crate::refusal::{Kind, shown};

/// A definition as an object.
pub(crate) trait ToObject {
    /// With the virtual host it is in, unless the file is of one.
    fn to_object(&self) -> Object;
}

impl Definitions {
    /// As a definitions file. One of a single virtual host has the sections that such files have.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut file = self.others.clone();
        let single = self.is_of_one_vhost();
        if !single {
            file.set("users", list(&self.users, false));
            file.set("vhosts", list(&self.vhosts, false));
            file.set("permissions", list(&self.permissions, false));
            file.set("topic_permissions", list(&self.topic_permissions, false));
            file.set("global_parameters", list(&self.global_parameters, false));
        }
        file.set("parameters", list(&self.parameters, single));
        file.set("policies", list(&self.policies, single));
        file.set("queues", list(&self.queues, single));
        file.set("exchanges", list(&self.exchanges, single));
        file.set("bindings", list(&self.bindings, single));
        Json::Object(file)
    }
}

fn list<T: ToObject>(items: &[T], single: bool) -> Json {
    let object = |item: &T| {
        let mut object = item.to_object();
        if single {
            object.take("vhost");
        }
        Json::Object(object)
    };
    Json::List(items.iter().map(object).collect())
}

/// A name as JSON has it. RabbitMQ's names are UTF-8; other octets are shown as replacement characters.
pub(crate) fn text(name: &ShortStr) -> Json {
    Json::Text(shown(name.as_bytes()))
}

impl ToObject for UserDefinition {
    fn to_object(&self) -> Object {
        let mut object = self.others.clone();
        object.set("name", text(&self.name));
        object.set("password_hash", &*self.password_hash);
        if let Some(algorithm) = &self.hashing_algorithm {
            object.set("hashing_algorithm", text(algorithm));
        }
        object.set("tags", self.tags.iter().map(text).collect::<Vec<_>>());
        object.with("limits", self.limits.clone())
    }
}

impl ToObject for VhostDefinition {
    fn to_object(&self) -> Object {
        let object = self.others.clone().with("name", text(&self.name));
        object.with("metadata", self.metadata.clone()).with("limits", self.limits.clone())
    }
}

impl ToObject for PermissionDefinition {
    fn to_object(&self) -> Object {
        let object = self.others.clone().with("user", text(&self.user));
        let object = object.with("vhost", text(&self.vhost)).with("configure", &*self.configure);
        object.with("write", &*self.write).with("read", &*self.read)
    }
}

impl ToObject for TopicPermissionDefinition {
    fn to_object(&self) -> Object {
        let object = self.others.clone().with("user", text(&self.user));
        let object = object.with("vhost", text(&self.vhost)).with("exchange", text(&self.exchange));
        object.with("write", &*self.write).with("read", &*self.read)
    }
}

impl ToObject for ParameterDefinition {
    fn to_object(&self) -> Object {
        let object = self.others.clone().with("vhost", text(&self.vhost));
        let object = object.with("component", text(&self.component));
        object.with("name", text(&self.name)).with("value", self.value.clone())
    }
}

impl ToObject for GlobalParameterDefinition {
    fn to_object(&self) -> Object {
        self.others.clone().with("name", text(&self.name)).with("value", self.value.clone())
    }
}

impl ToObject for PolicyDefinition {
    fn to_object(&self) -> Object {
        let object = self.others.clone().with("vhost", text(&self.vhost));
        let object = object.with("name", text(&self.name)).with("pattern", &*self.pattern);
        let object = object.with("apply-to", &*self.apply_to);
        object.with("definition", self.definition.clone()).with("priority", self.priority)
    }
}

impl ToObject for QueueDefinition {
    fn to_object(&self) -> Object {
        let object = self.others.clone().with("vhost", text(&self.vhost));
        let object = object.with("name", text(&self.name)).with("durable", self.durable);
        object.with("auto_delete", self.auto_delete).with("arguments", self.arguments.clone())
    }
}

impl ToObject for ExchangeDefinition {
    fn to_object(&self) -> Object {
        let object = self.others.clone().with("vhost", text(&self.vhost));
        let object = object.with("name", text(&self.name)).with("type", text(&self.kind));
        let mut object = object.with("durable", self.durable).with("auto_delete", self.auto_delete);
        // RabbitMQ leaves internal exchanges out, and does not say of the others that they are none.
        if self.internal {
            object.set("internal", true);
        }
        object.with("arguments", self.arguments.clone())
    }
}

impl ToObject for BindingDefinition {
    fn to_object(&self) -> Object {
        let kind = if self.destination_type == Kind::Queue { "queue" } else { "exchange" };
        let object = self.others.clone().with("vhost", text(&self.vhost));
        let object = object.with("source", text(&self.source));
        let object = object.with("destination", text(&self.destination));
        let object = object.with("destination_type", kind);
        object
            .with("routing_key", text(&self.routing_key))
            .with("arguments", self.arguments.clone())
    }
}
