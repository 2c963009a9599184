//! Queues and exchanges that end: with their bindings and consumers, in slices when there are many.
//!
//! Their names are gone at once. Whoever asked is answered when all is done, so that nothing that is published after the
//! answer takes a way that is to be gone.

use alloc::boxed::Box;
use alloc::vec::Vec;

use warrener_codec::{Method, ShortStr};
use warrener_router::{ExchangeId, Target};
use warrener_time::Time;

use crate::amqp091::parked::Stall;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::exchange::is_reserved;
use crate::id::{ChannelKey, QueueId, RecordId, VhostId};
use crate::job::Job;
use crate::realm::{Notice, Realm};
use crate::record::Fact;

/// Something that ends in slices, and what ends with it.
#[derive(Debug)]
pub(crate) struct Ending {
    vhost: VhostId,
    /// What is still to end, the last first.
    ends: Vec<End>,
    /// What must be on disk before anybody may say that it is done.
    record: Option<RecordId>,
    /// Who is told.
    tell: Option<(ChannelKey, Method, bool)>,
}

#[derive(Clone, Debug)]
enum End {
    Queue(QueueId),
    /// With the queue that it keeps messages in, and the name that it had.
    Exchange(ExchangeId, Option<QueueId>, ShortStr),
}

impl End {
    const fn target(&self) -> Target<QueueId> {
        match self {
            Self::Queue(id) => Target::Destination(*id),
            Self::Exchange(id, ..) => Target::Exchange(*id),
        }
    }

    /// The name that it has lost, of an exchange.
    const fn name(&self) -> Option<&ShortStr> {
        match self {
            Self::Queue(_) => None,
            Self::Exchange(.., name) => Some(name),
        }
    }
}

/// How many bindings or consumers end before the turn is asked whether it has done enough.
const ENDED_AT_ONCE: u32 = 256;

impl Realm {
    /// Removes an exchange, and every auto-delete exchange that thereby loses its last binding.
    pub(crate) fn remove_exchange(
        &mut self,
        now: Time,
        vhost: VhostId,
        first: ExchangeId,
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        let mut ending = Ending { vhost, ends: Vec::new(), record: None, tell: None };
        self.doom(&mut ending, first, out);
        self.begin_ending(now, ending, out)
    }

    /// Ends what leads to a queue that has lost its name, and then the queue.
    pub(crate) fn end_queue(
        &mut self,
        now: Time,
        vhost: VhostId,
        id: QueueId,
        out: &mut Vec<Effect>,
    ) {
        let slot = self.queue_mut(id);
        (slot.deleted, slot.is_ending) = (true, true);
        let ends = Vec::from([End::Queue(id)]);
        self.begin_ending(now, Ending { vhost, ends, record: None, tell: None }, out);
    }

    fn begin_ending(
        &mut self,
        now: Time,
        mut ending: Ending,
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        let is_done = self.end_slice(now, &mut ending, out);
        let record = ending.record;
        if !is_done {
            self.jobs.push_back(Job::End(Box::new(ending)));
        }
        record
    }

    /// Takes an exchange out of all names.
    fn doom(&mut self, ending: &mut Ending, id: ExchangeId, out: &mut Vec<Effect>) {
        let Some(exchange) = self.vhosts[ending.vhost].remove_exchange(id) else { return };
        self.held_elsewhere_bytes -= exchange.spec.held_bytes();
        if let Some(record) = exchange.record {
            ending.record = Some(self.forget(record, &Fact::ExchangeDeleted { of: record }, out));
        }
        let name = exchange.spec.name;
        if !is_reserved(&name) {
            self.tell_exchange_deleted(ending.vhost, &name);
        }
        ending.ends.push(End::Exchange(id, exchange.keeper, name));
    }

    /// Goes on with it, as far as the turn allows; whether it is done.
    fn end_slice(&mut self, now: Time, ending: &mut Ending, out: &mut Vec<Effect>) -> bool {
        while let Some(end) = ending.ends.last().cloned() {
            let bound = self.effort.left(out.len()).min(ENDED_AT_ONCE) as usize;
            if bound == 0 {
                return false;
            }
            let place = &mut self.vhosts[ending.vhost];
            let (keys, records, removed, bytes) = place.unbind_some(end.target(), bound);
            self.held_elsewhere_bytes -= bytes;
            let place = &self.vhosts[ending.vhost];
            let emptied = place.emptied_auto_delete(&removed.emptied);
            self.effort.visit(removed.bindings);
            if self.listener().is_some() {
                let vhost = ending.vhost;
                keys.iter().for_each(|key| self.tell_unbound(vhost, key, end.name()));
            }
            for record in records {
                self.forget_members(record, out);
                out.push(Effect::Release(record));
            }
            let mut is_done = removed.bindings < bound;
            if let End::Queue(id) = end.clone()
                && is_done
            {
                is_done = self.cancel_some(now, id, bound);
            }
            let place = ending.ends.len() - 1;
            for exchange in emptied {
                self.doom(ending, exchange, out);
            }
            if is_done {
                ending.ends.remove(place);
                self.finish_end(now, ending.vhost, end, out);
            }
        }
        true
    }

    /// Takes consumers from a queue that ends, if they are so many that it cannot do so itself at once; whether there are
    /// no more than it can.
    fn cancel_some(&mut self, now: Time, id: QueueId, bound: usize) -> bool {
        let slot = self.queues.get_mut(id).expect("it is ending");
        if slot.links.len() <= bound {
            return true;
        }
        if !core::mem::replace(&mut slot.hands_out_nothing, true) {
            slot.returning += 1;
        }
        for _ in 0..bound {
            let Some(link) = slot.links.pop_first() else { break };
            slot.queue.cancel(now, link.consumer(), &mut self.answers);
            self.notices.push_back(Notice::QueueGone(link));
        }
        self.effort.visit(bound);
        self.collect(id);
        false
    }

    fn finish_end(&mut self, now: Time, vhost: VhostId, end: End, out: &mut Vec<Effect>) {
        match end {
            End::Queue(id) => {
                let slot = self.queue_mut(id);
                slot.is_ending = false;
                let links = core::mem::take(&mut slot.links);
                self.effort.visit(links.len());
                self.notices.extend(links.into_iter().map(Notice::QueueGone));
                self.empty_deleted(now, id, out);
            }
            End::Exchange(id, keeper, _) => {
                self.vhosts[vhost].router.remove(id);
                keeper.into_iter().for_each(|keeper| self.orphan_keeper(keeper));
            }
        }
    }
}

impl Broker {
    /// Answers a method that ended something: at once, or when the job that goes on with it is done. `before` is how many
    /// jobs there were before.
    pub(crate) fn reply_when_ended(
        &mut self,
        key: ChannelKey,
        (method, no_wait): (Method, bool),
        record: Option<RecordId>,
        before: usize,
        out: &mut Vec<Effect>,
    ) {
        if self.realm.jobs.len() > before
            && let Some(Job::End(ending)) = self.realm.jobs.back_mut()
        {
            ending.tell = Some((key, method, no_wait));
            ending.record = ending.record.max(record);
            self.amqp.channel_mut(key).stall = Some(Stall::Work);
            return;
        }
        self.reply(key, method, no_wait, record, out);
    }

    /// Goes on with the end of something; gives it back when there is more to do.
    pub(crate) fn go_on_ending(
        &mut self,
        now: Time,
        mut ending: Box<Ending>,
        out: &mut Vec<Effect>,
    ) -> Option<Box<Ending>> {
        if !self.realm.end_slice(now, &mut ending, out) {
            return Some(ending);
        }
        let record = ending.record;
        if let Some((key, method, no_wait)) = ending.tell
            && self.amqp.channels.get(key).is_some_and(|channel| !channel.closing)
        {
            self.reply(key, method, no_wait, record, out);
            self.resume(now, key, out);
        }
        None
    }
}
