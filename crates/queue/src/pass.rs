//! How an entry passes through: published and handed out at once, without ever standing in line.

use crate::effect::Passage;
use crate::entry::Seq;
use crate::queue::Queue;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

impl<M: Clone> Queue<M> {
    /// Whatever would have to be done or looked at first leaves it to the ordinary way. Limits do not count: what is handed
    /// out at once was never in the way.
    pub(crate) fn hand_through(&mut self, now: Time) -> Option<Passage> {
        let has_more_to_do = !self.ready.is_empty()
            || !self.returning.is_empty()
            || self.overflowing
            || self.shedding
            || self.stuck
            || self.is_due(now);
        #[cfg(warrener_planted)]
        let has_more_to_do = has_more_to_do && !planted(Bug::PassOthersBy);
        if has_more_to_do {
            return None;
        }
        let key = self.consumers.next()?;
        let consumer = self.consumers.get(key);
        let acknowledges = !consumer.how.settled;
        #[cfg(warrener_planted)]
        let acknowledges = acknowledges && !planted(Bug::PassUnacknowledged);
        if acknowledges {
            return None;
        }
        let consumer = consumer.id;
        self.consumers.served(key);
        Some(Passage { seq: Seq::new(self.next_number()), consumer })
    }
}
