//! Who builds exchanges, queues and bindings and publishes through them finds as many messages in each queue as went there.

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    for happened in happened(story) {
        if let Happened::Counted { queue, expected, found } = happened
            && expected != found
        {
            return Err(format!("{queue} has {found} messages, and {expected} were routed to it"));
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
    fn finds_a_queue_that_has_more_or_less_than_was_routed_to_it() {
        let told = |found| story([Happened::Counted { queue: QUEUE, expected: 2, found }]);
        assert!(check(&told(2)).is_ok());
        assert!(check(&told(1)).is_err());
        assert!(check(&told(3)).is_err());
    }
}
