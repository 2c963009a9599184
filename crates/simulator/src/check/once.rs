//! A message ends once in each queue: what was settled for good does not come again, neither there nor as a dead letter,
//! unless a crash took the settlement back. And when everything has been given back, there is one of each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::history::{ActorId, Happened, MessageId, Published, QueueId, Settlement, Story};

use super::happened;
use super::terms::Terms;

/// A message in a queue.
type Place = (MessageId, QueueId);

pub(super) fn check(story: &Story) -> Result<(), String> {
    let terms = Terms::of(story);
    let mut ends = Ends::default();
    let mut recovering = BTreeSet::new();
    let mut last_seen: Option<BTreeSet<(MessageId, QueueId, Vec<QueueId>)>> = None;
    for happened in happened(story) {
        ends.note(&terms, happened);
        match happened {
            Happened::Quiet => last_seen = Some(BTreeSet::new()),
            Happened::Recovering(by) => {
                recovering.insert(*by);
            }
            Happened::Recovered(by) => {
                recovering.remove(by);
            }
            // What is still under way to somebody who has given everything back is nobody's.
            Happened::Delivered(delivered) if recovering.contains(&delivered.to) => {}
            Happened::Delivered(delivered) => {
                // A dead letter of a queue shows that its message ended there by dying.
                let died = delivered.deaths.iter().map(|died| died.queue);
                let places: Vec<QueueId> = died.chain([delivered.from]).collect();
                if let Some(seen) = &mut last_seen
                    && !seen.insert((delivered.id, delivered.from, places.clone()))
                {
                    return Err(format!("{} is there twice in {}", delivered.id, delivered.from));
                }
                for place in &places {
                    // Where dead letters go there may be several copies of a message.
                    if !terms.is_grave(*place) && ends.gone.contains(&(delivered.id, *place)) {
                        let (id, from) = (delivered.id, delivered.from);
                        return Err(format!("{id} ended in {place} and came again out of {from}"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Which messages have ended where.
#[derive(Default)]
struct Ends {
    /// Acknowledged, and when asked afterwards the server answered.
    gone: BTreeSet<Place>,
    sent: BTreeMap<ActorId, Vec<Place>>,
    /// What each question that is not answered yet comes after.
    asked: BTreeMap<ActorId, VecDeque<Vec<Place>>>,
    /// A crash takes back what is not on disk: whatever is confirmed proves that all before it is.
    unwritten: Vec<Place>,
    after: BTreeMap<(ActorId, u64), Vec<Place>>,
    written: BTreeSet<Place>,
}

impl Ends {
    fn note(&mut self, terms: &Terms, happened: &Happened) {
        match happened {
            Happened::Settled { by, id, from, how: Settlement::Ack } => {
                self.sent.entry(*by).or_default().push((*id, *from));
            }
            Happened::Barrier(by) | Happened::Committing(by, _) => {
                let sent = self.sent.remove(by).unwrap_or_default();
                self.asked.entry(*by).or_default().push_back(sent);
            }
            Happened::Synced(by) | Happened::Committed(by, _) => {
                let first = self.asked.get_mut(by).and_then(VecDeque::pop_front);
                let first = first.unwrap_or_default();
                self.gone.extend(first.iter().copied());
                self.unwritten.extend(first);
            }
            Happened::Published(published) if is_written(terms, published) => {
                // Its record comes after theirs.
                let before = core::mem::take(&mut self.unwritten);
                self.after.insert((published.by, published.tag), before);
            }
            Happened::Confirmed { by, tag, multiple, accepted: true } => {
                let first = if *multiple { 0 } else { *tag };
                let told = self.after.range((*by, first)..=(*by, *tag));
                let told: Vec<_> = told.map(|(key, _)| *key).collect();
                for key in told {
                    self.written.extend(self.after.remove(&key).unwrap_or_default());
                }
            }
            Happened::Killed | Happened::PowerLost | Happened::Failed(_) => {
                let written = &self.written;
                self.gone.retain(|place| written.contains(place));
                self.unwritten.clear();
                self.after.clear();
                self.sent.clear();
                self.asked.clear();
            }
            _ => {}
        }
    }
}

/// Whether a confirm of this says that it is on disk: some queue keeps it, come what may.
fn is_written(terms: &Terms, published: &Published) -> bool {
    let keeps = |queue: &QueueId| !terms.may_lose(*queue);
    let stays = published.persistent && published.expiration_ms.is_none();
    published.tag > 0 && stays && published.to.iter().any(keeps)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{
        BOB, GRAVE, acked, again, buried, confirmed, delivered, published, story, story_in,
    };
    use crate::history::Happened;
    use crate::workload::QueueDesign;

    fn ended() -> Vec<Happened> {
        vec![published(1), delivered(1), acked(1), Happened::Barrier(BOB), Happened::Synced(BOB)]
    }

    #[test]
    fn finds_a_message_that_comes_after_its_end() {
        assert!(check(&story(ended())).is_ok());
        assert!(check(&story(ended().into_iter().chain([again(1)]))).is_err());
        let in_between = [published(1), delivered(1), acked(1), again(1)];
        assert!(check(&story(in_between)).is_ok());
        let crashed = ended().into_iter().chain([Happened::PowerLost, again(1)]);
        assert!(check(&story(crashed)).is_ok());
    }

    #[test]
    fn finds_an_end_that_a_crash_took_back_though_it_was_on_disk() {
        let told = |then: &[Happened]| {
            let crash = [Happened::PowerLost, again(1)];
            check(&story(ended().into_iter().chain(then.to_vec()).chain(crash)))
        };
        assert!(told(&[published(2)]).is_ok());
        assert!(told(&[published(2), confirmed(2)]).is_err());
        assert!(told(&[confirmed(1)]).is_ok());
    }

    #[test]
    fn knows_which_question_was_answered() {
        let second = [delivered(2), acked(2), Happened::Barrier(BOB), Happened::Synced(BOB)];
        let begun = [published(1), published(2), delivered(1), Happened::Barrier(BOB), acked(1)];
        let told = || begun.iter().cloned().chain(second.clone());
        // The answer is to the first question, before which nothing was acknowledged.
        assert!(check(&story(told().chain([again(1)]))).is_ok());
        assert!(check(&story(told().chain([Happened::Synced(BOB), again(1)]))).is_err());
    }

    #[test]
    fn finds_a_message_that_is_there_twice() {
        assert!(check(&story([published(1), Happened::Quiet, delivered(1)])).is_ok());
        assert!(check(&story([published(1), Happened::Quiet, delivered(1), again(1)])).is_err());
    }

    #[test]
    fn finds_a_message_that_ended_in_two_ways() {
        let mortal = QueueDesign { grave: Some(GRAVE), durable: true, ..QueueDesign::default() };
        let both = ended().into_iter().chain([buried(1, "expired")]);
        assert!(check(&story_in(mortal, both)).is_err());
    }
}
