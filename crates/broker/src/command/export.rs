//! Exporting definitions: all that there is, gathered in slices.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_router::{Binding, Target};

use crate::base64;
use crate::broker::Broker;
use crate::command::parameter::level;
use crate::command::{CommandError, CommandId, Outcome, policy};
use crate::config::RABBITMQ_VERSION;
use crate::definitions::{
    BindingDefinition, Definitions, ExchangeDefinition, PermissionDefinition, QueueDefinition,
    TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use crate::effect::Effect;
use crate::exchange::is_reserved;
use crate::id::{QueueId, VhostId};
use crate::job::Job;
use crate::json::{Json, Object};
use crate::permission::Permission;
use crate::policy::Level;
use crate::refusal::{Kind, shown};
use crate::user::User;
use crate::vhost::Vhost;

/// How many places a slice may pass by.
const PLACES: u32 = 8_192;

/// Definitions on their way out.
#[derive(Debug)]
pub(crate) struct Export {
    id: CommandId,
    all: Definitions,
    /// The virtual hosts whose exchanges are still to be told.
    vhosts: Vec<VhostId>,
    /// Those of which queues are told.
    meant: Vec<VhostId>,
    next_exchange: u32,
    next_queue: u32,
}

impl Broker {
    /// Begins to gather all definitions, or those of one virtual host.
    pub(crate) fn export(&mut self, id: CommandId, vhost: Option<ShortStr>, out: &mut Vec<Effect>) {
        match self.begin_export(id, vhost.as_ref()) {
            Ok(export) => self.realm.jobs.push_back(Job::Export(Box::new(export))),
            Err(error) => self.answer(id, Err(error), out),
        }
    }

    fn begin_export(
        &self,
        id: CommandId,
        vhost: Option<&ShortStr>,
    ) -> Result<Export, CommandError> {
        let mut all = Definitions::default();
        let meant: Vec<VhostId> = match vhost {
            None => {
                self.export_tenants(&mut all);
                self.realm.vhosts.with_ids().map(|(id, _)| id).collect()
            }
            Some(vhost) => {
                let id = self.realm.expect_vhost(vhost)?;
                self.export_vhost_facts(id, &mut all);
                Vec::from([id])
            }
        };
        self.export_parameters(|own| vhost.is_none_or(|vhost| vhost == own), &mut all);
        let vhosts = meant.iter().rev().copied().collect();
        Ok(Export { id, all, vhosts, meant, next_exchange: 0, next_queue: 0 })
    }

    /// Gathers the next definitions; what is left.
    pub(crate) fn export_slice(
        &mut self,
        mut export: Box<Export>,
        most: u32,
        out: &mut Vec<Effect>,
    ) -> Option<Job> {
        if self.gather_exchanges(&mut export, most) && self.gather_queues(&mut export, most) {
            let exported = Outcome::Exported(Box::new(export.all));
            self.answer(export.id, Ok((exported, None)), out);
            return None;
        }
        Some(Job::Export(export))
    }

    /// Whether all exchanges are told.
    fn gather_exchanges(&self, export: &mut Export, most: u32) -> bool {
        let mut cost = 0;
        while let Some(id) = export.vhosts.last().copied() {
            let place = &self.realm.vhosts[id];
            while let Some(exchange) = place.exchange_from(export.next_exchange) {
                if cost >= most {
                    return false;
                }
                export.next_exchange = exchange.index() as u32 + 1;
                let bindings = place.router.bindings_to(Target::Exchange(exchange));
                cost += 1 + export_bindings(self, place, bindings, &mut export.all);
                export_exchange(place, exchange, &mut export.all);
            }
            export.vhosts.pop();
            export.next_exchange = 0;
        }
        cost == 0
    }

    /// Whether all queues are told.
    fn gather_queues(&self, export: &mut Export, most: u32) -> bool {
        let (mut cost, mut passed) = (0, 0);
        while let Some((id, slot)) = self.realm.queues.at_or_after(export.next_queue) {
            if cost >= most || passed == PLACES {
                return false;
            }
            export.next_queue = id.index + 1;
            passed += 1;
            if !slot.is_exported() || !export.meant.contains(&slot.vhost) {
                continue;
            }
            let place = &self.realm.vhosts[slot.vhost];
            export.all.queues.push(QueueDefinition {
                vhost: place.name().clone(),
                name: slot.spec.name.clone(),
                durable: slot.spec.durable,
                auto_delete: slot.spec.auto_delete,
                arguments: Object::from(slot.spec.arguments.as_table_ref()),
                others: Object::new().with("type", slot.settings.kind.name()),
            });
            let bindings = place.router.bindings_to(Target::Destination(id));
            cost += 1 + export_bindings(self, place, bindings, &mut export.all);
        }
        true
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

/// An exchange that survives a restart, unless it is always there.
fn export_exchange(place: &Vhost, id: warrener_router::ExchangeId, all: &mut Definitions) {
    let Some(exchange) = place.exchange_at(id) else { return };
    let spec = &exchange.spec;
    if !spec.durable || is_reserved(&spec.name) {
        return;
    }
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

/// Bindings both of whose ends survive a restart; answers how many were looked at.
fn export_bindings<'a>(
    broker: &Broker,
    place: &Vhost,
    bindings: impl Iterator<Item = Binding<'a, QueueId>>,
    all: &mut Definitions,
) -> u32 {
    let mut count = 0;
    for binding in bindings {
        count += 1;
        let source = place.exchange_at(binding.source).filter(|own| own.spec.durable);
        let (Some(source), Some((destination_type, destination))) =
            (source, broker.target(place, binding.target))
        else {
            continue;
        };
        all.bindings.push(BindingDefinition {
            vhost: place.name().clone(),
            source: source.spec.name.clone(),
            destination,
            destination_type,
            routing_key: ShortStr::try_from(binding.key).unwrap_or_default(),
            arguments: Object::from(crate::header::arguments(binding.arguments).as_table_ref()),
            others: Object::new(),
        });
    }
    count
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
