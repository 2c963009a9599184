//! Definitions: taking them in slices, and telling what there is.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_router::Target;
use warrener_time::Time;

use crate::base64;
use crate::broker::Broker;
use crate::command::parameter::level;
use crate::command::{Command, CommandError, CommandId, Imported, Outcome, Problem, policy};
use crate::config::RABBITMQ_VERSION;
use crate::definitions::{
    BindingDefinition, Definitions, ExchangeDefinition, PermissionDefinition, QueueDefinition,
    TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use crate::effect::Effect;
use crate::exchange::is_reserved;
use crate::id::{QueueId, RecordId, VhostId};
use crate::job::Job;
use crate::json::{Json, Object};
use crate::permission::Permission;
use crate::policy::Level;
use crate::refusal::{Kind, shown};
use crate::user::User;
use crate::vhost::Vhost;

/// How many refused definitions an answer names.
const PROBLEMS: usize = 1_000;

/// Definitions on their way in.
#[derive(Debug)]
pub(crate) struct Import {
    id: CommandId,
    commands: VecDeque<Command>,
    imported: Imported,
    record: Option<RecordId>,
}

impl Broker {
    /// Begins to take definitions, in an order in which none needs a later one.
    pub(crate) fn import(
        &mut self,
        id: CommandId,
        definitions: Definitions,
        vhost: Option<ShortStr>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(Err(error)) = vhost.as_ref().map(|vhost| self.realm.expect_vhost(vhost)) {
            return self.answer(id, Err(error), out);
        }
        let commands = commands(definitions, vhost.as_ref());
        let import = Import { id, commands, imported: Imported::default(), record: None };
        self.jobs.push_back(Job::Import(Box::new(import)));
    }

    /// Takes the next definitions; what is left.
    pub(crate) fn import_slice(
        &mut self,
        now: Time,
        mut import: Box<Import>,
        most: u32,
        out: &mut Vec<Effect>,
    ) -> Option<Job> {
        for _ in 0..most {
            let Some(command) = import.commands.pop_front() else {
                let done = Ok((Outcome::Imported(import.imported), import.record));
                self.answer(import.id, done, out);
                return None;
            };
            let what = subject(&command);
            match self.obey_command(now, command, out) {
                Ok((_, record)) => {
                    import.imported.taken += 1;
                    import.record = import.record.max(record);
                }
                Err(error) => {
                    import.imported.refused += 1;
                    if import.imported.problems.len() < PROBLEMS {
                        import.imported.problems.push(Problem { what: what(), error });
                    }
                }
            }
        }
        Some(Job::Import(import))
    }
}

/// What definitions ask for, one by one.
fn commands(definitions: Definitions, vhost: Option<&ShortStr>) -> VecDeque<Command> {
    let mut all = VecDeque::with_capacity(definitions.len());
    // Definitions of one virtual host do not say which.
    let place = |own: &mut ShortStr| {
        if let Some(vhost) = vhost {
            own.clone_from(vhost);
        }
    };
    if vhost.is_none() {
        all.extend(definitions.users.into_iter().map(Command::SetUser));
        all.extend(definitions.vhosts.into_iter().map(Command::SetVhost));
        all.extend(definitions.permissions.into_iter().map(Command::SetPermission));
        all.extend(definitions.topic_permissions.into_iter().map(Command::SetTopicPermission));
        all.extend(definitions.global_parameters.into_iter().map(Command::SetGlobalParameter));
    }
    for mut parameter in definitions.parameters {
        place(&mut parameter.vhost);
        all.push_back(Command::SetParameter(parameter));
    }
    for mut policy in definitions.policies {
        place(&mut policy.vhost);
        all.push_back(Command::SetPolicy(policy));
    }
    for mut exchange in definitions.exchanges {
        place(&mut exchange.vhost);
        all.push_back(Command::DeclareExchange(exchange));
    }
    for mut queue in definitions.queues {
        place(&mut queue.vhost);
        all.push_back(Command::DeclareQueue(queue));
    }
    for mut binding in definitions.bindings {
        place(&mut binding.vhost);
        all.push_back(Command::Bind(binding));
    }
    all
}

/// How a problem names a definition. Names are cheap to keep, texts are made when they are needed.
fn subject(command: &Command) -> impl FnOnce() -> Box<str> + use<> {
    let (sort, name, vhost) = match command {
        Command::SetUser(own) => ("user", own.name.clone(), None),
        Command::SetVhost(own) => ("vhost", own.name.clone(), None),
        Command::SetPermission(own) => ("permission of", own.user.clone(), Some(&own.vhost)),
        Command::SetTopicPermission(own) => {
            ("topic permission of", own.user.clone(), Some(&own.vhost))
        }
        Command::SetGlobalParameter(own) => ("global parameter", own.name.clone(), None),
        Command::SetParameter(own) if level(&own.component).is_some() => {
            ("operator policy", own.name.clone(), Some(&own.vhost))
        }
        Command::SetParameter(own) => ("parameter", own.name.clone(), Some(&own.vhost)),
        Command::SetPolicy(own) => ("policy", own.name.clone(), Some(&own.vhost)),
        Command::DeclareExchange(own) => ("exchange", own.name.clone(), Some(&own.vhost)),
        Command::DeclareQueue(own) => ("queue", own.name.clone(), Some(&own.vhost)),
        Command::Bind(own) => ("binding of", own.destination.clone(), Some(&own.vhost)),
        _ => ("command", ShortStr::EMPTY, None),
    };
    let vhost = vhost.cloned();
    move || {
        let mut text = format!("{sort} '{}'", shown(name.as_bytes()));
        if let Some(vhost) = vhost {
            text += &format!(" in vhost '{}'", shown(vhost.as_bytes()));
        }
        text.into_boxed_str()
    }
}

impl Broker {
    /// Tells all definitions, or those of one virtual host.
    pub(crate) fn export(&self, vhost: Option<&ShortStr>) -> Result<Definitions, CommandError> {
        let mut all = Definitions::default();
        match vhost {
            None => self.export_tenants(&mut all),
            Some(vhost) => {
                let id = self.realm.expect_vhost(vhost)?;
                self.export_vhost_facts(id, &mut all);
            }
        }
        let is_meant = |own: &ShortStr| vhost.is_none_or(|vhost| vhost == own);
        self.export_parameters(is_meant, &mut all);
        for (id, place) in self.realm.vhosts.with_ids().filter(|(_, own)| is_meant(own.name())) {
            self.export_queues(id, place, &mut all);
            self.export_exchanges(place, &mut all);
        }
        Ok(all)
    }

    fn export_tenants(&self, all: &mut Definitions) {
        all.others = about("cluster", "Definitions of a whole broker");
        all.users = self.realm.users.iter().map(user).collect();
        all.vhosts = self.realm.vhosts.iter().map(vhost_definition).collect();
        for user in self.realm.users.iter() {
            let permissions = user.permissions.iter();
            all.permissions.extend(permissions.map(|(vhost, own)| permission(user, vhost, own)));
            let topics = user.topic_permissions.iter();
            all.topic_permissions.extend(topics.map(|((vhost, exchange), own)| {
                TopicPermissionDefinition {
                    user: user.name.clone(),
                    vhost: vhost.clone(),
                    exchange: exchange.clone(),
                    write: own.write().into(),
                    read: own.read().into(),
                    others: Object::new(),
                }
            }));
        }
        all.global_parameters = self.realm.global_parameters.values().cloned().collect();
    }

    fn export_vhost_facts(&self, id: VhostId, all: &mut Definitions) {
        let place = &self.realm.vhosts[id];
        let name = shown(place.name().as_bytes());
        let text = format!("Definitions of virtual host '{name}'");
        let facts = vhost_definition(place);
        let description = facts.metadata.get("description").cloned().unwrap_or_else(|| "".into());
        all.others = about("single_virtual_host", &text)
            .with("original_vhost_name", Json::Text(name))
            .with("description", description)
            .with("metadata", facts.metadata)
            .with("limits", facts.limits);
    }

    fn export_parameters(&self, is_meant: impl Fn(&ShortStr) -> bool, all: &mut Definitions) {
        for parameter in self.realm.parameters.values().filter(|own| is_meant(&own.vhost)) {
            match level(&parameter.component) {
                Some(Level::User) => all.policies.extend(policy::definition(parameter)),
                _ => all.parameters.push(parameter.clone()),
            }
        }
    }

    fn export_queues(&self, id: VhostId, place: &Vhost, all: &mut Definitions) {
        let queues = self.realm.queues.iter().map(|(_, slot)| slot);
        for slot in queues.filter(|slot| slot.vhost == id && slot.is_exported()) {
            all.queues.push(QueueDefinition {
                vhost: place.name().clone(),
                name: slot.spec.name.clone(),
                durable: slot.spec.durable,
                auto_delete: slot.spec.auto_delete,
                arguments: Object::from(slot.spec.arguments.as_table_ref()),
                others: Object::new().with("type", slot.settings.kind.name()),
            });
        }
    }

    /// Exchanges that survive a restart, but those that are always there; and their bindings.
    fn export_exchanges(&self, place: &Vhost, all: &mut Definitions) {
        for (id, exchange) in place.exchanges() {
            let spec = &exchange.spec;
            if !spec.durable {
                continue;
            }
            if !is_reserved(&spec.name) {
                all.exchanges.push(ExchangeDefinition {
                    vhost: place.name().clone(),
                    name: spec.name.clone(),
                    kind: ShortStr::from_static(spec.kind.name()),
                    durable: true,
                    auto_delete: spec.auto_delete,
                    internal: spec.internal,
                    arguments: Object::from(spec.arguments.as_table_ref()),
                    others: Object::new(),
                });
            }
            for binding in place.router.bindings_from(id) {
                let arguments = crate::header::arguments(binding.arguments);
                let Some((destination_type, destination)) = self.target(place, binding.target)
                else {
                    continue;
                };
                all.bindings.push(BindingDefinition {
                    vhost: place.name().clone(),
                    source: spec.name.clone(),
                    destination,
                    destination_type,
                    routing_key: ShortStr::try_from(binding.key).unwrap_or_default(),
                    arguments: Object::from(arguments.as_table_ref()),
                    others: Object::new(),
                });
            }
        }
    }

    /// The other end of a binding, if it survives a restart.
    fn target(&self, place: &Vhost, target: Target<QueueId>) -> Option<(Kind, ShortStr)> {
        match target {
            Target::Destination(id) => {
                let slot = self.realm.queues.get(id).filter(|slot| slot.is_exported())?;
                Some((Kind::Queue, slot.spec.name.clone()))
            }
            Target::Exchange(id) => {
                let exchange = place.exchange_at(id).filter(|own| own.spec.durable)?;
                Some((Kind::Exchange, exchange.spec.name.clone()))
            }
        }
    }
}

/// What a file says of itself.
fn about(format: &str, explanation: &str) -> Object {
    Object::new()
        .with("rabbit_version", RABBITMQ_VERSION)
        .with("rabbitmq_version", RABBITMQ_VERSION)
        .with("product_name", "Warrener")
        .with("product_version", env!("CARGO_PKG_VERSION"))
        .with("rabbitmq_definition_format", format)
        .with("explanation", String::from(explanation))
}

fn user(user: &User) -> UserDefinition {
    UserDefinition {
        name: user.name.clone(),
        password_hash: base64::encode(&user.password.octets).into_boxed_str(),
        hashing_algorithm: Some(user.password.algorithm.clone()),
        tags: user.tags.clone(),
        limits: user.limits.to_object(),
        others: user.others.clone(),
    }
}

fn permission(user: &User, vhost: &ShortStr, own: &Permission) -> PermissionDefinition {
    PermissionDefinition {
        user: user.name.clone(),
        vhost: vhost.clone(),
        configure: own.configure.as_str().into(),
        write: own.write.as_str().into(),
        read: own.read.as_str().into(),
        others: Object::new(),
    }
}

fn vhost_definition(vhost: &Vhost) -> VhostDefinition {
    VhostDefinition { limits: vhost.limits.to_object(), ..vhost.definition.clone() }
}
