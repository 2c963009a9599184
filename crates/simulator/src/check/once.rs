//! A message ends once in each queue: what was settled for good does not come again, neither there nor as a dead letter,
//! unless a crash took the settlement back. And when everything has been given back, there is one of each.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{ActorId, Happened, MessageId, QueueId, Settlement, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    // Acknowledged, and when asked afterwards the server answered.
    let mut gone: BTreeSet<(MessageId, QueueId)> = BTreeSet::new();
    let mut sent: BTreeMap<ActorId, Vec<(MessageId, QueueId)>> = BTreeMap::new();
    let mut asked: BTreeMap<ActorId, Vec<(MessageId, QueueId)>> = BTreeMap::new();
    let mut recovering = BTreeSet::new();
    let mut last_seen: Option<BTreeSet<(MessageId, QueueId, Vec<QueueId>)>> = None;
    for happened in happened(story) {
        match happened {
            Happened::Quiet => last_seen = Some(BTreeSet::new()),
            Happened::Settled { by, id, from, how: Settlement::Ack } => {
                sent.entry(*by).or_default().push((*id, *from));
            }
            Happened::Barrier(by) | Happened::Committing(by, _) => {
                let sent = sent.remove(by).unwrap_or_default();
                asked.entry(*by).or_default().extend(sent);
            }
            Happened::Synced(by) | Happened::Committed(by, _) => {
                gone.extend(asked.remove(by).unwrap_or_default());
            }
            Happened::Killed | Happened::PowerLost | Happened::Failed(_) => {
                gone.clear();
                sent.clear();
                asked.clear();
            }
            Happened::Recovering(by) => {
                recovering.insert(*by);
            }
            Happened::Recovered(by) => {
                recovering.remove(by);
            }
            // What is still under way to somebody who has given everything back is nobody's.
            Happened::Delivered(delivered) if recovering.contains(&delivered.to) => {}
            Happened::Delivered(delivered) => {
                // A dead letter of a queue shows that its message ended there by dying.
                let died = delivered.deaths.iter().map(|died| died.queue);
                let places: Vec<QueueId> = died.chain([delivered.from]).collect();
                if let Some(seen) = &mut last_seen
                    && !seen.insert((delivered.id, delivered.from, places.clone()))
                {
                    return Err(format!("{} is there twice in {}", delivered.id, delivered.from));
                }
                for place in &places {
                    // Where dead letters go there may be several copies of a message.
                    let only_way = story.topology.queues.iter().all(|it| it.grave != Some(*place));
                    if only_way && gone.contains(&(delivered.id, *place)) {
                        let (id, from) = (delivered.id, delivered.from);
                        return Err(format!("{id} ended in {place} and came again out of {from}"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{
        BOB, GRAVE, acked, again, buried, delivered, published, story, story_in,
    };
    use crate::history::Happened;
    use crate::workload::QueueDesign;

    fn ended() -> Vec<Happened> {
        vec![published(1), delivered(1), acked(1), Happened::Barrier(BOB), Happened::Synced(BOB)]
    }

    #[test]
    fn finds_a_message_that_comes_after_its_end() {
        assert!(check(&story(ended())).is_ok());
        assert!(check(&story(ended().into_iter().chain([again(1)]))).is_err());
        let in_between = [published(1), delivered(1), acked(1), again(1)];
        assert!(check(&story(in_between)).is_ok());
        let crashed = ended().into_iter().chain([Happened::PowerLost, again(1)]);
        assert!(check(&story(crashed)).is_ok());
    }

    #[test]
    fn finds_a_message_that_is_there_twice() {
        assert!(check(&story([published(1), Happened::Quiet, delivered(1)])).is_ok());
        assert!(check(&story([published(1), Happened::Quiet, delivered(1), again(1)])).is_err());
    }

    #[test]
    fn finds_a_message_that_ended_in_two_ways() {
        let mortal = QueueDesign { grave: Some(GRAVE), durable: true, ..QueueDesign::default() };
        let both = ended().into_iter().chain([buried(1, "expired")]);
        assert!(check(&story_in(mortal, both)).is_err());
    }
}
