//! Messages as a restart knows them until every record was read: so few octets each that ten million fit in memory, and
//! that what comes out of them never needs more of it than they did.

use alloc::collections::BTreeMap;
use alloc::vec::{self, Vec};

use smallvec::SmallVec;
use warrener_time::Time;

use crate::id::RecordId;
use crate::message::{Traits, is_wide};
use crate::record::{MessageAt, Published, Sizes};

/// What queues must know of a message whose content stays on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lean {
    record: RecordId,
    pub(crate) time: Time,
    ttl_ms: u64,
    part: u32,
    /// Which durable queues it went into.
    pub(crate) route: Route,
    /// The length of its body.
    pub(crate) bytes: u32,
    priority: Option<u8>,
    persistent: bool,
    /// Whether its headers may not fit the frames of every client.
    pub(crate) is_wide: bool,
}

/// The records of the queues that a message went into, as the number of a list in [`LeanMessages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route(u32);

/// A message has no time to live of its own.
const NO_TTL: u64 = u64::MAX;

impl Lean {
    pub(crate) const fn at(&self) -> MessageAt {
        MessageAt { record: self.record, part: self.part }
    }

    pub(crate) fn traits(&self) -> Traits {
        let ttl_ms = if self.ttl_ms == NO_TTL { None } else { Some(self.ttl_ms) };
        Traits { ttl_ms, priority: self.priority, persistent: self.persistent }
    }
}

/// All of them, in the order of their records.
#[derive(Debug, Default)]
pub(crate) struct LeanMessages {
    /// In pieces, so that what was taken out of the first gives its memory back before the last is looked at.
    pieces: Vec<Vec<Lean>>,
    routes: Vec<SmallVec<[RecordId; 2]>>,
    numbers: BTreeMap<SmallVec<[RecordId; 2]>, Route>,
    /// The route of the message before, which most have.
    last: Option<Route>,
}

/// How many messages a piece has.
const PIECE: usize = 512;

impl LeanMessages {
    /// Adds one that went into these queues. Their records never decrease.
    pub(crate) fn push(
        &mut self,
        at: MessageAt,
        time: Time,
        targets: impl Iterator<Item = RecordId> + Clone,
        traits: Traits,
        sizes: Sizes,
    ) {
        let route = self.route(targets);
        let Traits { ttl_ms, priority, persistent } = traits;
        let lean = Lean {
            record: at.record,
            time,
            part: at.part,
            ttl_ms: ttl_ms.unwrap_or(NO_TTL),
            route,
            bytes: u32::try_from(sizes.body).unwrap_or(u32::MAX),
            priority,
            persistent,
            is_wide: is_wide(sizes.properties as usize),
        };
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(lean),
            _ => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(lean);
                self.pieces.push(piece);
            }
        }
    }

    /// Adds one as its record tells of it.
    pub(crate) fn push_published(&mut self, at: MessageAt, published: &Published, traits: Traits) {
        let targets = published.targets.iter().copied();
        self.push(at, published.time, targets, traits, published.sizes);
    }

    /// Whether a record brought one of them.
    pub(crate) fn has(&self, record: RecordId) -> bool {
        let first = |piece: &Vec<Lean>| piece[0].record;
        let Some(piece) =
            self.pieces.partition_point(|piece| first(piece) <= record).checked_sub(1)
        else {
            return false;
        };
        self.pieces[piece].binary_search_by_key(&record, |lean| lean.record).is_ok()
    }

    /// The queues of every route, and the messages.
    pub(crate) fn into_parts(
        self,
    ) -> (Vec<SmallVec<[RecordId; 2]>>, impl Iterator<Item = Lean> + use<>) {
        let pieces: vec::IntoIter<Vec<Lean>> = self.pieces.into_iter();
        (self.routes, pieces.flatten())
    }

    fn route(&mut self, targets: impl Iterator<Item = RecordId> + Clone) -> Route {
        if let Some(last) = self.last
            && targets.clone().eq(self.routes[last.0 as usize].iter().copied())
        {
            return last;
        }
        let targets: SmallVec<[RecordId; 2]> = targets.collect();
        let next = Route(self.routes.len() as u32);
        let route = *self.numbers.entry(targets).or_insert_with_key(|targets| {
            self.routes.push(targets.clone());
            next
        });
        self.last = Some(route);
        route
    }
}

impl Route {
    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_less_than_its_place_in_the_index_and_in_a_queue_will() {
        assert_eq!(size_of::<Lean>(), 40);
        assert!(size_of::<Lean>() < crate::message::INDEX_BYTES);
    }

    #[test]
    fn messages_come_back_as_they_went_in() {
        let mut all = LeanMessages::default();
        let traits = |number: u64| Traits {
            ttl_ms: number.is_multiple_of(3).then_some(number),
            priority: number.is_multiple_of(5).then_some(number as u8),
            persistent: number.is_multiple_of(2),
        };
        let targets = |number: u64| (0..1 + number % 3).map(move |n| RecordId(n + number % 4));
        let count = 3 * PIECE as u64 + 7;
        for number in 1..=count {
            let at = MessageAt { record: RecordId(number), part: (number % 2) as u32 };
            let sizes = Sizes { properties: 2, body: number };
            all.push(at, Time::from_micros(number), targets(number), traits(number), sizes);
        }
        for number in 0..count + 2 {
            assert_eq!(all.has(RecordId(number)), (1..=count).contains(&number), "{number}");
        }
        let (routes, messages) = all.into_parts();
        assert_eq!(routes.len(), 12, "each once");
        let mut number = 0;
        for lean in messages {
            number += 1;
            assert_eq!(
                lean.at(),
                MessageAt { record: RecordId(number), part: (number % 2) as u32 }
            );
            assert_eq!(lean.time, Time::from_micros(number));
            assert_eq!(lean.traits(), traits(number));
            assert_eq!(u64::from(lean.bytes), number);
            assert!(routes[lean.route.number()].iter().copied().eq(targets(number)));
        }
        assert_eq!(number, count);
    }
}
