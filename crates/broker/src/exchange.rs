//! Exchanges: declaring, comparing and deleting them, and what is predeclared.

use alloc::boxed::Box;
use alloc::vec::Vec;

use warrener_codec::{ShortStr, Table, Value};
use warrener_router::{ExchangeId, Kind as Rule};
use warrener_time::Time;

use crate::effect::Effect;
use crate::exchange_kind::{DELAYED_TYPE, ExchangeKind};
use crate::id::{QueueId, RecordId, VhostId};
use crate::permission::Caller;
use crate::realm::Realm;
use crate::record::Fact;
use crate::refusal::{Difference, Given, Kind, Reason, Resource, Right, said, shown};
use crate::stats::Passage;
use crate::value::{same, text, type_name};
use crate::vhost::Vhost;

/// The argument that names where messages go that find no binding (RabbitMQ extension).
const ALTERNATE: &str = "alternate-exchange";

/// What an exchange is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExchangeSpec {
    pub(crate) name: ShortStr,
    pub(crate) kind: ExchangeKind,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) internal: bool,
    pub(crate) arguments: Table,
}

impl ExchangeSpec {
    /// How the router is to treat it.
    pub(crate) fn rule(&self) -> Result<Rule, Reason> {
        self.kind.rule(&self.arguments)
    }
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) spec: ExchangeSpec,
    pub(crate) alternate: Option<ShortStr>,
    /// The record that makes it durable; `None` for transient and predeclared exchanges.
    pub(crate) record: Option<RecordId>,
    /// The queue that it keeps messages in, if its type keeps any.
    pub(crate) keeper: Option<QueueId>,
    /// What was published to it.
    pub(crate) passage: Passage,
}

impl Exchange {
    /// One that keeps nothing yet.
    pub(crate) const fn new(
        spec: ExchangeSpec,
        alternate: Option<ShortStr>,
        record: Option<RecordId>,
    ) -> Self {
        Self { spec, alternate, record, keeper: None, passage: Passage::NONE }
    }
}

/// The exchanges that every virtual host begins with; the default exchange is not among them, because it is no more
/// than the names of the queues.
pub(crate) const PREDECLARED: [(&str, ExchangeKind, bool); 6] = [
    ("amq.direct", ExchangeKind::Direct, false),
    ("amq.fanout", ExchangeKind::Fanout, false),
    ("amq.topic", ExchangeKind::Topic, false),
    ("amq.headers", ExchangeKind::Headers, false),
    ("amq.match", ExchangeKind::Headers, false),
    ("amq.rabbitmq.trace", ExchangeKind::Topic, true),
];

impl Realm {
    /// Makes an exchange, or checks that the one that is there is the same. The record is what must be on disk first.
    pub(crate) fn declare_exchange(
        &mut self,
        caller: Caller<'_>,
        spec: ExchangeSpec,
        out: &mut Vec<Effect>,
    ) -> Result<Option<RecordId>, Reason> {
        let Caller { access, vhost, .. } = caller;
        let place = &self.vhosts[vhost];
        refuse_default(&spec.name)?;
        access.check(
            Right::Configure,
            Kind::Exchange,
            spec.name.as_bytes(),
            place.name().as_bytes(),
        )?;
        if let Some((_, existing)) = place.exchange(spec.name.as_bytes()) {
            return assert_equivalent(existing, &spec, place).map(|()| existing.record);
        }
        refuse_reserved(Kind::Exchange, &spec.name)?;
        let alternate = self.check_alternate(caller, &spec)?;
        let rule = spec.rule()?;
        self.refuse_too_many(
            vhost,
            Resource::exchange(spec.name.as_bytes(), place.name().as_bytes()),
        )?;
        let record = spec.durable.then(|| {
            let vhost = self.vhosts[vhost].name().clone();
            self.persist(&Fact::ExchangeDeclared { vhost, spec: spec.clone() }, out)
        });
        self.tell_exchange_created(vhost, &spec, &access.user);
        self.held_elsewhere_bytes += spec.held_bytes();
        let id = self.vhosts[vhost].add_exchange(Exchange::new(spec, alternate, record), rule);
        self.add_keeper(vhost, id);
        if self.has_policies(vhost) {
            self.apply_to_exchange(vhost, id, out);
        }
        Ok(record)
    }

    fn check_alternate(
        &self,
        caller: Caller<'_>,
        spec: &ExchangeSpec,
    ) -> Result<Option<ShortStr>, Reason> {
        let access = caller.access;
        let vhost = self.vhosts[caller.vhost].name().as_bytes();
        let name = alternate_of(spec, vhost)?;
        if let Some(alternate) = &name {
            access.check(Right::Read, Kind::Exchange, spec.name.as_bytes(), vhost)?;
            access.check(Right::Write, Kind::Exchange, alternate.as_bytes(), vhost)?;
        }
        Ok(name)
    }

    /// Checks that an exchange is there.
    pub(crate) fn expect_exchange(
        &self,
        vhost: VhostId,
        name: &ShortStr,
    ) -> Result<ExchangeId, Reason> {
        let place = &self.vhosts[vhost];
        match place.exchange(name.as_bytes()) {
            Some((id, _)) => Ok(id),
            None => {
                Err(Reason::NotFound(Resource::exchange(name.as_bytes(), place.name().as_bytes())))
            }
        }
    }

    /// Deletes an exchange and its bindings; one that is not there is deleted already. The record is what must be on
    /// disk first.
    pub(crate) fn delete_exchange(
        &mut self,
        now: Time,
        caller: Caller<'_>,
        name: &ShortStr,
        if_unused: bool,
        out: &mut Vec<Effect>,
    ) -> Result<Option<RecordId>, Reason> {
        let Caller { access, vhost, .. } = caller;
        let place = &self.vhosts[vhost];
        let resource = || Resource::exchange(name.as_bytes(), place.name().as_bytes());
        refuse_default(name)?;
        if is_reserved(name) {
            return Err(Reason::SystemExchange(resource()));
        }
        access.check(Right::Configure, Kind::Exchange, name.as_bytes(), place.name().as_bytes())?;
        let Some((id, _)) = place.exchange(name.as_bytes()) else { return Ok(None) };
        if if_unused && place.router.count_from(id) > 0 {
            return Err(Reason::InUse(resource()));
        }
        Ok(self.acting_for(caller, |realm| realm.remove_exchange(now, vhost, id, out)))
    }
}

impl Vhost {
    /// Puts an exchange in its place, which is free.
    pub(crate) fn add_exchange(&mut self, exchange: Exchange, rule: Rule) -> ExchangeId {
        let id = self.router.add(rule);
        self.router.set_internal(id, exchange.spec.internal);
        self.connect_alternates(id, &exchange);
        self.exchange_names.insert(exchange.spec.name.clone(), id);
        self.put_exchange(id, exchange);
        id
    }

    /// An alternate exchange is named, not pointed to: it may come and go after the exchange that names it.
    fn connect_alternates(&mut self, id: ExchangeId, exchange: &Exchange) {
        if let Some(alternate) = &exchange.alternate {
            let to = if *alternate == exchange.spec.name {
                Some(id)
            } else {
                self.exchange(alternate.as_bytes()).map(|(id, _)| id)
            };
            self.router.set_alternate(id, to);
            self.alternates.entry(alternate.clone()).or_default().insert(id);
        }
        for source in self.alternates.get(&exchange.spec.name).into_iter().flatten() {
            self.router.set_alternate(*source, Some(id));
        }
    }

    /// Names another alternate, or none.
    pub(crate) fn set_alternate(&mut self, id: ExchangeId, alternate: Option<ShortStr>) {
        let Some(exchange) = self.exchange_at_mut(id) else { return };
        if exchange.alternate == alternate {
            return;
        }
        let before = core::mem::replace(&mut exchange.alternate, alternate.clone());
        if let Some(before) = before {
            self.disconnect_alternate(id, &before);
        }
        let to = alternate.as_ref().and_then(|name| self.exchange(name.as_bytes()));
        let to = to.map(|(id, _)| id);
        self.router.set_alternate(id, to);
        if let Some(alternate) = alternate {
            self.alternates.entry(alternate).or_default().insert(id);
        }
    }

    fn disconnect_alternate(&mut self, id: ExchangeId, alternate: &ShortStr) {
        if let Some(sources) = self.alternates.get_mut(alternate) {
            sources.remove(&id);
            if sources.is_empty() {
                self.alternates.remove(alternate);
            }
        }
    }

    /// Takes an exchange out of all names; its bindings stay in the router.
    pub(crate) fn remove_exchange(&mut self, id: ExchangeId) -> Option<Exchange> {
        let exchange = self.take_exchange(id)?;
        self.exchange_names.remove(&exchange.spec.name);
        if let Some(alternate) = &exchange.alternate {
            self.disconnect_alternate(id, alternate);
        }
        Some(exchange)
    }

    /// Those of these exchanges that end when they lose their last binding.
    pub(crate) fn emptied_auto_delete(&self, emptied: &[ExchangeId]) -> Vec<ExchangeId> {
        let ends =
            |id: &&ExchangeId| self.exchange_at(**id).is_some_and(|own| own.spec.auto_delete);
        emptied.iter().filter(ends).copied().collect()
    }
}

/// The alternate exchange that the arguments name.
pub(crate) fn alternate_of(spec: &ExchangeSpec, vhost: &[u8]) -> Result<Option<ShortStr>, Reason> {
    let invalid = |value: &Value<'_>| Reason::ArgumentType {
        kind: type_name(value),
        argument: ALTERNATE,
        resource: Resource::exchange(spec.name.as_bytes(), vhost),
    };
    match spec.arguments.get(ALTERNATE) {
        None => Ok(None),
        Some(value) => match value.as_long_str().map(ShortStr::try_from) {
            Some(Ok(name)) => Ok(Some(name)),
            _ => Err(invalid(&value)),
        },
    }
}

fn assert_equivalent(existing: &Exchange, new: &ExchangeSpec, vhost: &Vhost) -> Result<(), Reason> {
    let current = &existing.spec;
    let resource = || Resource::exchange(new.name.as_bytes(), vhost.name().as_bytes());
    let inequivalent = |argument: &str, difference| Reason::Inequivalent {
        argument: said(argument),
        resource: resource(),
        difference: Box::new(difference),
    };
    if new.kind != current.kind {
        let (received, current) = (said(new.kind.name()), said(current.kind.name()));
        return Err(inequivalent("type", Difference::Values { received, current }));
    }
    for (argument, received, current) in [
        ("durable", new.durable, current.durable),
        ("auto_delete", new.auto_delete, current.auto_delete),
        ("internal", new.internal, current.internal),
    ] {
        if let Some(difference) = differing_flags(received, current) {
            return Err(inequivalent(argument, difference));
        }
    }
    for argument in [ALTERNATE, DELAYED_TYPE] {
        if let Some(difference) = differing(&new.arguments, &current.arguments, argument, None) {
            return Err(inequivalent(argument, difference));
        }
    }
    Ok(())
}

/// How two declarations' flags differ.
pub(crate) fn differing_flags(received: bool, current: bool) -> Option<Difference> {
    let spell = |flag: bool| said(if flag { "true" } else { "false" });
    (received != current)
        .then(|| Difference::Values { received: spell(received), current: spell(current) })
}

/// How two declarations' values of one argument differ; `default` is what a missing one stands for.
pub(crate) fn differing(
    received: &Table,
    current: &Table,
    argument: &str,
    default: Option<Value<'static>>,
) -> Option<Difference> {
    let given = |value: Option<Value<'_>>| match value {
        None => Given::Nothing,
        Some(value) => Given::Value { value: text(&value), kind: type_name(&value) },
    };
    let (received, current) = (received.get(argument), current.get(argument));
    match (received.or(default), current.or(default)) {
        (None, None) => None,
        (Some(left), Some(right)) if same(&left, &right) => None,
        (Some(left), Some(right)) => {
            Some(Difference::Values { received: text(&left), current: text(&right) })
        }
        (received, current) => {
            Some(Difference::Presence { received: given(received), current: given(current) })
        }
    }
}

/// Names that begin with `amq.` are the broker's.
pub(crate) fn is_reserved(name: &ShortStr) -> bool {
    name.as_bytes().starts_with(b"amq.")
}

pub(crate) fn refuse_reserved(kind: Kind, name: &ShortStr) -> Result<(), Reason> {
    if is_reserved(name) {
        return Err(Reason::ReservedName { kind, name: shown(name.as_bytes()) });
    }
    Ok(())
}

/// The default exchange is in every virtual host, bound to every queue, and that is all.
pub(crate) fn refuse_default(name: &ShortStr) -> Result<(), Reason> {
    if name.is_empty() { Err(Reason::DefaultExchange) } else { Ok(()) }
}
