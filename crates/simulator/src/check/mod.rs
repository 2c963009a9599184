//! The judges: each looks at a whole history and names the first thing that must not be.

mod confirm;
mod delivery;
mod drained;
mod order;
mod recovery;
mod redelivered;

use core::fmt;

use crate::history::Happened;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which judge says so.
    pub check: &'static str,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

type Check = fn(&[Happened]) -> Result<(), String>;

const CHECKS: [(&str, Check); 6] = [
    ("confirm", confirm::check),
    ("delivery", delivery::check),
    ("drained", drained::check),
    ("order", order::check),
    ("recovery", recovery::check),
    ("redelivered", redelivered::check),
];

/// Asks every judge.
///
/// # Errors
///
/// What the first of them found.
pub fn check(history: &[Happened]) -> Result<(), Violation> {
    for (check, judge) in CHECKS {
        judge(history).map_err(|what| Violation { check, what })?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::history::{ActorId, Happened, MessageId, QueueId};

    pub(crate) fn published(id: u64) -> Happened {
        Happened::Published { id: MessageId(id), by: ActorId(1), to: vec![QueueId(0)] }
    }

    pub(crate) fn confirmed(id: u64) -> Happened {
        Happened::Confirmed { id: MessageId(id), accepted: true }
    }

    pub(crate) fn delivered(id: u64, redelivered: bool) -> Happened {
        Happened::Delivered { id: MessageId(id), from: QueueId(0), to: ActorId(2), redelivered }
    }

    pub(crate) fn acked(id: u64) -> Happened {
        Happened::Acked { id: MessageId(id), from: QueueId(0) }
    }
}
