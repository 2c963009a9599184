//! When faults stop, everything drains: nothing is stuck in a queue.

use crate::history::Happened;

pub(super) fn check(history: &[Happened]) -> Result<(), String> {
    for happened in history {
        if let Happened::Left { queue, messages } = happened
            && *messages > 0
        {
            return Err(format!("{messages} messages are stuck in queue {}", queue.0));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::history::{Happened, QueueId};

    #[test]
    fn finds_a_message_that_is_stuck() {
        assert!(check(&[Happened::Left { queue: QueueId(0), messages: 0 }]).is_ok());
        assert!(check(&[Happened::Left { queue: QueueId(0), messages: 1 }]).is_err());
    }
}
