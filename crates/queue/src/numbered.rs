//! `Numbered`: from the numbers of entries that were handed out to where their records are, in order.
//!
//! Entries are handed out mostly in the order of their numbers, and settled soon after, mostly in that order too. Numbers
//! next to one another share a page, in which the last bits say where; which page it is was mostly asked just before.
//! What was handed out far from all others has a page of its own.

use crate::sorted::Sorted;
use core::num::NonZeroU32;
use slab::Slab;

/// How many numbers share a page.
const PAGE: u64 = 32;

/// Where a page is kept. Never zero, so that a hole in the order takes no more memory than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PageKey(NonZeroU32);

impl PageKey {
    fn new(key: usize) -> Self {
        let key = u32::try_from(key).expect("four billion pages");
        Self(NonZeroU32::MIN.checked_add(key).expect("four billion pages"))
    }

    const fn get(self) -> usize {
        (self.0.get() - 1) as usize
    }
}

/// What stands under the numbers of one page.
#[derive(Clone, Debug)]
struct Page {
    /// A bit for each number under which something stands.
    taken: u32,
    keys: [u32; PAGE as usize],
}

/// Which of all pages, and where it is kept.
type Bound = (u64, PageKey);

/// Where a number stands. Good until the next change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    page: u64,
    kept: PageKey,
    index: usize,
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    order: Sorted<u64, Bound>,
    pages: Slab<Page>,
    /// The page that was added to last, if it is there still.
    added_to: Option<Bound>,
    /// The page in which something was found last, if it is there still.
    found_in: Option<Bound>,
}

impl Numbered {
    pub(crate) const fn new() -> Self {
        Self { order: Sorted::new(), pages: Slab::new(), added_to: None, found_in: None }
    }

    /// Puts `key` under a number under which nothing stands.
    #[inline]
    pub(crate) fn insert(&mut self, number: u64, key: u32) {
        let kept = match self.added_to {
            Some((page, kept)) if page == number / PAGE => kept,
            _ => self.page_to_add_to(number / PAGE),
        };
        let page = &mut self.pages[kept.get()];
        let index = (number % PAGE) as usize;
        page.taken |= 1 << index;
        page.keys[index] = key;
    }

    /// Where this number stands, if something stands under it.
    #[inline]
    pub(crate) fn find(&mut self, number: u64) -> Option<Spot> {
        let (page, index) = (number / PAGE, (number % PAGE) as usize);
        let kept = match self.found_in {
            Some((found_in, kept)) if found_in == page => kept,
            _ => self.page_to_find_in(page)?,
        };
        let is_taken = self.pages[kept.get()].taken & 1 << index != 0;
        is_taken.then_some(Spot { page, kept, index })
    }

    /// What stands there.
    #[inline]
    pub(crate) fn at(&self, spot: Spot) -> u32 {
        self.pages[spot.kept.get()].keys[spot.index]
    }

    /// What stands under this number.
    pub(crate) fn get(&self, number: u64) -> Option<u32> {
        let page = &self.pages[self.kept(number / PAGE)?.get()];
        let index = (number % PAGE) as usize;
        (page.taken & 1 << index != 0).then_some(page.keys[index])
    }

    /// Nothing stands there any more.
    #[inline]
    pub(crate) fn remove(&mut self, spot: Spot) {
        let page = &mut self.pages[spot.kept.get()];
        page.taken &= !(1 << spot.index);
        if page.taken == 0 {
            self.forget_page((spot.page, spot.kept));
        }
    }

    /// What stands under this number and greater ones, in order.
    pub(crate) fn iter_from(&self, number: u64) -> impl Iterator<Item = u32> {
        let from = self.order.lower_bound(number / PAGE, |(page, _)| *page);
        self.order.iter_from(from).flat_map(move |(page, kept)| {
            let below = number.saturating_sub(page * PAGE);
            let page = &self.pages[kept.get()];
            let mut left = page.taken & u32::MAX << below;
            core::iter::from_fn(move || {
                let index = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                page.keys.get(index as usize).copied()
            })
        })
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.order.shrink();
        self.pages.shrink_to_fit();
    }

    fn kept(&self, page: u64) -> Option<PageKey> {
        let place = self.order.find(page, |(page, _)| *page)?;
        Some(self.order.get(place)?.1)
    }

    #[cold]
    fn page_to_find_in(&mut self, page: u64) -> Option<PageKey> {
        let kept = self.kept(page)?;
        self.found_in = Some((page, kept));
        Some(kept)
    }

    #[cold]
    fn page_to_add_to(&mut self, page: u64) -> PageKey {
        let kept = self.kept(page).unwrap_or_else(|| {
            let new = Page { taken: 0, keys: [0; PAGE as usize] };
            let kept = PageKey::new(self.pages.insert(new));
            self.order.insert(page, (page, kept), |(page, _)| *page);
            kept
        });
        self.added_to = Some((page, kept));
        kept
    }

    #[cold]
    fn forget_page(&mut self, bound: Bound) {
        let place = self.order.find(bound.0, |(page, _)| *page).expect("every page is in order");
        self.order.remove(place);
        self.pages.remove(bound.1.get());
        self.added_to.take_if(|it| *it == bound);
        self.found_in.take_if(|it| *it == bound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn it_is_a_map_in_order(commands in proptest::collection::vec((0_u64..300, 0_u8..3), 0..600)) {
            let mut numbered = Numbered::new();
            let mut model = BTreeMap::new();
            for (key, (number, command)) in (0..).zip(commands) {
                // Some next to one another, some far apart.
                let number = if number < 200 { number } else { number * number * 1_000 };
                if command > 0 && !model.contains_key(&number) {
                    numbered.insert(number, key);
                    model.insert(number, key);
                } else if let Some(spot) = numbered.find(number) {
                    prop_assert_eq!(model.remove(&number), Some(numbered.at(spot)));
                    numbered.remove(spot);
                } else {
                    prop_assert!(!model.contains_key(&number));
                }
                prop_assert_eq!(numbered.get(number), model.get(&number).copied());
                let (all, expected): (Vec<_>, Vec<_>) =
                    (numbered.iter_from(number).collect(), model.range(number..).map(|(_, key)| *key).collect());
                prop_assert_eq!(all, expected);
            }
            for number in model.into_keys() {
                let spot = numbered.find(number).expect("it is there");
                numbered.remove(spot);
            }
            prop_assert!(numbered.order.is_empty() && numbered.pages.is_empty());
        }
    }
}
