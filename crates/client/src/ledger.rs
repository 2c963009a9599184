//! What the driver keeps about one channel: who waits for what.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, ShortStr};

use crate::confirm::{Confirmation, Confirms};
use crate::driver::Reply;
use crate::{Error, Message, Returned};

pub(crate) type ReplyWaiter = oneshot::Sender<Result<Reply, Error>>;

/// A request under way. Replies come in the order of the requests (AMQP 0-9-1 §2.2.2).
#[derive(Debug)]
pub(crate) enum Pending {
    Call(ReplyWaiter),
    Get { no_ack: bool, waiter: ReplyWaiter },
    Select(ReplyWaiter),
    Cancel(ShortStr, ReplyWaiter),
    Consume { no_ack: bool, messages: mpsc::Sender<Message>, waiter: ReplyWaiter },
}

#[derive(Debug)]
struct Sink {
    no_ack: bool,
    messages: mpsc::Sender<Message>,
}

/// A delivery whose consumer's buffer is full: the connection is not read on until it fits.
#[derive(Debug)]
pub(crate) struct Stalled {
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) message: Message,
    pub(crate) channel: ChannelId,
    pub(crate) no_ack: bool,
}

/// What became of a delivery.
#[derive(Debug)]
pub(crate) enum Delivered {
    Taken,
    /// Its consumer is not read any more: give it back.
    Unwanted {
        no_ack: bool,
    },
    Stalled(Stalled),
}

/// An answer that nobody waits for any more, and what it brought.
#[derive(Debug)]
pub(crate) enum Unheard {
    Consumer(ShortStr),
    Delivery(u64),
}

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) incarnation: u64,
    pub(crate) confirms: Confirms,
    pending: VecDeque<Pending>,
    consumers: BTreeMap<Vec<u8>, Sink>,
    returns: Option<mpsc::Sender<Returned>>,
    closing: Option<oneshot::Sender<Result<(), Error>>>,
    /// Where the channel's handles find out that it is over.
    ended: Arc<OnceLock<Error>>,
}

impl Ledger {
    pub(crate) fn new(incarnation: u64, ended: Arc<OnceLock<Error>>) -> Self {
        Self {
            incarnation,
            ended,
            confirms: Confirms::default(),
            pending: VecDeque::new(),
            consumers: BTreeMap::new(),
            returns: None,
            closing: None,
        }
    }

    pub(crate) fn expect(&mut self, pending: Pending) {
        self.pending.push_back(pending);
    }

    pub(crate) fn set_returns(&mut self, returns: mpsc::Sender<Returned>) {
        self.returns = Some(returns);
    }

    /// Somebody waits for the channel to be closed.
    pub(crate) fn close_with(&mut self, waiter: oneshot::Sender<Result<(), Error>>) {
        self.closing = Some(waiter);
    }

    pub(crate) fn handle_settled(&mut self, method: &Method) {
        match method {
            Method::BasicAck(ack) => {
                self.confirms.settle(ack.delivery_tag, ack.multiple, Confirmation::Ack);
            }
            Method::BasicNack(nack) => {
                self.confirms.settle(nack.delivery_tag, nack.multiple, Confirmation::Nack);
            }
            _ => {}
        }
    }

    /// The broker answered the oldest request; gives what is to be tidied up because nobody hears it.
    pub(crate) fn handle_reply(&mut self, reply: Reply) -> Option<Unheard> {
        let mut keeps = false;
        let waiter = match self.pending.pop_front()? {
            Pending::Call(waiter) => waiter,
            Pending::Get { no_ack, waiter } => {
                keeps = !no_ack;
                waiter
            }
            Pending::Select(waiter) => {
                self.confirms.select();
                waiter
            }
            Pending::Cancel(tag, waiter) => {
                self.forget_consumer(&tag);
                waiter
            }
            Pending::Consume { no_ack, messages, waiter } => {
                if let Reply::Method(Method::BasicConsumeOk(ok)) = &reply {
                    let tag = ok.consumer_tag.as_bytes().to_vec();
                    self.consumers.insert(tag, Sink { no_ack, messages });
                }
                waiter
            }
        };
        match waiter.send(Ok(reply)).err()? {
            Ok(Reply::Method(Method::BasicConsumeOk(ok))) => {
                Some(Unheard::Consumer(ok.consumer_tag))
            }
            Ok(Reply::Content(Method::BasicGetOk(got), _)) if keeps => {
                Some(Unheard::Delivery(got.delivery_tag()))
            }
            _ => None,
        }
    }

    pub(crate) fn handle_delivery(
        &self,
        channel: ChannelId,
        deliver: &basic::Deliver,
        content: Content,
    ) -> Delivered {
        let Some(sink) = self.consumers.get(deliver.consumer_tag().as_bytes()) else {
            return Delivered::Unwanted { no_ack: false };
        };
        let message = Message::delivered(deliver, content);
        match sink.messages.try_send(message) {
            Ok(()) => Delivered::Taken,
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Delivered::Unwanted { no_ack: sink.no_ack }
            }
            Err(mpsc::error::TrySendError::Full(message)) => {
                let (messages, no_ack) = (sink.messages.clone(), sink.no_ack);
                Delivered::Stalled(Stalled { messages, message, channel, no_ack })
            }
        }
    }

    pub(crate) fn handle_returned(&self, method: &basic::Return, content: Content) {
        if let Some(returns) = &self.returns {
            // A reader that does not keep up loses returns rather than holding up its connection.
            let _ = returns.try_send(Returned::new(method, content));
        }
    }

    /// Whether there is a consumer of this name that nobody reads any more. Another may have got its name since.
    pub(crate) fn has_abandoned(&self, tag: &ShortStr) -> bool {
        self.consumers.get(tag.as_bytes()).is_some_and(|sink| sink.messages.is_closed())
    }

    /// Nothing more comes for it: its stream ends when what was delivered has been read.
    pub(crate) fn forget_consumer(&mut self, tag: &ShortStr) {
        self.consumers.remove(tag.as_bytes());
    }

    /// The channel is gone: whoever waits learns why. `Ok` for a close that was asked for.
    pub(crate) fn finish(mut self, asked_for: bool, error: &Error) {
        // First, so that whoever is told finds the channel over.
        let _ = self.ended.set(error.clone());
        for pending in self.pending.drain(..) {
            let (Pending::Call(waiter)
            | Pending::Get { waiter, .. }
            | Pending::Select(waiter)
            | Pending::Cancel(_, waiter)
            | Pending::Consume { waiter, .. }) = pending;
            let _ = waiter.send(Err(error.clone()));
        }
        self.confirms.fail(error);
        if let Some(waiter) = self.closing.take() {
            let _ = waiter.send(if asked_for { Ok(()) } else { Err(error.clone()) });
        }
    }
}
