//! The answer to a basic.get that is under way.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use tokio::sync::oneshot;
use warrener_codec::Method;

use crate::abandoned::Abandoned;
use crate::channel::Shared;
use crate::driver::Reply;
use crate::{Channel, Delivery, Error, Message};

type Answer = Result<Reply, Error>;

/// Waits for the answer to [`Channel::get_ahead`]: a message, or none when the queue was empty. Dropped before that, it gives
/// back what comes, unless it was asked for with `no_ack`: that is lost then.
#[derive(Debug)]
#[must_use = "what comes for an answer that nobody waits for is given back"]
pub struct Got {
    reply: oneshot::Receiver<Answer>,
    no_ack: bool,
    shared: Arc<Shared>,
}

impl Got {
    pub(crate) fn new(reply: oneshot::Receiver<Answer>, no_ack: bool, shared: Arc<Shared>) -> Self {
        Self { reply, no_ack, shared }
    }
}

impl Future for Got {
    type Output = Result<Option<Delivery>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(Pin::new(&mut self.reply).poll(context));
        Poll::Ready(match reply.unwrap_or_else(|_| Err(self.shared.error()))? {
            Reply::Content(Method::BasicGetOk(got), content) => {
                let message = Message::got(&got, content);
                Ok(Some(Delivery::new(message, Channel::of(Arc::clone(&self.shared)))))
            }
            Reply::Method(Method::BasicGetEmpty) => Ok(None),
            other => Err(Error::UnexpectedReply(other.into_method().name())),
        })
    }
}

impl Drop for Got {
    fn drop(&mut self) {
        // From here on the driver finds that nobody waits; what it has sent before is here.
        self.reply.close();
        if let Ok(Ok(Reply::Content(Method::BasicGetOk(got), _))) = self.reply.try_recv()
            && !self.no_ack
        {
            self.shared.abandon(|key| Abandoned::Delivery(key, got.delivery_tag()));
        }
    }
}
