//! What the peer's octets say about its channels: open or not, and content on its way, frame by frame.
//!
//! This table is driven by the peer's stream alone, so it needs no word from the outbound half. A peer sends
//! channel.open, then methods and content, then channel.close or (when we closed) channel.close-ok; each of these
//! means the same whether or not this half knows yet what we said.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use warrener_codec::{ChannelId, Content, Header, Method, MethodId};

use crate::legality::Role;
use crate::{Close, Event, Limits, Oversized, Violation};

/// What one body slice costs besides its octets: its place in a list, and the envelope it pins.
const SLICE_BYTES: usize = 48;
/// What unfinished content costs besides its header and body.
const CONTENT_BYTES: usize = 512;

/// The channels of one connection, as the peer sees them.
#[derive(Debug)]
pub(crate) struct Channels {
    /// Who sends on them.
    peer: Role,
    max: u16,
    open: u32,
    /// By channel number less one; only as long as the highest number in use.
    slots: Vec<Slot>,
    /// Content on its way; a slot knows its index.
    contents: Vec<Unfinished>,
    free: Vec<u16>,
    /// What all unfinished content costs.
    unfinished_bytes: usize,
    message_max_bytes: u64,
    message_hard_max_bytes: u64,
    unfinished_max_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Closed,
    Open,
    /// Open, and content is on its way.
    Content(u16),
    /// The peer closed it, and waits for close-ok.
    PeerClosed,
}

/// Content on its way: a place that is used again and again, so that nothing is moved or allocated twice.
#[derive(Debug)]
struct Unfinished {
    stage: Stage,
    method: Method,
    content: Content,
    /// Octets of the body that have not come.
    missing: u64,
    /// What it costs until it is whole.
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is on its way here.
    Free,
    /// The content header comes next.
    Header,
    /// The body comes next.
    Body,
    /// The body comes next, and is dropped: it is too large.
    Skip,
}

/// What stands in the place of a method that was moved on.
const NO_METHOD: Method = Method::TxSelect;

impl Channels {
    /// What all unfinished content costs.
    pub(crate) const fn unfinished_bytes(&self) -> usize {
        self.unfinished_bytes
    }

    pub(crate) fn new(peer: Role, max: u16, limits: &Limits) -> Self {
        let largest = usize::try_from(limits.message_max_bytes).unwrap_or(usize::MAX);
        Self {
            peer,
            max,
            open: 0,
            slots: Vec::new(),
            contents: Vec::new(),
            free: Vec::new(),
            unfinished_bytes: 0,
            message_max_bytes: limits.message_max_bytes,
            message_hard_max_bytes: limits.message_hard_max_bytes,
            unfinished_max_bytes: limits.unfinished_max_bytes.max(largest.saturating_mul(2)),
        }
    }

    /// A method on a channel above 0.
    #[inline]
    pub(crate) fn method(
        &mut self,
        channel: ChannelId,
        method: Method,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Violation> {
        let id = method.id();
        match self.slot(channel) {
            Slot::Open if self.peer.sends_in_channel(id) => {
                if id.has_content() {
                    self.begin(channel, method);
                } else {
                    events.push_back(Event::Method(channel, method));
                }
                Ok(())
            }
            slot => {
                events.extend(self.rare_method(channel, slot, method)?);
                Ok(())
            }
        }
    }

    /// Whatever opens or closes, or may not come.
    #[inline(never)]
    fn rare_method(
        &mut self,
        channel: ChannelId,
        slot: Slot,
        method: Method,
    ) -> Result<Option<Event>, Violation> {
        let id = method.id();
        match (slot, method) {
            (Slot::Closed | Slot::PeerClosed, _) if id == self.peer.opens_with() => {
                self.open(channel).map(Some)
            }
            (Slot::Open | Slot::Content(_), Method::ChannelClose(close)) => {
                self.set(channel, Slot::PeerClosed);
                self.open -= 1;
                Ok(Some(Event::ChannelClosed(channel, Close::from(close))))
            }
            (Slot::Open | Slot::Content(_), Method::ChannelCloseOk) => {
                self.set(channel, Slot::Closed);
                self.open -= 1;
                self.shrink();
                Ok(Some(Event::ChannelClosed(channel, Close::answered())))
            }
            (Slot::PeerClosed, Method::ChannelCloseOk) => Ok(None),
            (Slot::Closed | Slot::PeerClosed, _) => Err(self.not_open(channel, id)),
            (Slot::Content(index), _) => Err(self.interrupted(index)),
            (Slot::Open, _) if id == self.peer.opens_with() => Err(Violation::SecondOpen(id)),
            (Slot::Open, _) => Err(Violation::Unimplemented(id)),
        }
    }

    /// A content header on a channel above 0.
    #[inline]
    pub(crate) fn header(
        &mut self,
        channel: ChannelId,
        header: Header,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Violation> {
        let (message_max, index) = (self.message_max_bytes, self.content_index(channel)?);
        let Some(unfinished) = self.contents.get_mut(usize::from(index)) else { return Ok(()) };
        if unfinished.stage != Stage::Header {
            return Err(self.interrupted(index));
        }
        let method = unfinished.method.id();
        if header.class_id != method.ids().0 {
            return Err(Violation::HeaderClass { method, found: header.class_id });
        }
        let Header { body_size, properties, .. } = header;
        unfinished.missing = body_size;
        if body_size > message_max {
            events.push_back(self.oversized(channel, index, body_size)?);
            return Ok(());
        }
        unfinished.stage = Stage::Body;
        let bytes = CONTENT_BYTES + properties.as_bytes().len();
        unfinished.content.properties = properties;
        if body_size == 0 {
            self.finish(channel, index, events);
            return Ok(());
        }
        self.charge(index, bytes)
    }

    /// A body frame on a channel above 0.
    #[inline]
    pub(crate) fn body(
        &mut self,
        channel: ChannelId,
        payload: Bytes,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Violation> {
        let index = self.content_index(channel)?;
        let Some(unfinished) = self.contents.get_mut(usize::from(index)) else { return Ok(()) };
        if unfinished.stage == Stage::Header {
            return Err(self.interrupted(index));
        }
        let len = payload.len();
        let Some(missing) = unfinished.missing.checked_sub(len as u64) else {
            return Err(Violation::BodyTooLong { method: unfinished.method.id() });
        };
        unfinished.missing = missing;
        let is_kept = unfinished.stage == Stage::Body;
        if is_kept {
            unfinished.content.body.push(payload);
        }
        match missing {
            0 if is_kept => self.finish(channel, index, events),
            0 => self.set(channel, Slot::Open),
            _ if is_kept && len > 0 => self.charge(index, len + SLICE_BYTES)?,
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, channel: ChannelId) -> Result<Event, Violation> {
        if channel.number() > self.max {
            return Err(Violation::TooManyChannels { open: self.open, max: self.max });
        }
        self.open += 1;
        self.set(channel, Slot::Open);
        Ok(Event::ChannelOpened(channel))
    }

    /// A method whose content comes next.
    #[inline]
    fn begin(&mut self, channel: ChannelId, method: Method) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.contents.push(Unfinished {
                stage: Stage::Free,
                method: NO_METHOD,
                content: Content::default(),
                missing: 0,
                bytes: 0,
            });
            (self.contents.len() - 1) as u16
        });
        if let Some(unfinished) = self.contents.get_mut(usize::from(index)) {
            unfinished.stage = Stage::Header;
            unfinished.method = method;
        }
        self.set(channel, Slot::Content(index));
    }

    /// The content is whole.
    #[inline]
    fn finish(&mut self, channel: ChannelId, index: u16, events: &mut VecDeque<Event>) {
        if let Some(unfinished) = self.contents.get_mut(usize::from(index)) {
            let method = core::mem::replace(&mut unfinished.method, NO_METHOD);
            let content = core::mem::take(&mut unfinished.content);
            events.push_back(Event::Content(channel, method, content));
        }
        self.set(channel, Slot::Open);
    }

    #[cold]
    fn oversized(&mut self, channel: ChannelId, index: u16, size: u64) -> Result<Event, Violation> {
        let (max, hard_max) = (self.message_max_bytes, self.message_hard_max_bytes);
        let method = match self.contents.get_mut(usize::from(index)) {
            Some(unfinished) => {
                unfinished.stage = Stage::Skip;
                unfinished.method.clone()
            }
            None => NO_METHOD,
        };
        if size > hard_max {
            return Err(Violation::BodyTooLarge { method: method.id(), size, max: hard_max });
        }
        Ok(Event::Oversized(channel, method, Oversized { size, max }))
    }

    /// Counts what is kept until the content is whole.
    #[inline]
    fn charge(&mut self, index: u16, bytes: usize) -> Result<(), Violation> {
        if let Some(unfinished) = self.contents.get_mut(usize::from(index)) {
            unfinished.bytes += bytes;
        }
        self.unfinished_bytes += bytes;
        if self.unfinished_bytes > self.unfinished_max_bytes {
            return Err(Violation::Unfinished { max: self.unfinished_max_bytes });
        }
        Ok(())
    }

    /// Where the channel's content is, or why there is none.
    #[inline]
    fn content_index(&self, channel: ChannelId) -> Result<u16, Violation> {
        match self.slot(channel) {
            Slot::Content(index) => Ok(index),
            Slot::Open | Slot::Closed | Slot::PeerClosed => Err(Violation::NotMethod),
        }
    }

    /// Something else came than the content that a method announces.
    #[cold]
    fn interrupted(&self, index: u16) -> Violation {
        match self.contents.get(usize::from(index)) {
            Some(Unfinished { stage: Stage::Header, method, .. }) => {
                Violation::NotHeader { method: method.id() }
            }
            Some(Unfinished { method, .. }) => Violation::NotBody { method: method.id() },
            None => Violation::NotMethod,
        }
    }

    #[cold]
    fn not_open(&self, channel: ChannelId, method: MethodId) -> Violation {
        Violation::ChannelNotOpen { channel, method, awaited: self.peer.opens_with() }
    }

    #[inline]
    fn slot(&self, channel: ChannelId) -> Slot {
        let index = usize::from(channel.number()).wrapping_sub(1);
        self.slots.get(index).copied().unwrap_or(Slot::Closed)
    }

    /// Changes a channel's state; the place of its content becomes free when none is on its way any more.
    #[inline]
    fn set(&mut self, channel: ChannelId, slot: Slot) {
        let index = usize::from(channel.number()).wrapping_sub(1);
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot::Closed);
        }
        let Some(place) = self.slots.get_mut(index) else { return };
        if let Slot::Content(index) = core::mem::replace(place, slot) {
            self.free_content(index);
        }
    }

    #[inline]
    fn free_content(&mut self, index: u16) {
        let Some(unfinished) = self.contents.get_mut(usize::from(index)) else { return };
        self.unfinished_bytes -= core::mem::take(&mut unfinished.bytes);
        if unfinished.missing > 0 || unfinished.stage == Stage::Header {
            unfinished.method = NO_METHOD;
            unfinished.content = Content::default();
            unfinished.missing = 0;
        }
        unfinished.stage = Stage::Free;
        self.free.push(index);
    }

    /// Gives back what the highest numbers took.
    fn shrink(&mut self) {
        while self.slots.last() == Some(&Slot::Closed) {
            self.slots.pop();
        }
        if self.slots.is_empty() {
            self.slots = Vec::new();
        }
    }

    /// Gives back the places of content that is not on its way any more.
    pub(crate) fn release(&mut self) {
        if self.free.len() == self.contents.len() {
            self.contents = Vec::new();
            self.free = Vec::new();
        }
    }
}
