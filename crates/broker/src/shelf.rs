//! Which contents should leave memory first: the newest of the queue that keeps the most there.
//!
//! Each queue has a shelf, and each content stands on one of them. When memory is short, the fullest shelf gives, and it
//! gives what its queue will need last. So a queue pays for its own backlog, and its consumers are the last to notice.

use alloc::collections::BTreeSet;

use crate::pages::Pages;

/// A queue's shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShelfId(u32);

/// Which end of a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It leaves last.
    First,
    /// It leaves first.
    Last,
}

/// Where something stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    shelf: Option<ShelfId>,
    before: u32,
    after: u32,
}

impl Link {
    /// On no shelf.
    pub(crate) const NONE: Self = Self { shelf: None, before: NOBODY, after: NOBODY };

    pub(crate) const fn is_on_shelf(&self) -> bool {
        self.shelf.is_some()
    }
}

/// No neighbour.
const NOBODY: u32 = u32::MAX;

/// What it takes of memory.
pub(crate) trait Weighted {
    fn bytes(&self) -> u64;
}

/// What stands on shelves.
pub(crate) trait Shelved: AsRef<Link> + AsMut<Link> + Weighted {}

impl<T: AsRef<Link> + AsMut<Link> + Weighted> Shelved for T {}

/// All shelves.
#[derive(Debug)]
pub(crate) struct Shelves {
    shelves: Pages<Shelf>,
    /// Those with something on them, by how much that is or was, roughly: a shelf moves up when it has grown by a
    /// factor, and down when somebody looks for the fullest, so that what comes and goes moves nothing.
    by_class: BTreeSet<(u32, ShelfId)>,
}

#[derive(Debug)]
struct Shelf {
    first: u32,
    last: u32,
    bytes: u64,
    /// Where it stands in the order; 0 for nowhere.
    class: u32,
    /// Its queue has gone; it goes when the last content has left it, which other queues hold.
    is_orphan: bool,
}

impl Shelf {
    /// The power of four that its bytes reach, from 1 on; 0 when it is empty.
    const fn size(&self) -> u32 {
        if self.bytes == 0 { 0 } else { self.bytes.ilog2() / 2 + 1 }
    }
}

impl Shelves {
    pub(crate) const fn new() -> Self {
        Self { shelves: Pages::new(), by_class: BTreeSet::new() }
    }

    pub(crate) fn add(&mut self) -> ShelfId {
        let shelf = Shelf { first: NOBODY, last: NOBODY, bytes: 0, class: 0, is_orphan: false };
        ShelfId(self.shelves.insert(shelf))
    }

    /// The shelf's queue has gone.
    pub(crate) fn remove(&mut self, id: ShelfId) {
        let shelf = self.shelves.get_mut(id.0).expect("a shelf that is there");
        shelf.is_orphan = true;
        self.drop_if_done(id);
    }

    /// What stands last on the fullest shelf.
    pub(crate) fn coldest(&mut self) -> Option<u32> {
        loop {
            let (class, id) = *self.by_class.last()?;
            let shelf = self.shelves.get(id.0).expect("a shelf that is there");
            if shelf.size() == class {
                return Some(shelf.last);
            }
            self.classify(id);
        }
    }

    /// Puts something on a shelf, or to another place, if it stands on one.
    pub(crate) fn put<T: Shelved>(
        &mut self,
        things: &mut Pages<T>,
        number: u32,
        id: ShelfId,
        at: End,
    ) {
        let mut thing = things.get_mut(number).expect("a thing that is there");
        if thing.as_ref().is_on_shelf() {
            self.take(things, number);
            thing = things.get_mut(number).expect("a thing that is there");
        }
        let bytes = thing.bytes();
        let shelf = self.shelves.get_mut(id.0).expect("a shelf that is there");
        let (before, after) = match at {
            End::First => (NOBODY, shelf.first),
            End::Last => (shelf.last, NOBODY),
        };
        *thing.as_mut() = Link { shelf: Some(id), before, after };
        match things.get_mut(before) {
            Some(neighbour) => neighbour.as_mut().after = number,
            None => shelf.first = number,
        }
        match things.get_mut(after) {
            Some(neighbour) => neighbour.as_mut().before = number,
            None => shelf.last = number,
        }
        shelf.bytes += bytes;
        if shelf.size() > shelf.class {
            self.classify(id);
        }
    }

    /// Takes something from its shelf, if it stands on one.
    pub(crate) fn take<T: Shelved>(&mut self, things: &mut Pages<T>, number: u32) {
        let thing = things.get_mut(number).expect("a thing that is there");
        let bytes = thing.bytes();
        let Link { shelf: Some(id), before, after } =
            core::mem::replace(thing.as_mut(), Link::NONE)
        else {
            return;
        };
        let shelf = self.shelves.get_mut(id.0).expect("a shelf that is there");
        match things.get_mut(before) {
            Some(neighbour) => neighbour.as_mut().after = after,
            None => shelf.first = after,
        }
        match things.get_mut(after) {
            Some(neighbour) => neighbour.as_mut().before = before,
            None => shelf.last = before,
        }
        shelf.bytes -= bytes;
        if shelf.is_orphan {
            self.drop_if_done(id);
        }
    }

    /// Puts a shelf where it belongs in the order.
    #[cold]
    fn classify(&mut self, id: ShelfId) {
        let shelf = self.shelves.get_mut(id.0).expect("a shelf that is there");
        let size = shelf.size();
        let before = core::mem::replace(&mut shelf.class, size);
        self.by_class.remove(&(before, id));
        if size > 0 {
            self.by_class.insert((size, id));
        }
    }

    fn drop_if_done(&mut self, id: ShelfId) {
        if self.shelves.get(id.0).is_some_and(|shelf| shelf.is_orphan && shelf.bytes == 0) {
            self.classify(id);
            self.shelves.remove(id.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(u64, Link);

    impl AsRef<Link> for Thing {
        fn as_ref(&self) -> &Link {
            &self.1
        }
    }

    impl AsMut<Link> for Thing {
        fn as_mut(&mut self) -> &mut Link {
            &mut self.1
        }
    }

    impl Weighted for Thing {
        fn bytes(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn the_fullest_shelf_gives_what_stands_last() {
        let (mut things, mut shelves) = (Pages::new(), Shelves::new());
        let (small, large) = (shelves.add(), shelves.add());
        let mut put = |shelves: &mut Shelves, bytes, shelf, at| {
            let number = things.insert(Thing(bytes, Link::NONE));
            shelves.put(&mut things, number, shelf, at);
            number
        };
        let kept = put(&mut shelves, 10, small, End::Last);
        let first = put(&mut shelves, 100, large, End::Last);
        let second = put(&mut shelves, 100, large, End::Last);
        let needed = put(&mut shelves, 100, large, End::First);
        let mut left = alloc::vec::Vec::new();
        while let Some(coldest) = shelves.coldest() {
            left.push(coldest);
            shelves.take(&mut things, coldest);
        }
        assert_eq!(left, [second, first, needed, kept]);
    }

    #[test]
    fn a_shelf_outlives_its_queue_for_what_other_queues_hold() {
        let (mut things, mut shelves) = (Pages::new(), Shelves::new());
        let shelf = shelves.add();
        let number = things.insert(Thing(5, Link::NONE));
        shelves.put(&mut things, number, shelf, End::Last);
        shelves.remove(shelf);
        assert_eq!(shelves.coldest(), Some(number));
        shelves.take(&mut things, number);
        assert_eq!((shelves.coldest(), shelves.shelves.len()), (None, 0));
    }
}
