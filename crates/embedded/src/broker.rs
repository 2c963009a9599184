//! The broker as the program that holds it sees it.

use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use warrener_broker::{Alarm, Config, Input, Limits, PasswordHash, Permission, Seed, User};
use warrener_codec::ShortStr;
use warrener_connection::ServerConfig;
use warrener_endpoint::Authentication;
use warrener_store::{Config as LogConfig, Log, MemoryLog, RealDisk, SegmentLog};

use crate::clock::Clock;
use crate::error::Error;
use crate::serve::serve;
use crate::turns::{Core, Passwords, Status};

/// How much fits into an in-process stream in each direction, in octets.
const STREAM_BYTES: usize = 64 * 1024;

/// How long [`Broker::stop`] waits for clients to agree, in real time.
const GOODBYE: Duration = Duration::from_secs(5);

/// How a broker is to be: [`Broker::builder`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    directory: Option<PathBuf>,
    clock_stands: bool,
    heartbeat_s: Option<u16>,
    seed: u64,
    vhosts: Vec<String>,
    users: BTreeMap<String, String>,
    authentication: Option<Arc<dyn Authentication>>,
    limits: Limits,
}

impl Builder {
    /// Keeps what is durable in this directory, made if it is not there. Without one everything is in memory.
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// The clock stands, and only [`Broker::advance`] moves it. Heartbeats are not asked for then, unless
    /// [`heartbeat`](Self::heartbeat) says so: the clients' clock goes on.
    pub fn standing_clock(mut self) -> Self {
        self.clock_stands = true;
        self
    }

    /// Asks clients for a heartbeat every so many seconds; 0 for none.
    pub fn heartbeat(mut self, seconds: u16) -> Self {
        self.heartbeat_s = Some(seconds);
        self
    }

    /// Where generated names come from. Two brokers with the same seed generate the same ones.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Another virtual host besides `/`.
    pub fn vhost(mut self, name: &str) -> Self {
        self.vhosts.push(name.to_owned());
        self
    }

    /// Another user besides `guest`, with full access to every virtual host.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.insert(name.to_owned(), password.to_owned());
        self
    }

    /// Lets in whom this lets in, in place of the passwords given to [`user`](Self::user). The users it names are those given
    /// there, and `guest`.
    pub fn authentication(mut self, authentication: impl Authentication + 'static) -> Self {
        self.authentication = Some(Arc::new(authentication));
        self
    }

    /// The bounds of the broker.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts it on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// When the directory cannot be used, or what is in it not be read back.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<Broker, Error> {
        let config = self.config()?;
        let mut server = ServerConfig::new();
        server.limits.message_max_bytes = config.limits.message_bytes;
        let unless_asked = if self.clock_stands { 0 } else { server.tune.heartbeat_s };
        server.tune.heartbeat_s = self.heartbeat_s.unwrap_or(unless_asked);
        let clock = Clock::start(self.clock_stands);
        let passwords = match self.authentication {
            Some(other) => Passwords::AskedFor(other),
            None => Passwords::Listed(self.users),
        };
        match &self.directory {
            None => {
                Broker::over((MemoryLog::new(), false), (config, server), passwords, clock).await
            }
            Some(directory) => {
                let mut files = LogConfig::new(self.seed);
                files.records_version = warrener_broker::RECORDS_VERSION;
                let log = SegmentLog::new(RealDisk::new(directory)?, files);
                Broker::over((log, true), (config, server), passwords, clock).await
            }
        }
    }

    fn config(&self) -> Result<Config, Error> {
        let name = |text: &String| ShortStr::try_from(text.as_str()).map_err(|_| Error::Name);
        let mut config = Config::new(Seed::from(self.seed));
        for vhost in &self.vhosts {
            config.vhosts.push(name(vhost)?);
        }
        for user in self.users.keys() {
            // The broker never sees a password: whoever gets as far as asking it has given the right one.
            let mut user = User::new(name(user)?, PasswordHash::default());
            let everywhere = config.vhosts.iter().cloned();
            user.permissions = everywhere.map(|vhost| (vhost, Permission::full())).collect();
            config.users.push(user);
        }
        config.limits = self.limits.clone();
        Ok(config)
    }
}

/// An AMQP 0-9-1 broker in this process. Dropping it ends it at once, as pulling the plug would; what was confirmed in a
/// [directory](Builder::directory) is there when the next one starts on it.
pub struct Broker {
    host: Arc<dyn Host>,
    runtime: Handle,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Broker {
    /// In memory, with the user `guest` and the virtual host `/`, unless something else is asked for.
    pub fn builder() -> Builder {
        Builder {
            directory: None,
            clock_stands: false,
            heartbeat_s: None,
            seed: 0,
            vhosts: Vec::new(),
            users: BTreeMap::from([("guest".to_owned(), "guest".to_owned())]),
            authentication: None,
            limits: Limits::default(),
        }
    }

    /// The same as `Broker::builder().start()`.
    ///
    /// # Errors
    ///
    /// None in memory.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// A stream to the broker, inside the process. A client that takes any stream takes this one.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        if !self.host.refuses() {
            self.spawn(self.host.clone().serve(Stream::Duplex(ours)));
        }
        theirs
    }

    /// Listens on a free port of this machine and gives the URI to reach it by.
    ///
    /// # Errors
    ///
    /// When there is no port to be had.
    pub async fn listen(&self) -> Result<String, Error> {
        let address = self.listen_on(([127, 0, 0, 1], 0).into()).await?;
        Ok(format!("amqp://guest:guest@{address}"))
    }

    /// Listens on this address, port 0 for any, and gives the one it got.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    pub async fn listen_on(&self, address: SocketAddr) -> Result<SocketAddr, Error> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        self.spawn(accept(listener, Arc::clone(&self.host), self.runtime.clone()));
        Ok(address)
    }

    /// How many connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.host.connection_count()
    }

    /// Moves the clock on, and does at once what is due then: messages expire, queues go away, heartbeats are missed. A clock
    /// that does not stand is moved as well.
    pub fn advance(&self, by: Duration) {
        Arc::clone(&self.host).advance(by);
    }

    /// Fault: new connections are closed as soon as they come (`true`), or no longer.
    pub fn refuse_connections(&self, refuse: bool) {
        self.host.set_refuses(refuse);
    }

    /// Fault: whatever a client sends is handled so much later, in real time; zero for at once.
    pub fn delay(&self, delay: Duration) {
        self.host.set_delay(delay);
    }

    /// Fault: every connection breaks, without a word. How many there were.
    pub fn cut_connections(&self) -> usize {
        Arc::clone(&self.host).cut()
    }

    /// Fault: every message published is refused (`true`) or no longer: with basic.nack where confirms were asked for.
    pub fn nack_publishes(&self, nack: bool) {
        Arc::clone(&self.host).input(Input::Refuse(nack));
    }

    /// Fault: publishers are told connection.blocked and not read any more (`true`), or may go on.
    pub fn block_publishers(&self, block: bool) {
        Arc::clone(&self.host).input(Input::Alarm(Alarm::Memory, block));
    }

    /// Closes every connection with 320, brings everything to disk, and ends.
    ///
    /// # Errors
    ///
    /// When the log fails.
    pub async fn stop(self) -> Result<(), Error> {
        self.host.set_refuses(true);
        let outcome = self.host.clone().stop().await;
        drop(self);
        outcome
    }

    async fn over<L: Log<Work: Send> + Send + 'static>(
        log: (L, bool),
        (config, server): (Config, ServerConfig),
        passwords: Passwords,
        clock: Clock,
    ) -> Result<Self, Error> {
        let core = Core::new(config, server, passwords, log, clock);
        if let Status::Failed(error) = core.status_after(true).await {
            return Err(Error::Node(error));
        }
        let timer = tokio::spawn(Arc::clone(&core).keep_time()).abort_handle();
        Ok(Self { host: core, runtime: Handle::current(), tasks: Mutex::new(vec![timer]) })
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.runtime.spawn(task).abort_handle();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(handle);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.host.end();
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("connections", &self.connection_count())
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, host: Arc<dyn Host>, runtime: Handle) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if !host.refuses() => {
                // Replies are small and somebody waits for them. Where it cannot be had, they are only later.
                let _ = stream.set_nodelay(true);
                runtime.spawn(Arc::clone(&host).serve(Stream::Tcp(stream)));
            }
            Ok(_) => {}
            // Out of descriptors, most likely: others may give some back.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// What carries a connection.
enum Stream {
    Duplex(DuplexStream),
    Tcp(tokio::net::TcpStream),
}

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A [`Core`] whose log is not named.
trait Host: Send + Sync {
    fn serve(self: Arc<Self>, stream: Stream) -> Task<()>;
    fn stop(self: Arc<Self>) -> Task<Result<(), Error>>;
    fn input(self: Arc<Self>, input: Input);
    fn advance(self: Arc<Self>, by: Duration);
    fn cut(self: Arc<Self>) -> usize;
    fn end(&self);
    fn connection_count(&self) -> usize;
    fn refuses(&self) -> bool;
    fn set_refuses(&self, refuses: bool);
    fn set_delay(&self, delay: Duration);
}

impl<L: Log<Work: Send> + Send + 'static> Host for Core<L> {
    fn serve(self: Arc<Self>, stream: Stream) -> Task<()> {
        match stream {
            Stream::Duplex(stream) => Box::pin(serve(self, stream)),
            Stream::Tcp(stream) => Box::pin(serve(self, stream)),
        }
    }

    fn stop(self: Arc<Self>) -> Task<Result<(), Error>> {
        Box::pin(async move {
            self.shut_down();
            let gone = async {
                while self.connection_count() > 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            // Whoever does not agree in time is not waited for.
            let _ = tokio::time::timeout(GOODBYE, gone).await;
            self.turn(|node, now, sockets| node.close(now, sockets)).ok_or(Error::Gone)?;
            match self.status_after(false).await {
                Status::Failed(error) => Err(Error::Node(error)),
                _ => Ok(()),
            }
        })
    }

    fn input(self: Arc<Self>, input: Input) {
        self.turn(|node, now, sockets| node.handle_input(now, input, sockets));
    }

    fn advance(self: Arc<Self>, by: Duration) {
        Self::advance(&self, by);
    }

    fn cut(self: Arc<Self>) -> usize {
        Self::cut(&self)
    }

    fn end(&self) {
        Self::end(self);
    }

    fn connection_count(&self) -> usize {
        Self::connection_count(self)
    }

    fn refuses(&self) -> bool {
        self.faults.refuses()
    }

    fn set_refuses(&self, refuses: bool) {
        self.faults.set_refuses(refuses);
    }

    fn set_delay(&self, delay: Duration) {
        self.faults.set_delay(delay);
    }
}
