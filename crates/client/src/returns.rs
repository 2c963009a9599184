//! Messages that came back: published as mandatory, and routed to no queue.

use core::pin::Pin;
use core::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use warrener_codec::method::basic;
use warrener_codec::{Body, Content, Properties, ReplyCode, ShortStr};

/// How many returned messages wait for a reader of [`Returns`]; when it does not read, further ones are dropped.
pub(crate) const RETURNS_MAX: usize = 1024;

/// A message that came back (AMQP 0-9-1 §1.8.3.8).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Returned {
    /// Why, as a number: 312 when no queue was found.
    pub code: ReplyCode,
    /// Why, in words.
    pub text: ShortStr,
    /// The exchange it was published to.
    pub exchange: ShortStr,
    /// The routing key it was published with.
    pub routing_key: ShortStr,
    /// Its properties.
    pub properties: Properties,
    /// Its body.
    pub body: Body,
}

impl Returned {
    pub(crate) fn new(method: &basic::Return, content: Content) -> Self {
        Self {
            code: method.reply_code(),
            text: method.reply_text().to_owned(),
            exchange: method.exchange().to_owned(),
            routing_key: method.routing_key().to_owned(),
            properties: content.properties,
            body: content.body,
        }
    }
}

/// The messages that come back to one channel, in order; it ends with the channel.
///
/// A broker sends a message back before it confirms it.
#[derive(Debug)]
pub struct Returns(pub(crate) mpsc::Receiver<Returned>);

impl Returns {
    /// The next message that came back; `None` when the channel is closed.
    pub async fn next(&mut self) -> Option<Returned> {
        self.0.recv().await
    }
}

impl Stream for Returns {
    type Item = Returned;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Returned>> {
        self.0.poll_recv(context)
    }
}
