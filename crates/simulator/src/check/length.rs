//! A queue holds no more than its limit, save what came back to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    // What was handed out may return whatever the limit says.
    let mut may_return: BTreeMap<_, u64> = BTreeMap::new();
    let mut blind = BTreeSet::new();
    for happened in happened(story) {
        match happened {
            Happened::Delivered(delivered) => {
                *may_return.entry(delivered.from).or_default() += 1;
            }
            // What was under way to somebody returns as well, however many that were.
            Happened::Refused { .. }
            | Happened::Recovering(_)
            | Happened::Started(_)
            | Happened::Ended(_)
            | Happened::Cut(_)
            | Happened::Vanished(_) => {
                blind.extend(story.topology.ids());
            }
            Happened::Looked { queue, ready, .. } => {
                let Some(limit) = story.topology.get(*queue).and_then(|design| design.max_length)
                else {
                    continue;
                };
                let returned = may_return.get(queue).copied().unwrap_or_default();
                if *ready <= limit {
                    blind.remove(queue);
                } else if *ready > limit + returned && !blind.contains(queue) {
                    return Err(format!(
                        "{queue} holds {ready} messages, and {limit} is its limit"
                    ));
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
    use crate::check::testing::{QUEUE, story_in};
    use crate::history::Happened;
    use crate::workload::QueueDesign;

    #[test]
    fn finds_a_queue_that_is_too_long() {
        let short = QueueDesign { max_length: Some(5), ..QueueDesign::default() };
        let looked = |ready| [Happened::Looked { queue: QUEUE, ready, unacked: 0 }];
        assert!(check(&story_in(short.clone(), looked(5))).is_ok());
        assert!(check(&story_in(short, looked(6))).is_err());
    }
}
