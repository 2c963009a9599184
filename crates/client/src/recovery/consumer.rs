//! A consumer that goes on.

use std::sync::Arc;

use warrener_codec::MethodId;
use warrener_codec::method::basic;

use super::RecoveringChannel;
use crate::{Connection, Consumer, Delivery, Error};

/// The deliveries of a consumer, over any number of connections.
///
/// After a break, what was not acknowledged comes again, marked as redelivered.
#[derive(Debug)]
pub struct RecoveringConsumer {
    channel: RecoveringChannel,
    consume: basic::Consume,
    current: Option<(Consumer, Arc<Connection>)>,
}

impl RecoveringConsumer {
    pub(super) async fn start(
        channel: RecoveringChannel,
        consume: basic::Consume,
    ) -> Result<Self, Error> {
        let mut consumer = Self { channel, consume, current: None };
        consumer.restart().await?;
        Ok(consumer)
    }

    async fn restart(&mut self) -> Result<(), Error> {
        let (channel, consume) = (&self.channel, &self.consume);
        let started = channel.again_and_where(MethodId::BasicConsume, async |open| {
            let mut consume = consume.clone();
            consume.queue = channel.connection().topology().current(&consume.queue);
            open.consume(consume).await
        });
        let (consumer, generation) = started.await?;
        self.current = Some((consumer, generation.connection));
        Ok(())
    }

    /// The next delivery; `None` when the consumer was cancelled, or its channel or connection closed on purpose.
    ///
    /// # Errors
    ///
    /// When the connection broke, and the broker refuses to go on or cannot be reached any more.
    pub async fn next(&mut self) -> Result<Option<Delivery>, Error> {
        loop {
            let Some((consumer, connection)) = &mut self.current else {
                self.restart().await?;
                continue;
            };
            if let Some(delivery) = consumer.next().await {
                return Ok(Some(delivery));
            }
            if !connection.is_over() || self.channel.connection().is_closed() {
                return Ok(None);
            }
            self.current = None;
        }
    }

    /// Cancels the consumer; see [`Consumer::cancel`].
    ///
    /// # Errors
    ///
    /// When the connection is broken; the consumer is gone then as well.
    pub async fn cancel(mut self) -> Result<(), Error> {
        match &mut self.current {
            Some((consumer, _)) => consumer.cancel().await,
            None => Ok(()),
        }
    }
}
