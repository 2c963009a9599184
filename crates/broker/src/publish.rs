//! From an exchange to queues: routing, taking in, and making durable.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use smallvec::{SmallVec, smallvec};
use warrener_queue::{Entry, Refusal as QueueRefusal};
use warrener_router::ExchangeId;
use warrener_time::Time;

use crate::config::{BODY_BYTES_A_VISIT, STEPS_A_VISIT, TARGETS_A_VISIT};
use crate::effect::Effect;
use crate::header::MessageHeaders;
use crate::id::{MessageId, QueueId, RecordId, VhostId};
use crate::keeper::Keeper;
use crate::message::{Durable, NewMessage, Traits};
use crate::realm::{Happened, Held, Realm};
use crate::record::{After, Fact, MessageAt, Published, Sizes};

/// Where a message is published to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Every queue has its name as a key here (AMQP 0-9-1 §3.1.3.1).
    Default,
    /// One with bindings.
    Named(ExchangeId),
}

/// The way of a message takes more steps than it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManySteps;

/// What became of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// A queue refused it.
    pub(crate) rejected: bool,
    /// What must be on disk before anybody may say that it was taken.
    pub(crate) record: Option<RecordId>,
    /// The message, when a queue took it.
    pub(crate) message: Option<MessageId>,
    /// The first queue that did.
    pub(crate) first: Option<QueueId>,
}

/// A message on its way into queues.
pub(crate) struct Publication<'a> {
    /// Taken from where it was made to where it is kept: it is larger than what registers hold.
    pub(crate) new: &'a mut Option<NewMessage>,
    pub(crate) targets: &'a [QueueId],
    /// Whether somebody waits for it to be durable.
    pub(crate) awaited: bool,
}

/// What queues said to a message.
#[derive(Debug)]
pub(crate) struct Admission {
    message: MessageId,
    rejected: bool,
    /// The first queue that took it.
    first: Option<QueueId>,
    /// The records of the durable queues that took it.
    pub(crate) durable_targets: SmallVec<[RecordId; 4]>,
    /// An exchange keeps it, and must look into it.
    pub(crate) is_kept: bool,
    /// An exchange remembers it.
    pub(crate) stays: bool,
    refused_by: SmallVec<[QueueId; 1]>,
}

/// What one queue says to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It took it; the record that makes the queue durable, if the message is to be on disk for it.
    Taken(Option<RecordId>),
    Refused,
    /// It is gone.
    Absent,
}

/// What queues must know of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    traits: Traits,
    is_wide: bool,
    bytes: u32,
    /// Room was found for it before.
    is_promised: bool,
}

impl Brief {
    fn of(new: &NewMessage) -> Self {
        let bytes = u32::try_from(new.content.body.len()).unwrap_or(u32::MAX);
        Self { traits: new.traits, is_wide: new.is_wide(), bytes, is_promised: false }
    }

    /// The same, for queues that do not refuse it for being full.
    pub(crate) const fn promised(self, is_promised: bool) -> Self {
        Self { is_promised, ..self }
    }
}

impl Admission {
    pub(crate) fn new(message: MessageId) -> Self {
        Self {
            message,
            rejected: false,
            first: None,
            durable_targets: SmallVec::new(),
            is_kept: false,
            stays: false,
            refused_by: SmallVec::new(),
        }
    }

    /// Whether a queue refused it.
    pub(crate) const fn rejected(&self) -> bool {
        self.rejected
    }

    /// The message, which some queue holds or none.
    pub(crate) const fn message(&self) -> MessageId {
        self.message
    }

    /// The first queue that took it.
    pub(crate) const fn first(&self) -> Option<QueueId> {
        self.first
    }

    /// Whether a queue that refused it sends it on.
    pub(crate) fn goes_further(&self) -> bool {
        !self.refused_by.is_empty()
    }

    /// Whether a durable queue took it.
    pub(crate) fn is_durable(&self) -> bool {
        !self.durable_targets.is_empty()
    }
}

impl Realm {
    /// The queues that a message goes to, each once. Whether anybody is to get it: those that exchanges keep messages in
    /// do not count, unless it is to wait there.
    ///
    /// # Errors
    ///
    /// When the way takes more steps than a message gets; nobody is to get it then.
    #[inline]
    pub(crate) fn route(
        &mut self,
        vhost: VhostId,
        exchange: Exchange,
        message: &NewMessage,
        targets: &mut Vec<QueueId>,
    ) -> Result<bool, TooManySteps> {
        if exchange != Exchange::Default {
            self.prepare_keepers(vhost, message);
        }
        let place = &self.vhosts[vhost];
        match exchange {
            Exchange::Default if message.extra.is_none() => {
                let key = message.address.routing_key();
                targets.extend(place.queue_names.get(key.as_bytes()));
            }
            Exchange::Default => {
                let found = message.keys().filter_map(|key| place.queue_names.get(key.as_bytes()));
                let mut seen = BTreeSet::new();
                targets.extend(found.filter(|id| seen.insert(**id)));
                self.effort.visit(seen.len() / TARGETS_A_VISIT);
            }
            Exchange::Named(id) => {
                let headers = MessageHeaders(&message.content.properties);
                if message.extra.is_none() {
                    let key = message.address.routing_key();
                    place.router.route(id, key.as_bytes(), &headers, &mut self.matches);
                } else {
                    let keys: SmallVec<[&[u8]; 4]> =
                        message.keys().map(|key| key.as_bytes()).collect();
                    place.router.route_all(id, &keys, &headers, &mut self.matches);
                }
                let steps = self.matches.steps();
                if steps >= STEPS_A_VISIT {
                    self.effort.visit((steps / STEPS_A_VISIT) as usize);
                    if self.matches.has_given_up() {
                        return Err(TooManySteps);
                    }
                }
                targets.extend_from_slice(self.matches.destinations());
                let reached = !targets.is_empty() || self.matches.has_stopped();
                if !self.matches.watched().is_empty() {
                    self.add_keepers(vhost, message, targets);
                }
                return Ok(reached);
            }
        }
        Ok(!targets.is_empty())
    }

    /// Puts a message into queues, on disk where it must be, and deals with what that leads to.
    #[inline(always)]
    pub(crate) fn publish(
        &mut self,
        now: Time,
        publication: Publication<'_>,
        out: &mut Vec<Effect>,
    ) -> Taken {
        let taken = self.take_in(now, publication, out);
        self.absorb(now, out);
        taken
    }

    /// The same, but what that leads to is dealt with later.
    #[inline]
    pub(crate) fn take_in(
        &mut self,
        now: Time,
        publication: Publication<'_>,
        out: &mut Vec<Effect>,
    ) -> Taken {
        let Publication { new, targets, awaited } = publication;
        let admission = self.admit_from(now, new, targets);
        let record = self.make_durable(now, &admission, (awaited, After::Nothing), out);
        if let Some(record) = record {
            self.mark_deep(targets, record, out);
        }
        let message = self.finish(&admission);
        Taken { rejected: admission.rejected, record, message, first: admission.first }
    }

    /// Offers a message to each of the queues. What leaves them meanwhile is dealt with later.
    pub(crate) fn admit(&mut self, now: Time, new: NewMessage, targets: &[QueueId]) -> Admission {
        self.admit_from(now, &mut Some(new), targets)
    }

    #[inline(always)]
    fn admit_from(
        &mut self,
        now: Time,
        new: &mut Option<NewMessage>,
        targets: &[QueueId],
    ) -> Admission {
        let brief = Brief::of(new.as_ref().expect("a message to be published"));
        self.effort.visit((brief.bytes / BODY_BYTES_A_VISIT) as usize);
        let message = self.messages.insert_from(new);
        let mut admission = Admission::new(message);
        let mut holders = 0;
        for &id in targets {
            if let Offer::Taken(record) = self.offer(now, &mut admission, brief, id) {
                holders += 1;
                if let Some(record) = record {
                    admission.durable_targets.push(record);
                }
            }
        }
        let known = self.messages.get_mut(message);
        (known.holders, known.stays) = (holders, admission.stays);
        admission
    }

    /// What queues must know of a message that is being taken in.
    pub(crate) fn brief_of(&self, message: MessageId) -> Brief {
        Brief::of(&self.messages.whole(message).new)
    }

    /// Offers a message to one queue.
    #[inline(always)]
    pub(crate) fn offer(
        &mut self,
        now: Time,
        admission: &mut Admission,
        brief: Brief,
        id: QueueId,
    ) -> Offer {
        let Brief { traits, is_wide, bytes, is_promised } = brief;
        let Some(slot) = self.queues.get_mut(id).filter(|slot| !slot.deleted) else {
            return Offer::Absent;
        };
        let kind = slot.settings.kind;
        let priority = traits.priority_in(kind);
        let entry = Entry { handle: admission.message, bytes, priority };
        let rare = if slot.keeper.is_none() {
            traits.rare()
        } else {
            slot.rare_of(now, &self.messages.whole(admission.message).new)
        };
        let put = if is_promised {
            slot.queue.publish_promised(now, entry, rare, &mut self.answers)
        } else {
            slot.queue.publish(now, entry, rare, &mut self.answers)
        };
        let offer = match put {
            Ok(_) => {
                slot.traffic.published += 1;
                self.stats.of(kind).published += 1;
                admission.first.get_or_insert(id);
                admission.is_kept |= slot.keeper.is_some();
                admission.stays |= matches!(slot.keeper, Some(Keeper::Remembers(_)));
                slot.has_wide |= is_wide;
                self.has_wide |= is_wide;
                Offer::Taken(slot.record.filter(|_| slot.keeps(traits.persistent)))
            }
            Err(rejected) => {
                admission.rejected = true;
                let buries = slot.settings.dead_letter.is_some();
                if buries && rejected.why == (QueueRefusal::Full { dead_letter: true }) {
                    admission.refused_by.push(id);
                }
                Offer::Refused
            }
        };
        // A queue without consumers has nothing to do in the line of those that deliver.
        let wakes = !slot.awake && (!slot.links.is_empty() || slot.keeper.is_some());
        let is_on_schedule = slot.is_on_schedule();
        self.effort.visit(1);
        self.collect(id);
        if wakes {
            self.wake(id);
        }
        if !is_on_schedule {
            self.schedule_anew(id);
        }
        offer
    }

    /// Writes a message down once for all the durable queues that took it.
    #[inline]
    pub(crate) fn make_durable(
        &mut self,
        now: Time,
        admission: &Admission,
        (awaited, after): (bool, After),
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        if !admission.is_durable() {
            return None;
        }
        Some(self.write_down(now, admission, (awaited, after), out))
    }

    fn write_down(
        &mut self,
        now: Time,
        admission: &Admission,
        (awaited, after): (bool, After),
        out: &mut Vec<Effect>,
    ) -> RecordId {
        let published = self.published(now, admission);
        let content = self.messages.whole(admission.message).new.content.clone();
        let fact = Fact::Published(published);
        let record = self.append_after(&fact, after, smallvec![content], awaited, out);
        self.set_durable(admission, MessageAt { record, part: 0 });
        record
    }

    /// What a record says of a message that was just taken in.
    pub(crate) fn published(&self, now: Time, admission: &Admission) -> Published {
        let new = &self.messages.whole(admission.message).new;
        Published {
            time: now,
            targets: admission.durable_targets.clone(),
            address: new.address.clone(),
            extra: new.extra.clone(),
            sizes: Sizes::of(&new.content),
            traits: (!admission.is_kept).then_some(new.traits),
        }
    }

    pub(crate) fn set_durable(&mut self, admission: &Admission, at: MessageAt) {
        let holders = admission.durable_targets.len() as u32;
        self.messages.get_mut(admission.message).set_durable(Some(Durable { at, holders }));
    }

    /// Forgets a message that no queue took. A queue that refused it may want it dead-lettered.
    #[inline]
    pub(crate) fn finish(&mut self, admission: &Admission) -> Option<MessageId> {
        self.finish_for(admission, None)
    }

    /// The same, of what becomes of a message that is held until the first of those that refused this has sent it on.
    pub(crate) fn finish_for(
        &mut self,
        admission: &Admission,
        mut source: Option<Held>,
    ) -> Option<MessageId> {
        let id = admission.message;
        for queue in &admission.refused_by {
            let new = self.messages.whole(id).new.clone().into();
            self.happened.push_back((*queue, Happened::Refused { new, source: source.take() }));
        }
        if self.messages.get(id).holders > 0 {
            return Some(id);
        }
        self.messages.remove(id);
        None
    }
}
