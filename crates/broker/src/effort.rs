//! How much a turn does. Whatever is long is done in lines that outlive the turn: of what happened in queues, of queues that
//! deliver, of jobs. A turn takes from them until it has done enough, and the next goes on where it stopped.

use crate::config::{EFFECTS_ENOUGH, VISITS_ENOUGH, VISITS_LEFT};

/// What the present turn has done, and may do.
#[derive(Debug)]
pub(crate) struct Effort {
    /// Objects visited since the broker began.
    visited: u64,
    /// Up to where a visit is within the present share.
    visits_end: u64,
    /// Up to where an effect is.
    effects_end: usize,
    visits_begun: u64,
    effects_begun: usize,
    /// How much of what happened in queues this turn may deal with.
    pub(crate) absorbs: u32,
}

/// Before the first turn, when a broker is rebuilt and nobody waits, there is no bound.
impl Default for Effort {
    fn default() -> Self {
        Self {
            visited: 0,
            visits_end: u64::MAX,
            effects_end: usize::MAX,
            visits_begun: 0,
            effects_begun: 0,
            absorbs: u32::MAX,
        }
    }
}

/// How much of what a turn may do is done before something else has its share as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    Half = 2,
    Most = 3,
    All = 4,
}

impl Effort {
    /// A turn begins, with so many effects in the list already.
    #[inline]
    pub(crate) const fn begin(&mut self, effects: usize) {
        self.visits_begun = self.visited;
        self.effects_begun = effects;
        self.absorbs = u32::MAX;
        self.share(Share::Most);
    }

    /// From now on, so much of the turn may be used.
    #[inline]
    pub(crate) const fn share(&mut self, share: Share) {
        let own = self.visits_begun + VISITS_ENOUGH / 4 * share as u64;
        // Whatever came before has taken, something is left for the last: what is ready is delivered in every turn.
        let least = if share as u64 == Share::All as u64 { VISITS_LEFT } else { 0 };
        let least = self.visited + least;
        self.visits_end = if own > least { own } else { least };
        self.effects_end = self.effects_begun + EFFECTS_ENOUGH / 4 * share as usize;
    }

    /// So many objects (queues, entries, consumers, bindings, channels) are looked at or changed.
    #[inline]
    pub(crate) const fn visit(&mut self, objects: usize) {
        self.visited += objects as u64;
    }

    /// Whether nothing more should be begun.
    #[inline]
    pub(crate) const fn is_spent(&self, effects: usize) -> bool {
        self.visited >= self.visits_end || effects >= self.effects_end
    }

    /// How many more objects may be visited, each of which may lead to two effects.
    pub(crate) fn left(&self, effects: usize) -> u32 {
        let visits = self.visits_end.saturating_sub(self.visited);
        let effects = self.effects_end.saturating_sub(effects) as u64 / 2;
        u32::try_from(visits.min(effects)).unwrap_or(u32::MAX)
    }

    /// How many objects this turn has visited.
    #[inline]
    pub(crate) const fn visited_now(&self) -> u64 {
        self.visited - self.visits_begun
    }

    /// All objects visited since the broker began.
    pub(crate) const fn visited(&self) -> u64 {
        self.visited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_a_share_for_each_and_begins_anew() {
        let mut effort = Effort::default();
        effort.begin(100);
        effort.share(Share::Half);
        assert!(!effort.is_spent(100 + EFFECTS_ENOUGH / 2 - 1));
        assert!(effort.is_spent(100 + EFFECTS_ENOUGH / 2));
        effort.visit(VISITS_ENOUGH as usize / 2);
        assert!(effort.is_spent(100) && effort.left(100) == 0);
        effort.share(Share::All);
        assert!(!effort.is_spent(100));
        effort.visit(VISITS_ENOUGH as usize / 2);
        assert!(effort.is_spent(100));
        effort.begin(0);
        assert!(!effort.is_spent(0));
        assert_eq!(effort.visited(), VISITS_ENOUGH);
    }
}
