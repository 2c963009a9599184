//! What time does, in the model.

use super::{Model, Where, after};
use crate::{Effect, Outcome, Seq, Why};
use warrener_time::Time;

/// When something happens by itself, what sort of thing it is, and to which message.
type Due = (Time, u8, u64);

impl Model {
    pub(in super::super) fn next_due(&self) -> Option<Time> {
        let unused = !self.deleted && !self.said_expired && self.consumers.is_empty();
        let unused = self.config.expires.filter(|_| unused).map(|expires| self.last_used + expires);
        self.next_message_due().map(|due| due.0).into_iter().chain(unused).min()
    }

    pub(super) fn next_message_due(&self) -> Option<Due> {
        self.search()
            .iter()
            .filter_map(|message| match message.at {
                Where::Ready => {
                    let deadline = self.deadline(message);
                    (deadline != Time::MAX).then_some((deadline, 0, message.seq))
                }
                Where::Delayed { not_before, fresh } => {
                    let deadline = if fresh { Time::MAX } else { self.deadline(message) };
                    Some((not_before.min(deadline), 1, message.seq))
                }
                Where::Out { since, timeout, .. } => Some((after(since, timeout?), 2, message.seq)),
                Where::Held(_) => None,
            })
            .min()
    }

    /// Does everything that is due by `now`.
    pub(in super::super) fn advance(&mut self, now: Time) {
        while let Some((at, _, seq)) = self.next_message_due().filter(|due| due.0 <= now) {
            let index = self.index_of(seq).expect("it is due");
            match self.messages[index].at {
                Where::Ready => self.depart(index, Why::Expired),
                Where::Delayed { not_before, fresh } => {
                    if fresh {
                        self.messages[index].place = self.next_number();
                        self.begin_to_wait(at, index);
                    } else if self.deadline(&self.messages[index]) <= at {
                        self.depart(index, Why::Expired);
                    } else {
                        assert!(not_before <= at);
                        self.messages[index].at = Where::Ready;
                    }
                }
                Where::Out { consumer, .. } => {
                    let consumer = consumer.expect("only consumers have a timeout");
                    self.effects.push(Effect::TakenBack { seq: Seq::new(seq), consumer });
                    self.settle(at, seq, Outcome::Requeue { failed: false });
                }
                Where::Held(_) => unreachable!("nothing is due for it"),
            }
        }
    }

    /// Says that the queue expires, if it does.
    pub(in super::super) fn expire_if_unused(&mut self, now: Time) {
        if self.next_due().is_some_and(|at| at <= now) {
            self.said_expired = true;
            self.effects.push(Effect::Expired);
        }
    }
}
