//! A mandatory message that no queue wants comes back, once and before its confirm; no other does.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Happened, QueueId, Story};
use crate::workload::QueueDesign;

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut published = BTreeMap::new();
    let mut by_tag = BTreeMap::new();
    let mut returned = BTreeSet::new();
    // A message for a queue that is gone for a while comes back as well.
    let lasting = |message: &crate::history::Published| {
        // Queues that clients make for themselves are there for as long as they say.
        let stays = |queue: &QueueId| story.topology.get(*queue).is_none_or(QueueDesign::stays);
        message.to.iter().any(stays)
    };
    for happened in happened(story) {
        match happened {
            Happened::Published(message) => {
                published.insert(message.id, message);
                if message.tag > 0 {
                    by_tag.insert((message.by, message.tag), message);
                }
            }
            Happened::Returned { by, id } => {
                let expected = published.get(id).is_some_and(|message| {
                    message.mandatory && message.by == *by && !lasting(message)
                });
                if !expected || !returned.insert(*id) {
                    return Err(format!("{by} was returned {id}"));
                }
            }
            Happened::Confirmed { by, tag, multiple, .. } => {
                let first = if *multiple { 1 } else { *tag };
                let told: Vec<_> =
                    by_tag.range((*by, first)..=(*by, *tag)).map(|(key, _)| *key).collect();
                for key in told {
                    let message = by_tag.remove(&key).expect("it was just there");
                    if message.mandatory && message.to.is_empty() && !returned.contains(&message.id)
                    {
                        return Err(format!("{} was confirmed before it came back", message.id));
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
    use crate::check::testing::{ALICE, confirmed, publish, published, story};
    use crate::history::{Happened, MessageId, Published};

    #[test]
    fn finds_a_return_that_comes_late_or_for_nothing() {
        let lost = || {
            let (to, mandatory) = (Vec::new(), true);
            Happened::Published(Published { to, mandatory, ..publish(1) })
        };
        let returned = || Happened::Returned { by: ALICE, id: MessageId(1) };
        assert!(check(&story([lost(), returned(), confirmed(1)])).is_ok());
        assert!(check(&story([lost(), confirmed(1), returned()])).is_err());
        assert!(check(&story([lost(), returned(), returned()])).is_err());
        assert!(check(&story([published(1), returned()])).is_err());
    }
}
