//! Messages that pass through a queue: whoever takes one at once and for good gets it out of the publisher's hands, and the
//! broker never keeps it. Whoever takes one at once and settles it later has it without its having stood in line.

use warrener_queue::{Entry, Passage};
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::config::BODY_BYTES_A_VISIT;
use crate::declare::QueueSlot;
use crate::id::{MessageId, QueueId};
use crate::message::NewMessage;
use crate::realm::Realm;

impl Realm {
    /// Publishes a message to one queue and takes it out again, where a consumer can be handed it now and settles
    /// nothing. What is to be written down, looked at first or kept goes the ordinary way, as does everything while other
    /// queues have something to deliver.
    #[inline]
    pub(crate) fn pass_through(
        &mut self,
        now: Time,
        id: QueueId,
        new: &NewMessage,
        effects: usize,
    ) -> Option<Passage> {
        if !self.may_pass(new, effects) {
            return None;
        }
        let slot = self.queues.get_mut(id).filter(|slot| slot.lets_pass(new))?;
        let passage = slot.queue.pass_through(now)?;
        self.count_passage(id, new.content.body.len());
        Some(passage)
    }

    /// The same where the consumer settles it: the message is taken in, as one that it holds.
    #[inline(always)]
    pub(crate) fn pass_into_hands(
        &mut self,
        now: Time,
        id: QueueId,
        from: &mut Option<NewMessage>,
        effects: usize,
    ) -> Option<(Passage, MessageId)> {
        let new = from.as_ref()?;
        let lives_on = new.traits.ttl_ms.is_none() && !self.is_strained;
        if !lives_on || !self.may_pass(new, effects) {
            return None;
        }
        let Self { queues, messages, .. } = self;
        let slot = queues.get_mut(id).filter(|slot| slot.lets_pass(new) && slot.mark.is_none())?;
        let bytes = u32::try_from(new.content.body.len()).unwrap_or(u32::MAX);
        let priority = new.traits.priority_in(slot.settings.kind);
        let mut taken = None;
        let passage = slot.queue.pass_into_hands(now, || {
            let handle = messages.insert_handed(now, from, slot.shelf);
            taken = Some(handle);
            Entry { handle, bytes, priority }
        })?;
        if !slot.is_on_schedule() {
            self.schedule_anew(id);
        }
        self.count_passage(id, bytes as usize);
        Some((passage, taken?))
    }

    /// Whether a message may overtake what else there is to do.
    #[inline(always)]
    fn may_pass(&self, new: &NewMessage, effects: usize) -> bool {
        let others_are_first = !self.awake.is_empty() || !self.happened.is_empty();
        #[cfg(warrener_planted)]
        let others_are_first = others_are_first && !planted(Bug::PassOthersBy);
        !others_are_first && !self.effort.is_spent(effects) && !new.is_wide()
    }

    #[inline(always)]
    fn count_passage(&mut self, id: QueueId, bytes: usize) {
        let slot = self.queues.get_mut(id).expect("it was just there");
        slot.traffic.published += 1;
        self.stats.of(slot.settings.kind).published += 1;
        self.effort.visit(2 + bytes / BODY_BYTES_A_VISIT as usize);
    }
}

impl QueueSlot {
    #[inline(always)]
    fn lets_pass(&self, new: &NewMessage) -> bool {
        let is_written = self.record.is_some() && self.keeps(new.traits.persistent);
        !self.deleted && self.returning == 0 && self.keeper.is_none() && !is_written
    }
}
