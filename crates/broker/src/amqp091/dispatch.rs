//! Which method leads where, and what a refusal does.

use alloc::boxed::Box;
use alloc::vec::Vec;

use warrener_codec::{ChannelId, Method};
use warrener_time::Time;

use crate::amqp091::channel::Mode;
use crate::amqp091::parked::Parked;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ConnectionId};
use crate::refusal::{Reason, Refusal};
use crate::warning::Warning;

impl Broker {
    pub(crate) fn method(
        &mut self,
        now: Time,
        connection: ConnectionId,
        number: ChannelId,
        method: Method,
        out: &mut Vec<Effect>,
    ) {
        let Some(key) = self.amqp.open_channel(connection, number) else { return };
        if self.amqp.channel(key).is_stalled() && !self.passes(key, &method) {
            return self.park(key, Parked::Method(method), out);
        }
        self.method_on(now, key, method, out);
    }

    /// Obeys a method, or says why not.
    pub(crate) fn method_on(
        &mut self,
        now: Time,
        key: ChannelKey,
        method: Method,
        out: &mut Vec<Effect>,
    ) {
        let ids = method.ids();
        if let Err(reason) = self.obey(now, key, method, out) {
            self.refuse(now, key, &reason, ids, out);
        }
    }

    /// Closes the channel, or for a hard error the connection, as the reason's code says.
    pub(crate) fn refuse(
        &mut self,
        now: Time,
        key: ChannelKey,
        reason: &Reason,
        ids: (u16, u16),
        out: &mut Vec<Effect>,
    ) {
        out.extend(Warning::about(reason).map(|warning| Effect::Warn(warning.into())));
        if reason.code().is_hard() {
            let client = self.amqp.channel(key).client;
            return self.refuse_connection(now, client, reason, ids, out);
        }
        let channel = self.amqp.channel(key);
        let refusal = Box::new(Refusal::new(reason, ids));
        let close = Effect::CloseChannel(channel.connection, channel.number, refusal);
        self.clear_channel(now, key, out);
        // As in RabbitMQ, a channel that is refused confirms nothing more.
        let channel = self.amqp.channel_mut(key);
        channel.mode = Mode::Plain;
        // Once its client has heard of it, the number may be used again.
        if channel.slices.is_clearing {
            channel.last_word = Some(close);
        } else {
            self.emit(key, close, out);
        }
    }

    fn obey(
        &mut self,
        now: Time,
        key: ChannelKey,
        method: Method,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        match method {
            Method::BasicAck(ack) => self.ack(now, key, ack, out),
            Method::BasicNack(nack) => self.nack(now, key, nack, out),
            Method::BasicReject(reject) => self.reject(now, key, reject, out),
            Method::BasicGet(get) => self.get(now, key, get, out),
            Method::BasicConsume(consume) => self.consume(now, key, &consume, out),
            Method::BasicCancel(cancel) => self.cancel(now, key, &cancel, out),
            Method::BasicCancelOk(_) => Ok(()),
            Method::BasicQos(qos) => self.qos(key, qos, out),
            Method::BasicRecover(recover) => self.recover(now, key, recover.requeue, true, out),
            Method::BasicRecoverAsync(recover) => {
                self.recover(now, key, recover.requeue, false, out)
            }
            Method::ConfirmSelect(select) => self.confirm_select(key, select.no_wait, out),
            Method::TxSelect => self.tx_select(key, out),
            Method::TxCommit => self.tx_commit(now, key, out),
            Method::TxRollback => self.tx_rollback(key, out),
            Method::ChannelFlow(flow) => self.flow(key, flow.active, out),
            Method::ChannelFlowOk(_) => Ok(()),
            Method::AccessRequest(_) => self.access_request(key, out),
            definition => self.define(now, key, definition, out),
        }
    }

    fn define(
        &mut self,
        now: Time,
        key: ChannelKey,
        method: Method,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        self.refresh_access(key);
        match method {
            Method::ExchangeDeclare(declare) => self.exchange_declare(key, *declare, out),
            Method::ExchangeDelete(delete) => self.exchange_delete(now, key, &delete, out),
            Method::ExchangeBind(bind) => self.exchange_bind(key, *bind, out),
            Method::ExchangeUnbind(unbind) => self.exchange_unbind(now, key, *unbind, out),
            Method::QueueDeclare(declare) => self.queue_declare(now, key, *declare, out),
            Method::QueueDelete(delete) => self.queue_delete(now, key, &delete, out),
            Method::QueuePurge(purge) => self.queue_purge(now, key, &purge, out),
            Method::QueueBind(bind) => self.queue_bind(key, *bind, out),
            Method::QueueUnbind(unbind) => self.queue_unbind(now, key, *unbind, out),
            other => {
                debug_assert!(is_nothing_for_a_server(&other), "{} has no arm", other.name());
                Err(Reason::Unimplemented)
            }
        }
    }
}

/// Methods that a client does not send, or not on an open channel; a list, so that a new method must find its place.
const fn is_nothing_for_a_server(method: &Method) -> bool {
    match method {
        Method::ConnectionStart(_)
        | Method::ConnectionStartOk(_)
        | Method::ConnectionSecure(_)
        | Method::ConnectionSecureOk(_)
        | Method::ConnectionTune(_)
        | Method::ConnectionTuneOk(_)
        | Method::ConnectionOpen(_)
        | Method::ConnectionOpenOk
        | Method::ConnectionClose(_)
        | Method::ConnectionCloseOk
        | Method::ConnectionBlocked(_)
        | Method::ConnectionUnblocked
        | Method::ConnectionUpdateSecret(_)
        | Method::ConnectionUpdateSecretOk
        | Method::ChannelOpen
        | Method::ChannelOpenOk
        | Method::ChannelClose(_)
        | Method::ChannelCloseOk
        | Method::AccessRequestOk(_)
        | Method::ExchangeDeclareOk
        | Method::ExchangeDeleteOk
        | Method::ExchangeBindOk
        | Method::ExchangeUnbindOk
        | Method::QueueDeclareOk(_)
        | Method::QueueBindOk
        | Method::QueuePurgeOk(_)
        | Method::QueueDeleteOk(_)
        | Method::QueueUnbindOk
        | Method::BasicQosOk
        | Method::BasicConsumeOk(_)
        | Method::BasicPublish(_)
        | Method::BasicReturn(_)
        | Method::BasicDeliver(_)
        | Method::BasicGetOk(_)
        | Method::BasicGetEmpty
        | Method::BasicRecoverOk
        | Method::ConfirmSelectOk
        | Method::TxSelectOk
        | Method::TxCommitOk
        | Method::TxRollbackOk => true,
        Method::BasicAck(_)
        | Method::BasicNack(_)
        | Method::BasicReject(_)
        | Method::BasicGet(_)
        | Method::BasicConsume(_)
        | Method::BasicCancel(_)
        | Method::BasicCancelOk(_)
        | Method::BasicQos(_)
        | Method::BasicRecover(_)
        | Method::BasicRecoverAsync(_)
        | Method::ConfirmSelect(_)
        | Method::TxSelect
        | Method::TxCommit
        | Method::TxRollback
        | Method::ChannelFlow(_)
        | Method::ChannelFlowOk(_)
        | Method::AccessRequest(_)
        | Method::ExchangeDeclare(_)
        | Method::ExchangeDelete(_)
        | Method::ExchangeBind(_)
        | Method::ExchangeUnbind(_)
        | Method::QueueDeclare(_)
        | Method::QueueDelete(_)
        | Method::QueuePurge(_)
        | Method::QueueBind(_)
        | Method::QueueUnbind(_) => false,
    }
}
