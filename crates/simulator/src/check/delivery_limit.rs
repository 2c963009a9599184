//! A message that has failed more often than its queue's delivery limit is not handed out again.

use std::collections::BTreeMap;

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut starts = 0_u64;
    let mut starts_before = BTreeMap::new();
    for happened in happened(story) {
        match happened {
            Happened::Started(_) => starts += 1,
            Happened::Published(published) => {
                starts_before.insert(published.id, starts);
            }
            _ => {}
        }
        let Happened::Delivered(delivered) = happened else { continue };
        // What died and could not leave before the server's end is back after it, with its failures, and may fail once more.
        let lives = starts_before.get(&delivered.id).map_or(0, |before| starts - before);
        let limit = story.topology.get(delivered.from).and_then(|design| design.delivery_limit);
        if let Some(limit) = limit.filter(|limit| delivered.failures > *limit + lives) {
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

    fn told(delivery_limit: Option<u64>, failures: u64, starts: usize) -> Result<(), String> {
        let queue = QueueDesign { quorum: true, delivery_limit, ..QueueDesign::default() };
        let delivered = Happened::Delivered(Delivered { failures, ..deliver(1) });
        let starts = core::iter::repeat_n(Happened::Started(0), starts);
        check(&story_in(queue, [published(1)].into_iter().chain(starts).chain([delivered])))
    }

    #[test]
    fn finds_a_message_that_failed_once_too_often() {
        assert!(told(Some(1), 1, 0).is_ok());
        assert!(told(Some(1), 2, 0).is_err());
        assert!(told(None, 2, 0).is_ok());
    }

    #[test]
    fn an_end_of_the_server_may_take_back_a_death_and_no_more() {
        assert!(told(Some(1), 2, 1).is_ok());
        assert!(told(Some(1), 3, 1).is_err());
        assert!(told(Some(1), 3, 2).is_ok());
    }
}
