//! Modulus-hash exchanges: the hash of the keys modulo the number of targets, sorted by identity.

use alloc::vec::Vec;

use crate::claims::Claims;

/// The targets of one modulus-hash exchange.
#[derive(Clone, Debug)]
pub(crate) struct ModulusHash {
    claims: Claims,
    /// The claims that count, sorted by identity, then by target.
    sorted: Vec<u32>,
}

impl ModulusHash {
    pub(crate) const fn new() -> Self {
        Self { claims: Claims::new(), sorted: Vec::new() }
    }

    /// The target of a message of this hash.
    pub(crate) fn find(&self, message: u64) -> Option<u32> {
        let targets = self.sorted.len() as u64;
        let place = message.checked_rem(targets)?;
        Some(self.claims.get(self.sorted[place as usize]).target)
    }

    /// Adds a binding, and names it for [`ModulusHash::take`].
    pub(crate) fn add(&mut self, target: u32, identity: &[u8]) -> u32 {
        let (number, counts) = self.claims.add(target, 1, identity);
        if counts {
            self.place(number);
        }
        number
    }

    pub(crate) fn take(&mut self, number: u32) {
        if let Ok(place) = self.place_of(number)
            && self.sorted[place] == number
        {
            self.sorted.remove(place);
        }
        let (_, counted, successor) = self.claims.remove(number);
        if let Some(successor) = successor.filter(|_| counted) {
            self.place(successor);
        }
        if self.sorted.is_empty() {
            self.sorted = Vec::new();
        }
    }

    fn place(&mut self, number: u32) {
        if let Err(place) = self.place_of(number) {
            self.sorted.insert(place, number);
        }
    }

    fn place_of(&self, number: u32) -> Result<usize, usize> {
        let rank = |number: u32| {
            let claim = self.claims.get(number);
            (&claim.identity, claim.target)
        };
        self.sorted.binary_search_by(|other| rank(*other).cmp(&rank(number)))
    }
}
