//! Which messages of a durable queue may have been delivered, as far as a restart is to know.
//!
//! Without a word about it, a restart must take every message as possibly delivered before. A deep queue therefore says in
//! a record: nothing from this message on was delivered. Such a *mark* is moved on, by many messages at a time, before
//! deliveries come to it; should they be faster than the disk, they wait for it. In an orderly end each queue says
//! exactly which of its messages were delivered.

use alloc::vec::Vec;
use core::cmp::Ordering;

use smallvec::SmallVec;

use crate::dead_letter::DeathReason;
use crate::effect::Effect;
use crate::id::{MessageId, QueueId, RecordId};
use crate::paging::{Leaving, Then};
use crate::realm::Realm;
use crate::record::{Fact, MessageAt};
use crate::sync::{Disk, Sync};

/// What the log says about deliveries of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// Nothing from here on was delivered, except `also`.
    from: MessageAt,
    /// From here on, a delivery moves the mark on.
    renew: MessageAt,
    /// From here on, a delivery waits for `record`: an older mark that the disk has says that it was not delivered.
    held_from: MessageAt,
    /// The record that says so.
    record: RecordId,
    /// What an earlier life delivered beyond `from`.
    also: Vec<Run>,
}

/// Messages from one to another, both included.
pub(crate) type Run = (MessageAt, MessageAt);

/// So many runs one record takes; what is beyond them counts as delivered.
const RUNS_MAX: usize = 1 << 16;

const FIRST: MessageAt = MessageAt { record: RecordId(0), part: 0 };
const LAST: MessageAt = MessageAt { record: RecordId(u64::MAX), part: u32::MAX };

/// Whether a message is in one of the runs, which are in order.
pub(crate) fn contains(runs: &[Run], message: MessageAt) -> bool {
    let place = runs.binary_search_by(|(first, last)| {
        if *last < message {
            Ordering::Less
        } else if *first > message {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    });
    place.is_ok()
}

impl Mark {
    /// What a record of an earlier life says.
    pub(crate) fn restored(record: RecordId, runs: Vec<Run>) -> Self {
        let from = match runs.first() {
            Some((FIRST, last)) if runs.len() == 1 => after(*last),
            _ => FIRST,
        };
        Self { from, renew: from, held_from: from, record, also: runs }
    }
}

fn after(at: MessageAt) -> MessageAt {
    match at.part.checked_add(1) {
        Some(part) => MessageAt { part, ..at },
        None => MessageAt { record: RecordId(at.record.0.saturating_add(1)), part: 0 },
    }
}

impl Realm {
    /// A message with this record was published to these queues. A queue that has become deep says that it, and what
    /// comes after it, was not delivered.
    #[inline]
    pub(crate) fn mark_deep(
        &mut self,
        targets: &[QueueId],
        record: RecordId,
        out: &mut Vec<Effect>,
    ) {
        for &id in targets {
            let Some(slot) = self.queues.get(id) else { continue };
            let deep = self.limits.mark_messages;
            // What is published and handed out before all others would take every mark back: not again at once.
            let again = |mark: &Mark| mark.from == LAST && record.0 >= mark.record.0 + deep;
            let unmarked = slot.mark.as_ref().is_none_or(again);
            if unmarked && slot.queue.counts().ready >= deep {
                self.mark_from(id, MessageAt { record, part: 0 }, out);
            }
        }
    }

    #[cold]
    fn mark_from(&mut self, id: QueueId, from: MessageAt, out: &mut Vec<Effect>) {
        let Some(queue) = self.queue(id).record else { return };
        let before = self.queue_mut(id).mark.take();
        let held_from = before.as_ref().map_or(from, |before| before.held_from.min(from));
        let delivered = Vec::from([(FIRST, before_of(from))]);
        let record = self.append(&Fact::Marked { queue, delivered }, SmallVec::new(), false, out);
        out.extend(before.map(|before| Effect::Release(before.record)));
        let mark = Mark { from, renew: from, held_from, record, also: Vec::new() };
        self.queue_mut(id).mark = Some(mark);
    }

    /// A message of a queue is about to be delivered: moves the mark on if need be. The record is what the disk must have
    /// before the message leaves, if there is one.
    #[inline]
    pub(crate) fn note_delivery(
        &mut self,
        id: QueueId,
        message: MessageId,
        disk: &Disk,
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        let mark = self.queue(id).mark.as_ref()?;
        let (renew, held_from) = (mark.renew, mark.held_from);
        let at = self.place(id, message)?.message;
        if at >= renew {
            self.renew_mark(id, at, disk, out);
        }
        let mark = self.queue(id).mark.as_ref()?;
        (at >= held_from).then_some(mark.record).filter(|record| !disk.has(*record, Sync::Always))
    }

    #[cold]
    fn renew_mark(&mut self, id: QueueId, at: MessageAt, disk: &Disk, out: &mut Vec<Effect>) {
        let slot = self.queue(id);
        let (Some(queue), Some(before)) = (slot.record, slot.mark.clone()) else { return };
        if before.from == LAST {
            return;
        }
        let step = self.limits.mark_messages as usize;
        let [renew, from] = self.look_at(id, [step / 2, step - step / 2]);
        // A line of several priorities is not in the order of publishing.
        let least = before.from.max(after(at));
        let (renew, from) = match (renew, from) {
            (Some(renew), Some(from)) if from > least => (renew.max(at), from),
            _ => (LAST, LAST),
        };
        // An older mark that the disk has holds until the new one is there.
        let held_from = match disk.has(before.record, Sync::Always) {
            true => before.from,
            false => before.held_from,
        };
        let also: Vec<Run> = before.also.iter().filter(|run| run.1 >= from).copied().collect();
        let old = before.record;
        let delivered: Vec<Run> = match also.first() {
            // The earlier life's runs begin before `from` or after it; they stay in order.
            Some(first) if first.0 < from => {
                core::iter::once((FIRST, first.1)).chain(also[1..].iter().copied()).collect()
            }
            _ => core::iter::once((FIRST, before_of(from))).chain(also.iter().copied()).collect(),
        };
        let record = self.append(&Fact::Marked { queue, delivered }, SmallVec::new(), true, out);
        out.push(Effect::Release(old));
        self.queue_mut(id).mark = Some(Mark { from, renew, held_from, record, also });
    }

    /// Where the messages lie that are so many places behind the first of the line, and so many more behind that.
    fn look_at(&self, id: QueueId, places: [usize; 2]) -> [Option<MessageAt>; 2] {
        let mut line = self.queue(id).queue.ready(None);
        places.map(|place| {
            let message = *line.nth(place)?.handle;
            self.place(id, message).map(|place| place.message)
        })
    }

    /// The end is near and orderly: every queue says which of its messages were delivered.
    pub(crate) fn mark_all(&mut self, out: &mut Vec<Effect>) {
        let ids: Vec<QueueId> = self.queues.iter().map(|(id, _)| id).collect();
        for id in ids {
            let slot = self.queue(id);
            let Some(queue) = slot.record.filter(|_| !slot.deleted) else { continue };
            let before = slot.mark.as_ref().map(|mark| mark.record);
            let counts = slot.queue.counts();
            let staying = counts.ready + counts.delayed + counts.unacked + counts.held > 0;
            if staying || !slot.leaving.is_empty() {
                let delivered = self.delivered_runs(id);
                self.append(&Fact::Marked { queue, delivered }, SmallVec::new(), false, out);
            }
            out.extend(before.map(Effect::Release));
            self.queue_mut(id).mark = None;
        }
    }

    fn delivered_runs(&self, id: QueueId) -> Vec<Run> {
        let slot = self.queue(id);
        let in_order = slot.queue.config().max_priority == 0;
        let waiting = slot.queue.ready(None).chain(slot.queue.delayed(None));
        let waiting = waiting.map(|look| (*look.handle, look.redelivered));
        let taken = slot.queue.unacked(None).chain(slot.queue.held(None));
        let taken = taken.map(|look| (*look.handle, true));
        // What could not leave before the end is back in its queue after it.
        let leaving = slot.leaving.iter().map(|&Leaving { message, redelivered, then }| {
            let had =
                matches!(then, Then::Bury(DeathReason::Rejected | DeathReason::DeliveryLimit));
            (message, had || redelivered)
        });
        let mut runs: Vec<Run> = Vec::new();
        // Whether the last one looked at ends the last run.
        let mut goes_on = false;
        for (message, delivered) in waiting.chain(taken).chain(leaving) {
            let Some(place) = self.place(id, message) else { continue };
            let at = place.message;
            match runs.last_mut() {
                Some(run) if delivered && goes_on && in_order && run.1 < at => run.1 = at,
                _ if delivered => runs.push((at, at)),
                _ => {}
            }
            goes_on = delivered;
        }
        runs.sort_unstable();
        runs.dedup_by(|next, run| {
            let overlaps = next.0 <= run.1;
            if overlaps {
                run.1 = run.1.max(next.1);
            }
            overlaps
        });
        if runs.len() > RUNS_MAX {
            runs.truncate(RUNS_MAX);
            runs[RUNS_MAX - 1].1 = LAST;
        }
        runs
    }
}

const fn before_of(at: MessageAt) -> MessageAt {
    match at.part.checked_sub(1) {
        Some(part) => MessageAt { part, ..at },
        None => MessageAt { record: RecordId(at.record.0.saturating_sub(1)), part: u32::MAX },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(record: u64, part: u32) -> MessageAt {
        MessageAt { record: RecordId(record), part }
    }

    #[test]
    fn runs_hold_what_is_between_their_ends() {
        let runs = [(at(1, 0), at(3, 1)), (at(5, 2), at(5, 2))];
        let inside = [at(1, 0), at(2, 9), at(3, 1), at(5, 2)];
        assert!(inside.iter().all(|message| contains(&runs, *message)));
        let outside = [at(0, 0), at(3, 2), at(4, 0), at(5, 1), at(5, 3)];
        assert!(!outside.iter().any(|message| contains(&runs, *message)));
    }

    #[test]
    fn what_comes_after_and_before_meets() {
        for place in [at(3, 0), at(3, 7), at(3, u32::MAX)] {
            assert_eq!(before_of(after(place)), place);
        }
    }
}
