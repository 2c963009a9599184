//! A server: started, running, stopped.

use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use warrener_broker::{Input, Seed};
use warrener_connection::ServerConfig;
use warrener_node::Node;
use warrener_store::{Log, MemoryLog, RealDisk, SegmentLog};

use crate::auth::{self, random};
use crate::clock::Clock;
use crate::config::{Config, Storage};
use crate::error::ServeError;
use crate::listener::{self, Reserved};
use crate::turns::{Core, Status};
use crate::{connection_task, greeting, lanes};

/// Runs a broker until `until` is done, then closes its connections and its log.
///
/// # Errors
///
/// When it cannot start, or had to stop: see [`ServeError`].
pub async fn serve(config: Config, until: impl Future<Output = ()>) -> Result<(), ServeError> {
    Server::start(config).await?.run(until).await
}

/// A broker that listens: peers can connect, and are answered from [`run`](Self::run) on.
pub struct Server {
    addresses: Vec<SocketAddr>,
    running: Running,
}

enum Running {
    Memory(Box<Parts<MemoryLog>>),
    Directory(Box<Parts<SegmentLog<RealDisk>>>),
}

/// What runs.
struct Parts<L: Log> {
    core: Arc<Core<L>>,
    listeners: Vec<TcpListener>,
    greeting: ServerConfig,
    config: Config,
}

impl Server {
    /// Takes the addresses, reads the log back, and listens. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`ServeError`].
    pub async fn start(config: Config) -> Result<Self, ServeError> {
        let clock = Clock::start();
        let began = clock.now();
        tracing::info!("warrener {} starts", env!("CARGO_PKG_VERSION"));
        let reserved = Reserved::take(&config.listen)?;
        let addresses: Vec<_> = reserved.addresses().collect();
        let running = match config.storage.clone() {
            Storage::Memory => {
                tracing::warn!(
                    "durable queues and messages are kept in memory only: they end with this process"
                );
                Running::Memory(
                    Parts::start(config, clock, MemoryLog::new(), reserved).await?.into(),
                )
            }
            Storage::Directory(directory) => {
                tracing::info!("durable queues and messages are kept in {}", directory.display());
                let disk = RealDisk::new(&directory);
                let disk = disk.map_err(|source| ServeError::DataDir { directory, source })?;
                let log = SegmentLog::new(
                    disk,
                    warrener_store::Config::new(u64::from_ne_bytes(random()?)),
                );
                Running::Directory(Parts::start(config, clock, log, reserved).await?.into())
            }
        };
        for address in &addresses {
            tracing::info!("listening on {address}");
        }
        let took = clock.now().saturating_since(began);
        tracing::info!("Server startup complete in {} ms", took.as_millis());
        Ok(Self { addresses, running })
    }

    /// The addresses it listens on.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `until` is done, then closes all connections with 320 and brings everything to disk.
    ///
    /// # Errors
    ///
    /// When it had to stop before: see [`ServeError`].
    pub async fn run(self, until: impl Future<Output = ()>) -> Result<(), ServeError> {
        match self.running {
            Running::Memory(parts) => parts.run(until).await,
            Running::Directory(parts) => parts.run(until).await,
        }
    }
}

impl<L: Log + 'static> Parts<L> {
    async fn start(
        config: Config,
        clock: Clock,
        log: L,
        reserved: Reserved,
    ) -> Result<Self, ServeError> {
        let mut broker = warrener_broker::Config::new(Seed::new(random()?));
        broker.users = auth::users(&config.users)?;
        let greeting = greeting::config(&config, &broker);
        let node = Node::open(broker, log, clock.now());
        let (lanes, threads) = lanes::lanes();
        let core = Arc::new(Core::new(clock, node, lanes));
        let for_lanes = Arc::clone(&core);
        threads.start(move |done| for_lanes.handle_done(done)).map_err(ServeError::Threads)?;
        let mut parts = Self { core, listeners: Vec::new(), greeting, config };
        parts.recover().await?;
        parts.listeners = reserved.listen()?;
        Ok(parts)
    }

    /// Waits until the log is read back.
    async fn recover(&self) -> Result<(), ServeError> {
        // A turn in which nothing happens gives out the log's first work.
        self.core.turn(|_, _, _| ());
        match self.core.status_when(|status| !matches!(status, Status::Recovering)).await {
            Status::Ready { records } => {
                if records > 0 {
                    tracing::info!("{records} records read back");
                }
                Ok(())
            }
            stopped => {
                self.core.end_lanes();
                Err(ServeError::stopped(stopped, &self.config.storage))
            }
        }
    }

    async fn run(mut self, until: impl Future<Output = ()>) -> Result<(), ServeError> {
        let mut tasks = JoinSet::new();
        for listener in core::mem::take(&mut self.listeners) {
            tasks.spawn(accept(listener, Arc::clone(&self.core), self.greeting.clone()));
        }
        let core = Arc::clone(&self.core);
        tasks.spawn(guarded(Arc::clone(&core), async move { core.keep_time().await }));
        let stopped = tokio::select! {
            () = until => self.stop(tasks).await,
            stopped = self.core.status_when(|status| !matches!(status, Status::Ready { .. })) => stopped,
        };
        self.core.end_lanes();
        match stopped {
            Status::Closed => Ok(()),
            stopped => Err(ServeError::stopped(stopped, &self.config.storage)),
        }
    }

    /// Lets nobody in any more, tells everybody, and brings everything to disk.
    async fn stop(&self, listening: JoinSet<()>) -> Status {
        let timeout = self.config.shutdown_timeout;
        drop(listening);
        self.core.turn(|node, now, links| node.handle_input(now, Input::Shutdown, links));
        for link in self.core.all_links() {
            link.with(|endpoint| {
                if !endpoint.is_open() {
                    endpoint.abandon();
                }
            });
            link.wake();
        }
        if tokio::time::timeout(timeout, self.core.all_parted()).await.is_err() {
            let count = self.core.all_links().len();
            tracing::warn!("{count} connections did not take their close within {timeout:?}");
        }
        self.core.turn(|node, now, links| node.close(now, links));
        let closed = self.core.status_when(|status| !matches!(status, Status::Ready { .. }));
        match tokio::time::timeout(timeout, closed).await {
            Ok(status) => {
                tracing::info!("stopped");
                status
            }
            Err(_) => {
                tracing::warn!(
                    "the disk did not take everything within {timeout:?}; what was confirmed is safe"
                );
                Status::Closed
            }
        }
    }
}

async fn accept<L: Log + 'static>(
    listener: TcpListener,
    core: Arc<Core<L>>,
    greeting: ServerConfig,
) {
    let serve = |stream, peer| {
        let serve = connection_task::serve(Arc::clone(&core), greeting.clone(), stream, peer);
        tokio::spawn(guarded(Arc::clone(&core), serve));
    };
    listener::accept(&listener, serve).await;
}

/// Runs `task`; if it panics, the whole server stops.
async fn guarded<L: Log>(core: Arc<Core<L>>, task: impl Future<Output = ()>) {
    struct Guard<L: Log>(Arc<Core<L>>);

    impl<L: Log> Drop for Guard<L> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.0.panicked();
            }
        }
    }

    let _guard = Guard(core);
    task.await;
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
