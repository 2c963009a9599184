//! What the peer's octets say about its channels: open or not, and content on its way, frame by frame.
//!
//! This table is driven by the peer's stream alone, so it needs no word from the outbound half. A peer sends
//! channel.open, then methods and content, then channel.close or (when we closed) channel.close-ok; each of these
//! means the same whether or not this half knows yet what we said.

use alloc::vec::Vec;

use bytes::Bytes;
use warrener_codec::{Body, ChannelId, Content, Header, Method, MethodId};

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
    contents: Vec<Option<Unfinished>>,
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

/// Content on its way.
#[derive(Debug)]
struct Unfinished {
    method: Method,
    bytes: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Header,
    Body {
        content: Content,
        missing: u64,
    },
    /// It is too large: what is missing is dropped.
    Skip {
        missing: u64,
    },
}

impl Channels {
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
    ) -> Result<Option<Event>, Violation> {
        let id = method.id();
        match self.slot(channel) {
            Slot::Open if self.peer.sends_in_channel(id) => {
                if id.has_content() {
                    self.begin(channel, method);
                    return Ok(None);
                }
                Ok(Some(Event::Method(channel, method)))
            }
            slot => self.rare_method(channel, slot, method),
        }
    }

    /// Whatever opens or closes, or may not come.
    fn rare_method(
        &mut self,
        channel: ChannelId,
        slot: Slot,
        method: Method,
    ) -> Result<Option<Event>, Violation> {
        let id = method.id();
        match (slot, method) {
            (Slot::Closed | Slot::PeerClosed, _) if id == self.peer.opens_with() => {
                self.open(channel)
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
            (Slot::Closed | Slot::PeerClosed, _) => Err(self.not_open(channel, Some(id))),
            (Slot::Content(index), _) => Err(self.interrupted(index, Some(id))),
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
    ) -> Result<Option<Event>, Violation> {
        let index = self.content_index(channel)?;
        let Some(unfinished) = self.unfinished(index) else { return Err(Violation::NotMethod) };
        if !matches!(unfinished.stage, Stage::Header) {
            return Err(Violation::NotBody { method: None });
        }
        let class_id = unfinished.method.id().ids().0;
        if header.class_id != class_id {
            return Err(Violation::HeaderClass { class_id, found: header.class_id });
        }
        let Header { body_size, properties, .. } = header;
        if body_size > self.message_max_bytes {
            return self.oversized(channel, index, body_size);
        }
        let bytes = CONTENT_BYTES + properties.as_bytes().len();
        let content = Content::new(properties, Body::EMPTY);
        self.charge(index, bytes)?;
        if body_size == 0 {
            return Ok(self.finish(channel, index, Some(content)));
        }
        if let Some(unfinished) = self.unfinished(index) {
            unfinished.stage = Stage::Body { content, missing: body_size };
        }
        Ok(None)
    }

    /// A body frame on a channel above 0.
    #[inline]
    pub(crate) fn body(
        &mut self,
        channel: ChannelId,
        payload: Bytes,
    ) -> Result<Option<Event>, Violation> {
        let index = self.content_index(channel)?;
        let Some(unfinished) = self.unfinished(index) else { return Err(Violation::NotMethod) };
        let len = payload.len();
        let (missing, keep) = match &mut unfinished.stage {
            Stage::Header => {
                let class_id = unfinished.method.id().ids().0;
                return Err(Violation::NotHeader { class_id, method: None });
            }
            Stage::Skip { missing } => (missing, None),
            Stage::Body { content, missing } => (missing, Some(content)),
        };
        let Some(rest) = missing.checked_sub(len as u64) else {
            return Err(Violation::BodyTooLong);
        };
        *missing = rest;
        let Some(content) = keep else {
            if rest == 0 {
                self.finish(channel, index, None);
            }
            return Ok(None);
        };
        if rest == 0 {
            content.body.push(payload);
            return Ok(self.finish(channel, index, None));
        }
        if len > 0 {
            content.body.push(payload);
            self.charge(index, len + SLICE_BYTES)?;
        }
        Ok(None)
    }

    fn open(&mut self, channel: ChannelId) -> Result<Option<Event>, Violation> {
        if channel.number() > self.max {
            return Err(Violation::TooManyChannels { open: self.open, max: self.max });
        }
        self.open += 1;
        self.set(channel, Slot::Open);
        Ok(Some(Event::ChannelOpened(channel)))
    }

    /// A method whose content comes next.
    #[inline]
    fn begin(&mut self, channel: ChannelId, method: Method) {
        let unfinished = Some(Unfinished { method, bytes: 0, stage: Stage::Header });
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.contents.len() as u16,
        };
        match self.contents.get_mut(usize::from(index)) {
            Some(place) => *place = unfinished,
            None => self.contents.push(unfinished),
        }
        self.set(channel, Slot::Content(index));
    }

    /// The content is whole, or all of it was dropped.
    #[inline]
    fn finish(
        &mut self,
        channel: ChannelId,
        index: u16,
        without_body: Option<Content>,
    ) -> Option<Event> {
        let unfinished = self.contents.get_mut(usize::from(index))?.take()?;
        self.set(channel, Slot::Open);
        self.free.push(index);
        self.unfinished_bytes -= unfinished.bytes;
        let content = match (unfinished.stage, without_body) {
            (Stage::Body { content, .. }, _) | (Stage::Header, Some(content)) => content,
            (Stage::Header | Stage::Skip { .. }, _) => return None,
        };
        Some(Event::Content(channel, unfinished.method, content))
    }

    #[cold]
    fn oversized(
        &mut self,
        channel: ChannelId,
        index: u16,
        size: u64,
    ) -> Result<Option<Event>, Violation> {
        if size > self.message_hard_max_bytes {
            return Err(Violation::BodyTooLarge { size, max: self.message_hard_max_bytes });
        }
        let max = self.message_max_bytes;
        let Some(unfinished) = self.unfinished(index) else { return Ok(None) };
        unfinished.stage = Stage::Skip { missing: size };
        let method = unfinished.method.clone();
        Ok(Some(Event::Oversized(channel, method, Oversized { size, max })))
    }

    /// Counts what is kept until the content is whole.
    #[inline]
    fn charge(&mut self, index: u16, bytes: usize) -> Result<(), Violation> {
        if let Some(unfinished) = self.unfinished(index) {
            unfinished.bytes += bytes;
        }
        self.unfinished_bytes += bytes;
        if self.unfinished_bytes > self.unfinished_max_bytes {
            return Err(Violation::Unfinished { max: self.unfinished_max_bytes });
        }
        Ok(())
    }

    #[inline]
    fn unfinished(&mut self, index: u16) -> Option<&mut Unfinished> {
        self.contents.get_mut(usize::from(index))?.as_mut()
    }

    /// Where the channel's content is, or why there is none.
    #[inline]
    fn content_index(&self, channel: ChannelId) -> Result<u16, Violation> {
        match self.slot(channel) {
            Slot::Content(index) => Ok(index),
            Slot::Open => Err(Violation::NotMethod),
            Slot::Closed | Slot::PeerClosed => Err(self.not_open(channel, None)),
        }
    }

    #[cold]
    fn interrupted(&mut self, index: u16, method: Option<MethodId>) -> Violation {
        match self.unfinished(index) {
            Some(Unfinished { stage: Stage::Header, method: waiting, .. }) => {
                Violation::NotHeader { class_id: waiting.ids().0, method }
            }
            _ => Violation::NotBody { method },
        }
    }

    #[cold]
    fn not_open(&self, channel: ChannelId, method: Option<MethodId>) -> Violation {
        Violation::ChannelNotOpen { channel, method, awaited: self.peer.opens_with() }
    }

    #[inline]
    fn slot(&self, channel: ChannelId) -> Slot {
        let index = usize::from(channel.number()).wrapping_sub(1);
        self.slots.get(index).copied().unwrap_or(Slot::Closed)
    }

    /// Changes a channel's state; content on its way there is dropped.
    #[inline]
    fn set(&mut self, channel: ChannelId, slot: Slot) {
        let index = usize::from(channel.number()).wrapping_sub(1);
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot::Closed);
        }
        let Some(place) = self.slots.get_mut(index) else { return };
        let before = core::mem::replace(place, slot);
        if let (Slot::Content(index), false) = (before, matches!(slot, Slot::Content(_))) {
            self.drop_content(index);
        }
    }

    /// Frees what a channel leaves unfinished; nothing when it is whole and gone already.
    fn drop_content(&mut self, index: u16) {
        let dropped = self.contents.get_mut(usize::from(index)).and_then(Option::take);
        if let Some(unfinished) = dropped {
            self.unfinished_bytes -= unfinished.bytes;
            self.free.push(index);
        }
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
