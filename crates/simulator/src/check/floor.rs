//! With all clients gone and all queues empty, the server holds nothing: memory and disk are back to the floor.

use std::collections::BTreeSet;

use crate::history::{Happened, Story};

use super::happened;

/// What a queue, an exchange or a binding may take in the log.
const DEFINITION_BYTES: u64 = 400;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut made = BTreeSet::new();
    for happened in happened(story) {
        match happened {
            Happened::Made { queue, .. } => {
                made.insert(*queue);
            }
            Happened::Outlived(queue) if made.contains(queue) => {
                return Err(format!("{queue} outlived its client"));
            }
            Happened::Floor(held) => {
                for (name, held) in held {
                    if *held > most(story, name) {
                        return Err(format!("{held} {name} are held for nothing"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// How much the server may hold of something.
fn most(story: &Story, name: &str) -> u64 {
    let definitions = 3 * story.topology.queues.len() as u64 + 2;
    match name {
        // The segment being written, one that is given back, and the reserve.
        "octets of the log" => 4 * story.options.segment_bytes + definitions * DEFINITION_BYTES,
        "octets of the log in use" => definitions * DEFINITION_BYTES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{ALICE, story};
    use crate::history::{Happened, QueueId};

    #[test]
    fn finds_what_is_held_for_nothing() {
        assert!(check(&story([Happened::Floor(vec![("messages", 0)])])).is_ok());
        assert!(check(&story([Happened::Floor(vec![("messages", 1)])])).is_err());
        let log = |octets| story([Happened::Floor(vec![("octets of the log in use", octets)])]);
        assert!(check(&log(500)).is_ok());
        assert!(check(&log(50_000)).is_err());
    }

    #[test]
    fn finds_a_queue_that_outlived_its_client() {
        let made = Happened::Made { by: ALICE, queue: QueueId(9) };
        assert!(check(&story([made.clone()])).is_ok());
        assert!(check(&story([made, Happened::Outlived(QueueId(9))])).is_err());
    }
}
