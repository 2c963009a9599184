//! A message that has failed more often than its queue's delivery limit is not handed out again.

use std::collections::BTreeSet;

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    // What died and could not leave before the server ended is back after it, with its failures.
    let mut of_this_life = BTreeSet::new();
    for happened in happened(story) {
        match happened {
            Happened::Started(_) => of_this_life.clear(),
            Happened::Published(published) => {
                of_this_life.insert(published.id);
            }
            _ => {}
        }
        let Happened::Delivered(delivered) = happened else { continue };
        if !of_this_life.contains(&delivered.id) {
            continue;
        }
        let limit = story.topology.get(delivered.from).and_then(|design| design.delivery_limit);
        if let Some(limit) = limit.filter(|limit| delivered.failures > *limit) {
            let (id, failures) = (delivered.id, delivered.failures);
            return Err(format!("{id} was handed out after {failures} failures of {limit}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{deliver, published, story_in};
    use crate::history::{Delivered, Happened};
    use crate::workload::QueueDesign;

    #[test]
    fn finds_a_message_that_failed_once_too_often() {
        let told = |delivery_limit, failures| {
            let queue = QueueDesign { quorum: true, delivery_limit, ..QueueDesign::default() };
            let delivered = Happened::Delivered(Delivered { failures, ..deliver(1) });
            check(&story_in(queue, [published(1), delivered]))
        };
        assert!(told(Some(1), 1).is_ok());
        assert!(told(Some(1), 2).is_err());
        assert!(told(None, 2).is_ok());
    }
}
