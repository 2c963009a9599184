//! Messages that pass through a queue, on their way to the consumer.

use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_queue::Passage;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::amqp091::deliver::Handed;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{LinkId, QueueId};
use crate::message::NewMessage;

impl Broker {
    /// Sends a message that passes through a queue to its consumer.
    #[inline(always)]
    pub(crate) fn hand_through(
        &mut self,
        queue: QueueId,
        passage: Passage,
        new: NewMessage,
        out: &mut Vec<Effect>,
    ) {
        if self.realm.reports.is_tracing {
            self.trace_passage(queue, LinkId::from_consumer(passage.consumer), &new);
        }
        let redelivered = new.is_redelivered();
        let (address, content) = (new.address, new.content);
        let (seq, link) = (passage.seq, LinkId::from_consumer(passage.consumer));
        let handed = Handed { queue, seq, settled: true, redelivered, address, content };
        self.hand_to(link, handed, out);
    }

    /// The same of one that the consumer is to settle: the broker keeps it. `None` when it is to go the ordinary way.
    #[inline(always)]
    pub(crate) fn hand_into(
        &mut self,
        now: Time,
        queue: QueueId,
        made: &mut Option<NewMessage>,
        out: &mut Vec<Effect>,
    ) -> Option<()> {
        let reports = &self.realm.reports;
        if reports.is_tracing || reports.is_watching {
            return None;
        }
        let (passage, message) = self.realm.pass_into_hands(now, queue, made, out.len())?;
        let (seq, link) = (passage.seq, LinkId::from_consumer(passage.consumer));
        let new = &self.realm.messages.whole(message).new;
        let redelivered = new.is_redelivered();
        let (address, content) = (new.address.clone(), new.content.clone());
        let handed = Handed { queue, seq, settled: false, redelivered, address, content };
        self.hand_to(link, handed, out);
        Some(())
    }

    /// Takes a message through those of several queues that it can pass; the others are left. `None` when there are not
    /// several.
    #[inline]
    pub(crate) fn pass_through_some(
        &mut self,
        now: Time,
        new: &NewMessage,
        targets: &[QueueId],
        out: &mut Vec<Effect>,
    ) -> Option<SmallVec<[QueueId; 16]>> {
        if targets.len() < 2 {
            return None;
        }
        let mut left = SmallVec::new();
        for queue in targets {
            match self.realm.pass_through(now, *queue, new, out.len()) {
                Some(passage) => {
                    self.hand_through(*queue, passage, new.clone(), out);
                    #[cfg(warrener_planted)]
                    if planted(Bug::PassAndKeep) {
                        left.push(*queue);
                    }
                }
                None => left.push(*queue),
            }
        }
        Some(left)
    }
}
