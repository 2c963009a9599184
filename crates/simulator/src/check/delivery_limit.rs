//! A message that has failed more often than its queue's delivery limit is not handed out again, no matter how often the
//! server ended since: a failure that its log knows of is enough.

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    for happened in happened(story) {
        let Happened::Delivered(delivered) = happened else { continue };
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

    fn told(
        delivery_limit: Option<u64>,
        failures: u64,
        meanwhile: Option<Happened>,
    ) -> Result<(), String> {
        let queue = QueueDesign { quorum: true, delivery_limit, ..QueueDesign::default() };
        let delivered = Happened::Delivered(Delivered { failures, ..deliver(1) });
        check(&story_in(queue, [published(1)].into_iter().chain(meanwhile).chain([delivered])))
    }

    #[test]
    fn finds_a_message_that_failed_once_too_often() {
        assert!(told(Some(1), 1, None).is_ok());
        assert!(told(Some(1), 2, None).is_err());
        assert!(told(None, 2, None).is_ok());
    }

    #[test]
    fn an_end_of_the_server_takes_no_death_back() {
        for end in [Happened::Killed, Happened::PowerLost, Happened::Started(0)] {
            assert!(told(Some(1), 1, Some(end.clone())).is_ok());
            assert!(told(Some(1), 2, Some(end)).is_err());
        }
    }
}
