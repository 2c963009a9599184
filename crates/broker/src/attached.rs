//! Contents that were handed out from the buffers that they were read into.

use alloc::collections::VecDeque;

use warrener_time::Time;

use crate::id::MessageId;

/// Contents that keep alive the buffers that they were read into. What one turn brings was read together, so turns are
/// counted as well as contents: those of a busy publisher share few buffers, those of many quiet ones have one each.
#[derive(Debug)]
pub(crate) struct Attached {
    line: VecDeque<(Time, MessageId)>,
    turns: usize,
}

/// The contents of how many turns may keep their buffers alive.
const ATTACHED_TURNS: usize = 256;

/// And how many contents.
const ATTACHED: usize = 1 << 12;

impl Attached {
    pub(crate) fn new() -> Self {
        Self { line: VecDeque::with_capacity(ATTACHED + 1), turns: 0 }
    }

    pub(crate) fn push(&mut self, now: Time, id: MessageId) {
        self.turns += usize::from(self.line.back().is_none_or(|(last, _)| *last != now));
        self.line.push_back((now, id));
    }

    /// The oldest, while there are too many.
    pub(crate) fn pop_excess(&mut self) -> Option<MessageId> {
        if self.turns <= ATTACHED_TURNS && self.line.len() <= ATTACHED {
            return None;
        }
        let (turn, id) = self.line.pop_front()?;
        self.turns -= usize::from(self.line.front().is_none_or(|(next, _)| *next != turn));
        Some(id)
    }
}
