//! basic.qos: how much a client holds at a time.

use alloc::vec::Vec;

use warrener_codec::Method;
use warrener_codec::method::basic;

use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::ChannelKey;
use crate::refusal::Reason;

impl Broker {
    /// `global` is RabbitMQ's: without it the count holds for each consumer that comes later; with it for all consumers of
    /// the channel together, from now on.
    pub(crate) fn qos(
        &mut self,
        key: ChannelKey,
        qos: basic::Qos,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        if qos.prefetch_size != 0 {
            return Err(Reason::PrefetchSize(qos.prefetch_size));
        }
        let channel = self.amqp.channel_mut(key);
        if qos.global {
            channel.shared_prefetch = qos.prefetch_count;
            self.refresh_channel(key);
        } else {
            channel.prefetch = qos.prefetch_count;
        }
        self.reply(key, Method::BasicQosOk, false, None, out);
        Ok(())
    }
}
