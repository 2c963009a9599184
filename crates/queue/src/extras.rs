//! What stands beside entries with rare attributes.

use crate::chunks::Chunks;
use crate::entry::Extra;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// How many lie in one piece. Among a million that expire in no order, finding the piece costs a fetch from near memory as
/// long as there are few.
const CHUNK: usize = 8_192;

/// All extras of a queue, by number. Unlike a slab it does not look at one that goes: among a million that expire in no
/// order, that would be one more fetch from memory for each.
#[derive(Clone, Debug)]
pub(crate) struct Extras {
    values: Chunks<Extra, CHUNK>,
    /// The numbers of those that went.
    free: Vec<u32>,
}

impl Extras {
    pub(crate) const fn new() -> Self {
        Self { values: Chunks::new(), free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, extra: Extra) -> u32 {
        if let Some(index) = self.free.pop() {
            self.values[index as usize] = extra;
            return index;
        }
        self.values.push(extra);
        u32::try_from(self.values.len() - 1).expect("four billion entries with rare attributes")
    }

    /// Forgets one that is there.
    pub(crate) fn remove(&mut self, index: u32) {
        self.free.push(index);
    }

    /// Gives some memory back, of a queue whose entries have all gone; whether there was any.
    pub(crate) fn give_back_some(&mut self) -> bool {
        self.free = Vec::new();
        self.values.pop_chunk()
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.free.sort_unstable();
        while let Some(last) = self.free.last()
            && *last as usize + 1 == self.values.len()
        {
            self.free.pop();
            self.values.pop();
        }
        self.values.shrink();
        self.free.shrink_to_fit();
    }
}

impl Index<u32> for Extras {
    type Output = Extra;

    #[inline]
    fn index(&self, index: u32) -> &Extra {
        &self.values[index as usize]
    }
}

impl IndexMut<u32> for Extras {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Extra {
        &mut self.values[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{More, Seq, Slot};
    use warrener_time::Time;

    #[test]
    fn what_went_is_given_again_and_shrinking_keeps_what_is_there() {
        let mut extras = Extras::new();
        for number in 0..10 {
            let (seq, more) = (Seq::new(number), More::NOTHING);
            let mut slot = Slot { seq, published: Time::ZERO, handle: (), bytes: 0, more };
            assert_eq!(slot.extra_mut(0, &mut extras).place, number);
            assert_eq!(slot.more.extra(), Some(number as u32));
        }
        [3, 9, 7, 8].into_iter().for_each(|index| extras.remove(index));
        extras.shrink();
        assert_eq!((extras.values.len(), extras.free.as_slice()), (7, &[3][..]));
        assert_eq!(extras[6].place, 6);
        let again = extras[6].clone();
        assert_eq!(extras.insert(again), 3);
    }
}
