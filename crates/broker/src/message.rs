//! Messages: kept once, however many queues hold them, and gone when the last one lets go.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::{Content, Limits, PropertiesRef, ShortRef, ShortStr};
use warrener_queue::Rare;
use warrener_time::Time;

use crate::address::Address;
use crate::arguments::QueueKind;
use crate::attached::Attached;
use crate::dead_letter::{History, KEY_BYTES, parse_expiration};
use crate::fields::Fields;
use crate::id::{Half, MessageId, RecordId};
use crate::pages::Pages;
use crate::record::MessageAt;
use crate::shelf::{End, Link, ShelfId, Shelves, Weighted};
use crate::slab::Store;

/// A message that is being published.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) address: Address,
    pub(crate) content: Content,
    pub(crate) extra: Option<Box<Extra>>,
    pub(crate) traits: Traits,
}

/// What queues must know of a message's properties, read once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// How long it may wait, if it says so.
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) priority: Option<u8>,
    /// Its sender wants it on disk (AMQP 0-9-1 §1.8: delivery-mode 2).
    pub(crate) persistent: bool,
}

impl Traits {
    /// The traits of a message whose expiration was checked before.
    pub(crate) fn of(properties: &PropertiesRef<'_>) -> Self {
        let ttl_ms = properties.expiration.and_then(|text| parse_expiration(text).ok());
        let persistent = properties.delivery_mode == Some(2);
        Self { ttl_ms, priority: properties.priority, persistent }
    }

    /// The priority in a queue of this type.
    pub(crate) fn priority_in(self, kind: QueueKind) -> u8 {
        self.priority.unwrap_or(match kind {
            QueueKind::Classic => 0,
            QueueKind::Quorum => QUORUM_PRIORITY,
        })
    }

    /// What few entries of a queue have.
    pub(crate) fn rare(self) -> Rare {
        Rare { ttl: self.ttl_ms.map(Duration::from_millis), ..Rare::default() }
    }
}

/// The priority of a message that names none, in a quorum queue (RabbitMQ 4.3).
const QUORUM_PRIORITY: u8 = 4;

/// What few messages have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    /// More routing keys, which everybody sees (RabbitMQ extension: the header `CC`).
    pub(crate) cc: Vec<ShortStr>,
    /// More routing keys, which nobody sees (RabbitMQ extension: the header `BCC`).
    pub(crate) bcc: Vec<ShortStr>,
    /// The deaths it has died.
    pub(crate) history: Option<History>,
    /// What a later version said of it.
    pub(crate) fields: Fields,
    /// It failed where it died, so that even its first delivery here is not its first (RabbitMQ 4.3).
    pub(crate) redelivered: bool,
}

impl Extra {
    /// What it takes of memory, in octets more or less.
    fn bytes(&self) -> usize {
        let keys: usize = self.cc.iter().chain(&self.bcc).map(|key| KEY_BYTES + key.len()).sum();
        EXTRA_BYTES
            + keys
            + self.fields.as_bytes().len()
            + self.history.as_ref().map_or(0, History::bytes)
    }
}

impl NewMessage {
    /// Every key it is routed by, its own first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ShortRef<'_>> {
        let more = self.extra.iter().flat_map(|extra| extra.cc.iter().chain(&extra.bcc));
        core::iter::once(self.address.routing_key()).chain(more.map(ShortStr::as_short_ref))
    }

    /// Whether it was delivered before it came to where it is.
    pub(crate) fn is_redelivered(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.redelivered)
    }
}

impl NewMessage {
    /// What a header frame has besides properties.
    pub(crate) const ENVELOPE_AND_SIZES: usize = 8 + 12;

    /// How many octets the header frame of this message may have, wherever it is delivered.
    pub(crate) fn header_bytes(&self) -> usize {
        header_bytes(self.content.properties.as_bytes().len())
    }

    /// Whether its headers may not fit the frames of every client.
    pub(crate) fn is_wide(&self) -> bool {
        is_wide(self.content.properties.as_bytes().len())
    }

    /// Copies it out of the buffers that it was read into, so that it does not keep them alive; a large body stays.
    pub(crate) fn detach(&mut self) {
        if !self.is_large() {
            (self.address, self.content) = self.address.detached_with(&self.content);
        }
    }

    /// What it takes of memory, with what it lies in.
    pub(crate) fn memory_bytes(&self) -> u32 {
        let pieces = self.content.body.slices();
        // A large body is not copied out of the buffers that it was read into, which are longer than it.
        let slack = if self.is_large() { pieces.len() * SLACK_BYTES } else { 0 };
        let octets = self.content.body.len() + self.content.properties.as_bytes().len();
        let extra = self.extra.as_deref();
        let more = extra.map_or(0, Extra::bytes);
        let all = octets + self.address.len() + more + slack + size_of::<Whole>();
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// Whether its body is left in the buffers that it was read into.
    fn is_large(&self) -> bool {
        self.content.body.len() > LARGE_BYTES
    }
}

const fn header_bytes(properties: usize) -> usize {
    const COUNTS_OF_QUORUM_QUEUES: usize = 64;
    properties + NewMessage::ENVELOPE_AND_SIZES + COUNTS_OF_QUORUM_QUEUES
}

/// Whether so many octets of properties may not fit the frames of every client.
pub(crate) const fn is_wide(properties: usize) -> bool {
    header_bytes(properties) > Limits::FRAME_MIN as usize
}

/// A body longer than this is not copied out of the buffers that it was read into.
const LARGE_BYTES: usize = 64 << 10;

/// How much longer such a buffer is, at most, than what is used of it.
const SLACK_BYTES: usize = 64 << 10;

/// What the rarities of a message take, more or less.
const EXTRA_BYTES: usize = 512;

/// What a host may not forget of a message that queues hold, wherever its content is: this much is in memory of each.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// How many queues hold it.
    pub(crate) holders: u32,
    /// How many durable queues hold it.
    durable_holders: u32,
    record: Half,
    spilled: Half,
    part: u32,
    /// Where its content is, when that is in memory.
    whole: u32,
    /// Some client had it and failed: it rejected the message, or went away with it.
    pub(crate) failed: bool,
    /// Its sender wants it on disk.
    pub(crate) persistent: bool,
    /// An exchange remembers it, and shows it to whoever is bound next: it stays in memory.
    pub(crate) stays: bool,
    /// Its record brought other messages as well.
    pub(crate) shares_record: bool,
}

/// The content of a message is not in memory.
const NOWHERE: u32 = u32::MAX;

/// The same, and the log is asked for it.
const COMING: u32 = u32::MAX - 1;

impl Message {
    /// Where it lies on disk as one that survives a restart, if it does.
    pub(crate) fn durable(&self) -> Option<Durable> {
        let at = MessageAt { record: self.record.record()?, part: self.part };
        Some(Durable { at, holders: self.durable_holders })
    }

    pub(crate) fn set_durable(&mut self, durable: Option<Durable>) {
        self.record = Half::of(durable.map_or(RecordId(0), |durable| durable.at.record));
        (self.part, self.durable_holders) =
            durable.map_or((0, 0), |durable| (durable.at.part, durable.holders));
    }

    /// The record that its content was written to for lack of memory.
    pub(crate) const fn spilled(&self) -> Option<RecordId> {
        self.spilled.record()
    }

    pub(crate) const fn set_spilled(&mut self, record: RecordId) {
        self.spilled = Half::of(record);
    }

    /// Whether its content is in memory.
    pub(crate) const fn is_here(&self) -> bool {
        self.whole < COMING
    }

    /// Whether the log is asked for its content.
    pub(crate) const fn is_coming(&self) -> bool {
        self.whole == COMING
    }

    /// The log is asked for its content; whether it was not before.
    pub(crate) const fn ask(&mut self) -> bool {
        let first = self.whole == NOWHERE;
        if first {
            self.whole = COMING;
        }
        first
    }

    /// Which record to read its content from, and which part of it.
    pub(crate) fn on_disk(&self) -> Option<(RecordId, u32)> {
        match (self.spilled.record(), self.record.record()) {
            (Some(spilled), _) => Some((spilled, 0)),
            (None, Some(record)) => Some((record, self.part)),
            (None, None) => None,
        }
    }
}

/// The part of a message that survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Durable {
    pub(crate) at: MessageAt,
    /// How many durable queues hold it.
    pub(crate) holders: u32,
}

/// A message whose content is in memory.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) new: NewMessage,
    id: MessageId,
    /// What it is counted as.
    bytes: u32,
    /// It was handed out, and is to be settled.
    pub(crate) handed: u32,
    /// Among whose it is found when memory is short.
    link: Link,
}

/// Every message in the broker.
#[derive(Debug)]
pub(crate) struct Messages {
    index: Store<MessageId, Message>,
    wholes: Pages<Whole>,
    shelves: Shelves,
    /// Contents that were handed out from the buffers that they were read into, oldest first.
    attached: Attached,
    /// What the contents in memory take.
    bytes: u64,
}

impl Messages {
    pub(crate) fn new() -> Self {
        Self {
            index: Store::new(),
            wholes: Pages::new(),
            shelves: Shelves::new(),
            attached: Attached::new(),
            bytes: 0,
        }
    }

    /// Takes a message in that nobody holds yet.
    pub(crate) fn insert(&mut self, new: NewMessage) -> MessageId {
        self.insert_from(&mut Some(new))
    }

    /// The same, of one that is moved only once.
    #[inline(always)]
    pub(crate) fn insert_from(&mut self, from: &mut Option<NewMessage>) -> MessageId {
        let new = from.as_ref().expect("a message to be taken in");
        let id = self.insert_absent(new.traits.persistent);
        self.bring_from(id, from);
        id
    }

    /// Takes in a message that somebody holds from now on who took it at once: it is in nobody's line.
    #[inline(always)]
    pub(crate) fn insert_handed(
        &mut self,
        now: Time,
        from: &mut Option<NewMessage>,
        shelf: ShelfId,
    ) -> MessageId {
        let id = self.insert_from(from);
        let message = self.get_mut(id);
        message.holders = 1;
        let number = message.whole;
        self.wholes.get_mut(number).expect("it was just put there").handed = 1;
        self.shelves.put(&mut self.wholes, number, shelf, End::Last);
        self.leave_attached(now, id);
        id
    }

    /// Takes in a message whose content is on disk.
    pub(crate) fn insert_absent(&mut self, persistent: bool) -> MessageId {
        self.index.insert(Message {
            holders: 0,
            durable_holders: 0,
            record: Half::NONE,
            spilled: Half::NONE,
            part: 0,
            whole: NOWHERE,
            failed: false,
            persistent,
            stays: false,
            shares_record: false,
        })
    }

    /// The content of a message comes into memory.
    pub(crate) fn bring(&mut self, id: MessageId, new: NewMessage) {
        self.bring_from(id, &mut Some(new));
    }

    #[inline(always)]
    fn bring_from(&mut self, id: MessageId, from: &mut Option<NewMessage>) {
        let bytes = from.as_ref().map_or(0, NewMessage::memory_bytes);
        self.bytes += u64::from(bytes);
        let make = || {
            let new = from.take().expect("a message to be taken in");
            Whole { new, id, bytes, handed: 0, link: Link::NONE }
        };
        let number = self.wholes.insert_with(make);
        let message = self.get_mut(id);
        debug_assert!(!message.is_here(), "a content comes once");
        message.whole = number;
    }

    #[inline]
    pub(crate) fn get(&self, id: MessageId) -> &Message {
        self.index.get(id).expect("a queue holds only messages that are there")
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: MessageId) -> &mut Message {
        self.index.get_mut(id).expect("a queue holds only messages that are there")
    }

    /// The message, unless everybody has let go of it.
    #[inline]
    pub(crate) fn find(&self, id: MessageId) -> Option<&Message> {
        self.index.get(id)
    }

    /// A message whose content is in memory.
    pub(crate) fn whole(&self, id: MessageId) -> &Whole {
        self.wholes.get(self.get(id).whole).expect("a content that is in memory")
    }

    pub(crate) fn whole_mut(&mut self, id: MessageId) -> &mut Whole {
        let number = self.get(id).whole;
        self.wholes.get_mut(number).expect("a content that is in memory")
    }

    /// The same, and how many queues hold it.
    #[inline]
    pub(crate) fn whole_of(&mut self, id: MessageId) -> (&mut Whole, u32) {
        let Message { whole, holders, .. } = *self.get(id);
        (self.wholes.get_mut(whole).expect("a content that is in memory"), holders)
    }

    /// The content of a message, if it is in memory.
    pub(crate) fn content(&self, id: MessageId) -> Option<&NewMessage> {
        self.wholes.get(self.get(id).whole).map(|whole| &whole.new)
    }

    /// Forgets a message that nobody holds.
    #[inline]
    pub(crate) fn remove(&mut self, id: MessageId) {
        let Message { holders, whole, .. } = *self.get(id);
        assert_eq!(holders, 0, "a message goes when the last queue lets go of it");
        self.index.forget(id);
        self.drop_whole(whole);
    }

    /// The content of a message leaves memory.
    pub(crate) fn drop_content(&mut self, id: MessageId) {
        let message = self.get_mut(id);
        let number = core::mem::replace(&mut message.whole, NOWHERE);
        self.drop_whole(number);
    }

    #[inline]
    fn drop_whole(&mut self, number: u32) {
        let Some(whole) = self.wholes.get(number) else { return };
        self.bytes -= u64::from(whole.bytes);
        if whole.link.is_on_shelf() {
            self.shelves.take(&mut self.wholes, number);
        }
        self.wholes.clear(number);
    }

    /// Copies a message out of the buffer that it was read into, unless it is most of that buffer.
    pub(crate) fn detach(&mut self, id: MessageId) {
        self.whole_mut(id).new.detach();
    }

    /// A content was handed out as it was read. Most are settled soon; when many more have come, it is copied.
    pub(crate) fn leave_attached(&mut self, now: Time, id: MessageId) {
        self.attached.push(now, id);
        while let Some(oldest) = self.attached.pop_excess() {
            if self.find(oldest).is_some_and(Message::is_here) {
                self.detach(oldest);
            }
        }
    }

    /// Puts a content where it is found when memory is short: `shelf` is its queue's. What stands last leaves first.
    pub(crate) fn shelve(&mut self, id: MessageId, shelf: ShelfId, at: End) {
        let number = self.get(id).whole;
        self.shelves.put(&mut self.wholes, number, shelf, at);
    }

    /// The content that should leave first.
    pub(crate) fn coldest(&mut self) -> Option<MessageId> {
        let number = self.shelves.coldest()?;
        Some(self.wholes.get(number).expect("what is on a shelf is there").id)
    }

    /// A place for the contents of one more queue.
    pub(crate) fn add_shelf(&mut self) -> ShelfId {
        self.shelves.add()
    }

    /// The queue has gone.
    pub(crate) fn remove_shelf(&mut self, shelf: ShelfId) {
        self.shelves.remove(shelf);
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// How many have no content in memory.
    pub(crate) fn absent(&self) -> usize {
        self.index.len() - self.wholes.len()
    }

    /// What all of them take of memory, the entries of queues not counted.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.bytes + self.index_bytes()
    }

    /// What they take when no content is in memory.
    pub(crate) fn index_bytes(&self) -> u64 {
        (self.index.len() * INDEX_BYTES) as u64
    }
}

impl AsMut<Link> for Whole {
    fn as_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl AsRef<Link> for Whole {
    fn as_ref(&self) -> &Link {
        &self.link
    }
}

impl Weighted for Whole {
    fn bytes(&self) -> u64 {
        u64::from(self.bytes)
    }
}

/// What is in memory of a message that waits, wherever its content is: its place in the index and in one queue.
pub(crate) const INDEX_BYTES: usize = 40 + 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_whose_content_is_on_disk_takes_forty_bytes() {
        assert_eq!(Store::<MessageId, Message>::PLACE_BYTES, 40);
    }
}
