//! Every binding by identity, and in the lists of its two ends.

use alloc::boxed::Box;

use smallvec::SmallVec;

use crate::hashing::Hashing;
use crate::index::Index;
use crate::slots::Slots;

/// The bindings of a router.
#[derive(Clone, Debug)]
pub(crate) struct Bindings {
    records: Slots<Record>,
    identities: Index,
}

/// One binding.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// The index of the exchange that it takes messages from.
    pub(crate) source: u32,
    /// The number of its target.
    pub(crate) target: u32,
    /// What its source calls it, where the source must be told.
    pub(crate) place: u32,
    key_bytes: u16,
    /// The key, then the arguments.
    text: Box<[u8]>,
    /// In the list of its source, and in that of its target.
    places: [Place; 2],
}

/// The neighbours of a binding in one list.
#[derive(Clone, Copy, Debug)]
struct Place {
    before: u32,
    after: u32,
}

/// The first and the last binding of a list, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    first: u32,
    last: u32,
    len: u32,
}

/// The two lists that a binding is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    OfSource = 0,
    OfTarget = 1,
}

/// What tells one binding from another, as one string of bytes.
pub(crate) struct Identity(SmallVec<[u8; 256]>);

const NONE: u32 = u32::MAX;

impl Identity {
    pub(crate) fn new(source: u32, target: u32, key: &[u8], arguments: &[u8]) -> Self {
        let mut bytes = SmallVec::new();
        bytes.extend_from_slice(&source.to_be_bytes());
        bytes.extend_from_slice(&target.to_be_bytes());
        bytes.extend_from_slice(&(key.len() as u16).to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(arguments);
        Self(bytes)
    }

    fn of(record: &Record) -> Self {
        Self::new(record.source, record.target, record.key(), record.arguments())
    }
}

impl Record {
    pub(crate) fn key(&self) -> &[u8] {
        &self.text[..usize::from(self.key_bytes)]
    }

    pub(crate) fn arguments(&self) -> &[u8] {
        &self.text[usize::from(self.key_bytes)..]
    }
}

impl Bindings {
    pub(crate) const fn new() -> Self {
        Self { records: Slots::new(), identities: Index::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.records.holds_no_memory() && self.identities.holds_no_memory()
    }

    pub(crate) fn get(&self, binding: u32) -> &Record {
        &self.records[binding]
    }

    pub(crate) fn find(&self, hashing: &Hashing, identity: &Identity) -> Option<u32> {
        let Identity(bytes) = identity;
        let (ends, rest) = bytes.split_at(8);
        let (key_bytes, text) = rest.split_at(2);
        self.identities.find(
            hashing.of_bytes(bytes),
            || bytes,
            |binding| {
                let record = &self.records[binding];
                ends[..4] == record.source.to_be_bytes()
                    && ends[4..] == record.target.to_be_bytes()
                    && key_bytes == record.key_bytes.to_be_bytes()
                    && *text == *record.text
            },
        )
    }

    /// Adds a binding that is not there, as the last of both lists.
    pub(crate) fn insert(
        &mut self,
        hashing: &Hashing,
        identity: &Identity,
        place: u32,
        of_source: &mut Ends,
        of_target: &mut Ends,
    ) {
        let Identity(bytes) = identity;
        let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte]));
        let binding = self.records.insert(Record {
            source: number(0),
            target: number(4),
            place,
            key_bytes: u16::from_be_bytes([bytes[8], bytes[9]]),
            text: bytes[10..].into(),
            places: [Place::default(); 2],
        });
        self.identities.insert(hashing.of_bytes(bytes), binding, |it| key_of(&self.records[it]));
        self.append(List::OfSource, of_source, binding);
        self.append(List::OfTarget, of_target, binding);
    }

    /// Removes a binding from both lists.
    pub(crate) fn remove(
        &mut self,
        hashing: &Hashing,
        binding: u32,
        of_source: &mut Ends,
        of_target: &mut Ends,
    ) -> Record {
        self.unlink(List::OfSource, of_source, binding);
        self.unlink(List::OfTarget, of_target, binding);
        let Identity(bytes) = Identity::of(&self.records[binding]);
        let hash = hashing.of_bytes(&bytes);
        self.identities.remove(hash, binding, |it| key_of(&self.records[it]));
        self.records.remove(binding)
    }

    /// The bindings of a list, the oldest first.
    pub(crate) fn iter(&self, list: List, ends: Ends) -> impl Iterator<Item = &Record> {
        let mut next = ends.first;
        core::iter::from_fn(move || {
            let record = (next != NONE).then(|| &self.records[next])?;
            next = record.places[list as usize].after;
            Some(record)
        })
    }

    fn append(&mut self, list: List, ends: &mut Ends, binding: u32) {
        self.records[binding].places[list as usize] = Place { before: ends.last, after: NONE };
        match ends.last {
            NONE => ends.first = binding,
            last => self.records[last].places[list as usize].after = binding,
        }
        ends.last = binding;
        ends.len += 1;
    }

    fn unlink(&mut self, list: List, ends: &mut Ends, binding: u32) {
        let Place { before, after } = self.records[binding].places[list as usize];
        match before {
            NONE => ends.first = after,
            before => self.records[before].places[list as usize].after = after,
        }
        match after {
            NONE => ends.last = before,
            after => self.records[after].places[list as usize].before = before,
        }
        ends.len -= 1;
    }
}

impl Ends {
    /// The oldest binding.
    pub(crate) fn first(self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    pub(crate) const fn len(self) -> usize {
        self.len as usize
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { before: NONE, after: NONE }
    }
}

fn key_of(record: &Record) -> Box<[u8]> {
    Box::from(&*Identity::of(record).0)
}
