//! Who gets the next entry: the highest priority with credit, equals in turn; or the single active one.

use crate::config::{Consume, SingleActive};
use crate::effect::{ConsumeError, ConsumerId};
use crate::sorted::{Key, Sorted};
use crate::unacked::HolderKey;
use alloc::vec::Vec;
use core::cmp::Reverse;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use slab::Slab;

const NONE: u32 = u32::MAX;

/// Where a consumer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConsumerKey(u32);

/// Higher priorities first, and among equals who came first.
type Rank = (Reverse<i32>, u64);

impl Key for Rank {
    fn rank(self) -> u64 {
        // Growing as priorities fall.
        u64::from(self.0.0.abs_diff(i32::MAX))
    }
}

/// One consumer.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    pub(crate) how: Consume,
    pub(crate) credit: u32,
    pub(crate) holder: HolderKey,
    /// Counts consumers up, so that who came first is known.
    number: u64,
    /// Its neighbours in the ring of those with credit.
    ring: Option<(u32, u32)>,
}

/// Consumers of one priority that have credit, in a ring.
#[derive(Clone, Debug)]
struct Ring {
    priority: i32,
    /// Whose turn it is.
    turn: u32,
    /// Consumers of this priority, with and without credit.
    members: u32,
}

/// All consumers of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Consumers {
    consumers: Slab<Consumer>,
    /// Never iterated. The names are the host's and not a peer's, so that they need no secret seed.
    by_id: HashMap<ConsumerId, u32, FixedState>,
    by_number: Sorted<u64, (u64, ConsumerKey)>,
    by_rank: Sorted<Rank, (Rank, ConsumerKey)>,
    /// Highest priority first.
    rings: Vec<Ring>,
    /// A bit for each ring in which someone has credit.
    with_credit: Vec<u64>,
    next_number: u64,
    /// The sum of all limited credit, and how many consumers have the other kind.
    limited_credit: u64,
    unlimited: u64,
    exclusive: bool,
    mode: SingleActive,
    active: Option<ConsumerKey>,
    /// The active one gets nothing more, because a higher one waits for it to hand over.
    draining: bool,
    /// Who is served next, and in which ring, as far as the rings say: found out anew after every change of them.
    first: Option<(ConsumerKey, u32)>,
}

impl Consumers {
    pub(crate) fn new(mode: SingleActive) -> Self {
        Self {
            consumers: Slab::new(),
            by_id: HashMap::with_hasher(FixedState::default()),
            by_number: Sorted::new(),
            by_rank: Sorted::new(),
            rings: Vec::new(),
            with_credit: Vec::new(),
            next_number: 0,
            limited_credit: 0,
            unlimited: 0,
            exclusive: false,
            mode,
            active: None,
            draining: false,
            first: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.consumers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.consumers.is_empty()
    }

    #[inline]
    pub(crate) fn get(&self, key: ConsumerKey) -> &Consumer {
        &self.consumers[key.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, key: ConsumerKey) -> &mut Consumer {
        &mut self.consumers[key.0 as usize]
    }

    pub(crate) fn find(&self, id: ConsumerId) -> Option<ConsumerKey> {
        self.by_id.get(&id).map(|key| ConsumerKey(*key))
    }

    /// Whether one may be added, and if not, why not.
    pub(crate) fn admits(&self, id: ConsumerId, how: &Consume) -> Result<(), ConsumeError> {
        if self.by_id.contains_key(&id) {
            return Err(ConsumeError::Duplicate);
        }
        if self.exclusive {
            return Err(ConsumeError::Exclusive);
        }
        if how.exclusive && self.mode != SingleActive::Off {
            return Err(ConsumeError::SingleActive);
        }
        if how.exclusive && !self.is_empty() {
            return Err(ConsumeError::InUse);
        }
        Ok(())
    }

    /// Adds one that was admitted, as the last in the turn of its equals.
    pub(crate) fn add(&mut self, id: ConsumerId, how: Consume, holder: HolderKey) -> ConsumerKey {
        let number = self.next_number;
        self.next_number += 1;
        let consumer = Consumer { id, how, credit: 0, holder, number, ring: None };
        let key = ConsumerKey(self.consumers.insert(consumer) as u32);
        self.by_id.insert(id, key.0);
        self.by_number.push_back(number, (number, key), |other| other.0);
        let rank = (Reverse(how.priority), number);
        self.by_rank.insert(rank, (rank, key), |other| other.0);
        self.exclusive |= how.exclusive;
        match self.ring_of(how.priority) {
            Ok(ring) => self.rings[ring].members += 1,
            Err(ring) => {
                let new = Ring { priority: how.priority, turn: NONE, members: 1 };
                self.rings.insert(ring, new);
                self.mark_rings();
            }
        }
        self.set_credit(key, how.credit);
        key
    }

    pub(crate) fn remove(&mut self, key: ConsumerKey) -> Consumer {
        self.set_credit(key, 0);
        let consumer = self.consumers.remove(key.0 as usize);
        self.by_id.remove(&consumer.id);
        let number = consumer.number;
        let place = self.by_number.find(number, |other| other.0).expect("all are numbered");
        self.by_number.remove(place);
        let rank = (Reverse(consumer.how.priority), number);
        let place = self.by_rank.find(rank, |other| other.0).expect("all are ranked");
        self.by_rank.remove(place);
        self.exclusive &= !consumer.how.exclusive;
        let ring = self.ring_of(consumer.how.priority).expect("its ring has a member");
        self.rings[ring].members -= 1;
        if self.rings[ring].members == 0 {
            self.rings.remove(ring);
            self.mark_rings();
        }
        if self.active == Some(key) {
            (self.active, self.draining) = (None, false);
        }
        consumer
    }

    pub(crate) fn set_credit(&mut self, key: ConsumerKey, credit: u32) {
        let had = self.get(key).credit;
        self.get_mut(key).credit = credit;
        match had {
            Consume::UNLIMITED => self.unlimited -= 1,
            limited => self.limited_credit -= u64::from(limited),
        }
        match credit {
            Consume::UNLIMITED => self.unlimited += 1,
            limited => self.limited_credit += u64::from(limited),
        }
        if had == 0 && credit > 0 {
            self.enter_ring(key);
        } else if had > 0 && credit == 0 {
            self.leave_ring(key);
        }
    }

    /// Who is served next, if anyone can be.
    #[inline]
    pub(crate) fn next(&self) -> Option<ConsumerKey> {
        if self.mode != SingleActive::Off {
            let active = self.active?;
            return (!self.draining && self.get(active).credit > 0).then_some(active);
        }
        debug_assert_eq!(self.first, self.first_in_rings());
        self.first.map(|(key, _)| key)
    }

    fn first_in_rings(&self) -> Option<(ConsumerKey, u32)> {
        let word = self.with_credit.iter().position(|word| *word != 0)?;
        let ring = word * 64 + self.with_credit[word].trailing_zeros() as usize;
        Some((ConsumerKey(self.rings[ring].turn), ring as u32))
    }

    /// How many entries the consumers could be handed now; `u64::MAX` if there is no limit.
    pub(crate) fn appetite(&self) -> u64 {
        if self.mode != SingleActive::Off {
            let credit = self.next().map_or(0, |active| self.get(active).credit);
            return if credit == Consume::UNLIMITED { u64::MAX } else { u64::from(credit) };
        }
        if self.unlimited > 0 { u64::MAX } else { self.limited_credit }
    }

    /// Takes one credit from whoever was served, and gives the turn to the next.
    #[inline]
    pub(crate) fn served(&mut self, key: ConsumerKey) {
        let consumer = &mut self.consumers[key.0 as usize];
        match consumer.credit {
            Consume::UNLIMITED => {}
            1 => return self.set_credit(key, 0),
            _ => {
                consumer.credit -= 1;
                self.limited_credit -= 1;
            }
        }
        let next = consumer.ring.map_or(key.0, |(_, next)| next);
        if next != key.0
            && self.mode == SingleActive::Off
            && let Some((first, ring)) = &mut self.first
        {
            // Who is served is the first, and the next in its ring has credit as well.
            self.rings[*ring as usize].turn = next;
            *first = ConsumerKey(next);
        }
    }

    pub(crate) const fn active(&self) -> Option<ConsumerKey> {
        self.active
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }

    pub(crate) fn set_mode(&mut self, mode: SingleActive) {
        self.mode = mode;
        if mode == SingleActive::Off {
            self.active = None;
        }
        self.draining = false;
    }

    /// Chooses the single active consumer anew, and says who it is if that changed. `holds` says whether the active one
    /// still holds something, and thus does not hand over yet.
    pub(crate) fn choose(&mut self, holds: bool) -> Option<ConsumerId> {
        let best = match self.mode {
            SingleActive::Off => return None,
            SingleActive::FirstCome => self.by_number.front().map(|(_, key)| *key),
            SingleActive::HighestPriority => self.by_rank.front().map(|(_, key)| *key),
        };
        self.draining = false;
        match self.active {
            Some(active) => {
                let higher = best.is_some_and(|best| {
                    self.mode == SingleActive::HighestPriority
                        && self.get(best).how.priority > self.get(active).how.priority
                });
                self.draining = higher && holds;
                if !higher || holds {
                    return None;
                }
            }
            None if best.is_none() => return None,
            None => {}
        }
        self.active = best;
        best.map(|key| self.get(key).id)
    }

    /// All consumers, those first that came first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConsumerKey, &Consumer)> {
        self.by_number.iter().map(|(_, key)| (*key, self.get(*key)))
    }

    #[inline]
    fn ring_of(&self, priority: i32) -> Result<usize, usize> {
        // Nearly always there is one.
        if self.rings.first().is_some_and(|ring| ring.priority == priority) {
            return Ok(0);
        }
        self.rings.binary_search_by_key(&Reverse(priority), |ring| Reverse(ring.priority))
    }

    fn enter_ring(&mut self, key: ConsumerKey) {
        let ring = self.ring_of(self.get(key).how.priority).expect("its ring has a member");
        let turn = self.rings[ring].turn;
        if turn == NONE {
            self.rings[ring].turn = key.0;
            self.get_mut(key).ring = Some((key.0, key.0));
            self.with_credit[ring / 64] |= 1 << (ring % 64);
            self.first = self.first_in_rings();
            return;
        }
        // The last place in the ring is the one before the turn.
        let last = self.neighbours(turn).0;
        self.get_mut(key).ring = Some((last, turn));
        self.neighbours_mut(last).1 = key.0;
        self.neighbours_mut(turn).0 = key.0;
    }

    fn leave_ring(&mut self, key: ConsumerKey) {
        let ring = self.ring_of(self.get(key).how.priority).expect("its ring has a member");
        let (before, after) =
            self.get_mut(key).ring.take().expect("one with credit is in its ring");
        if after == key.0 {
            self.rings[ring].turn = NONE;
            self.with_credit[ring / 64] &= !(1 << (ring % 64));
            self.first = self.first_in_rings();
            return;
        }
        self.neighbours_mut(before).1 = after;
        self.neighbours_mut(after).0 = before;
        if self.rings[ring].turn == key.0 {
            self.rings[ring].turn = after;
            self.first = self.first_in_rings();
        }
    }

    fn neighbours(&self, key: u32) -> (u32, u32) {
        self.consumers[key as usize].ring.expect("neighbours in a ring are in it")
    }

    fn neighbours_mut(&mut self, key: u32) -> &mut (u32, u32) {
        self.consumers[key as usize].ring.as_mut().expect("neighbours in a ring are in it")
    }

    /// Writes the marks anew after a ring came or went: once per distinct priority, not once per message.
    fn mark_rings(&mut self) {
        self.with_credit.clear();
        self.with_credit.resize(self.rings.len().div_ceil(64), 0);
        for (index, ring) in self.rings.iter().enumerate() {
            if ring.turn != NONE {
                self.with_credit[index / 64] |= 1 << (index % 64);
            }
        }
        self.first = self.first_in_rings();
    }
}
