//! What one channel published to one queue reaches one consumer in that order, as long as it is delivered for the first
//! time; and at the end, when everything has been given back, all of it does: what returns has its old place.

use std::collections::BTreeMap;

use crate::history::{Happened, Story};

use super::{happened, published};

pub(super) fn check(story: &Story) -> Result<(), String> {
    let all = published(story);
    let mut last = BTreeMap::new();
    let mut quiet = false;
    for happened in happened(story) {
        let delivered = match happened {
            Happened::Delivered(delivered) if delivered.deaths.is_empty() => delivered,
            Happened::Quiet => {
                quiet = true;
                last.clear();
                continue;
            }
            _ => continue,
        };
        let (id, from) = (delivered.id, delivered.from);
        let design = story.topology.get(from);
        // A quorum queue sends what failed too often back to its end, and forgets the priority of what returns.
        let keeps_places = design.is_some_and(|design| !design.quorum);
        if delivered.redelivered && !(quiet && keeps_places) {
            continue;
        }
        let Some(published) = all.get(&id) else { continue };
        let has_levels = design.is_some_and(|design| design.has_priorities());
        let level = if has_levels { published.priority } else { None };
        let level =
            level.map(|level| level.min(design.and_then(|it| it.max_priority).unwrap_or(level)));
        if let Some(before) = last.insert((from, delivered.to, published.by, level), id)
            && before > id
        {
            return Err(format!("{id} came after {before} out of {from}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{again, delivered, published, story};
    use crate::history::Happened;

    #[test]
    fn finds_two_messages_that_changed_places() {
        let ordered = [published(1), published(2), delivered(1), delivered(2)];
        assert!(check(&story(ordered)).is_ok());
        let swapped = [published(1), published(2), delivered(2), delivered(1)];
        assert!(check(&story(swapped)).is_err());
        let returned = [published(1), published(2), delivered(2), again(1)];
        assert!(check(&story(returned)).is_ok());
    }

    #[test]
    fn finds_a_message_that_returned_to_the_wrong_place() {
        let ends = |first, second| {
            story([published(1), published(2), Happened::Quiet, again(first), again(second)])
        };
        assert!(check(&ends(1, 2)).is_ok());
        assert!(check(&ends(2, 1)).is_err());
    }
}
