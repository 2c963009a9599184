//! Exchanges, queues and bindings, declared and deleted on nobody's behalf.

use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_time::Time;

use crate::bind::BindingSpec;
use crate::broker::Broker;
use crate::command::members::check_members;
use crate::command::{CommandError, Done, Outcome};
use crate::declare::{DeleteIf, QueueSpec};
use crate::definitions::{BindingDefinition, ExchangeDefinition, QueueDefinition};
use crate::effect::Effect;
use crate::exchange::ExchangeSpec;
use crate::exchange_kind::ExchangeKind;
use crate::id::{ConnectionId, VhostId};
use crate::permission::{Access, Caller};

/// Whoever gives commands may do everything.
struct Operator {
    access: Access,
    vhost: VhostId,
}

impl Operator {
    const fn caller(&self) -> Caller<'_> {
        Caller { access: &self.access, vhost: self.vhost, connection: ConnectionId::NOBODY }
    }
}

impl Broker {
    fn operator(&self, vhost: &ShortStr) -> Result<Operator, CommandError> {
        Ok(Operator { access: Access::all(), vhost: self.realm.expect_vhost(vhost)? })
    }

    pub(crate) fn command_exchange(
        &mut self,
        definition: ExchangeDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let operator = self.operator(&definition.vhost)?;
        check_members(&definition.others)?;
        let name = definition.name.clone();
        let existed = self.realm.vhosts[operator.vhost].exchange(name.as_bytes()).is_some();
        let spec = ExchangeSpec {
            kind: ExchangeKind::parse(definition.kind.as_bytes())?,
            name: definition.name,
            durable: definition.durable,
            auto_delete: definition.auto_delete,
            internal: definition.internal,
            arguments: definition.arguments.to_table(),
        };
        let record = self.realm.declare_exchange(operator.caller(), spec, out)?;
        let found = self.realm.vhosts[operator.vhost].exchange(name.as_bytes());
        let of = found.and_then(|(_, exchange)| exchange.record);
        let record = record.max(self.realm.keep_members(of, definition.others, out)?);
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, record))
    }

    pub(crate) fn command_delete_exchange(
        &mut self,
        now: Time,
        vhost: &ShortStr,
        name: &ShortStr,
        if_unused: bool,
        out: &mut Vec<Effect>,
    ) -> Done {
        let operator = self.operator(vhost)?;
        if self.realm.vhosts[operator.vhost].exchange(name.as_bytes()).is_none() {
            return Ok((Outcome::Absent, None));
        }
        let record = self.realm.delete_exchange(now, operator.caller(), name, if_unused, out)?;
        Ok((Outcome::Deleted, record))
    }

    pub(crate) fn command_queue(
        &mut self,
        now: Time,
        definition: QueueDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let operator = self.operator(&definition.vhost)?;
        check_members(&definition.others)?;
        let name = definition.name.clone();
        let existed = self.realm.find_queue(operator.vhost, name.as_bytes()).is_some();
        let spec = QueueSpec {
            name: definition.name,
            durable: definition.durable,
            owner: None,
            auto_delete: definition.auto_delete,
            arguments: definition.arguments.to_table(),
            is_generated: false,
        };
        let (_, record) = self.realm.declare_queue(now, operator.caller(), spec, out)?;
        let of = self.realm.find_queue(operator.vhost, name.as_bytes());
        let of = of.and_then(|id| self.realm.queue(id).record);
        let record = record.max(self.realm.keep_members(of, definition.others, out)?);
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, record))
    }

    pub(crate) fn command_delete_queue(
        &mut self,
        now: Time,
        vhost: &ShortStr,
        name: &ShortStr,
        (unused, empty): (bool, bool),
        out: &mut Vec<Effect>,
    ) -> Done {
        let operator = self.operator(vhost)?;
        if self.realm.find_queue(operator.vhost, name.as_bytes()).is_none() {
            return Ok((Outcome::Absent, None));
        }
        let only = DeleteIf { unused, empty };
        let (_, record) = self.realm.delete_queue(now, operator.caller(), name, only, out)?;
        Ok((Outcome::Deleted, record))
    }

    pub(crate) fn command_purge(
        &mut self,
        now: Time,
        vhost: &ShortStr,
        name: &ShortStr,
        out: &mut Vec<Effect>,
    ) -> Done {
        let operator = self.operator(vhost)?;
        let (count, record) = self.realm.purge_queue(now, operator.caller(), name, out)?;
        Ok((Outcome::Purged(count), record))
    }

    pub(crate) fn command_bind(
        &mut self,
        definition: BindingDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let operator = self.operator(&definition.vhost)?;
        check_members(&definition.others)?;
        let others = definition.others.clone();
        let record = self.realm.bind(operator.caller(), &spec(definition), out)?;
        let record = record.max(self.realm.keep_members(record, others, out)?);
        Ok((Outcome::Created, record))
    }

    pub(crate) fn command_unbind(
        &mut self,
        now: Time,
        definition: BindingDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let operator = self.operator(&definition.vhost)?;
        let record = self.realm.unbind(now, operator.caller(), &spec(definition), out)?;
        Ok((Outcome::Deleted, record))
    }
}

fn spec(definition: BindingDefinition) -> BindingSpec {
    BindingSpec {
        source: definition.source,
        kind: definition.destination_type,
        target: definition.destination,
        key: definition.routing_key,
        arguments: definition.arguments.to_table(),
    }
}
