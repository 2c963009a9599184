//! Lines of waiting entries, one per priority: first in, first out, and whoever returns gets its old place.

use crate::entry::{Extra, Extras, Slot};
use crate::sorted::{Near, Sorted};
use crate::times::{AHEAD, Hint};
use alloc::vec::Vec;
use core::hint::black_box;
use warrener_time::Time;

/// One line per priority. Ready entries stand in one of these, delayed ones in another.
#[derive(Clone, Debug)]
pub(crate) struct Lines<M> {
    /// As many as the highest priority seen asks for.
    lines: Vec<Sorted<u64, Slot<M>>>,
    /// A bit for each line that is not empty, so that the choice among them takes no search.
    occupied: [u64; 4],
    len: u64,
    bytes: u64,
}

impl<M> Lines<M> {
    pub(crate) const fn new() -> Self {
        Self { lines: Vec::new(), occupied: [0; 4], len: 0, bytes: 0 }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the last place of a line.
    #[inline]
    pub(crate) fn push(&mut self, level: u8, slot: Slot<M>, extras: &Extras) {
        let place = slot.place(extras);
        let line = self.counted(level, &slot);
        line.push_back(place, slot, |other| other.place(extras));
    }

    /// The same for an entry that has nothing beside it.
    #[inline]
    pub(crate) fn push_plain(&mut self, level: u8, slot: Slot<M>, extras: &Extras) {
        debug_assert_eq!(slot.more.extra(), None, "a plain entry");
        let place = slot.seq.number();
        self.counted(level, &slot).push_back(place, slot, |other| other.place(extras));
    }

    /// Where the last of a line stands.
    pub(crate) fn near_back(&self, level: u8) -> Near {
        self.lines[usize::from(level)].near_back()
    }

    /// Takes the place that it has.
    pub(crate) fn put_back(&mut self, level: u8, slot: Slot<M>, extras: &Extras) {
        let place = slot.place(extras);
        self.counted(level, &slot).insert(place, slot, |other| other.place(extras));
    }

    /// The time of publishing nearest to `published` that keeps the line in order of time with an entry at `place`.
    pub(crate) fn fit_published(
        &self,
        level: u8,
        place: u64,
        published: Time,
        extras: &Extras,
    ) -> Time {
        let Some(line) = self.lines.get(usize::from(level)) else { return published };
        let (before, after) = line.around(place, |slot| slot.place(extras));
        let published = after.map_or(published, |after| published.min(after.published));
        before.map_or(published, |before| published.max(before.published))
    }

    /// The next to be handed out.
    #[inline(always)]
    pub(crate) fn pop_first(&mut self) -> Option<(u8, Slot<M>)> {
        let level = self.highest()?;
        Some((level, self.pop_front(level)?))
    }

    /// The oldest of the lowest priority: the one that makes room.
    pub(crate) fn pop_least(&mut self) -> Option<(u8, Slot<M>)> {
        let word = self.occupied.iter().position(|word| *word != 0)?;
        let level = (word * 64) as u8 + self.occupied[word].trailing_zeros() as u8;
        Some((level, self.pop_front(level)?))
    }

    #[inline(always)]
    pub(crate) fn pop_front(&mut self, level: u8) -> Option<Slot<M>> {
        let line = &mut self.lines[usize::from(level)];
        let slot = line.pop_front()?;
        let emptied = line.is_empty();
        self.uncount(level, slot.bytes, emptied);
        Some(slot)
    }

    /// Takes out the entry with the extra of this number, if it stands where it probably does. Looks at nothing else.
    pub(crate) fn remove_at(&mut self, level: u8, near: Near, index: u32) -> Option<Slot<M>> {
        let line = self.lines.get_mut(usize::from(level))?;
        let place = line.place_near(near);
        if line.get(place)?.more.extra() != Some(index) {
            return None;
        }
        let slot = line.remove(place);
        let emptied = line.is_empty();
        self.uncount(level, slot.bytes, emptied);
        Some(slot)
    }

    /// Takes out the entry of this extra, if it stands in line.
    pub(crate) fn remove(&mut self, extra: &Extra, extras: &Extras) -> Option<Slot<M>> {
        let Extra { level, place, near, .. } = *extra;
        let line = self.lines.get_mut(usize::from(level))?;
        let found = line.find_near(place, near, |slot| slot.place(extras))?;
        let slot = line.remove(found);
        let emptied = line.is_empty();
        self.uncount(level, slot.bytes, emptied);
        Some(slot)
    }

    /// Has these entries fetched into the caches, of which is known where they probably stand; whether they were there.
    /// They are far apart in a long line, and memory brings many things in the time in which it brings one, if it is asked
    /// for all of them at once: thus it is found out first where they are, and a short loop then does nothing but look.
    pub(crate) fn fetch(&self, these: impl Iterator<Item = (u32, Hint)>) -> bool {
        let mut spots = [(0, &None); AHEAD];
        let mut len = 0;
        for ((index, hint), place) in these.zip(&mut spots) {
            let line = self.lines.get(usize::from(hint.level));
            *place = (index, line.and_then(|line| line.spot(hint.near)).unwrap_or(&None));
            len += 1;
        }
        let is_there = |(index, spot): &(u32, &Option<Slot<M>>)| {
            spot.as_ref().is_some_and(|slot| slot.more.extra() == Some(*index))
        };
        let found = spots[..len].iter().map(is_there).map(u32::from).sum::<u32>();
        found as usize == len
    }

    /// Finds out where these stand, and has that fetched.
    #[cold]
    pub(crate) fn find_anew(&self, extras: &mut Extras, these: &[u32]) {
        let line_of = |extra: &Extra| self.lines.get(usize::from(extra.level));
        let numbered = |slot: &Slot<M>| slot.seq.number();
        for index in these {
            let extra = &mut extras[*index];
            extra.near = line_of(extra).map_or(extra.near, |line| line.near(extra.place, numbered));
        }
        for index in these {
            let extra = &mut extras[*index];
            if let Some(line) = line_of(extra) {
                extra.near = line.nearer(extra.place, extra.near, numbered);
            }
        }
        let slots = these.iter().filter_map(|index| {
            let extra = &extras[*index];
            line_of(extra)?.get_near(extra.near)
        });
        black_box(slots.fold(0, |sum, slot| sum ^ slot.bytes));
    }

    /// Whether an entry stands at `place` of any line.
    pub(crate) fn holds(&self, place: u64, extras: &Extras) -> bool {
        self.lines.iter().any(|line| line.find(place, |slot| slot.place(extras)).is_some())
    }

    /// The first of each line that is not empty, highest priority first.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = (u8, &Slot<M>)> {
        self.occupied_levels()
            .filter_map(|level| Some((level, self.lines[usize::from(level)].front()?)))
    }

    /// The entries of one line, in order, after `place` if it is given.
    pub(crate) fn line_after<'q>(
        &'q self,
        level: u8,
        place: Option<u64>,
        extras: &'q Extras,
    ) -> impl Iterator<Item = &'q Slot<M>> {
        self.lines.get(usize::from(level)).into_iter().flat_map(move |line| {
            let from = place.map_or(0, |place| place.saturating_add(1));
            line.iter_from(line.lower_bound(from, |slot| slot.place(extras)))
        })
    }

    /// The levels of lines that are not empty, highest first.
    pub(crate) fn occupied_levels(&self) -> impl Iterator<Item = u8> {
        (0..4usize).rev().flat_map(|word| {
            let mut left = self.occupied[word];
            core::iter::from_fn(move || {
                let bit = left.checked_ilog2()?;
                left ^= 1 << bit;
                Some((word * 64) as u8 + bit as u8)
            })
        })
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.lines.iter_mut().for_each(Sorted::shrink);
        let used = self.highest().map_or(0, |level| usize::from(level) + 1);
        self.lines.truncate(used);
        self.lines.shrink_to_fit();
    }

    #[inline]
    fn highest(&self) -> Option<u8> {
        // Nearly every queue lives in the lowest word.
        if self.lines.len() <= 64 {
            return Some(self.occupied[0].checked_ilog2()? as u8);
        }
        let word = self.occupied.iter().rposition(|word| *word != 0)?;
        Some((word * 64) as u8 + self.occupied[word].ilog2() as u8)
    }

    /// The line of a level, with the newcomer counted.
    #[inline]
    fn counted(&mut self, level: u8, slot: &Slot<M>) -> &mut Sorted<u64, Slot<M>> {
        self.len += 1;
        self.bytes += u64::from(slot.bytes);
        self.occupied[usize::from(level / 64)] |= 1 << (level % 64);
        let index = usize::from(level);
        if index >= self.lines.len() {
            self.add_lines(index + 1);
        }
        &mut self.lines[index]
    }

    #[cold]
    fn add_lines(&mut self, count: usize) {
        self.lines.resize_with(count, Sorted::new);
    }

    #[inline]
    const fn uncount(&mut self, level: u8, bytes: u32, emptied: bool) {
        self.len -= 1;
        self.bytes -= bytes as u64;
        if emptied {
            self.occupied[(level / 64) as usize] &= !(1 << (level % 64));
        }
    }
}
