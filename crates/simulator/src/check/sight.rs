//! When a run loses sight of messages: they are under way to somebody who does not get them, and return.

use std::collections::{BTreeMap, BTreeSet};

use warrener_time::Time;

use crate::history::{ActorId, Happened, Moment, QueueId, Story};

use super::MISSED;

/// What may be under way to whom, unseen.
pub(super) struct Sight {
    /// Clients hear that they are gone in no order: whoever was given what they held may be heard first.
    ends: BTreeMap<Time, BTreeSet<QueueId>>,
    /// Which queue a client takes from.
    of: BTreeMap<ActorId, QueueId>,
    /// Until then the server sends to somebody who has vanished.
    unmissed: BTreeMap<QueueId, Time>,
    stalled: BTreeMap<ActorId, QueueId>,
}

impl Sight {
    pub(super) fn of(story: &Story) -> Self {
        let (mut of, mut ends) = (BTreeMap::new(), BTreeMap::<_, BTreeSet<QueueId>>::new());
        for moment in &story.moments {
            match &moment.what {
                Happened::Consuming { by, queue, .. }
                | Happened::Getting { by, queue }
                | Happened::Made { by, queue } => {
                    of.insert(*by, *queue);
                }
                Happened::Ended(by) | Happened::Refused { by, .. } => {
                    ends.entry(moment.at).or_default().extend(of.get(by));
                }
                // A server that ends sends nobody the rest, and may give it to whoever it closes last.
                Happened::ShuttingDown | Happened::Started(_) => {
                    ends.entry(moment.at).or_default().extend(story.topology.ids());
                }
                _ => {}
            }
        }
        Self { ends, of, unmissed: BTreeMap::new(), stalled: BTreeMap::new() }
    }

    /// Out of which queues something may have been delivered, at this moment, that nobody will tell of. To be asked for
    /// each in turn.
    pub(super) fn lost(&mut self, moment: &Moment) -> BTreeSet<QueueId> {
        let mut lost = self.ends.get(&moment.at).cloned().unwrap_or_default();
        match &moment.what {
            Happened::Vanished(by) => {
                let missed = self.of.get(by).map(|queue| (*queue, moment.at + MISSED));
                self.unmissed.extend(missed);
            }
            Happened::Stalled(by, true) => {
                self.stalled.extend(self.of.get(by).map(|queue| (*by, *queue)));
            }
            Happened::Stalled(by, false) | Happened::Ended(by) | Happened::Refused { by, .. } => {
                self.stalled.remove(by);
            }
            Happened::Cut(by) | Happened::Recovering(by) => lost.extend(self.of.get(by)),
            _ => {}
        }
        lost.extend(self.stalled.values());
        self.unmissed.retain(|_, until| moment.at <= *until);
        lost.extend(self.unmissed.keys());
        lost
    }
}
