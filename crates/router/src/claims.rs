//! The bindings of a hash exchange: of several to one target, the oldest counts.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use crate::slots::Slots;

/// Bindings by target and age.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    claims: Slots<Claim>,
    /// The claims of each target, the oldest first.
    by_age: BTreeMap<(u32, u64), u32>,
    next_age: u64,
}

/// One binding to a hash exchange's target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claim {
    pub(crate) target: u32,
    pub(crate) weight: u32,
    pub(crate) identity: Box<[u8]>,
    /// Where the exchange keeps it, while it counts.
    pub(crate) position: u32,
    age: u64,
}

impl Claims {
    pub(crate) const fn new() -> Self {
        Self { claims: Slots::new(), by_age: BTreeMap::new(), next_age: 0 }
    }

    /// Adds a claim; tells its number, and whether it is the one that counts.
    pub(crate) fn add(&mut self, target: u32, weight: u32, identity: &[u8]) -> (u32, bool) {
        let age = self.next_age;
        self.next_age += 1;
        let counts = self.oldest(target).is_none();
        let identity = identity.into();
        let number = self.claims.insert(Claim { target, weight, identity, position: 0, age });
        self.by_age.insert((target, age), number);
        (number, counts)
    }

    /// Removes a claim; tells it, whether it was the one that counted, and the one that counts now.
    pub(crate) fn remove(&mut self, number: u32) -> (Claim, bool, Option<u32>) {
        let target = self.claims[number].target;
        let counted = self.oldest(target) == Some(number);
        let claim = self.claims.remove(number);
        self.by_age.remove(&(target, claim.age));
        if self.by_age.is_empty() {
            // An emptied map keeps its last node.
            self.by_age = BTreeMap::new();
        }
        (claim, counted, self.oldest(target))
    }

    pub(crate) fn get(&self, number: u32) -> &Claim {
        &self.claims[number]
    }

    pub(crate) fn set_position(&mut self, number: u32, position: usize) {
        self.claims[number].position = position as u32;
    }

    fn oldest(&self, target: u32) -> Option<u32> {
        self.by_age.range((target, 0)..=(target, u64::MAX)).next().map(|(_, number)| *number)
    }
}
