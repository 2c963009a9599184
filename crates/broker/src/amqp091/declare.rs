//! exchange.declare, exchange.delete, queue.declare, queue.delete and queue.purge.

use alloc::vec::Vec;

use bytes::Bytes;
use warrener_codec::Method;
use warrener_codec::ShortStr;
use warrener_codec::method::{exchange, queue};
use warrener_time::Time;

use crate::amqp091::reply_to;
use crate::broker::Broker;
use crate::declare::{DeleteIf, QueueSpec, Standing};
use crate::effect::Effect;
use crate::exchange::{ExchangeSpec, refuse_default};
use crate::exchange_kind::ExchangeKind;
use crate::id::{ChannelKey, QueueId, RecordId, VhostId};
use crate::permission::Caller;
use crate::refusal::{Kind, Reason, Resource};

impl Broker {
    pub(crate) fn exchange_declare(
        &mut self,
        key: ChannelKey,
        declare: exchange::Declare,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        self.realm.check_arguments(&declare.arguments)?;
        let caller = self.amqp.caller(key);
        let name = clean(&declare.exchange);
        let record = if declare.passive {
            refuse_default(&name)?;
            let place = self.realm.vhosts[caller.vhost].name().as_bytes();
            caller.access.check_any(Kind::Exchange, name.as_bytes(), place)?;
            self.realm.expect_exchange(caller.vhost, &name)?;
            None
        } else {
            let spec = ExchangeSpec {
                name,
                kind: ExchangeKind::parse(declare.kind.as_bytes())?,
                durable: declare.durable,
                auto_delete: declare.auto_delete,
                internal: declare.internal,
                arguments: declare.arguments.detached(),
            };
            self.realm.declare_exchange(caller, spec, out)?
        };
        self.reply(key, Method::ExchangeDeclareOk, declare.no_wait, record, out);
        Ok(())
    }

    pub(crate) fn exchange_delete(
        &mut self,
        now: Time,
        key: ChannelKey,
        delete: &exchange::Delete,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let (caller, name) = (self.amqp.caller(key), clean(&delete.exchange));
        let before = self.realm.jobs.len();
        let record = self.realm.delete_exchange(now, caller, &name, delete.if_unused, out)?;
        let ok = (Method::ExchangeDeleteOk, delete.no_wait);
        self.reply_when_ended(key, ok, record, before, out);
        Ok(())
    }

    pub(crate) fn queue_declare(
        &mut self,
        now: Time,
        key: ChannelKey,
        declare: queue::Declare,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let no_wait = declare.no_wait;
        let (name, standing, record) = self.declared(now, key, declare, out)?;
        self.amqp.channel_mut(key).last_queue = Some(name.clone());
        let ok = Method::QueueDeclareOk(queue::DeclareOk {
            queue: name,
            message_count: standing.ready,
            consumer_count: standing.consumers,
        });
        self.reply(key, ok, no_wait, record, out);
        Ok(())
    }

    fn declared(
        &mut self,
        now: Time,
        key: ChannelKey,
        declare: queue::Declare,
        out: &mut Vec<Effect>,
    ) -> Result<(ShortStr, Standing, Option<RecordId>), Reason> {
        self.realm.check_arguments(&declare.arguments)?;
        let caller = self.amqp.caller(key);
        let (vhost, connection) = (caller.vhost, caller.connection);
        if reply_to::is_queue(&declare.queue) {
            return Ok((declare.queue.detached(), Standing { ready: 0, consumers: 1 }, None));
        }
        if reply_to::is_address(&declare.queue) {
            let name = declare.queue.detached();
            return self.declare_replier(vhost, &name).map(|standing| (name, standing, None));
        }
        if declare.passive {
            // Here the empty name does not stand for the last declared queue (RabbitMQ: it is missed).
            let name = clean(&declare.queue);
            let id = self.expect_visible_queue(caller, &name)?;
            let slot = self.realm.queue(id);
            return Ok((name, slot.standing(), None));
        }
        let is_generated = declare.queue.is_empty();
        let name = if is_generated {
            self.realm.generate_queue_name(&declare.arguments)?
        } else {
            clean(&declare.queue)
        };
        let spec = QueueSpec {
            name: name.clone(),
            // An exclusive queue ends with its connection, so it is not durable whatever it says.
            durable: declare.durable && !declare.exclusive,
            owner: declare.exclusive.then_some(connection),
            auto_delete: declare.auto_delete,
            arguments: declare.arguments.detached(),
            is_generated,
        };
        let (id, record) = self.realm.declare_queue(now, self.amqp.caller(key), spec, out)?;
        Ok((name, self.realm.queue(id).standing(), record))
    }

    /// A passive declaration, which needs any one right on the queue.
    fn expect_visible_queue(&self, caller: Caller<'_>, name: &ShortStr) -> Result<QueueId, Reason> {
        let place = self.realm.vhosts[caller.vhost].name().as_bytes();
        caller.access.check_any(Kind::Queue, name.as_bytes(), place)?;
        self.realm.expect_own_queue(caller, name)
    }

    /// Declaring somebody's reply address asks whether somebody is still there.
    fn declare_replier(&self, vhost: VhostId, name: &ShortStr) -> Result<Standing, Reason> {
        if self.replier(vhost, name.as_bytes()).is_some() {
            return Ok(Standing { ready: 0, consumers: 1 });
        }
        let place = self.realm.vhosts[vhost].name().as_bytes();
        Err(Reason::NotFound(Resource::queue(name.as_bytes(), place)))
    }

    pub(crate) fn queue_delete(
        &mut self,
        now: Time,
        key: ChannelKey,
        delete: &queue::Delete,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let name = self.queue_name(key, &delete.queue)?;
        let only = DeleteIf { unused: delete.if_unused, empty: delete.if_empty };
        let caller = self.amqp.caller(key);
        let before = self.realm.jobs.len();
        let (message_count, record) = self.realm.delete_queue(now, caller, &name, only, out)?;
        let ok = Method::QueueDeleteOk(queue::DeleteOk { message_count });
        self.reply_when_ended(key, (ok, delete.no_wait), record, before, out);
        Ok(())
    }

    pub(crate) fn queue_purge(
        &mut self,
        now: Time,
        key: ChannelKey,
        purge: &queue::Purge,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let (message_count, record) = if self.reply_resource(key, &purge.queue).is_some() {
            (0, None)
        } else {
            let name = self.queue_name(key, &purge.queue)?;
            let caller = self.amqp.caller(key);
            self.realm.purge_queue(now, caller, &name, out)?
        };
        let ok = Method::QueuePurgeOk(queue::PurgeOk { message_count });
        self.reply(key, ok, purge.no_wait, record, out);
        Ok(())
    }

    /// The queue that a method means: the one it names, or the one that was declared last on the channel.
    pub(crate) fn queue_name(&self, key: ChannelKey, name: &ShortStr) -> Result<ShortStr, Reason> {
        if !name.is_empty() {
            return Ok(clean(name));
        }
        self.amqp.channel(key).last_queue.clone().ok_or(Reason::NoPreviousQueue)
    }
}

/// A name without line breaks (RabbitMQ strips them), in memory of its own.
pub(crate) fn clean(name: &ShortStr) -> ShortStr {
    let is_break = |octet: &u8| matches!(octet, b'\r' | b'\n');
    if !name.as_bytes().iter().any(is_break) {
        return name.detached();
    }
    let kept: Bytes = name.as_bytes().iter().copied().filter(|octet| !is_break(octet)).collect();
    ShortStr::try_from(kept).expect("shorter than before")
}
