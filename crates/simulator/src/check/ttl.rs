//! A message dies of its age on time: it is not given to anybody who asks later, and does not die before.

use core::time::Duration;
use std::collections::BTreeMap;

use warrener_time::Time;

use crate::history::{Delivered, Happened, MessageId, Published, Story};

use super::published;
use super::terms::Terms;

pub(super) fn check(story: &Story) -> Result<(), String> {
    if story.options.clock_step_max_ms > 0 {
        // A message that lives through a step of the clock grows as old as the clock says.
        return Ok(());
    }
    let all = published(story);
    let terms = Terms::of(story);
    let mut sent_at: BTreeMap<MessageId, Time> = BTreeMap::new();
    let mut there_at: BTreeMap<MessageId, Time> = BTreeMap::new();
    let mut by_tag = BTreeMap::new();
    for moment in &story.moments {
        match &moment.what {
            Happened::Published(published) => {
                sent_at.insert(published.id, moment.at);
                by_tag.insert((published.by, published.tag), published.id);
            }
            Happened::Confirmed { by, tag, .. } => {
                // Those before it are there as well, but this is enough.
                if let Some(id) = by_tag.get(&(*by, *tag)) {
                    there_at.entry(*id).or_insert(moment.at);
                }
            }
            Happened::Delivered(delivered) => {
                let Some(published) = all.get(&delivered.id) else { continue };
                let sent = sent_at[&delivered.id];
                too_early(&terms, published, delivered, sent, moment.at)?;
                if let Some(there) = there_at.get(&delivered.id) {
                    too_late(story, published, delivered, *there)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// How long a message lives, when it was published to a queue with this time to live.
fn lives(of_queue: Option<u64>, published: &Published) -> Option<Duration> {
    let ttl_ms = of_queue.into_iter().chain(published.expiration_ms).min();
    ttl_ms.map(Duration::from_millis)
}

fn too_early(
    terms: &Terms,
    published: &Published,
    delivered: &Delivered,
    sent: Time,
    at: Time,
) -> Result<(), String> {
    let Some(first) = delivered.deaths.last().filter(|died| died.reason == "expired") else {
        return Ok(());
    };
    // A policy may have said less than the queue's arguments, for a while.
    match lives(terms.get(first.queue).and_then(|queue| queue.ttl_ms), published) {
        Some(lives) if at >= sent + lives => Ok(()),
        _ => Err(format!("{} died in {} before its time", delivered.id, first.queue)),
    }
}

fn too_late(
    story: &Story,
    published: &Published,
    delivered: &Delivered,
    there: Time,
) -> Result<(), String> {
    if !delivered.deaths.is_empty() {
        return Ok(());
    }
    // A policy can only make it less.
    let declared = story.topology.get(delivered.from).and_then(|design| design.ttl_ms);
    match lives(declared, published) {
        Some(lives) if delivered.not_before > there + lives => {
            let (id, from) = (delivered.id, delivered.from);
            Err(format!("{id} was given out of {from} after it should have died"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use warrener_time::Time;

    use super::check;
    use crate::check::testing::{GRAVE, buried, confirmed, deliver, published, story_in};
    use crate::history::{Delivered, Happened, Story};
    use crate::workload::QueueDesign;

    fn told(ttl_ms: u64, last: Happened) -> Story {
        let (ttl_ms, grave) = (Some(ttl_ms), Some(GRAVE));
        let queue = QueueDesign { ttl_ms, grave, ..QueueDesign::default() };
        let mut story = story_in(queue, [published(1), confirmed(1), last]);
        story.options.clock_step_max_ms = 0;
        story
    }

    #[test]
    fn finds_a_message_that_lives_too_long() {
        let asked = |second| {
            let not_before = Time::from_secs(second);
            Happened::Delivered(Delivered { not_before, ..deliver(1) })
        };
        assert!(check(&told(2_000, asked(1_003))).is_ok());
        assert!(check(&told(2_000, asked(1_004))).is_err());
    }

    #[test]
    fn finds_a_message_that_dies_too_early() {
        assert!(check(&told(2_000, buried(1, "expired"))).is_ok());
        assert!(check(&told(2_001, buried(1, "expired"))).is_err());
    }
}
