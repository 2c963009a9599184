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
    let mut ends = Ends { long_bytes: story.options.fragment_bytes(), ..Ends::default() };
    let mut recovering = BTreeSet::new();
    let mut last_seen: Option<BTreeSet<(MessageId, QueueId, Vec<QueueId>)>> = None;
    let mut late = Late::default();
    for (number, happened) in happened(story).enumerate() {
        ends.note(&terms, number, happened);
        late.note(number, happened);
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
                    let gone = ends.gone.get(&(delivered.id, *place));
                    let gone = gone.is_some_and(|at| !late.may_be_from_before(delivered.to, *at));
                    if !terms.is_grave(*place) && gone {
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

/// Who may hear now of what they were sent long ago, and what was given to others since.
#[derive(Default)]
struct Late {
    /// When somebody did not read last; for ever while it is so.
    stalled: BTreeMap<ActorId, usize>,
    over: BTreeSet<ActorId>,
}

impl Late {
    fn note(&mut self, number: usize, happened: &Happened) {
        match happened {
            Happened::Stalled(by, true) => {
                self.stalled.insert(*by, usize::MAX);
            }
            Happened::Stalled(by, false) => {
                self.stalled.insert(*by, number);
            }
            Happened::Ended(by) | Happened::Refused { by, .. } => {
                self.over.insert(*by);
            }
            _ => {}
        }
    }

    /// Whether something may have been sent to this client before that, and be heard of only now.
    fn may_be_from_before(&self, to: ActorId, number: usize) -> bool {
        self.over.contains(&to) || self.stalled.get(&to).is_some_and(|until| *until > number)
    }
}

/// Which messages have ended where.
#[derive(Default)]
struct Ends {
    /// Acknowledged, and when asked afterwards the server answered: when that was.
    gone: BTreeMap<Place, usize>,
    sent: BTreeMap<ActorId, Vec<Place>>,
    /// What each question that is not answered yet comes after.
    asked: BTreeMap<ActorId, VecDeque<Vec<Place>>>,
    /// A crash takes back what is not on disk: whatever is confirmed proves that all before it is.
    unwritten: Vec<Place>,
    after: BTreeMap<(ActorId, u64), Vec<Place>>,
    written: BTreeSet<Place>,
    /// A record longer than this is written in fragments, and what ends meanwhile is written behind it: later records
    /// that fit between its fragments say nothing of that.
    long_bytes: u64,
    /// How much each transaction holds.
    transactions: BTreeMap<(ActorId, u64), u64>,
    /// There may be such a record, or that of a dead letter, from now on.
    long: bool,
}

/// What is written of a message besides its body, at most.
const PROPERTIES_BYTES: u64 = 200;

impl Ends {
    fn note(&mut self, terms: &Terms, number: usize, happened: &Happened) {
        if let Happened::Published(published) = happened {
            self.measure(published);
        }
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
                self.gone.extend(first.iter().map(|place| (*place, number)));
                self.unwritten.extend(first);
            }
            Happened::Published(published) if !self.long && is_written(terms, published) => {
                // Its record comes after theirs.
                let before = core::mem::take(&mut self.unwritten);
                self.after.insert((published.by, published.tag), before);
            }
            Happened::Confirmed { by, tag, multiple, accepted: true } if !self.long => {
                let first = if *multiple { 0 } else { *tag };
                let told = self.after.range((*by, first)..=(*by, *tag));
                let told: Vec<_> = told.map(|(key, _)| *key).collect();
                for key in told {
                    self.written.extend(self.after.remove(&key).unwrap_or_default());
                }
            }
            Happened::Killed | Happened::PowerLost | Happened::Failed(_) => {
                let written = &self.written;
                self.gone.retain(|place, _| written.contains(place));
                self.unwritten.clear();
                self.after.clear();
                self.sent.clear();
                self.asked.clear();
            }
            _ => {}
        }
    }

    fn measure(&mut self, published: &Published) {
        let mut bytes = published.bytes + PROPERTIES_BYTES;
        if let Some(transaction) = published.transaction {
            let whole = self.transactions.entry((published.by, transaction)).or_default();
            *whole += bytes;
            bytes = *whole;
        }
        self.long |= bytes > self.long_bytes;
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
        ALICE, BOB, GRAVE, acked, again, buried, confirmed, deliver, delivered, publish, published,
        story, story_in,
    };
    use crate::history::{ActorId, Delivered, Happened, Published};
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
        let long = Happened::Published(Published { bytes: 1 << 20, ..publish(3) });
        assert!(told(&[long, published(2), confirmed(2)]).is_ok());
    }

    #[test]
    fn knows_who_hears_of_it_late() {
        let told = |first: &[Happened], then: &[Happened]| {
            let story = first.iter().cloned().chain(ended()).chain(then.to_vec());
            check(&crate::check::testing::story(story.chain([to(ALICE)])))
        };
        let stalls = |on| Happened::Stalled(ALICE, on);
        assert!(told(&[], &[]).is_err());
        assert!(told(&[stalls(true)], &[stalls(false)]).is_ok());
        assert!(told(&[stalls(true), stalls(false)], &[]).is_err());
        assert!(told(&[], &[Happened::Ended(ALICE)]).is_ok());
    }

    fn to(to: ActorId) -> Happened {
        Happened::Delivered(Delivered { to, redelivered: true, ..deliver(1) })
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
