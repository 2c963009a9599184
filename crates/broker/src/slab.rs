//! Things by id, where an id of something gone finds nothing.

use core::marker::PhantomData;

use crate::id::Key;
use crate::pages::Pages;

/// A slab whose ids carry a generation, so that an id kept past its thing's end does not find the next tenant.
#[derive(Debug)]
pub(crate) struct Store<K, T> {
    slots: Pages<Slot<T>>,
    generation: u32,
    key: PhantomData<K>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    thing: T,
}

impl<K: Key, T> Store<K, T> {
    /// What one of them takes of memory.
    #[cfg(test)]
    pub(crate) const PLACE_BYTES: usize = size_of::<Option<Slot<T>>>();

    pub(crate) const fn new() -> Self {
        Self { slots: Pages::new(), generation: 0, key: PhantomData }
    }

    pub(crate) fn insert(&mut self, thing: T) -> K {
        self.generation = self.generation.wrapping_add(1);
        let index = self.slots.insert(Slot { generation: self.generation, thing });
        K::new(index, self.generation)
    }

    #[inline]
    pub(crate) fn get(&self, key: K) -> Option<&T> {
        let (index, generation) = key.parts();
        let slot = self.slots.get(index)?;
        (slot.generation == generation).then_some(&slot.thing)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        let (index, generation) = key.parts();
        let slot = self.slots.get_mut(index)?;
        (slot.generation == generation).then_some(&mut slot.thing)
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<T> {
        self.get(key)?;
        let (index, _) = key.parts();
        self.slots.remove(index).map(|slot| slot.thing)
    }

    /// The same of what nobody wants any more, which is not moved for it.
    pub(crate) fn forget(&mut self, key: K) {
        if self.get(key).is_some() {
            self.slots.clear(key.parts().0);
        }
    }

    /// The first thing at this place or behind it.
    pub(crate) fn at_or_after(&self, place: u32) -> Option<(K, &T)> {
        let (index, slot) = self.slots.at_or_after(place)?;
        Some((K::new(index, slot.generation), &slot.thing))
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// In the order of their places, which is the same in every run.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        self.slots.iter().map(|(index, slot)| (K::new(index, slot.generation), &slot.thing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::QueueId;

    #[test]
    fn an_old_id_does_not_find_the_next_tenant() {
        let mut store: Store<QueueId, &str> = Store::new();
        let first = store.insert("first");
        assert_eq!(store.remove(first), Some("first"));
        let second = store.insert("second");
        assert_eq!(second.index, first.index);
        assert_eq!((store.get(first), store.get(second)), (None, Some(&"second")));
        assert_eq!(store.remove(first), None);
        assert_eq!(store.len(), 1);
    }
}
