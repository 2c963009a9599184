//! A channel that is opened again.

use std::sync::Arc;

use bytes::Bytes;
use warrener_codec::method::basic;
use warrener_codec::{Method, MethodId, Properties, ShortStr};

use super::{Generation, RecoveringConnection, RecoveringConsumer, is_blamed, is_broken};
use crate::{Call, Channel, Confirmation, Delivery, Error};

/// A channel of a [`RecoveringConnection`]. Clones speak on the same channel.
#[derive(Clone, Debug)]
pub struct RecoveringChannel {
    connection: RecoveringConnection,
    state: Arc<tokio::sync::Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    prefetch: u16,
    confirms: bool,
    /// The channel, and the number of the connection that it belongs to.
    current: Option<(u64, Channel)>,
}

impl RecoveringChannel {
    pub(super) fn new(connection: RecoveringConnection) -> Self {
        Self { connection, state: Arc::default() }
    }

    /// Sends a request and waits for its reply, as [`Channel::call`]; again, if the connection breaks meanwhile. What it
    /// declares is declared again after each break. Dropped before it is ready, it may have been done, and is not known of then.
    ///
    /// # Errors
    ///
    /// When the broker refuses, or cannot be reached any more.
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, Error> {
        let asked = request.into_method();
        loop {
            let done = self.again_and_where(asked.id(), async |channel| {
                let request = self.connection.topology().translated(asked.clone());
                channel.request(request).await
            });
            let (reply, generation) = done.await?;
            let reply = reply.into_method();
            let mut topology = self.connection.topology();
            // A connection that is over may have been made again meanwhile, without what was asked for here.
            if generation.connection.is_over() && is_topology(&asked) {
                continue;
            }
            topology.handle_done(&asked, &reply);
            return C::reply(reply);
        }
    }

    /// Publishes a message and waits for its confirm; publishes it again if the connection breaks before that came, so it
    /// may arrive twice. For many at a time, wait for many of these futures at once.
    ///
    /// # Errors
    ///
    /// When a name or the properties are too long, the exchange is missing, or the broker cannot be reached any more.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        mandatory: bool,
        properties: Properties,
        body: impl Into<Bytes>,
    ) -> Result<Confirmation, Error> {
        let body = body.into();
        self.confirm().await;
        self.again(MethodId::BasicPublish, async |channel| {
            let (properties, body) = (properties.clone(), body.clone());
            channel
                .publish_confirmed(exchange, routing_key, mandatory, properties, body)
                .await?
                .await
        })
        .await
    }

    /// How many deliveries each consumer started from now on may hold unacknowledged; see [`Channel::prefetch`].
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached any more.
    pub async fn prefetch(&self, count: u16) -> Result<(), Error> {
        self.state.lock().await.prefetch = count;
        self.again(MethodId::BasicQos, async |channel| channel.prefetch(count).await).await
    }

    /// Takes one message from a queue, if there is one.
    ///
    /// # Errors
    ///
    /// When the broker refuses, or cannot be reached any more.
    pub async fn get(&self, queue: &str, no_ack: bool) -> Result<Option<Delivery>, Error> {
        let known = ShortStr::try_from(queue).map_err(|_| Error::NameTooLong)?;
        self.again(MethodId::BasicGet, async |channel| {
            let name = self.connection.topology().current(&known);
            channel.get(name.as_str().unwrap_or(queue), no_ack).await
        })
        .await
    }

    /// Starts a consumer that goes on when the connection breaks.
    ///
    /// # Errors
    ///
    /// When the broker refuses, or cannot be reached any more.
    pub async fn consume(&self, consume: basic::Consume) -> Result<RecoveringConsumer, Error> {
        RecoveringConsumer::start(self.clone(), consume).await
    }

    pub(super) fn connection(&self) -> &RecoveringConnection {
        &self.connection
    }

    /// From the next use on the channel is in confirm mode.
    async fn confirm(&self) {
        let mut state = self.state.lock().await;
        if !state.confirms {
            (state.confirms, state.current) = (true, None);
        }
    }

    async fn again<T>(
        &self,
        request: MethodId,
        work: impl AsyncFn(Channel) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Ok(self.again_and_where(request, work).await?.0)
    }

    /// Does it, and does it again as long as it is the connection that fails, and not because of it; says on which one it was
    /// done.
    pub(super) async fn again_and_where<T>(
        &self,
        request: MethodId,
        work: impl AsyncFn(Channel) -> Result<T, Error>,
    ) -> Result<(T, Generation), Error> {
        loop {
            let (generation, channel) = self.open().await?;
            let error = match work(channel).await {
                Ok(outcome) => return Ok((outcome, generation)),
                Err(error) => error,
            };
            if is_blamed(&error, request) {
                return Err(error);
            }
            if !is_broken(&error) && !generation.connection.is_over() {
                if matches!(error, Error::ChannelClosed(_)) {
                    self.state.lock().await.current = None;
                }
                return Err(error);
            }
        }
    }

    /// The channel, opened again if its connection was made again.
    async fn open(&self) -> Result<(Generation, Channel), Error> {
        let mut state = self.state.lock().await;
        loop {
            let generation = self.connection.generation().await?;
            if let Some((number, channel)) = &state.current
                && *number == generation.number
            {
                return Ok((generation, channel.clone()));
            }
            match prepare(&generation, &state).await {
                Ok(channel) => {
                    state.current = Some((generation.number, channel.clone()));
                    return Ok((generation, channel));
                }
                Err(error) if !is_broken(&error) && !generation.connection.is_over() => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
    }
}

/// Whether it is remembered what became of it.
fn is_topology(request: &Method) -> bool {
    matches!(
        request,
        Method::ExchangeDeclare(_)
            | Method::ExchangeDelete(_)
            | Method::ExchangeBind(_)
            | Method::ExchangeUnbind(_)
            | Method::QueueDeclare(_)
            | Method::QueueDelete(_)
            | Method::QueueBind(_)
            | Method::QueueUnbind(_)
    )
}

async fn prepare(generation: &Generation, state: &State) -> Result<Channel, Error> {
    let channel = generation.connection.channel().await?;
    if state.prefetch > 0 {
        channel.prefetch(state.prefetch).await?;
    }
    if state.confirms {
        channel.confirm_select().await?;
    }
    Ok(channel)
}
