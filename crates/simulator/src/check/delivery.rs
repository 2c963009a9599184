//! What is delivered was published, to that queue or to one whose dead letters go there, and is what was published.

use crate::history::{Delivered, Published, Story};

use super::terms::Terms;
use super::{happened, published};
use crate::history::Happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let all = published(story);
    let terms = Terms::of(story);
    for happened in happened(story) {
        let Happened::Delivered(delivered) = happened else { continue };
        let Some(published) = all.get(&delivered.id) else {
            return Err(format!("{} was delivered, and nobody published it", delivered.id));
        };
        if !delivered.whole {
            return Err(format!("{} was delivered damaged", delivered.id));
        }
        if !belongs(&terms, published, delivered) {
            return Err(format!("{} came out of {}", delivered.id, delivered.from));
        }
    }
    Ok(())
}

/// The message went from a queue it was published to, from death to death, to where it was delivered.
fn belongs(terms: &Terms, published: &Published, delivered: &Delivered) -> bool {
    let mut place = delivered.from;
    for died in &delivered.deaths {
        if !terms.may(died.queue, |it| it.graves.contains(&place)) || died.count != 1 {
            return false;
        }
        place = died.queue;
    }
    published.to.contains(&place)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{GRAVE, buried, deliver, delivered, published, story, story_in};
    use crate::history::{Delivered, Happened};
    use crate::workload::QueueDesign;

    #[test]
    fn finds_a_message_that_nobody_published() {
        assert!(check(&story([published(1), delivered(1)])).is_ok());
        assert!(check(&story([published(1), delivered(2)])).is_err());
    }

    #[test]
    fn finds_a_message_in_a_queue_that_it_was_not_for() {
        let astray = Happened::Delivered(Delivered { from: GRAVE, ..deliver(1) });
        assert!(check(&story([published(1), astray])).is_err());
        let mortal = QueueDesign { grave: Some(GRAVE), ..QueueDesign::default() };
        assert!(check(&story_in(mortal, [published(1), buried(1, "rejected")])).is_ok());
        assert!(check(&story([published(1), buried(1, "rejected")])).is_err());
    }

    #[test]
    fn finds_a_damaged_message() {
        let damaged = Happened::Delivered(Delivered { whole: false, ..deliver(1) });
        assert!(check(&story([published(1), damaged])).is_err());
    }
}
