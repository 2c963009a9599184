//! What was in a queue that was deleted does not come out of the queue that has its name afterwards, not even after a crash.

use std::collections::{BTreeMap, VecDeque};

use warrener_time::Time;

use crate::history::{ActorId, Happened, MessageId, QueueId, Story};

use super::taken_when;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let taken = taken_when(story);
    let mut asked: BTreeMap<(ActorId, QueueId), VecDeque<usize>> = BTreeMap::new();
    let mut deleted: BTreeMap<QueueId, Deleted> = BTreeMap::new();
    for (number, moment) in story.moments.iter().enumerate() {
        match &moment.what {
            Happened::Deleting { by, queue } => {
                asked.entry((*by, *queue)).or_default().push_back(number);
            }
            Happened::Deleted { by, queue } => {
                let asked = asked.get_mut(&(*by, *queue)).and_then(VecDeque::pop_front);
                if let Some(asked) = asked {
                    let before = deleted.get(queue).map_or(0, |before| before.asked);
                    let asked = asked.max(before);
                    deleted.insert(*queue, Deleted { asked, done: moment.at });
                }
            }
            Happened::Delivered(delivered) if delivered.deaths.is_empty() => {
                let Some(deleted) = deleted.get(&delivered.from) else { continue };
                // Consumers of the old queue may hear late of what they were sent.
                if deleted.done < delivered.not_before && was_there(&taken, delivered.id, deleted) {
                    let (id, from) = (delivered.id, delivered.from);
                    return Err(format!("{id} came out of {from}, which was deleted with it"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The last deletion of a queue: when it was asked for, and when it was done.
struct Deleted {
    asked: usize,
    done: Time,
}

fn was_there(taken: &BTreeMap<MessageId, usize>, id: MessageId, deleted: &Deleted) -> bool {
    taken.get(&id).is_some_and(|taken| *taken < deleted.asked)
}

#[cfg(test)]
mod tests {
    use warrener_time::Time;

    use super::check;
    use crate::check::testing::{ALICE, QUEUE, confirmed, deliver, published, story};
    use crate::history::{Delivered, Happened};

    #[test]
    fn finds_a_message_that_outlived_its_queue() {
        let deleting = || Happened::Deleting { by: ALICE, queue: QUEUE };
        let deleted = || Happened::Deleted { by: ALICE, queue: QUEUE };
        let asked = |second| {
            let not_before = Time::from_secs(second);
            Happened::Delivered(Delivered { not_before, ..deliver(1) })
        };
        let told = |last| check(&story([published(1), confirmed(1), deleting(), deleted(), last]));
        assert!(told(asked(1_004)).is_err());
        assert!(told(asked(1_003)).is_ok());
        let unconfirmed = [published(1), deleting(), confirmed(1), deleted(), asked(1_004)];
        assert!(check(&story(unconfirmed)).is_ok());
    }
}
