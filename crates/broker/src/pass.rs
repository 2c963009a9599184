//! Messages that pass through a queue: whoever takes one at once and for good gets it out of the publisher's hands, and the
//! broker never keeps it.

use warrener_queue::Passage;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::config::BODY_BYTES_A_VISIT;
use crate::id::QueueId;
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
        let others_are_first = !self.awake.is_empty() || !self.happened.is_empty();
        #[cfg(warrener_planted)]
        let others_are_first = others_are_first && !planted(Bug::PassOthersBy);
        if others_are_first || self.effort.is_spent(effects) || new.is_wide() {
            return None;
        }
        let slot = self.queues.get_mut(id)?;
        let is_written = slot.record.is_some() && slot.keeps(new.traits.persistent);
        if slot.deleted || slot.returning > 0 || slot.keeper.is_some() || is_written {
            return None;
        }
        let passage = slot.queue.pass_through(now)?;
        slot.traffic.published += 1;
        self.stats.of(slot.settings.kind).published += 1;
        self.effort.visit(2 + new.content.body.len() / BODY_BYTES_A_VISIT as usize);
        Some(passage)
    }
}
