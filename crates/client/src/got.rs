//! The answer to a basic.get that is under way.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use warrener_codec::Method;

use crate::driver::Reply;
use crate::{Channel, Delivery, Error, Message};

/// Waits for the answer to [`Channel::get_ahead`]: a message, or none when the queue was empty. Dropping it only stops the
/// waiting; a message that comes then stays unacknowledged until the channel closes.
#[derive(Debug)]
#[must_use = "a message that nobody looks at waits for the end of the channel"]
pub struct Got {
    pub(crate) reply: oneshot::Receiver<Result<Reply, Error>>,
    pub(crate) channel: Channel,
}

impl Future for Got {
    type Output = Result<Option<Delivery>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(Pin::new(&mut self.reply).poll(context));
        Poll::Ready(match reply.unwrap_or(Err(Error::Gone))? {
            Reply::Content(Method::BasicGetOk(got), content) => {
                let message = Message::got(&got, content);
                Ok(Some(Delivery::new(message, self.channel.clone())))
            }
            Reply::Method(Method::BasicGetEmpty) => Ok(None),
            other => Err(Error::UnexpectedReply(other.into_method().name())),
        })
    }
}
