//! Definitions: everything of a broker but its messages, as one plain value that RabbitMQ's definition files hold.

mod read;
#[cfg(feature = "serde")]
mod serde;
mod write;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;
use warrener_codec::ShortStr;

pub(crate) use crate::definitions::read::{FromObject, Members};
pub(crate) use crate::definitions::write::ToObject;
use crate::json::{Json, Object};
use crate::refusal::Kind;

/// A definitions file (RabbitMQ: `rabbitmqctl export_definitions`, `GET /api/definitions`).
///
/// Members that are not known here are kept: those of the file in [`others`](Self::others), and those of each
/// definition in its own. With the feature `serde` it is read and written as RabbitMQ's JSON; without, through
/// [`from_json`](Self::from_json) and [`to_json`](Self::to_json).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Users.
    pub users: Vec<UserDefinition>,
    /// Virtual hosts.
    pub vhosts: Vec<VhostDefinition>,
    /// What users may do.
    pub permissions: Vec<PermissionDefinition>,
    /// With which routing keys.
    pub topic_permissions: Vec<TopicPermissionDefinition>,
    /// Runtime parameters of virtual hosts. Operator policies and limits of virtual hosts are among them.
    pub parameters: Vec<ParameterDefinition>,
    /// Runtime parameters of the whole broker.
    pub global_parameters: Vec<GlobalParameterDefinition>,
    /// Policies.
    pub policies: Vec<PolicyDefinition>,
    /// Queues that survive a restart.
    pub queues: Vec<QueueDefinition>,
    /// Exchanges that survive a restart, but those that are always there.
    pub exchanges: Vec<ExchangeDefinition>,
    /// Bindings between those.
    pub bindings: Vec<BindingDefinition>,
    /// All else that the file says: versions, explanations, and what others have added.
    pub others: Object,
}

impl Definitions {
    /// Whether the file is of one virtual host, which it then does not name: no users, virtual hosts and rights, and
    /// nothing says in which virtual host it is.
    #[must_use]
    pub fn is_of_one_vhost(&self) -> bool {
        let format = self.others.get("rabbitmq_definition_format").and_then(Json::as_str);
        format == Some("single_virtual_host")
    }

    /// How many definitions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
            + self.vhosts.len()
            + self.permissions.len()
            + self.topic_permissions.len()
            + self.parameters.len()
            + self.global_parameters.len()
            + self.policies.len()
            + self.queues.len()
            + self.exchanges.len()
            + self.bindings.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserDefinition {
    /// The name.
    pub name: ShortStr,
    /// The hash of the password, in base 64; empty for a user without one.
    pub password_hash: Box<str>,
    /// How the hash was made; files of RabbitMQ before 3.6 do not say, and mean MD5.
    pub hashing_algorithm: Option<ShortStr>,
    /// Tags.
    pub tags: Vec<ShortStr>,
    /// `max-connections` and `max-channels`; a negative number is no limit.
    pub limits: Object,
    /// All else.
    pub others: Object,
}

/// A virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VhostDefinition {
    /// The name.
    pub name: ShortStr,
    /// `description`, `tags`, `default_queue_type` and `protected_from_deletion`, among others.
    pub metadata: Object,
    /// `max-connections` and `max-queues`; a negative number is no limit.
    pub limits: Object,
    /// All else.
    pub others: Object,
}

/// What a user may do in a virtual host: three patterns of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionDefinition {
    /// The user.
    pub user: ShortStr,
    /// The virtual host.
    pub vhost: ShortStr,
    /// What the user may declare and delete.
    pub configure: Box<str>,
    /// What the user may publish to, and bind.
    pub write: Box<str>,
    /// What the user may consume from, and bind to.
    pub read: Box<str>,
    /// All else.
    pub others: Object,
}

/// With which routing keys a user may use a topic exchange: two patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicPermissionDefinition {
    /// The user.
    pub user: ShortStr,
    /// The virtual host.
    pub vhost: ShortStr,
    /// The exchange.
    pub exchange: ShortStr,
    /// Publishing.
    pub write: Box<str>,
    /// Binding.
    pub read: Box<str>,
    /// All else.
    pub others: Object,
}

/// A runtime parameter of a virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterDefinition {
    /// The virtual host.
    pub vhost: ShortStr,
    /// What it is for: `operator_policy`, `vhost-limits`, `shovel`, `federation-upstream`.
    pub component: ShortStr,
    /// Its name.
    pub name: ShortStr,
    /// Its value.
    pub value: Json,
    /// All else.
    pub others: Object,
}

/// A runtime parameter of the whole broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalParameterDefinition {
    /// Its name.
    pub name: ShortStr,
    /// Its value.
    pub value: Json,
    /// All else.
    pub others: Object,
}

/// A policy, or an operator policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyDefinition {
    /// The virtual host.
    pub vhost: ShortStr,
    /// Its name.
    pub name: ShortStr,
    /// The pattern of the names that it applies to.
    pub pattern: Box<str>,
    /// What it applies to: `all`, `queues`, `classic_queues`, `quorum_queues`, `streams` or `exchanges`.
    pub apply_to: Box<str>,
    /// What it says.
    pub definition: Object,
    /// Of several, the highest applies.
    pub priority: i64,
    /// All else.
    pub others: Object,
}

/// A queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueDefinition {
    /// The virtual host.
    pub vhost: ShortStr,
    /// The name.
    pub name: ShortStr,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// Its arguments.
    pub arguments: Object,
    /// All else, such as `type`.
    pub others: Object,
}

/// An exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeDefinition {
    /// The virtual host.
    pub vhost: ShortStr,
    /// The name.
    pub name: ShortStr,
    /// `direct`, `fanout`, `topic`, `headers` and others.
    pub kind: ShortStr,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last binding.
    pub auto_delete: bool,
    /// Whether clients may not publish to it.
    pub internal: bool,
    /// Its arguments.
    pub arguments: Object,
    /// All else.
    pub others: Object,
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingDefinition {
    /// The virtual host.
    pub vhost: ShortStr,
    /// The exchange it comes from.
    pub source: ShortStr,
    /// What it leads to.
    pub destination: ShortStr,
    /// Whether that is a queue or an exchange.
    pub destination_type: Kind,
    /// The routing key, or pattern.
    pub routing_key: ShortStr,
    /// Its arguments.
    pub arguments: Object,
    /// All else.
    pub others: Object,
}

/// A file that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {problem}")]
pub struct DefinitionsError {
    /// Where: `queues[3].name`.
    pub place: Box<str>,
    /// What is wrong there.
    pub problem: String,
}
