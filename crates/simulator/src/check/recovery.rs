//! A confirmed message is not lost: it is settled by a consumer, in its queue or where it went when it died there.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use warrener_time::Time;

use crate::history::{ActorId, Happened, MessageId, Published, QueueId, Settlement, Story};

use super::terms::{QueueTerms, Terms};
use super::{MISSED, came_to_its_end, published, taken_when};

/// What is known of the copies of messages in queues.
#[derive(Default)]
struct Known {
    settled: BTreeSet<(MessageId, QueueId)>,
    discarded: BTreeSet<(MessageId, QueueId)>,
    /// It was seen as a dead letter of this queue.
    passed: BTreeSet<(MessageId, QueueId)>,
    published_at: BTreeMap<MessageId, (usize, Time)>,
    /// Queues that were purged or deleted. Either may be carried out long after it was asked for.
    purged: BTreeSet<QueueId>,
    /// Who takes what from where without acknowledging.
    careless: BTreeMap<ActorId, QueueId>,
    /// When the last of those went, and what was under way to it with it.
    careless_until: BTreeMap<QueueId, Time>,
    /// When the server ended last.
    ended: usize,
    /// When nothing was to be lost by waiting any more.
    end: Time,
    /// How many messages a queue may have had.
    routed: BTreeMap<QueueId, u64>,
}

pub(super) fn check(story: &Story) -> Result<(), String> {
    if !came_to_its_end(story) {
        return Ok(());
    }
    let known = Known::of(story);
    let terms = Terms::of(story);
    let all = published(story);
    for id in taken_when(story).into_keys() {
        let message = all[&id];
        for queue in &message.to {
            if !known.accounts_for(story, &terms, message, *queue) {
                return Err(format!("{id} was confirmed and is lost from {queue}"));
            }
        }
    }
    Ok(())
}

impl Known {
    fn of(story: &Story) -> Self {
        let mut known = Self::default();
        for (number, moment) in story.moments.iter().enumerate() {
            match &moment.what {
                Happened::Published(published) => {
                    known.published_at.insert(published.id, (number, moment.at));
                    for queue in &published.to {
                        *known.routed.entry(*queue).or_default() += 1;
                    }
                }
                Happened::Settled { id, from, how, .. } => {
                    match how {
                        Settlement::Ack | Settlement::Sent => known.settled.insert((*id, *from)),
                        Settlement::Discard => known.discarded.insert((*id, *from)),
                        Settlement::Requeue => true,
                    };
                }
                Happened::Delivered(delivered) => {
                    let died = delivered.deaths.iter();
                    known.passed.extend(died.map(|died| (delivered.id, died.queue)));
                }
                Happened::Purging(queue) | Happened::Deleting { queue, .. } => {
                    known.purged.insert(*queue);
                }
                Happened::Careless { by, queue } => {
                    known.careless.insert(*by, *queue);
                }
                Happened::Ended(by) | Happened::Vanished(by) | Happened::Refused { by, .. } => {
                    if let Some(queue) = known.careless.remove(by) {
                        // The server may send for as long as it takes to miss somebody.
                        known.careless_until.insert(queue, moment.at + MISSED);
                    }
                }
                Happened::Killed
                | Happened::PowerLost
                | Happened::ShutDown
                | Happened::Failed(_) => known.ended = number,
                Happened::Floor(_) => known.end = moment.at,
                _ => {}
            }
        }
        known
    }

    /// Whether it is known, or at least allowed, what became of the message in this queue.
    fn accounts_for(
        &self,
        story: &Story,
        terms: &Terms,
        message: &Published,
        queue: QueueId,
    ) -> bool {
        let copy = (message.id, queue);
        if self.settled.contains(&copy) || self.passed.contains(&copy) {
            return true;
        }
        let Some(its) = terms.get(queue) else { return true };
        let (_, at) = self.published_at[&message.id];
        let careless = self.careless_until.get(&queue).is_some_and(|until| *until > at);
        if self.is_forgotten(its, message) || careless || self.purged.contains(&queue) {
            return true;
        }
        let ages = [its.ttl_ms, message.expiration_ms].into_iter().flatten().min();
        // A step of the clock makes everything older at once.
        let steps = Duration::from_millis(2 * story.options.clock_step_max_ms);
        let may_expire = ages.is_some_and(|ms| self.end + steps >= at + Duration::from_millis(ms));
        // What a queue has refused was not confirmed; only one that drops loses what it had.
        let routed = self.routed.get(&queue).copied().unwrap_or_default();
        let may_drop =
            its.drops && its.max_length.is_some_and(|it| routed > it || terms.is_grave(queue));
        let may_die =
            may_expire || may_drop || its.has_delivery_limit || self.discarded.contains(&copy);
        let vanishes = |grave: &QueueId| self.may_vanish(terms, message, *grave);
        may_die && (its.buries_nowhere || its.graves.iter().any(vanishes))
    }

    /// Whether a restart forgets it.
    fn is_forgotten(&self, queue: &QueueTerms, message: &Published) -> bool {
        let (number, _) = self.published_at[&message.id];
        let transient = !queue.durable || !queue.quorum && !message.persistent;
        transient && self.ended > number
    }

    /// Whether a dead letter may get lost in its grave, or in the grave of that.
    fn may_vanish(&self, terms: &Terms, message: &Published, grave: QueueId) -> bool {
        let Some(its) = terms.get(grave) else { return true };
        self.is_forgotten(its, message)
            || terms.may_lose(grave)
            || self.purged.contains(&grave)
            || its.buries_nowhere && self.discarded.contains(&(message.id, grave))
            || its.graves.iter().any(|next| self.may_vanish(terms, message, *next))
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{
        BOB, GRAVE, QUEUE, acked, buried, confirmed, delivered, publish, published, settled, story,
        story_in,
    };
    use crate::history::{Happened, Published, Settlement, Story};
    use crate::workload::QueueDesign;

    fn ended(happened: &[Happened]) -> Story {
        story(happened.iter().cloned().chain([Happened::Floor(Vec::new())]))
    }

    #[test]
    fn finds_a_confirmed_message_that_never_came() {
        assert!(check(&ended(&[published(1)])).is_ok());
        assert!(check(&ended(&[published(1), confirmed(1), acked(1)])).is_ok());
        assert!(check(&ended(&[published(1), confirmed(1)])).is_err());
        assert!(check(&ended(&[published(1), confirmed(1), delivered(1)])).is_err());
    }

    #[test]
    fn finds_a_dead_letter_that_never_came() {
        let told = |last: &[Happened]| {
            let mortal =
                QueueDesign { grave: Some(GRAVE), durable: true, ..QueueDesign::default() };
            let begin = [published(1), confirmed(1), delivered(1), settled(1, Settlement::Discard)];
            let end = [Happened::Floor(Vec::new())];
            story_in(mortal, begin.into_iter().chain(last.to_vec()).chain(end))
        };
        assert!(check(&told(&[buried(1, "rejected")])).is_ok());
        assert!(check(&told(&[])).is_err());
    }

    #[test]
    fn what_was_on_its_way_to_somebody_careless_may_be_lost_with_them() {
        let careless = Happened::Careless { by: BOB, queue: QUEUE };
        let thrown_out = Happened::Refused { by: BOB, code: 541, text: "the log".into() };
        for end in [Happened::Ended(BOB), Happened::Vanished(BOB), thrown_out] {
            let told = [published(1), confirmed(1), careless.clone(), end];
            assert!(check(&ended(&told)).is_ok());
            assert!(check(&ended(&[&told[..], &[published(2), confirmed(2)]].concat())).is_ok());
        }
        assert!(check(&ended(&[published(1), confirmed(1), careless])).is_err());
    }

    #[test]
    fn a_transient_message_may_be_lost_in_a_restart() {
        let transient = || Happened::Published(Published { persistent: false, ..publish(1) });
        assert!(check(&ended(&[transient(), confirmed(1), Happened::Killed])).is_ok());
        assert!(check(&ended(&[transient(), confirmed(1)])).is_err());
        assert!(check(&ended(&[Happened::Killed, transient(), confirmed(1)])).is_err());
    }
}
