//! When a run loses sight of messages: they are under way to somebody who does not get them, and return.

use std::collections::BTreeSet;

use warrener_time::Time;

use crate::history::{ActorId, Happened, Moment, Story};

use super::MISSED;

/// What may be under way to whom, unseen.
pub(super) struct Sight {
    /// Clients hear that they are gone in no order: whoever was given what they held may be heard first.
    ends: BTreeSet<Time>,
    /// Until then the server sends to somebody who has vanished.
    unmissed: Time,
    stalled: BTreeSet<ActorId>,
}

impl Sight {
    pub(super) fn of(story: &Story) -> Self {
        let ends = story.moments.iter().filter(|moment| {
            matches!(
                moment.what,
                Happened::Ended(_) | Happened::Refused { .. } | Happened::Started(_)
            )
        });
        let ends = ends.map(|moment| moment.at).collect();
        Self { ends, unmissed: Time::ZERO, stalled: BTreeSet::new() }
    }

    /// Whether, at this moment, something may have been delivered that nobody will tell of. To be asked for each in turn.
    pub(super) fn is_lost(&mut self, moment: &Moment) -> bool {
        match &moment.what {
            Happened::Vanished(_) => self.unmissed = moment.at + MISSED,
            Happened::Stalled(by, true) => {
                self.stalled.insert(*by);
            }
            Happened::Stalled(by, false) | Happened::Ended(by) | Happened::Refused { by, .. } => {
                self.stalled.remove(by);
            }
            Happened::Cut(_) | Happened::Recovering(_) => return true,
            _ => {}
        }
        moment.at <= self.unmissed || !self.stalled.is_empty() || self.ends.contains(&moment.at)
    }
}
