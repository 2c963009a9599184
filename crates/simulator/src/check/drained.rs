//! When faults stop, everything drains: nothing is stuck in a queue.

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    for happened in happened(story) {
        if let Happened::Left { queue, messages } = happened
            && *messages > 0
        {
            return Err(format!("{messages} messages are stuck in {queue}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{QUEUE, story};
    use crate::history::Happened;

    #[test]
    fn finds_a_message_that_is_stuck() {
        assert!(check(&story([Happened::Left { queue: QUEUE, messages: 0 }])).is_ok());
        assert!(check(&story([Happened::Left { queue: QUEUE, messages: 1 }])).is_err());
    }
}
