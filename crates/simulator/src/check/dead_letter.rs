//! A dead letter died of something that can kill in its queue.

use std::collections::BTreeSet;

use crate::history::{Happened, Settlement, Story};

use super::terms::{QueueTerms, Terms};
use super::{happened, published};

pub(super) fn check(story: &Story) -> Result<(), String> {
    let all = published(story);
    let terms = Terms::of(story);
    let mut discarded = BTreeSet::new();
    for happened in happened(story) {
        match happened {
            Happened::Settled { id, from, how: Settlement::Discard, .. } => {
                discarded.insert((*id, *from));
            }
            Happened::Delivered(delivered) => {
                let first = delivered.deaths.len().saturating_sub(1);
                for (nth, died) in delivered.deaths.iter().enumerate() {
                    let expires = nth == first
                        && all.get(&delivered.id).is_some_and(|it| it.expiration_ms.is_some());
                    let has = |what: fn(&QueueTerms) -> bool| terms.may(died.queue, what);
                    let can = match died.reason.as_str() {
                        "rejected" => discarded.contains(&(delivered.id, died.queue)),
                        "expired" => expires || has(|queue| queue.ttl_ms.is_some()),
                        "maxlen" => has(|queue| queue.max_length.is_some()),
                        "delivery_limit" => has(|queue| queue.quorum),
                        _ => false,
                    };
                    if !can {
                        let (id, queue, reason) = (delivered.id, died.queue, &died.reason);
                        return Err(format!("{id} cannot have died in {queue} of: {reason}"));
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
    use crate::check::testing::{buried, delivered, published, settled, story, story_in};
    use crate::history::Settlement;
    use crate::workload::QueueDesign;

    #[test]
    fn finds_a_death_without_a_cause() {
        let discarded = || settled(1, Settlement::Discard);
        let told = [published(1), delivered(1), discarded(), buried(1, "rejected")];
        assert!(check(&story(told)).is_ok());
        assert!(check(&story([published(1), delivered(1), buried(1, "rejected")])).is_err());
        let short = QueueDesign { max_length: Some(1), ..QueueDesign::default() };
        assert!(check(&story_in(short, [published(1), buried(1, "maxlen")])).is_ok());
        for reason in ["maxlen", "expired", "delivery_limit", "age"] {
            assert!(check(&story([published(1), buried(1, reason)])).is_err());
        }
    }
}
