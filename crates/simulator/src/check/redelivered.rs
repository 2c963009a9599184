//! A message that comes out of a queue a second time says so, and one that cannot have been out before does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Delivered, Happened, MessageId, QueueId, Story};

use super::happened;
use super::sight::Sight;

/// One copy of a message: its queue, and the way it came there.
type Copy = (MessageId, QueueId, Vec<QueueId>);

pub(super) fn check(story: &Story) -> Result<(), String> {
    let fresh: BTreeSet<Copy> =
        deliveries(story).filter(|delivered| !delivered.redelivered).map(copy).collect();
    let (mut seen, mut crashed) = (BTreeSet::new(), false);
    let mut published_at = BTreeMap::new();
    // The last time at which something may have been under way to somebody who did not get it.
    let mut lost_sight = BTreeMap::new();
    let mut sight = Sight::of(story);
    // Those who did not read when the server ended may hear of what it had sent them long after it is there again.
    let (mut stalled, mut late) = (BTreeSet::new(), BTreeSet::new());
    for (number, moment) in story.moments.iter().enumerate() {
        lost_sight.extend(sight.lost(moment).into_iter().map(|queue| (queue, number)));
        match &moment.what {
            Happened::Published(published) => {
                published_at.insert(published.id, number);
            }
            Happened::Delivered(delivered) => {
                let (id, from) = (delivered.id, delivered.from);
                let copy = copy(delivered);
                if delivered.redelivered {
                    // The first time may still be under way to somebody who reads slowly.
                    let whole_life_seen = published_at.get(&id) > lost_sight.get(&from);
                    if whole_life_seen && delivered.deaths.is_empty() && !fresh.contains(&copy) {
                        return Err(format!(
                            "{id} of {from} was out for the first time, and says again"
                        ));
                    }
                } else if !late.contains(&delivered.to) && !seen.insert(copy) {
                    return Err(format!("{id} came again out of {from} as if new"));
                }
            }
            // A crash forgets who was given what, and may take back the very death of a dead letter. What it had sent may
            // be read after it.
            Happened::Killed | Happened::PowerLost | Happened::Failed(_) => {
                seen.clear();
                crashed = true;
                late.extend(stalled.iter().copied());
            }
            Happened::Stalled(by, true) => {
                stalled.insert(*by);
            }
            Happened::Stalled(by, false) => {
                stalled.remove(by);
            }
            Happened::Started(_) if core::mem::take(&mut crashed) => seen.clear(),
            _ => {}
        }
    }
    Ok(())
}

fn deliveries(story: &Story) -> impl Iterator<Item = &Delivered> {
    happened(story).filter_map(|happened| match happened {
        Happened::Delivered(delivered) => Some(delivered),
        _ => None,
    })
}

fn copy(delivered: &Delivered) -> Copy {
    let way = delivered.deaths.iter().map(|died| died.queue).collect();
    (delivered.id, delivered.from, way)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{BOB, GRAVE, QUEUE, again, delivered, published, story};
    use crate::history::Happened;

    #[test]
    fn finds_a_lost_flag() {
        assert!(check(&story([published(1), delivered(1), again(1)])).is_ok());
        assert!(check(&story([published(1), delivered(1), delivered(1)])).is_err());
        let restarted = [published(1), delivered(1), Happened::ShutDown, delivered(1)];
        assert!(check(&story(restarted)).is_err());
        let failed = Happened::Failed(String::new());
        let read_late = [published(1), failed, delivered(1), Happened::Started(0)];
        assert!(check(&story(read_late.clone().into_iter().chain([delivered(1)]))).is_ok());
        let twice_since = read_late.into_iter().chain([delivered(1), delivered(1)]);
        assert!(check(&story(twice_since)).is_err());
        let stalled = |yes| Happened::Stalled(BOB, yes);
        let failed = Happened::Failed(String::new());
        let read_later =
            [published(1), stalled(true), failed, Happened::Started(0), stalled(false)];
        let since = [delivered(1), delivered(1)];
        assert!(check(&story(read_later.into_iter().chain(since))).is_ok());
        let read_in_time = [published(1), stalled(true), stalled(false), Happened::Started(0)];
        assert!(
            check(&story(read_in_time.into_iter().chain([delivered(1), delivered(1)]))).is_err()
        );
    }

    #[test]
    fn finds_a_flag_that_nothing_explains() {
        assert!(check(&story([published(1), again(1)])).is_err());
        let told = |queue, then| {
            let consuming = Happened::Consuming { by: BOB, queue, prefetch: 0 };
            check(&story([consuming, published(1), then, again(1)]))
        };
        for then in [Happened::Cut(BOB), Happened::Vanished(BOB), Happened::Stalled(BOB, true)] {
            assert!(told(QUEUE, then.clone()).is_ok());
            assert!(told(GRAVE, then).is_err());
        }
        for then in [Happened::Started(0), Happened::ShuttingDown] {
            assert!(told(GRAVE, then).is_ok());
        }
        let told_later = [Happened::ShuttingDown, published(1), again(1)];
        assert!(check(&story(told_later)).is_err());
    }
}
