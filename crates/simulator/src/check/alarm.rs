//! While an alarm is on, nothing that is published then goes anywhere: it is neither delivered, nor confirmed, nor returned.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{ActorId, Happened, MessageId, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut on = BTreeSet::new();
    let mut waiting = Waiting::default();
    for happened in happened(story) {
        match happened {
            Happened::Alarmed(alarm, true) => {
                on.insert(*alarm);
            }
            Happened::Alarmed(alarm, false) => {
                on.remove(alarm);
            }
            // A new process knows of no alarm.
            Happened::Killed | Happened::PowerLost | Happened::ShutDown | Happened::Failed(_) => {
                on.clear();
            }
            other if !on.is_empty() => {
                if let Some(what) = waiting.contradicts(other) {
                    return Err(format!("{what} while there was an alarm"));
                }
            }
            _ => {}
        }
        if on.is_empty() {
            waiting = Waiting::default();
        }
    }
    Ok(())
}

/// What was published, and must not go anywhere for now.
#[derive(Default)]
pub(super) struct Waiting {
    messages: BTreeSet<MessageId>,
    tags: BTreeMap<(ActorId, u64), MessageId>,
}

impl Waiting {
    /// Notes what is published, and says what shows that some of it was taken.
    pub(super) fn contradicts(&mut self, happened: &Happened) -> Option<String> {
        match happened {
            Happened::Published(published) => {
                self.messages.insert(published.id);
                if published.tag > 0 {
                    self.tags.insert((published.by, published.tag), published.id);
                }
                None
            }
            Happened::Delivered(delivered) if self.messages.contains(&delivered.id) => {
                Some(format!("{} was delivered", delivered.id))
            }
            Happened::Returned { id, .. } if self.messages.contains(id) => {
                Some(format!("{id} was returned"))
            }
            Happened::Confirmed { by, tag, .. } => {
                let id = self.tags.get(&(*by, *tag))?;
                Some(format!("{id} was answered"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use warrener_broker::Alarm;

    use super::check;
    use crate::check::testing::{confirmed, delivered, published, story};
    use crate::history::Happened;

    #[test]
    fn finds_a_message_that_did_not_wait() {
        let alarm = |on| Happened::Alarmed(Alarm::Memory, on);
        for then in [confirmed(1), delivered(1)] {
            let told = |on: &[Happened]| {
                let begun = [alarm(true), published(1)].into_iter();
                check(&story(begun.chain(on.to_vec()).chain([then.clone()])))
            };
            assert!(told(&[alarm(false)]).is_ok());
            assert!(told(&[Happened::Killed]).is_ok());
            assert!(told(&[]).is_err());
            assert!(told(&[Happened::Alarmed(Alarm::Disk, false)]).is_err());
            assert!(check(&story([published(1), alarm(true), then])).is_ok());
        }
    }
}
