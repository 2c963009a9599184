//! A message that has failed more often than its queue's delivery limit is not handed out again.

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
