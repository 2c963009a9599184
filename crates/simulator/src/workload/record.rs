//! What a run writes down, and the numbers it gives out.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use warrener_time::Time;

use crate::World;
use crate::history::{ActorId, Happened, MessageId, Moment, QueueId};

/// The notebook that everybody in a run shares.
pub(super) struct Record {
    pub(super) world: World,
    /// Kept outside, so that it outlives a panic.
    moments: Rc<RefCell<Vec<Moment>>>,
    actors: Cell<u64>,
    messages: Cell<u64>,
    queues: Cell<usize>,
    body_bytes_max: u64,
}

impl Record {
    pub(super) const fn new(
        world: World,
        moments: Rc<RefCell<Vec<Moment>>>,
        queues: usize,
        body_bytes_max: u64,
    ) -> Self {
        let (actors, messages, queues) = (Cell::new(0), Cell::new(0), Cell::new(queues));
        Self { world, moments, actors, messages, queues, body_bytes_max }
    }

    pub(super) fn note(&self, what: Happened) {
        let at = self.world.now();
        self.moments.borrow_mut().push(Moment { at, what });
    }

    pub(super) fn now(&self) -> Time {
        self.world.now()
    }

    pub(super) fn actor(&self) -> ActorId {
        self.actors.set(self.actors.get() + 1);
        ActorId(self.actors.get())
    }

    pub(super) fn message(&self) -> MessageId {
        self.messages.set(self.messages.get() + 1);
        MessageId(self.messages.get())
    }

    /// A queue besides those of the topology.
    pub(super) fn queue(&self) -> QueueId {
        self.queues.set(self.queues.get() + 1);
        QueueId(self.queues.get() - 1)
    }

    /// The body of a message: its number, and octets that follow from it.
    pub(super) fn body(&self, id: MessageId) -> String {
        let mixed = id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        // Few are long: most of a run is about other things than length.
        let bound =
            if mixed.is_multiple_of(8) { self.body_bytes_max } else { self.body_bytes_max.min(50) };
        let padding = ((mixed * bound) >> 32) as usize;
        let letter = char::from(b'a' + (id.0 % 26) as u8);
        let mut body = id.0.to_string();
        body.extend(core::iter::repeat_n(letter, padding));
        body
    }

    /// Which message has this body, if any, and whether it is whole.
    pub(super) fn identify(&self, body: &str) -> Option<(MessageId, bool)> {
        let end = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
        let id = MessageId(body[..end].parse().ok()?);
        Some((id, self.body(id) == body))
    }
}
