//! Following a program through a name: by trying and going back, or in all ways at once.

use alloc::vec;
use alloc::vec::Vec;

use crate::pattern::class::is_word;
use crate::pattern::node::Anchor;
use crate::pattern::program::{Instruction, Program};

/// More steps would be needed than were allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GaveUp;

/// Whether the program finds something in `name`, by trying one way after the other. Steps are taken off `steps`.
pub(crate) fn by_trying(program: &Program, name: &[u8], steps: &mut u32) -> Result<bool, GaveUp> {
    let slots = usize::from(program.slots);
    let mut search =
        Search { program, name, places: vec![NOWHERE; slots], undo: Vec::new(), steps };
    let last = if program.anchored { 0 } else { name.len() };
    for start in 0..=last {
        search.places.fill(NOWHERE);
        search.undo.clear();
        if search.run(0, start)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

const NOWHERE: usize = usize::MAX;

/// How much that is remembered is as much work as a step.
const REMEMBERED_A_STEP: usize = 4;

struct Search<'a> {
    program: &'a Program,
    name: &'a [u8],
    /// What was remembered: where groups begin and end, and where repetitions began.
    places: Vec<usize>,
    undo: Vec<Undo>,
    steps: &'a mut u32,
}

/// What to do when a way leads nowhere.
#[derive(Clone, Copy)]
enum Undo {
    /// Go on here.
    Branch { to: u16, at: usize },
    /// Remember what was remembered before.
    Place { slot: u16, was: usize },
}

impl Search<'_> {
    /// Follows the program from an instruction and a place to an end; answers at which place that is.
    fn run(&mut self, from: u16, start: usize) -> Result<Option<usize>, GaveUp> {
        let base = self.undo.len();
        let (mut next, mut at) = (from, start);
        loop {
            *self.steps = self.steps.checked_sub(1).ok_or(GaveUp)?;
            let instruction = self.program.code[usize::from(next)];
            if let Instruction::Match | Instruction::Done = instruction {
                return Ok(Some(at));
            }
            let way = match self.step(instruction, next, at)? {
                Some(way) => Some(way),
                None => self.go_back(base),
            };
            match way {
                Some(way) => (next, at) = way,
                None => return Ok(None),
            }
        }
    }

    /// One instruction; `None` when it cannot be followed.
    #[inline]
    fn step(
        &mut self,
        instruction: Instruction,
        next: u16,
        at: usize,
    ) -> Result<Option<(u16, usize)>, GaveUp> {
        let octet = self.name.get(at).copied();
        Ok(match instruction {
            Instruction::Octet(own) => (octet == Some(own)).then_some((next + 1, at + 1)),
            Instruction::Set(set) => {
                let set = &self.program.sets[usize::from(set)];
                octet.is_some_and(|octet| set.has(octet)).then_some((next + 1, at + 1))
            }
            Instruction::Anchor(anchor) => holds(anchor, self.name, at).then_some((next + 1, at)),
            Instruction::Split(first, second) => {
                self.undo.push(Undo::Branch { to: second, at });
                Some((first, at))
            }
            Instruction::Jump(to) => Some((to, at)),
            Instruction::Save(slot) => {
                let was = core::mem::replace(&mut self.places[usize::from(slot)], at);
                self.undo.push(Undo::Place { slot, was });
                Some((next + 1, at))
            }
            Instruction::Again { since, start } => {
                let moved = self.places[usize::from(since)] != at;
                Some((if moved { start } else { next + 1 }, at))
            }
            Instruction::Back { group, caseless } => {
                self.repeated(group, caseless, at)?.map(|end| (next + 1, end))
            }
            Instruction::Look { back, found, missed } => {
                let seen = self.look(next + 1, at, usize::from(back), found.is_some())?;
                (if seen { found } else { missed }).map(|to| (to, at))
            }
            Instruction::Atomic(after) => {
                let base = self.undo.len();
                let end = self.run(next + 1, at)?;
                self.settle(base)?;
                end.map(|end| (after, end))
            }
            Instruction::UnlessGroup { group, to } => {
                let is_found = self.group(group).is_some();
                Some((if is_found { next + 1 } else { to }, at))
            }
            Instruction::Done | Instruction::Match => unreachable!("ends were looked for"),
        })
    }

    /// The latest other way, above the base.
    fn go_back(&mut self, base: usize) -> Option<(u16, usize)> {
        while self.undo.len() > base {
            match self.undo.pop().expect("it is longer than its base") {
                Undo::Branch { to, at } => return Some((to, at)),
                Undo::Place { slot, was } => self.places[usize::from(slot)] = was,
            }
        }
        None
    }

    /// Forgets all other ways above the base, but not what was remembered before.
    fn settle(&mut self, base: usize) -> Result<(), GaveUp> {
        // What is remembered below many atomic groups is gone over at the end of each of them.
        let steps = (self.undo.len() - base) / REMEMBERED_A_STEP;
        *self.steps = self.steps.checked_sub(steps as u32).ok_or(GaveUp)?;
        let mut kept = base;
        for place in base..self.undo.len() {
            if let Undo::Place { .. } = self.undo[place] {
                self.undo[kept] = self.undo[place];
                kept += 1;
            }
        }
        self.undo.truncate(kept);
        Ok(())
    }

    fn look(&mut self, body: u16, at: usize, back: usize, keeps: bool) -> Result<bool, GaveUp> {
        let Some(start) = at.checked_sub(back) else { return Ok(false) };
        let base = self.undo.len();
        let seen = self.run(body, start)?.is_some();
        if keeps {
            self.settle(base)?;
        } else {
            while self.go_back(base).is_some() {}
        }
        Ok(seen)
    }

    fn group(&self, group: u16) -> Option<(usize, usize)> {
        let slot = usize::from(2 * group);
        let (start, end) = (self.places[slot], self.places[slot + 1]);
        (start != NOWHERE && end != NOWHERE && start <= end).then_some((start, end))
    }

    /// Where what the group found ends when it comes again here. A group that found nothing does not.
    fn repeated(&mut self, group: u16, caseless: bool, at: usize) -> Result<Option<usize>, GaveUp> {
        let Some((start, end)) = self.group(group) else { return Ok(None) };
        let len = end - start;
        *self.steps = self.steps.checked_sub(len as u32).ok_or(GaveUp)?;
        let (found, here) = (&self.name[start..end], self.name.get(at..at + len));
        let is_same = here.is_some_and(|here| {
            if caseless { here.eq_ignore_ascii_case(found) } else { here == found }
        });
        Ok(is_same.then_some(at + len))
    }
}

/// Whether a program that is [linear](Program::linear) finds something in `name`, in all ways at once: each instruction
/// is visited at most once for each octet. The visits are counted in `steps`.
pub(crate) fn in_all_ways(program: &Program, name: &[u8], steps: &mut u32) -> bool {
    let mut now = Front::new(program.code.len());
    let mut then = Front::new(program.code.len());
    for at in 0..=name.len() {
        if at == 0 || !program.anchored {
            now.enter(0);
        }
        if now.spread(program, name, at, steps) {
            return true;
        }
        let Some(octet) = name.get(at) else { return false };
        for next in now.taking.drain(..) {
            let takes = match program.code[usize::from(next)] {
                Instruction::Octet(own) => own == *octet,
                Instruction::Set(set) => program.sets[usize::from(set)].has(*octet),
                _ => false,
            };
            if takes {
                then.enter(next + 1);
            }
        }
        now.seen.fill(false);
        core::mem::swap(&mut now, &mut then);
    }
    false
}

/// The instructions that a name has led to.
struct Front {
    seen: Vec<bool>,
    entered: Vec<u16>,
    /// Those that wait for an octet.
    taking: Vec<u16>,
}

impl Front {
    fn new(instructions: usize) -> Self {
        Self { seen: vec![false; instructions], entered: Vec::new(), taking: Vec::new() }
    }

    fn enter(&mut self, next: u16) {
        if !core::mem::replace(&mut self.seen[usize::from(next)], true) {
            self.entered.push(next);
        }
    }

    /// Follows everything that takes no octet; whether that led to the end.
    fn spread(&mut self, program: &Program, name: &[u8], at: usize, steps: &mut u32) -> bool {
        while let Some(next) = self.entered.pop() {
            *steps += 1;
            match program.code[usize::from(next)] {
                Instruction::Octet(_) | Instruction::Set(_) => self.taking.push(next),
                Instruction::Anchor(anchor) if holds(anchor, name, at) => self.enter(next + 1),
                Instruction::Anchor(_) => {}
                Instruction::Split(first, second) => {
                    self.enter(first);
                    self.enter(second);
                }
                Instruction::Jump(to) => self.enter(to),
                Instruction::Save(_) => self.enter(next + 1),
                Instruction::Again { start, .. } => {
                    self.enter(start);
                    self.enter(next + 1);
                }
                Instruction::Match => return true,
                Instruction::Back { .. }
                | Instruction::Look { .. }
                | Instruction::Atomic(_)
                | Instruction::UnlessGroup { .. }
                | Instruction::Done => unreachable!("linear programs have none of these"),
            }
        }
        false
    }
}

/// Whether this is true at a place.
fn holds(anchor: Anchor, name: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| name[before]);
    let after = name.get(at).copied();
    let at_word = || before.is_some_and(is_word) != after.is_some_and(is_word);
    match anchor {
        Anchor::Start => before.is_none(),
        Anchor::End => after.is_none(),
        Anchor::LineStart => before.is_none_or(|octet| octet == b'\n'),
        Anchor::LineEnd => after.is_none_or(|octet| octet == b'\n'),
        Anchor::Word => at_word(),
        Anchor::NotWord => !at_word(),
    }
}
