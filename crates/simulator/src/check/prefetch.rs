//! Nobody holds more than the prefetch that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{ActorId, Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut limits: BTreeMap<ActorId, u64> = BTreeMap::new();
    let mut held: BTreeMap<ActorId, u64> = BTreeMap::new();
    let mut recovering = BTreeSet::new();
    for happened in happened(story) {
        match happened {
            Happened::Consuming { by, prefetch, .. } => {
                // What an earlier consumer of the channel holds does not count for the next.
                let again = limits.insert(*by, u64::from(*prefetch)).is_some();
                if again || *prefetch == 0 {
                    limits.insert(*by, u64::MAX);
                }
            }
            Happened::Recovering(by) => {
                recovering.insert(*by);
                held.insert(*by, 0);
            }
            Happened::Recovered(by) => {
                recovering.remove(by);
            }
            // What is under way to somebody who has given everything back is nobody's.
            Happened::Delivered(delivered) if recovering.contains(&delivered.to) => {}
            Happened::Delivered(delivered) => {
                let held = held.entry(delivered.to).or_default();
                *held += 1;
                let limit = limits.get(&delivered.to).copied().unwrap_or(u64::MAX);
                if *held > limit {
                    return Err(format!("{} holds {held}, and asked for {limit}", delivered.to));
                }
            }
            Happened::Settled { by, .. } => {
                let held = held.entry(*by).or_default();
                *held = held.saturating_sub(1);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{BOB, QUEUE, acked, delivered, published, story};
    use crate::history::Happened;

    #[test]
    fn finds_one_message_too_many() {
        let consuming = |prefetch| Happened::Consuming { by: BOB, queue: QUEUE, prefetch };
        let two = || [published(1), published(2), delivered(1), delivered(2)];
        let told = |prefetch| story([consuming(prefetch)].into_iter().chain(two()));
        assert!(check(&told(0)).is_ok());
        assert!(check(&told(2)).is_ok());
        assert!(check(&told(1)).is_err());
        let in_turn = [consuming(1), delivered(1), acked(1), delivered(2)];
        assert!(check(&story(in_turn)).is_ok());
    }
}
