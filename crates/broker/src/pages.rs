//! Things by number, in pages: growing moves nothing, and a page whose things are all gone gives its memory back.
//!
//! A million messages that wait must not be moved because one more comes, and must not leave their memory behind when
//! they have gone. The one slab for all would do both.

use alloc::vec::Vec;

/// How many things a page has room for.
const PAGE: usize = 256;

/// A slab of pages.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    pages: Vec<Page<T>>,
    /// Pages that may have room, the one to use last; each at most once.
    roomy: Vec<u32>,
    /// A page that keeps its memory when it is empty, so that one thing that comes and goes asks for none.
    spare: Option<u32>,
    len: usize,
}

#[derive(Debug)]
struct Page<T> {
    places: Vec<Option<T>>,
    /// Places that were given back.
    free: Vec<u8>,
    taken: u16,
    /// Whether it stands among the roomy.
    is_listed: bool,
}

impl<T> Page<T> {
    const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), taken: 0, is_listed: true }
    }

    /// A large thing is made where it stays, and not moved.
    #[inline(always)]
    fn insert_with(&mut self, make: impl FnOnce() -> T) -> usize {
        self.taken += 1;
        let place = match self.free.pop() {
            Some(place) => usize::from(place),
            None => self.add_place(),
        };
        self.places[place] = Some(make());
        place
    }

    #[cold]
    fn add_place(&mut self) -> usize {
        self.places.push(None);
        self.places.len() - 1
    }
}

impl<T> Pages<T> {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), roomy: Vec::new(), spare: None, len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Takes a thing in, and gives it its number.
    #[inline]
    pub(crate) fn insert(&mut self, thing: T) -> u32 {
        self.insert_with(|| thing)
    }

    #[inline(always)]
    pub(crate) fn insert_with(&mut self, make: impl FnOnce() -> T) -> u32 {
        let index = self.page_with_room();
        let page = &mut self.pages[index as usize];
        let place = page.insert_with(make);
        if page.taken == PAGE as u16 {
            page.is_listed = false;
            self.roomy.pop();
        }
        self.len += 1;
        index * PAGE as u32 + place as u32
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (page, place) = split(number);
        self.pages.get(page)?.places.get(place)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (page, place) = split(number);
        self.pages.get_mut(page)?.places.get_mut(place)?.as_mut()
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let (index, place) = split(number);
        let thing = self.pages.get_mut(index)?.places.get_mut(place)?.take()?;
        self.vacate(index, place);
        Some(thing)
    }

    /// The same for a large thing that nobody wants any more: it is dropped where it is, and not moved. Whether it was there.
    pub(crate) fn clear(&mut self, number: u32) -> bool {
        let (index, place) = split(number);
        let page = self.pages.get_mut(index);
        let Some(thing) = page.and_then(|page| page.places.get_mut(place)) else { return false };
        let was_there = thing.is_some();
        *thing = None;
        if was_there {
            self.vacate(index, place);
        }
        was_there
    }

    /// A place has nothing in it any more.
    #[inline]
    fn vacate(&mut self, index: usize, place: usize) {
        let page = &mut self.pages[index];
        page.taken -= 1;
        page.free.push(place as u8);
        self.len -= 1;
        let is_empty = page.taken == 0;
        if !core::mem::replace(&mut page.is_listed, true) {
            self.roomy.push(index as u32);
        }
        if is_empty && self.spare != Some(index as u32) {
            self.empty(index as u32);
        }
    }

    /// The first thing of this number or a higher one.
    pub(crate) fn at_or_after(&self, number: u32) -> Option<(u32, &T)> {
        let (first, place) = split(number);
        let pages = self.pages.iter().enumerate().skip(first);
        pages.into_iter().find_map(|(index, page)| {
            let from = if index == first { place } else { 0 };
            let mut places = page.places.iter().enumerate().skip(from);
            let (place, thing) =
                places.find_map(|(place, thing)| Some((place, thing.as_ref()?)))?;
            Some(((index * PAGE + place) as u32, thing))
        })
    }

    /// All of them, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().enumerate().flat_map(|(index, page)| {
            let places = page.places.iter().enumerate();
            places.filter_map(move |(place, thing)| {
                Some(((index * PAGE + place) as u32, thing.as_ref()?))
            })
        })
    }

    /// The page to put the next thing into.
    #[inline]
    fn page_with_room(&mut self) -> u32 {
        match self.roomy.last() {
            Some(index) => *index,
            None => self.add_page(),
        }
    }

    #[cold]
    fn add_page(&mut self) -> u32 {
        let index = self.pages.len();
        assert!(index < u32::MAX as usize / PAGE, "four thousand million things in one slab");
        self.pages.push(Page::new());
        self.roomy.push(index as u32);
        index as u32
    }

    /// A page that is not the spare one has nothing in it any more.
    #[cold]
    fn empty(&mut self, index: u32) {
        let is_spared = self.spare.is_some_and(|spare| self.pages[spare as usize].taken == 0);
        if is_spared {
            let page = &mut self.pages[index as usize];
            (page.places, page.free) = (Vec::new(), Vec::new());
        } else {
            self.spare = Some(index);
        }
    }
}

const fn split(number: u32) -> (usize, usize) {
    (number as usize / PAGE, number as usize % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn it_behaves_as_a_map_from_numbers_does() {
        let mut pages = Pages::new();
        let mut model = BTreeMap::new();
        let mut random = 7_u64;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Long stretches of growing and of shrinking, so that pages fill and empty.
            let grows = (step / 3_000) % 2 == 0;
            if (random >> 33) % 4 < if grows { 3 } else { 1 } {
                let number = pages.insert(step);
                assert_eq!(model.insert(number, step), None, "a number is given once");
            } else if let Some(number) =
                model.keys().nth((random >> 40) as usize % model.len().max(1)).copied()
            {
                let removed = model.remove(&number);
                if step % 2 == 0 {
                    assert_eq!(pages.remove(number), removed);
                } else {
                    assert!(pages.clear(number));
                }
                assert_eq!(pages.get(number), None);
                assert_eq!(pages.remove(number), None);
                assert!(!pages.clear(number));
            }
            assert_eq!(pages.len(), model.len());
        }
        assert!(pages.iter().eq(model.iter().map(|(number, thing)| (*number, thing))));
    }

    #[test]
    fn what_is_empty_gives_its_memory_back_but_for_one_page() {
        let mut pages = Pages::new();
        let numbers: Vec<u32> = (0..10 * PAGE).map(|thing| pages.insert(thing)).collect();
        for number in numbers {
            assert!(pages.remove(number).is_some());
        }
        let kept = pages.pages.iter().filter(|page| page.places.capacity() > 0).count();
        assert_eq!((kept, pages.len()), (1, 0));
    }
}
