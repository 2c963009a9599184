//! A connection that is made again when it breaks, with what was declared on it.

mod channel;
mod consumer;
mod topology;

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use warrener_codec::{MethodId, ReplyCode};
use warrener_connection::Initiator;

pub use self::channel::RecoveringChannel;
pub use self::consumer::RecoveringConsumer;
use self::topology::Topology;
use crate::{Connection, Error, Options};

/// How a [`RecoveringConnection`] goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// How long to wait before the second attempt; the first is made at once. Each pause is twice as long as the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// After how many failed attempts in a row to give up, which whoever waits is told. The next use begins anew.
    pub attempts_max: u32,
}

impl Default for Recovery {
    /// Pauses from 100 ms to 10 s, and no end of attempts.
    fn default() -> Self {
        let (first_pause, longest_pause) = (Duration::from_millis(100), Duration::from_secs(10));
        Self { first_pause, longest_pause, attempts_max: u32::MAX }
    }
}

/// A [`Connection`] that is made again when it breaks. Exchanges, queues and bindings that were declared through it are declared
/// again, channels are opened again with their prefetch, and consumers go on.
///
/// What that means for messages is at least once: [`RecoveringChannel::publish`] publishes again what was not confirmed, and
/// what was not acknowledged is delivered again. An acknowledgement for a delivery from before the break fails, and can be
/// forgotten: the message comes again.
///
/// It is made again when it is next used, by whoever uses it first; a consumer that waits counts as use. Clones share
/// everything.
#[derive(Clone)]
pub struct RecoveringConnection {
    shared: Arc<Shared>,
}

type Attempt = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

struct Shared {
    connect: Box<dyn Fn() -> Attempt + Send + Sync>,
    recovery: Recovery,
    topology: Mutex<Topology>,
    current: tokio::sync::Mutex<Option<Generation>>,
    recoveries: AtomicU64,
    /// Whether it was closed on purpose.
    closed: watch::Sender<bool>,
}

/// One of the connections that there were, one after the other.
#[derive(Clone)]
struct Generation {
    number: u64,
    connection: Arc<Connection>,
}

impl core::fmt::Debug for RecoveringConnection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let recoveries = self.recoveries();
        f.debug_struct("RecoveringConnection")
            .field("recoveries", &recoveries)
            .finish_non_exhaustive()
    }
}

impl RecoveringConnection {
    /// Connects by URI; see [`Connection::open`].
    ///
    /// # Errors
    ///
    /// When the first connection cannot be made: that is not tried again, because it may be the URI that is wrong.
    pub async fn open(uri: &str, recovery: Recovery) -> Result<Self, Error> {
        let uri = uri.to_owned();
        let connect = move || -> Attempt {
            let uri = uri.clone();
            Box::pin(async move { Connection::open(&uri).await })
        };
        Self::start(Box::new(connect), recovery).await
    }

    /// Connects over streams that `connect` makes, one for each attempt.
    ///
    /// # Errors
    ///
    /// When the first connection cannot be made.
    pub async fn over<S, F>(
        connect: impl Fn() -> F + Send + Sync + 'static,
        options: Options,
        recovery: Recovery,
    ) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let connect = move || -> Attempt {
            let (stream, options) = (connect(), options.clone());
            Box::pin(async move { Connection::over(stream.await?, options).await })
        };
        Self::start(Box::new(connect), recovery).await
    }

    async fn start(
        connect: Box<dyn Fn() -> Attempt + Send + Sync>,
        recovery: Recovery,
    ) -> Result<Self, Error> {
        let connection = Arc::new(connect().await?);
        let shared = Shared {
            connect,
            recovery,
            topology: Mutex::new(Topology::default()),
            current: tokio::sync::Mutex::new(Some(Generation { number: 0, connection })),
            recoveries: AtomicU64::new(0),
            closed: watch::Sender::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A channel that is opened again as often as need be.
    #[must_use]
    pub fn channel(&self) -> RecoveringChannel {
        RecoveringChannel::new(self.clone())
    }

    /// How often the connection was made again.
    #[must_use]
    pub fn recoveries(&self) -> u64 {
        self.shared.recoveries.load(Ordering::Relaxed)
    }

    /// Closes the connection for good.
    ///
    /// # Errors
    ///
    /// When it broke before the broker agreed.
    pub async fn close(&self) -> Result<(), Error> {
        self.shared.closed.send_replace(true);
        match self.shared.current.lock().await.take() {
            Some(generation) => generation.connection.end().await,
            None => Ok(()),
        }
    }

    /// The connection, made again if it is over.
    async fn generation(&self) -> Result<Generation, Error> {
        let mut closed = self.shared.closed.subscribe();
        let mut current = self.shared.current.lock().await;
        if self.is_closed() {
            return Err(Error::Gone);
        }
        let number = match &*current {
            Some(generation) if !generation.connection.is_over() => return Ok(generation.clone()),
            _ => self.recoveries() + 1,
        };
        *current = None;
        let recovered = tokio::select! {
            recovered = self.recover() => recovered?,
            _ = closed.wait_for(|closed| *closed) => return Err(Error::Gone),
        };
        let connection = Arc::new(recovered);
        let generation = Generation { number, connection };
        self.shared.recoveries.store(number, Ordering::Relaxed);
        *current = Some(generation.clone());
        Ok(generation)
    }

    async fn recover(&self) -> Result<Connection, Error> {
        let mut pause = self.shared.recovery.first_pause;
        let mut attempts = 0;
        loop {
            let error = match self.attempt().await {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            attempts += 1;
            let may_pass = is_broken(&error) || is_locked(&error) || is_unreachable(&error);
            if !may_pass
                || is_topology_blamed(&error)
                || attempts >= self.shared.recovery.attempts_max
            {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.shared.recovery.longest_pause);
        }
    }

    async fn attempt(&self) -> Result<Connection, Error> {
        let connection = (self.shared.connect)().await?;
        let known = self.topology().clone();
        let renamed = known.declare_on(&connection).await?;
        self.topology().rename(&renamed);
        Ok(connection)
    }

    fn topology(&self) -> MutexGuard<'_, Topology> {
        self.shared.topology.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        *self.shared.closed.borrow()
    }
}

/// Whether the connection is to blame, and not what was asked for.
fn is_broken(error: &Error) -> bool {
    match error {
        Error::Stream(_) | Error::Connection(_) | Error::Gone => true,
        Error::Closed(close) => close.by != Initiator::Local,
        _ => false,
    }
}

/// Whether the broker may have ended the connection because of a request like this one. To ask again would end the next one
/// as well, and so on for ever.
fn is_blamed(error: &Error, request: MethodId) -> bool {
    let Error::Closed(close) = error else { return false };
    let passes = [ReplyCode::CONNECTION_FORCED, ReplyCode::INTERNAL_ERROR].contains(&close.code);
    close.by == Initiator::Peer
        && !passes
        && MethodId::from_ids(close.class_id, close.method_id).is_none_or(|id| id == request)
}

/// Whether the broker ended the connection because of something that is declared on each.
fn is_topology_blamed(error: &Error) -> bool {
    use MethodId::{ExchangeBind, ExchangeDeclare, QueueBind, QueueDeclare};
    let Error::Closed(close) = error else { return false };
    let blamed = MethodId::from_ids(close.class_id, close.method_id);
    let is_declared = |id| matches!(id, ExchangeBind | ExchangeDeclare | QueueBind | QueueDeclare);
    blamed.is_some_and(|id| is_declared(id) && is_blamed(error, id))
}

fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Connect { .. })
}

/// An exclusive queue belongs to the connection that broke until the broker notices.
fn is_locked(error: &Error) -> bool {
    matches!(error, Error::ChannelClosed(close) if close.code == ReplyCode::RESOURCE_LOCKED)
}
