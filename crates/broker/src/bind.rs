//! Bindings between exchanges and queues, and between exchanges (RabbitMQ extension).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use warrener_codec::{ShortStr, Table};
use warrener_router::{BindError, ExchangeId, Rule, Target};
use warrener_time::Time;

use crate::arguments::QueueKind;
use crate::config::BINDING_BYTES_A_VISIT;
use crate::effect::Effect;
use crate::exchange::refuse_default;
use crate::exchange_kind::ExchangeKind;
use crate::header::BindingArguments;
use crate::id::{QueueId, RecordId, VhostId};
use crate::permission::Caller;
use crate::realm::Realm;
use crate::record::{Fact, Named};
use crate::refusal::{Kind, Reason, Resource, Right, said, shown};
use crate::value::{erlang, type_name};
use crate::vhost::{BindingKey, binding_bytes};

/// A binding as a client asks for it.
#[derive(Clone, Debug)]
pub(crate) struct BindingSpec {
    pub(crate) source: ShortStr,
    /// What `target` names.
    pub(crate) kind: Kind,
    pub(crate) target: ShortStr,
    pub(crate) key: ShortStr,
    pub(crate) arguments: Table,
}

impl BindingSpec {
    /// By what a hash exchange places the target: a queue by its name, an exchange by its name behind more octets than any
    /// name has, so that two of one name are not taken for each other.
    pub(crate) fn identity(&self) -> Vec<u8> {
        let mut identity = Vec::new();
        if self.kind == Kind::Exchange {
            identity.resize(256, 0);
        }
        identity.extend_from_slice(self.target.as_bytes());
        identity
    }
}

impl Realm {
    /// Refuses one binding more than a virtual host may have. One that is there already is no more.
    fn refuse_over_binding_limit(
        &self,
        vhost: VhostId,
        source: ExchangeId,
        target: Target<QueueId>,
        rule: Rule<'_>,
    ) -> Result<(), Reason> {
        let place = &self.vhosts[vhost];
        let limit = self.limits.bindings_per_vhost;
        if place.router.len() < limit as usize || place.router.has_binding(source, target, rule) {
            return Ok(());
        }
        Err(Reason::TooManyBindings { vhost: shown(place.name().as_bytes()), limit })
    }

    /// Adds a binding; one that is there already stays. The record is what must be on disk first.
    pub(crate) fn bind(
        &mut self,
        caller: Caller<'_>,
        spec: &BindingSpec,
        out: &mut Vec<Effect>,
    ) -> Result<Option<RecordId>, Reason> {
        self.check_binding(caller, spec)?;
        let vhost = caller.vhost;
        let source = self.expect_exchange(vhost, &spec.source)?;
        let target = self.expect_target(caller, spec)?;
        self.check_local(vhost, source, target, spec)?;
        let arguments = BindingArguments::new(&spec.arguments);
        let key = binding_key(source, target, spec, &arguments);
        let identity = spec.identity();
        let rule =
            Rule::new(spec.key.as_bytes()).with_arguments(&arguments).with_identity(&identity);
        self.refuse_over_binding_limit(vhost, source, target, rule)?;
        self.check_room(vhost, (source, target, rule), spec)?;
        let bytes = binding_bytes(spec.key.as_bytes(), arguments.table().as_bytes());
        self.effort.visit((bytes / BINDING_BYTES_A_VISIT) as usize);
        let place = &mut self.vhosts[vhost];
        match place.router.bind(source, target, rule) {
            Ok(true) => {
                place.binding_bytes += bytes;
                self.held_elsewhere_bytes += bytes;
            }
            Ok(false) => return Ok(place.binding_records.get(&key).copied()),
            Err(error) => return Err(Reason::InvalidBinding(explain(error, spec))),
        }
        self.remember_to(vhost, source, target);
        let (from, to) = ((&spec.source, &spec.key), (spec.kind, &spec.target));
        self.tell_bound(vhost, from, to, &spec.arguments, &caller.access.user);
        let Some((source, target)) = self.durable_ends(vhost, source, target) else {
            return Ok(None);
        };
        let fact = Fact::Bound {
            vhost: self.vhosts[vhost].name().clone(),
            source,
            kind: spec.kind,
            target,
            key: spec.key.detached(),
            arguments: arguments.table().clone(),
        };
        #[cfg(warrener_planted)]
        if warrener_time::planted::planted(warrener_time::planted::Bug::ForgetBinding) {
            return Ok(None);
        }
        let record = self.persist(&fact, out);
        self.vhosts[vhost].binding_records.insert(key, record);
        Ok(Some(record))
    }

    /// Removes a binding; one that is not there is removed already. The record is what must be on disk first.
    pub(crate) fn unbind(
        &mut self,
        now: Time,
        caller: Caller<'_>,
        spec: &BindingSpec,
        out: &mut Vec<Effect>,
    ) -> Result<Option<RecordId>, Reason> {
        self.check_binding(caller, spec)?;
        let vhost = caller.vhost;
        let Ok(source) = self.expect_exchange(vhost, &spec.source) else { return Ok(None) };
        let Some(target) = self.find_target(vhost, spec) else { return Ok(None) };
        let arguments = BindingArguments::new(&spec.arguments);
        let rule = Rule::new(spec.key.as_bytes()).with_arguments(&arguments);
        if !self.vhosts[vhost].router.has_binding(source, target, rule) {
            return Ok(None);
        }
        self.expect_target(caller, spec)?;
        let place = &mut self.vhosts[vhost];
        place.router.unbind(source, target, rule);
        let bytes = binding_bytes(spec.key.as_bytes(), arguments.table().as_bytes());
        place.binding_bytes -= bytes;
        self.held_elsewhere_bytes -= bytes;
        let key = binding_key(source, target, spec, &arguments);
        self.acting_for(caller, |realm| realm.tell_unbound(vhost, &key, None));
        let place = &mut self.vhosts[vhost];
        let bound = place.binding_records.remove(&key);
        let emptied = place.router.count_from(source) == 0;
        let record = bound.map(|of| self.forget(of, &Fact::Unbound { of }, out));
        if emptied && self.vhosts[vhost].exchange_at(source).is_some_and(|own| own.spec.auto_delete)
        {
            return Ok(self.remove_exchange(now, vhost, source, out).or(record));
        }
        Ok(record)
    }

    fn check_binding(&self, caller: Caller<'_>, spec: &BindingSpec) -> Result<(), Reason> {
        let access = caller.access;
        let vhost = self.vhosts[caller.vhost].name().as_bytes();
        refuse_default(&spec.source)?;
        if spec.kind == Kind::Exchange {
            refuse_default(&spec.target)?;
        }
        access.check(Right::Write, spec.kind, spec.target.as_bytes(), vhost)?;
        access.check(Right::Read, Kind::Exchange, spec.source.as_bytes(), vhost)?;
        let place = &self.vhosts[caller.vhost];
        match place.exchange(spec.source.as_bytes()) {
            Some((id, _)) if place.is_topic(id) => {
                let (source, key) = (spec.source.as_bytes(), spec.key.as_bytes());
                access.check_topic(Right::Read, source, key, vhost)
            }
            _ => Ok(()),
        }
    }

    /// What an exchange of type `x-local-random` takes as a target (RabbitMQ extension): classic queues, without a key.
    fn check_local(
        &self,
        vhost: VhostId,
        source: ExchangeId,
        target: Target<QueueId>,
        spec: &BindingSpec,
    ) -> Result<(), Reason> {
        let own = &self.vhosts[vhost].exchange_at(source).expect("it was just found").spec;
        if own.kind.of_bindings(&own.arguments) != Ok(ExchangeKind::LocalRandom) {
            return Ok(());
        }
        let invalid = |text: String| Err(Reason::InvalidBinding(text.into_boxed_str()));
        if !spec.key.is_empty() {
            return invalid(format!("Non empty binding '{}' key not permitted", spec.key));
        }
        match target {
            Target::Exchange(_) => invalid("Destination not found".into()),
            Target::Destination(id) => match self.queue(id).settings.kind {
                QueueKind::Classic => Ok(()),
                other => invalid(format!(
                    "Queue type {} not valid for this exchange type",
                    other.module(),
                )),
            },
        }
    }

    /// Refuses one binding more than an exchange, a target or a virtual host may have; one that is there is none more.
    fn check_room(
        &self,
        vhost: VhostId,
        (source, target, rule): (ExchangeId, Target<QueueId>, Rule<'_>),
        spec: &BindingSpec,
    ) -> Result<(), Reason> {
        let (place, limits) = (&self.vhosts[vhost], &self.limits);
        let router = &place.router;
        let full = if router.count_from(source) >= limits.bindings_per_exchange {
            Some((limits.bindings_per_exchange as u64, "bindings of an exchange"))
        } else if router.count_to(target) >= limits.bindings_per_target {
            Some((limits.bindings_per_target as u64, "bindings of a destination"))
        } else if place.binding_bytes >= limits.binding_bytes_per_vhost {
            Some((limits.binding_bytes_per_vhost, "bytes of bindings of a vhost"))
        } else {
            None
        };
        let Some((limit, unit)) = full.filter(|_| !router.has_binding(source, target, rule)) else {
            return Ok(());
        };
        let (name, vhost) = (spec.target.as_bytes(), place.name().as_bytes());
        let resource = match spec.kind {
            Kind::Exchange => Resource::exchange(name, vhost),
            Kind::Queue => Resource::queue(name, vhost),
        };
        Err(Reason::TooManyBindingsOf { resource, limit, unit })
    }

    fn expect_target(
        &self,
        caller: Caller<'_>,
        spec: &BindingSpec,
    ) -> Result<Target<QueueId>, Reason> {
        Ok(match spec.kind {
            Kind::Exchange => Target::Exchange(self.expect_exchange(caller.vhost, &spec.target)?),
            Kind::Queue => Target::Destination(self.expect_own_queue(caller, &spec.target)?),
        })
    }

    fn find_target(&self, vhost: VhostId, spec: &BindingSpec) -> Option<Target<QueueId>> {
        match spec.kind {
            Kind::Exchange => self.vhosts[vhost]
                .exchange(spec.target.as_bytes())
                .map(|(id, _)| Target::Exchange(id)),
            Kind::Queue => self.find_queue(vhost, spec.target.as_bytes()).map(Target::Destination),
        }
    }

    /// Both ends as records name them, if both survive a restart.
    fn durable_ends(
        &self,
        vhost: VhostId,
        source: ExchangeId,
        target: Target<QueueId>,
    ) -> Option<(Named, Named)> {
        let exchange = |id| {
            let exchange = self.vhosts[vhost].exchange_at(id)?;
            let name = exchange.spec.name.clone();
            exchange.spec.durable.then_some(Named { name, record: exchange.record })
        };
        let target = match target {
            Target::Exchange(id) => exchange(id)?,
            Target::Destination(id) => {
                let queue = self.queue(id);
                Named { name: queue.spec.name.clone(), record: Some(queue.record?) }
            }
        };
        Some((exchange(source)?, target))
    }
}

pub(crate) fn binding_key(
    source: ExchangeId,
    target: Target<QueueId>,
    spec: &BindingSpec,
    arguments: &BindingArguments,
) -> BindingKey {
    BindingKey {
        target,
        source,
        key: spec.key.as_bytes().into(),
        arguments: arguments.table().as_bytes().into(),
    }
}

/// A refused binding in RabbitMQ's words.
fn explain(error: BindError, spec: &BindingSpec) -> alloc::boxed::Box<str> {
    let key = || if spec.key.is_empty() { "<<>>".into() } else { format!("<<\"{}\">>", spec.key) };
    let mode = spec.arguments.get("x-match");
    let text = match (error, mode) {
        (BindError::MatchMode, Some(mode)) => format!(
            "Invalid x-match field value {}; expected all, any, all-with-x, or any-with-x",
            erlang(&mode),
        ),
        (BindError::MatchModeType, Some(mode)) => format!(
            "Invalid x-match field type {} (value {}); expected longstr",
            type_name(&mode),
            erlang(&mode),
        ),
        (BindError::WeightNotInteger, _) => {
            format!("The binding key must be an integer: {}", key())
        }
        (BindError::WeightNotPositive, _) => "The binding key must be greater than 0".into(),
        (BindError::WeightTooLarge, _) => {
            format!("The binding key must not exceed {}", warrener_router::limits::WEIGHT_MAX)
        }
        (other, _) => return said(&format!("{other}")),
    };
    text.into_boxed_str()
}
