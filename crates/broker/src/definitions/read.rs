//! From JSON to definitions. Old files are understood: tags as one string with commas, tracing, descriptions outside of
//! metadata, missing parts.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use warrener_codec::ShortStr;

use super::{
    BindingDefinition, Definitions, DefinitionsError, ExchangeDefinition,
    GlobalParameterDefinition, ParameterDefinition, PermissionDefinition, PolicyDefinition,
    QueueDefinition, TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use crate::json::{Json, Object};
use crate::refusal::Kind;

type Read<T> = Result<T, String>;

/// A definition that can be read from an object.
pub(crate) trait FromObject: Sized {
    fn from_object(members: Members) -> Read<Self>;
}

impl Definitions {
    /// Understands a definitions file.
    ///
    /// # Errors
    ///
    /// When a part that is known is not what it must be; the error says where.
    pub fn from_json(json: Json) -> Result<Self, DefinitionsError> {
        let Json::Object(mut file) = json else {
            let problem = "definitions must be an object".into();
            return Err(DefinitionsError { place: "the file".into(), problem });
        };
        Ok(Self {
            users: section(&mut file, "users")?,
            vhosts: section(&mut file, "vhosts")?,
            permissions: section(&mut file, "permissions")?,
            topic_permissions: section(&mut file, "topic_permissions")?,
            parameters: section(&mut file, "parameters")?,
            global_parameters: section(&mut file, "global_parameters")?,
            policies: section(&mut file, "policies")?,
            queues: section(&mut file, "queues")?,
            exchanges: section(&mut file, "exchanges")?,
            bindings: section(&mut file, "bindings")?,
            others: file,
        })
    }
}

fn section<T: FromObject>(file: &mut Object, name: &str) -> Result<Vec<T>, DefinitionsError> {
    let wrong = |place: String, problem| DefinitionsError { place: place.into(), problem };
    let list = match file.take(name) {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::List(list)) => list,
        Some(_) => return Err(wrong(name.into(), "must be a list".into())),
    };
    let read = |(place, item)| {
        let Json::Object(object) = item else {
            return Err(wrong(format!("{name}[{place}]"), "must be an object".into()));
        };
        T::from_object(Members(object))
            .map_err(|problem| wrong(format!("{name}[{place}]"), problem))
    };
    list.into_iter().enumerate().map(read).collect()
}

/// The members of an object that are not read yet.
pub(crate) struct Members(pub(crate) Object);

impl Members {
    fn take(&mut self, name: &str) -> Option<Json> {
        self.0.take(name).filter(|value| *value != Json::Null)
    }

    fn text(&mut self, name: &str) -> Read<Option<Box<str>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{name} must be a string")),
        }
    }

    fn needed(&mut self, name: &str) -> Read<Box<str>> {
        self.text(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    fn short(&mut self, name: &str) -> Read<ShortStr> {
        let text = self.needed(name)?;
        short(&text).ok_or_else(|| format!("{name} is longer than 255 octets"))
    }

    /// A name that files of one virtual host leave out.
    fn vhost(&mut self) -> Read<ShortStr> {
        let text = self.text("vhost")?.unwrap_or_default();
        short(&text).ok_or_else(|| "vhost is longer than 255 octets".into())
    }

    fn truth(&mut self, name: &str) -> Read<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(Json::Bool(truth)) => Ok(truth),
            Some(_) => Err(format!("{name} must be true or false")),
        }
    }

    fn object(&mut self, name: &str) -> Read<Object> {
        match self.take(name) {
            None => Ok(Object::new()),
            Some(Json::Object(object)) => Ok(object),
            // An empty list is what an empty object has been to Erlang.
            Some(Json::List(list)) if list.is_empty() => Ok(Object::new()),
            Some(_) => Err(format!("{name} must be an object")),
        }
    }

    fn tags(&mut self) -> Read<Vec<ShortStr>> {
        let wrong = || String::from("tags must be strings");
        let tag = |text: &str| short(text).ok_or_else(wrong);
        match self.take("tags") {
            None => Ok(Vec::new()),
            Some(Json::Text(text)) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                words.map(tag).collect()
            }
            Some(Json::List(list)) => {
                list.iter().map(|item| tag(item.as_str().ok_or_else(wrong)?)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }
}

fn short(text: &str) -> Option<ShortStr> {
    ShortStr::try_from(text).ok()
}

impl FromObject for UserDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        let algorithm = members.text("hashing_algorithm")?;
        Ok(Self {
            name: members.short("name")?,
            password_hash: members.text("password_hash")?.unwrap_or_default(),
            hashing_algorithm: algorithm.and_then(|text| short(&text)),
            tags: members.tags()?,
            limits: members.object("limits")?,
            others: members.0,
        })
    }
}

impl FromObject for VhostDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        Ok(Self {
            name: members.short("name")?,
            metadata: members.object("metadata")?,
            limits: members.object("limits")?,
            others: members.0,
        })
    }
}

impl FromObject for PermissionDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        Ok(Self {
            user: members.short("user")?,
            vhost: members.short("vhost")?,
            configure: members.needed("configure")?,
            write: members.needed("write")?,
            read: members.needed("read")?,
            others: members.0,
        })
    }
}

impl FromObject for TopicPermissionDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        Ok(Self {
            user: members.short("user")?,
            vhost: members.short("vhost")?,
            exchange: members.short("exchange")?,
            write: members.needed("write")?,
            read: members.needed("read")?,
            others: members.0,
        })
    }
}

impl FromObject for ParameterDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        Ok(Self {
            vhost: members.vhost()?,
            component: members.short("component")?,
            name: members.short("name")?,
            value: members.0.take("value").ok_or("value is missing")?,
            others: members.0,
        })
    }
}

impl FromObject for GlobalParameterDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        Ok(Self {
            name: members.short("name")?,
            value: members.0.take("value").ok_or("value is missing")?,
            others: members.0,
        })
    }
}

impl FromObject for PolicyDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        let priority = match members.take("priority") {
            None => 0,
            Some(Json::Integer(number)) => number,
            Some(Json::Text(text)) => text.parse().map_err(|_| "priority must be a number")?,
            Some(_) => return Err("priority must be a number".to_string()),
        };
        Ok(Self {
            vhost: members.vhost()?,
            name: members.short("name")?,
            pattern: members.needed("pattern")?,
            apply_to: members.text("apply-to")?.unwrap_or_else(|| "all".into()),
            definition: members.object("definition")?,
            priority,
            others: members.0,
        })
    }
}

impl FromObject for QueueDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        Ok(Self {
            vhost: members.vhost()?,
            name: members.short("name")?,
            durable: members.truth("durable")?,
            auto_delete: members.truth("auto_delete")?,
            arguments: members.object("arguments")?,
            others: members.0,
        })
    }
}

impl FromObject for ExchangeDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        Ok(Self {
            vhost: members.vhost()?,
            name: members.short("name")?,
            kind: members.short("type")?,
            durable: members.truth("durable")?,
            auto_delete: members.truth("auto_delete")?,
            internal: members.truth("internal")?,
            arguments: members.object("arguments")?,
            others: members.0,
        })
    }
}

impl FromObject for BindingDefinition {
    fn from_object(mut members: Members) -> Read<Self> {
        let destination_type = match &*members.needed("destination_type")? {
            "queue" => Kind::Queue,
            "exchange" => Kind::Exchange,
            _ => return Err("destination_type must be queue or exchange".into()),
        };
        Ok(Self {
            vhost: members.vhost()?,
            source: members.short("source")?,
            destination: members.short("destination")?,
            destination_type,
            routing_key: members.short("routing_key")?,
            arguments: members.object("arguments")?,
            others: members.0,
        })
    }
}
