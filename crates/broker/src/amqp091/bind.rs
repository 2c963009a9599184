//! queue.bind, queue.unbind, exchange.bind and exchange.unbind.

use alloc::vec::Vec;

use warrener_codec::method::{exchange, queue};
use warrener_codec::{Method, ShortStr};
use warrener_time::Time;

use crate::amqp091::declare::clean;
use crate::amqp091::reply_to;
use crate::bind::BindingSpec;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::ChannelKey;
use crate::refusal::{Kind, Reason};

impl Broker {
    pub(crate) fn queue_bind(
        &mut self,
        key: ChannelKey,
        bind: queue::Bind,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let spec = BindingSpec {
            source: clean(&bind.exchange),
            kind: Kind::Queue,
            target: self.bound_queue(key, &bind.queue)?,
            key: self.binding_key(key, &bind.queue, &bind.routing_key)?,
            arguments: bind.arguments,
        };
        self.add_binding(key, &spec, Method::QueueBindOk, bind.no_wait, out)
    }

    pub(crate) fn queue_unbind(
        &mut self,
        now: Time,
        key: ChannelKey,
        unbind: queue::Unbind,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let spec = BindingSpec {
            source: clean(&unbind.exchange),
            kind: Kind::Queue,
            target: self.bound_queue(key, &unbind.queue)?,
            key: self.binding_key(key, &unbind.queue, &unbind.routing_key)?,
            arguments: unbind.arguments,
        };
        self.remove_binding(now, key, &spec, (Method::QueueUnbindOk, false), out)
    }

    pub(crate) fn exchange_bind(
        &mut self,
        key: ChannelKey,
        bind: exchange::Bind,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let spec = BindingSpec {
            source: clean(&bind.source),
            kind: Kind::Exchange,
            target: clean(&bind.destination),
            key: bind.routing_key,
            arguments: bind.arguments,
        };
        self.add_binding(key, &spec, Method::ExchangeBindOk, bind.no_wait, out)
    }

    pub(crate) fn exchange_unbind(
        &mut self,
        now: Time,
        key: ChannelKey,
        unbind: exchange::Unbind,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let spec = BindingSpec {
            source: clean(&unbind.source),
            kind: Kind::Exchange,
            target: clean(&unbind.destination),
            key: unbind.routing_key,
            arguments: unbind.arguments,
        };
        self.remove_binding(now, key, &spec, (Method::ExchangeUnbindOk, unbind.no_wait), out)
    }

    fn add_binding(
        &mut self,
        key: ChannelKey,
        spec: &BindingSpec,
        ok: Method,
        no_wait: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        self.realm.check_arguments(&spec.arguments)?;
        let record = self.realm.bind(self.amqp.caller(key), spec, out)?;
        self.reply(key, ok, no_wait, record, out);
        Ok(())
    }

    fn remove_binding(
        &mut self,
        now: Time,
        key: ChannelKey,
        spec: &BindingSpec,
        ok: (Method, bool),
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let before = self.realm.jobs.len();
        let record = self.realm.unbind(now, self.amqp.caller(key), spec, out)?;
        self.reply_when_ended(key, ok, record, before, out);
        Ok(())
    }

    fn bound_queue(&self, key: ChannelKey, name: &ShortStr) -> Result<ShortStr, Reason> {
        if reply_to::is_address(name) {
            return Err(Reason::BindReplyQueue);
        }
        self.queue_name(key, name)
    }

    /// With neither a queue nor a key named, the key is the name of the queue that was declared last
    /// (AMQP 0-9-1 §1.7.2.3).
    fn binding_key(
        &self,
        key: ChannelKey,
        queue: &ShortStr,
        routing_key: &ShortStr,
    ) -> Result<ShortStr, Reason> {
        if queue.is_empty() && routing_key.is_empty() {
            return self.queue_name(key, queue);
        }
        Ok(routing_key.clone())
    }
}
