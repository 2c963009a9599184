//! Publisher confirms as futures (RabbitMQ extension).

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::Error;

/// What the broker says about one published message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It has taken responsibility: what is durable is on its disk.
    Ack,
    /// It has not: a queue was full, or the broker failed. Publish again, or give up.
    Nack,
}

/// Waits for the [`Confirmation`] of one message. Dropping it only stops the waiting.
#[derive(Debug)]
#[must_use = "a message is safe when its confirm has come"]
pub struct Confirm(pub(crate) oneshot::Receiver<Result<Confirmation, Error>>);

impl Future for Confirm {
    type Output = Result<Confirmation, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(answer.unwrap_or(Err(Error::Gone)))
    }
}

pub(crate) type Waiter = oneshot::Sender<Result<Confirmation, Error>>;

/// The confirms that a channel waits for, by their number.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    selected: bool,
    published: u64,
    waiting: BTreeMap<u64, Waiter>,
}

impl Confirms {
    /// The channel is in confirm mode: from now on messages are counted. A second time changes nothing.
    pub(crate) fn select(&mut self) {
        self.selected = true;
    }

    pub(crate) fn is_selected(&self) -> bool {
        self.selected
    }

    /// A message was sent; `waiter` wants to know what becomes of it.
    pub(crate) fn published(&mut self, waiter: Option<Waiter>) {
        if !self.selected {
            return;
        }
        self.published += 1;
        if let Some(waiter) = waiter {
            self.waiting.insert(self.published, waiter);
        }
    }

    /// The broker settled one message, or all up to it; tag 0 with `multiple` means all that are waiting.
    pub(crate) fn settle(&mut self, tag: u64, multiple: bool, confirmation: Confirmation) {
        if !multiple {
            if let Some(waiter) = self.waiting.remove(&tag) {
                let _ = waiter.send(Ok(confirmation));
            }
            return;
        }
        let upto = if tag == 0 { u64::MAX } else { tag };
        while let Some(first) = self.waiting.first_entry() {
            if *first.key() > upto {
                break;
            }
            let _ = first.remove().send(Ok(confirmation));
        }
    }

    /// No confirm will come any more.
    pub(crate) fn fail(&mut self, error: &Error) {
        for (_, waiter) in core::mem::take(&mut self.waiting) {
            let _ = waiter.send(Err(error.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(confirms: &mut Confirms) -> oneshot::Receiver<Result<Confirmation, Error>> {
        let (waiter, receiver) = oneshot::channel();
        confirms.published(Some(waiter));
        receiver
    }

    #[test]
    fn multiple_settles_everything_up_to_the_tag_and_zero_settles_all() {
        let mut confirms = Confirms::default();
        confirms.select();
        let mut waiting: Vec<_> = (0..4).map(|_| publish(&mut confirms)).collect();
        confirms.settle(3, false, Confirmation::Nack);
        confirms.settle(2, true, Confirmation::Ack);
        let mut seen = |n: usize| waiting[n].try_recv().ok().map(|outcome| outcome.unwrap());
        assert_eq!(seen(0), Some(Confirmation::Ack));
        assert_eq!(seen(1), Some(Confirmation::Ack));
        assert_eq!(seen(2), Some(Confirmation::Nack));
        assert_eq!(seen(3), None);
        confirms.settle(0, true, Confirmation::Ack);
        assert_eq!(waiting[3].try_recv().unwrap().unwrap(), Confirmation::Ack);
    }

    #[test]
    fn messages_before_confirm_select_are_not_counted() {
        let mut confirms = Confirms::default();
        confirms.published(None);
        confirms.select();
        let mut first = publish(&mut confirms);
        confirms.settle(1, false, Confirmation::Ack);
        assert_eq!(first.try_recv().unwrap().unwrap(), Confirmation::Ack);
    }

    #[test]
    fn a_closed_channel_tells_all_who_wait() {
        let mut confirms = Confirms::default();
        confirms.select();
        let mut first = publish(&mut confirms);
        confirms.fail(&Error::Gone);
        assert!(matches!(first.try_recv(), Ok(Err(Error::Gone))));
    }
}
