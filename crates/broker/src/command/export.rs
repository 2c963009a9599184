//! Exporting definitions: all that there is, gathered in slices.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Bound;

use warrener_codec::ShortStr;
use warrener_router::{Binding, Target};

use crate::base64;
use crate::broker::Broker;
use crate::command::members::OF_THE_FILE;
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
use crate::vhost::{BindingKey, Vhost};

/// How many places a slice may pass by.
const PLACES: u32 = 8_192;

/// Definitions on their way out.
#[derive(Debug)]
pub(crate) struct Export {
    id: CommandId,
    all: Definitions,
    next: Section,
    /// The virtual hosts of which exchanges and queues are told, in their order.
    meant: Vec<VhostId>,
    /// How many of them have told their exchanges.
    told: usize,
    next_exchange: u32,
    next_queue: u32,
}

/// What is gathered next, and behind which name.
#[derive(Clone, Debug)]
enum Section {
    /// Virtual hosts, from this one of those that are meant.
    Vhosts(usize),
    Users(Option<ShortStr>),
    /// Permissions of this user, behind those in this virtual host.
    Permissions(ShortStr, Option<ShortStr>),
    /// Topic permissions of this user, behind those for this exchange.
    TopicPermissions(ShortStr, Option<(ShortStr, ShortStr)>),
    GlobalParameters(Option<ShortStr>),
    Parameters(Option<ParameterKey>),
    Exchanges,
    Queues,
}

/// What a parameter is found by: virtual host, component and name.
type ParameterKey = (ShortStr, ShortStr, ShortStr);

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
        let (meant, next): (Vec<VhostId>, Section) = match vhost {
            None => {
                all.others = self.realm.members_of(Some(OF_THE_FILE));
                all.others.extend(about("cluster", "Definitions of a whole broker"));
                let vhosts = self.realm.vhosts.with_ids().map(|(id, _)| id).collect();
                (vhosts, Section::Vhosts(0))
            }
            Some(vhost) => {
                let id = self.realm.expect_vhost(vhost)?;
                self.export_vhost_facts(id, &mut all);
                let before = (vhost.clone(), ShortStr::EMPTY, ShortStr::EMPTY);
                (Vec::from([id]), Section::Parameters(Some(before)))
            }
        };
        Ok(Export { id, all, next, meant, told: 0, next_exchange: 0, next_queue: 0 })
    }

    /// Gathers the next definitions; what is left.
    pub(crate) fn export_slice(
        &mut self,
        mut export: Box<Export>,
        most: u32,
        out: &mut Vec<Effect>,
    ) -> Option<Job> {
        let mut left = most;
        while left > 0 {
            let next = match export.next.clone() {
                Section::Exchanges => {
                    if !self.gather_exchanges(&mut export, left) {
                        break;
                    }
                    Some(Section::Queues)
                }
                Section::Queues => {
                    if !self.gather_queues(&mut export, left) {
                        break;
                    }
                    None
                }
                setting => Some(self.gather_setting(&mut export, setting)),
            };
            let Some(next) = next else {
                let exported = Outcome::Exported(Box::new(export.all));
                self.answer(export.id, Ok((exported, None)), out);
                return None;
            };
            export.next = next;
            left -= 1;
            self.realm.effort.visit(1);
        }
        Some(Job::Export(export))
    }

    /// Gathers one setting, if there is one more in its section; where to go on.
    fn gather_setting(&self, export: &mut Export, section: Section) -> Section {
        let all = &mut export.all;
        match section {
            Section::Vhosts(place) => match export.meant.get(place) {
                Some(id) => {
                    all.vhosts.push(vhost_definition(&self.realm.vhosts[*id]));
                    Section::Vhosts(place + 1)
                }
                None => Section::Users(None),
            },
            Section::Users(after) => match self.realm.users.next_after(after.as_ref()) {
                Some(next) => {
                    all.users.push(user(next));
                    Section::Permissions(next.name.clone(), None)
                }
                None => Section::GlobalParameters(None),
            },
            Section::Permissions(of, after) => self.gather_permission(all, of, after),
            Section::TopicPermissions(of, after) => self.gather_topic_permission(all, of, after),
            Section::GlobalParameters(after) => {
                match next_after(&self.realm.global_parameters, after.as_ref()) {
                    Some((name, parameter)) => {
                        all.global_parameters.push(parameter.clone());
                        Section::GlobalParameters(Some(name.clone()))
                    }
                    None => Section::Parameters(None),
                }
            }
            Section::Parameters(after) => self.gather_parameter(export, after),
            Section::Exchanges | Section::Queues => section,
        }
    }

    fn gather_permission(
        &self,
        all: &mut Definitions,
        of: ShortStr,
        after: Option<ShortStr>,
    ) -> Section {
        let known = self.realm.users.find(of.as_bytes());
        let next =
            known.and_then(|user| Some((user, next_after(&user.permissions, after.as_ref())?)));
        let Some((user, (vhost, own))) = next else { return Section::TopicPermissions(of, None) };
        all.permissions.push(permission(user, vhost, own));
        Section::Permissions(of, Some(vhost.clone()))
    }

    fn gather_topic_permission(
        &self,
        all: &mut Definitions,
        of: ShortStr,
        after: Option<(ShortStr, ShortStr)>,
    ) -> Section {
        let known = self.realm.users.find(of.as_bytes());
        let next = known.and_then(|user| next_after(&user.topic_permissions, after.as_ref()));
        let Some((place, own)) = next else { return Section::Users(Some(of)) };
        let (vhost, exchange) = place;
        all.topic_permissions.push(TopicPermissionDefinition {
            user: of.clone(),
            vhost: vhost.clone(),
            exchange: exchange.clone(),
            write: own.write().into(),
            read: own.read().into(),
            others: own.others.clone(),
        });
        Section::TopicPermissions(of, Some(place.clone()))
    }

    fn gather_parameter(&self, export: &mut Export, after: Option<ParameterKey>) -> Section {
        let Some((key, parameter)) = next_after(&self.realm.parameters, after.as_ref()) else {
            return Section::Exchanges;
        };
        let vhost = self.realm.vhosts.find(key.0.as_bytes());
        if vhost.is_none_or(|vhost| export.meant.binary_search(&vhost).is_err()) {
            // Those of other virtual hosts are told of elsewhere, and come in one piece.
            return if export.is_of_one_vhost() {
                Section::Exchanges
            } else {
                Section::Parameters(Some(key.clone()))
            };
        }
        match level(&parameter.component) {
            Some(Level::User) => export.all.policies.extend(policy::definition(parameter)),
            _ => export.all.parameters.push(parameter.clone()),
        }
        Section::Parameters(Some(key.clone()))
    }

    /// Whether all exchanges are told.
    fn gather_exchanges(&mut self, export: &mut Export, most: u32) -> bool {
        let mut cost = 0;
        while let Some(id) = export.meant.get(export.told).copied() {
            let place = &self.realm.vhosts[id];
            while let Some(exchange) = place.exchange_from(export.next_exchange) {
                if cost >= most {
                    self.realm.effort.visit(cost as usize);
                    return false;
                }
                export.next_exchange = exchange.index() as u32 + 1;
                let bindings = place.router.bindings_to(Target::Exchange(exchange));
                cost += 1 + export_bindings(self, place, bindings, &mut export.all);
                export_exchange(self, place, exchange, &mut export.all);
            }
            export.told += 1;
            export.next_exchange = 0;
        }
        self.realm.effort.visit(cost as usize);
        true
    }

    /// Whether all queues are told.
    fn gather_queues(&mut self, export: &mut Export, most: u32) -> bool {
        let (mut cost, mut passed) = (0, 0);
        while let Some((id, slot)) = self.realm.queues.at_or_after(export.next_queue) {
            if cost >= most || passed == PLACES {
                self.realm.effort.visit((cost + passed) as usize);
                return false;
            }
            export.next_queue = id.index + 1;
            passed += 1;
            if !slot.is_exported() || export.meant.binary_search(&slot.vhost).is_err() {
                continue;
            }
            let place = &self.realm.vhosts[slot.vhost];
            export.all.queues.push(QueueDefinition {
                vhost: place.name().clone(),
                name: slot.spec.name.clone(),
                durable: slot.spec.durable,
                auto_delete: slot.spec.auto_delete,
                arguments: Object::from(slot.spec.arguments.as_table_ref()),
                others: self.realm.members_of(slot.record).with("type", slot.settings.kind.name()),
            });
            let bindings = place.router.bindings_to(Target::Destination(id));
            cost += 1 + export_bindings(self, place, bindings, &mut export.all);
        }
        true
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

    fn binding_members(&self, place: &Vhost, binding: &Binding<'_, QueueId>) -> Object {
        if self.realm.members.is_empty() {
            return Object::new();
        }
        self.realm.members_of(place.binding_records.get(&BindingKey::of(binding)).copied())
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

impl Export {
    fn is_of_one_vhost(&self) -> bool {
        self.all.is_of_one_vhost()
    }
}

/// The entry behind this key.
fn next_after<'a, K: Ord, V>(map: &'a BTreeMap<K, V>, after: Option<&K>) -> Option<(&'a K, &'a V)> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    map.range::<K, _>((from, Bound::Unbounded)).next()
}

/// An exchange that survives a restart, unless it is always there.
fn export_exchange(
    broker: &Broker,
    place: &Vhost,
    id: warrener_router::ExchangeId,
    all: &mut Definitions,
) {
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
        others: broker.realm.members_of(exchange.record),
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
            others: broker.binding_members(place, &binding),
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
        others: own.others.clone(),
    }
}

fn vhost_definition(vhost: &Vhost) -> VhostDefinition {
    VhostDefinition { limits: vhost.limits.to_object(), ..vhost.definition.clone() }
}
