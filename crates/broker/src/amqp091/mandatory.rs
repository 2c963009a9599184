//! Messages that no queue takes: dropped, or sent back to whoever published them as mandatory (AMQP 0-9-1 §1.8.3.7).

use alloc::vec::Vec;

use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::broker::Broker;
use crate::effect::{Effect, Return};
use crate::id::ChannelKey;
use crate::message::NewMessage;
use crate::refusal::Reason;

impl Broker {
    /// A message that goes to no queue: a reply, or one to send back if its sender wants.
    pub(crate) fn without_queues(
        &mut self,
        now: Time,
        key: ChannelKey,
        new: NewMessage,
        repliers: &[ChannelKey],
        mandatory: bool,
        out: &mut Vec<Effect>,
    ) {
        if !repliers.is_empty() {
            return self.hand_to_repliers(now, repliers, &new, out);
        }
        self.realm.stats.unroutable += 1;
        #[cfg(warrener_planted)]
        let mandatory = mandatory && !planted(Bug::ForgetReturn);
        let traffic = &mut self.amqp.channel_mut(key).traffic;
        if mandatory {
            self.realm.stats.returned += 1;
            traffic.returned += 1;
            self.send_back(key, new, out);
        } else {
            traffic.dropped += 1;
        }
    }

    /// Refuses a message that would come back, and whose headers its sender cannot take: an address that it carries may
    /// have made them longer.
    pub(crate) fn check_return(&self, key: ChannelKey, new: &NewMessage) -> Result<(), Reason> {
        let (_, client) = self.amqp.with_client(key);
        client.check_header(&new.content)
    }

    fn send_back(&mut self, key: ChannelKey, new: NewMessage, out: &mut Vec<Effect>) {
        let channel = self.amqp.channel(key);
        let returned = Return {
            connection: channel.connection,
            channel: channel.number,
            address: new.address,
            content: new.content,
        };
        self.emit(key, Effect::Return(returned), out);
    }
}
