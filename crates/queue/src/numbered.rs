//! `Numbered`: from the numbers of entries that were handed out to where their records are, in order.
//!
//! Entries are handed out mostly in the order of their numbers, and settled soon after, mostly in that order too. Numbers
//! next to one another share a page, in which the last bits say where; which page it is was mostly asked just before.
//! What was handed out far from all others has a page of its own.

use crate::sorted::Sorted;
use alloc::vec::Vec;
use core::mem;
use core::num::NonZeroU32;

/// How many numbers share a page.
const PAGE: u64 = 32;

/// For how many pages memory is kept when nothing is left.
const KEPT: usize = 64;

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
#[derive(Clone, Debug, Default)]
struct Page {
    /// A bit for each number under which something stands.
    taken: u32,
    keys: [u32; PAGE as usize],
}

/// Which of all pages, and where it is kept.
type Bound = (u64, PageKey);

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    order: Sorted<u64, Bound>,
    /// Those that went among them. In one piece: there are few, four bytes a number, and each of both verbs asks for one.
    pages: Vec<Page>,
    /// Where pages were that went.
    free: Vec<PageKey>,
    /// The page that was added to last, if it is there still: the only one that may be empty, because more is added to
    /// it soon.
    added_to: Option<Bound>,
    /// The page in which something was found last, if it is there still.
    found_in: Option<Bound>,
}

impl Numbered {
    pub(crate) const fn new() -> Self {
        Self {
            order: Sorted::new(),
            pages: Vec::new(),
            free: Vec::new(),
            added_to: None,
            found_in: None,
        }
    }

    /// Puts `key` under a number under which nothing stands.
    #[inline(always)]
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

    /// Takes out what stands under this number, if `may_go` says so of it.
    #[inline(always)]
    pub(crate) fn take(&mut self, number: u64, may_go: impl FnOnce(u32) -> bool) -> Option<u32> {
        let (asked, index) = (number / PAGE, (number % PAGE) as usize);
        let kept = match self.found_in {
            Some((found_in, kept)) if found_in == asked => kept,
            _ => self.page_to_find_in(asked)?,
        };
        let page = &mut self.pages[kept.get()];
        let key = page.keys[index];
        if page.taken & 1 << index == 0 || !may_go(key) {
            return None;
        }
        page.taken &= !(1 << index);
        if page.taken == 0 && self.added_to != Some((asked, kept)) {
            self.forget_page((asked, kept));
        }
        Some(key)
    }

    /// What stands under this number.
    pub(crate) fn get(&self, number: u64) -> Option<u32> {
        let page = &self.pages[self.kept(number / PAGE)?.get()];
        let index = (number % PAGE) as usize;
        (page.taken & 1 << index != 0).then_some(page.keys[index])
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

    /// Gives memory back that only past sizes explain, if nothing stands anywhere; whether there was any.
    pub(crate) fn give_back_some(&mut self) -> bool {
        self.leave_page();
        self.order.shrink();
        self.free.shrink_to_fit();
        self.pages.is_empty() && mem::take(&mut self.pages).capacity() > 0
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
        self.leave_page();
        let kept = self.kept(page).unwrap_or_else(|| {
            let kept = self.free.pop().unwrap_or_else(|| {
                self.pages.push(Page::default());
                PageKey::new(self.pages.len() - 1)
            });
            self.order.insert(page, (page, kept), |(page, _)| *page);
            kept
        });
        self.added_to = Some((page, kept));
        kept
    }

    /// Nothing more is added to the page that was added to last.
    fn leave_page(&mut self) {
        if let Some(bound) = self.added_to.take()
            && self.pages[bound.1.get()].taken == 0
        {
            self.forget_page(bound);
        }
    }

    #[cold]
    fn forget_page(&mut self, bound: Bound) {
        let place = self.order.find(bound.0, |(page, _)| *page).expect("every page is in order");
        self.order.remove(place);
        self.free.push(bound.1);
        if self.free.len() == self.pages.len() {
            self.pages.clear();
            self.pages.shrink_to(KEPT);
            self.free.clear();
            self.free.shrink_to(KEPT);
        }
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
                } else if let Some(key) = numbered.take(number, |key| key % 5 > 0) {
                    prop_assert_eq!(model.remove(&number), Some(key));
                } else if let Some(key) = model.get(&number) {
                    prop_assert_eq!(key % 5, 0, "it may not go");
                } else {
                    prop_assert!(!model.contains_key(&number));
                }
                prop_assert_eq!(numbered.get(number), model.get(&number).copied());
                let (all, expected): (Vec<_>, Vec<_>) =
                    (numbered.iter_from(number).collect(), model.range(number..).map(|(_, key)| *key).collect());
                prop_assert_eq!(all, expected);
            }
            for (number, key) in model {
                prop_assert_eq!(numbered.take(number, |_| true), Some(key));
            }
            while numbered.give_back_some() {}
            prop_assert!(numbered.order.is_empty() && numbered.pages.capacity() == 0);
        }
    }
}
