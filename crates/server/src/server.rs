//! A server: started, running, stopped.

use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use warrener_broker::{Input, Seed};
use warrener_codec::ShortStr;
use warrener_node::Node;
use warrener_store::{Log, MemoryLog, RealDisk, SegmentLog};

use crate::auth::{self, random};
use crate::clock::Clock;
use crate::config::{Config, Storage};
use crate::durations::Durations;
use crate::entrance::{Accepted, Entrance};
use crate::error::ServeError;
use crate::gate::{Descriptors, Gate};
use crate::listener::{self, Protocol, Reserved};
use crate::login::Logins;
use crate::management::{FaceAddresses, Faces, ReservedFaces};
use crate::reload::{Control, Reach};
use crate::tls::Tls;
use crate::turns::{Core, Status};
use crate::{connection_task, definitions, greeting, lanes, limits, memory, process};

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
    control: Control,
    running: Running,
}

enum Running {
    Memory(Box<Parts<MemoryLog>>),
    Directory(Box<Parts<SegmentLog<RealDisk>>>),
}

/// What runs.
struct Parts<L: Log> {
    core: Arc<Core<L>>,
    listeners: Vec<(TcpListener, Protocol)>,
    entrance: Arc<Entrance>,
    gate: Arc<Gate>,
    config: Config,
    control: Control,
    /// How long the log's commits took.
    commits: Arc<Durations>,
    /// Where the management API and metrics are served.
    faces: Faces,
}

impl Server {
    /// Takes the addresses, reads the log back, and listens. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`ServeError`].
    pub async fn start(mut config: Config) -> Result<Self, ServeError> {
        let (clock, took) = (Clock::start(), Clock::stopwatch());
        tracing::info!("warrener {} starts", env!("CARGO_PKG_VERSION"));
        let tls = config.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        let reserved = Reserved::take(&config)?;
        let taken: Vec<_> = reserved.addresses().collect();
        let listening = (reserved, ReservedFaces::take(&config)?, tls);
        let running = match config.storage.clone() {
            Storage::Memory => {
                tracing::warn!(
                    "durable queues and messages are kept in memory only: they end with this process"
                );
                Running::Memory(
                    Parts::start(config, clock, MemoryLog::new(), listening).await?.into(),
                )
            }
            Storage::Directory(directory) => {
                tracing::info!("durable queues and messages are kept in {}", directory.display());
                let disk = RealDisk::new(&directory);
                let disk = disk.map_err(|source| ServeError::DataDir { directory, source })?;
                let total_bytes = disk.total_bytes().ok().flatten();
                config.disk_free_bytes.get_or_insert_with(|| limits::disk_free_bytes(total_bytes));
                let mut files = warrener_store::Config::new(u64::from_ne_bytes(random()?));
                files.records_version = warrener_broker::RECORDS_VERSION;
                let log = SegmentLog::new(disk, files);
                Running::Directory(Parts::start(config, clock, log, listening).await?.into())
            }
        };
        for (address, protocol) in &taken {
            tracing::info!("listening on {address} for {protocol}");
        }
        tracing::info!("Server startup complete in {} ms", took().as_millis());
        let addresses = taken.into_iter().map(|(address, _)| address).collect();
        let control = match &running {
            Running::Memory(parts) => parts.control.clone(),
            Running::Directory(parts) => parts.control.clone(),
        };
        Ok(Self { addresses, control, running })
    }

    /// What gives it another configuration while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The addresses it listens on, in the order of the configuration: those for AMQP, for AMQP over TLS, over WebSocket,
    /// and over WebSocket and TLS.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the management API is, if it is anywhere.
    #[must_use]
    pub fn management(&self) -> Option<SocketAddr> {
        self.faces().management
    }

    /// Where metrics are collected, if they are anywhere.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.faces().metrics
    }

    fn faces(&self) -> FaceAddresses {
        match &self.running {
            Running::Memory(parts) => parts.faces.addresses(),
            Running::Directory(parts) => parts.faces.addresses(),
        }
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
        (reserved, faces, tls): (Reserved, ReservedFaces, Option<Arc<Tls>>),
    ) -> Result<Self, ServeError> {
        let mut broker = warrener_broker::Config::new(Seed::new(random()?));
        broker.users = auth::users(&config)?;
        broker.vhosts = vec![config.default_vhost.clone()];
        broker.syncs = config.syncs.clone();
        broker.node = ShortStr::truncated(&process::node_name());
        memory::set_limits(&config, &mut broker.limits);
        let greeting = greeting::config(&config, &broker);
        let limits = broker.limits.clone();
        let mut node = Node::open(broker, log, clock.now());
        node.set_disk_limit(config.disk_free_bytes.unwrap_or_default());
        let backlog_bytes = limits::backlog_bytes(limits.memory_budget_bytes);
        let (lanes, threads) = lanes::lanes();
        let (logins, checking) = Logins::new(&config)?;
        let core = Arc::new(Core::new(clock, (node, lanes), logins, backlog_bytes));
        let [for_done, for_panics] = [(); 2].map(|()| Arc::clone(&core));
        let done = move |done| for_done.handle_done(done);
        let commits = Arc::<Durations>::default();
        let panicked = move || for_panics.panicked();
        checking.start(panicked.clone()).map_err(ServeError::Threads)?;
        threads.start(&commits, done, panicked).map_err(ServeError::Threads)?;
        let entrance = Arc::new(Entrance::new(greeting, tls, &config));
        let for_gauges = Arc::clone(&core);
        let gauges = Box::new(move |config: &Config| for_gauges.gauges(config));
        let for_commands = Arc::clone(&core);
        // Whoever reloads does not wait for what comes of it.
        let command = Box::new(move |command| drop(for_commands.command(command)));
        let gate = Gate::new(config.limits.clone(), Descriptors::of_process());
        let (listeners, gate) = (Vec::new(), Arc::new(gate));
        let way = (Arc::clone(&entrance), Arc::clone(&gate));
        let counters = Arc::clone(&core.counters);
        let reach = Reach { gauges, command, limits, counters };
        let control = Control::new(config.clone(), way, reach);
        let nowhere = Faces::default();
        let mut parts =
            Self { core, listeners, entrance, gate, config, control, commits, faces: nowhere };
        parts.recover().await?;
        if let Some(file) = &parts.config.definitions {
            definitions::take(&parts.core, file, &parts.config.default_vhost).await?;
        }
        let taken: Vec<(SocketAddr, Protocol)> = reserved.addresses().collect();
        parts.listeners = reserved.listen()?;
        parts.faces = faces.listen(&parts.config, &taken)?;
        Ok(parts)
    }

    /// Waits until the log is read back.
    async fn recover(&self) -> Result<(), ServeError> {
        // A turn in which nothing happens gives out the log's first work.
        self.core.turn(|_, _, _| ());
        match self.core.status_when(|status| !matches!(status, Status::Recovering)).await {
            Status::Ready { records, present } => {
                self.core.clock.go_on_from(present);
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
        for (listener, protocol) in core::mem::take(&mut self.listeners) {
            let at = (listener, protocol);
            let way = (Arc::clone(&self.gate), Arc::clone(&self.entrance));
            tasks.spawn(accept(at, Arc::clone(&self.core), way));
        }
        let gate = Arc::clone(&self.gate);
        tasks.spawn(guarded(Arc::clone(&self.core), async move { gate.keep_watch().await }));
        if let Some(tls) = self.entrance.tls.clone() {
            let following = async move { tls.follow_files(limits::TLS_FILES_EVERY).await };
            tasks.spawn(guarded(Arc::clone(&self.core), following));
        }
        let core = Arc::clone(&self.core);
        tasks.spawn(guarded(Arc::clone(&core), async move { core.keep_time().await }));
        let core = Arc::clone(&self.core);
        tasks.spawn(guarded(Arc::clone(&core), async move { core.tell_what_is_left_out().await }));
        let faces = core::mem::take(&mut self.faces);
        faces.serve(
            &self.core,
            (&self.config, self.entrance.tls.as_ref()),
            &self.commits,
            &mut tasks,
        );
        let stopped = tokio::select! {
            () = until => self.stop(tasks).await,
            stopped = self.core.status_when(|status| !matches!(status, Status::Ready { .. })) => {
                if matches!(stopped, Status::Failed(_)) {
                    // What clients were promised is safe; they learn here that there will be no more.
                    self.part(tasks, Input::Failed).await;
                }
                stopped
            }
        };
        self.core.end_lanes();
        match stopped {
            Status::Closed => Ok(()),
            stopped => Err(ServeError::stopped(stopped, &self.config.storage)),
        }
    }

    /// Lets nobody in any more, tells everybody, and brings everything to disk.
    async fn stop(&self, listening: JoinSet<()>) -> Status {
        let (timeout, took) = (self.control.shutdown_timeout(), Clock::stopwatch());
        self.part(listening, Input::Shutdown).await;
        self.core.turn(|node, now, links| node.close(now, links));
        let closed = self.core.status_when(|status| !matches!(status, Status::Ready { .. }));
        match tokio::time::timeout(timeout.saturating_sub(took()), closed).await {
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

    /// Lets nobody in any more, and closes all connections with what `why` says.
    async fn part(&self, listening: JoinSet<()>, why: Input) {
        // The disk has the rest of the time.
        let timeout = self.control.shutdown_timeout().mul_f32(limits::PARTING_PART);
        drop(listening);
        self.core.shut();
        self.core.turn(|node, now, links| node.handle_input(now, why, links));
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
    }
}

async fn accept<L: Log + 'static>(
    (listener, protocol): (TcpListener, Protocol),
    core: Arc<Core<L>>,
    (gate, entrance): (Arc<Gate>, Arc<Entrance>),
) {
    let serve = |stream, peer, place| {
        let (core, entrance) = (Arc::clone(&core), Arc::clone(&entrance));
        let accepted = Accepted { socket: stream, peer, protocol, place };
        let serve = connection_task::serve(Arc::clone(&core), entrance, accepted);
        tokio::spawn(guarded(core, serve));
    };
    listener::accept(&listener, &gate, serve).await;
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

#[cfg(test)]
pub(crate) mod tests {
    use core::time::Duration;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use bytes::{Buf, BytesMut};
    use warrener_codec::method::{basic, queue};
    use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef, ShortStr, Table};
    use warrener_connection::{ClientConfig, Connection, Event};

    use super::*;
    use crate::clock::stepped;
    use crate::config::Listen;

    const ONE: ChannelId = ChannelId::new(1);

    /// A client that blocks.
    pub(crate) struct Client {
        connection: Connection,
        socket: TcpStream,
        input: BytesMut,
        clock: Clock,
    }

    impl Client {
        pub(crate) fn connect(address: SocketAddr) -> Self {
            Self::connect_as(address, ClientConfig::default())
        }

        fn connect_as(address: SocketAddr, config: ClientConfig) -> Self {
            let socket = TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let clock = Clock::start();
            let connection = Connection::client(config, clock.now());
            let mut client = Self { connection, socket, input: BytesMut::new(), clock };
            client.wait_for(|event| matches!(event, Event::Ready(_)));
            client.say(Method::ChannelOpen);
            client.wait_for(|event| matches!(event, Event::ChannelOpened(_)));
            client
        }

        pub(crate) fn say(&mut self, method: impl Into<Method>) {
            self.connection.send(ONE, &method.into()).unwrap();
        }

        pub(crate) fn flush(&mut self) {
            let outgoing = self.connection.outgoing();
            while outgoing.has_remaining() {
                let count = self.socket.write(outgoing.chunk()).unwrap();
                outgoing.advance(count);
            }
        }

        fn next(&mut self) -> Event {
            loop {
                if let Some(event) = self.connection.poll_event() {
                    return event;
                }
                self.flush();
                let mut octets = [0; 16 << 10];
                let count = self.socket.read(&mut octets).unwrap();
                assert!(count > 0, "the server hung up");
                self.input.extend_from_slice(&octets[..count]);
                self.connection.handle_bytes(self.clock.now(), &mut self.input).unwrap();
            }
        }

        pub(crate) fn wait_for(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
            loop {
                let event = self.next();
                if wanted(&event) {
                    return event;
                }
            }
        }

        pub(crate) fn declare(&mut self, name: &str) {
            self.say(queue::Declare {
                ticket: 0,
                queue: ShortStr::truncated(name),
                passive: false,
                durable: false,
                exclusive: false,
                auto_delete: false,
                no_wait: false,
                arguments: Table::EMPTY,
            });
        }

        pub(crate) fn publish(&mut self, name: &str, body: &'static [u8]) {
            self.send(name, &Content::new(Properties::EMPTY, bytes::Bytes::from_static(body)));
        }

        pub(crate) fn send(&mut self, name: &str, content: &Content) {
            let publish = basic::PublishRef {
                ticket: 0,
                exchange: ShortRef::EMPTY,
                routing_key: ShortRef::new(name.as_bytes()).unwrap(),
                mandatory: false,
                immediate: false,
            };
            self.connection.publish(ONE, publish, content).unwrap();
        }

        pub(crate) fn consume(&mut self, name: &str) {
            self.say(basic::Consume {
                ticket: 0,
                queue: ShortStr::truncated(name),
                consumer_tag: ShortStr::EMPTY,
                no_local: false,
                no_ack: true,
                exclusive: false,
                no_wait: false,
                arguments: Table::EMPTY,
            });
            self.wait_for(|event| matches!(event, Event::Method(_, Method::BasicConsumeOk(_))));
        }
    }

    /// Runs a server, and beside it a story on a thread that may block, for ever.
    pub(crate) async fn with_parts(
        config: Config,
        story: impl FnOnce(Arc<Core<MemoryLog>>) + Send + 'static,
    ) {
        let server = Server::start(config).await.unwrap();
        let Running::Memory(parts) = server.running else { panic!("in memory") };
        let core = Arc::clone(&parts.core);
        drop(tokio::task::spawn_blocking(move || story(core)));
        parts.run(core::future::pending()).await.unwrap();
    }

    /// A task as connections have them.
    pub(crate) fn spawn_guarded(
        core: Arc<Core<MemoryLog>>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        tokio::spawn(guarded(core, task));
    }

    /// Runs a server in memory, and `story` beside it on a thread that may block; gives how the server ended.
    pub(crate) async fn with_server(
        story: impl FnOnce(SocketAddr, Arc<Core<MemoryLog>>) + Send + 'static,
    ) -> Result<(), ServeError> {
        serve_beside(Config::in_memory(), story).await
    }

    /// The same with this configuration, but an address of its own.
    async fn serve_beside(
        mut config: Config,
        story: impl FnOnce(SocketAddr, Arc<Core<MemoryLog>>) + Send + 'static,
    ) -> Result<(), ServeError> {
        config.listen = Listen::On(vec![([127, 0, 0, 1], 0).into()]);
        let server = Server::start(config).await.unwrap();
        let address = server.addresses()[0];
        let Running::Memory(parts) = server.running else { panic!("in memory") };
        let core = Arc::clone(&parts.core);
        let told = tokio::task::spawn_blocking(move || story(address, core));
        parts.run(async { told.await.unwrap() }).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_serves_until_it_is_told_to_stop_and_says_so_to_its_clients() {
        let (tell, told) = std::sync::mpsc::channel();
        let ended = with_server(move |address, _| {
            let mut client = Client::connect(address);
            std::thread::Builder::new()
                .spawn(move || {
                    let closed = client.wait_for(|event| matches!(event, Event::Closed(_)));
                    client.connection.finish_close();
                    client.flush();
                    tell.send(closed).unwrap();
                })
                .unwrap();
        });
        ended.await.unwrap();
        let Event::Closed(close) = told.recv().unwrap() else { panic!("closed") };
        assert_eq!(
            close.to_string(),
            "320: CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn thousands_of_methods_in_one_write_are_all_answered_in_their_order() {
        let story = |address, _| {
            let mut client = Client::connect(address);
            for number in 0..5_000 {
                client.declare(&format!("q{number}"));
            }
            for number in 0..5_000 {
                let answer = client.next();
                let Event::Method(_, Method::QueueDeclareOk(ok)) = answer else {
                    panic!("{answer:?}")
                };
                assert_eq!(ok.queue.as_bytes(), format!("q{number}").as_bytes());
            }
        };
        with_server(story).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_waits_for_a_client_that_does_not_read_is_bounded_and_arrives_when_it_does() {
        const BODY: &[u8] = &[b'x'; 20_000];
        const COUNT: usize = 2_000;
        let story = |address, core: Arc<Core<MemoryLog>>| {
            let (mut slow, mut quick) = (Client::connect(address), Client::connect(address));
            slow.declare("q");
            slow.consume("q");
            for _ in 0..COUNT {
                quick.publish("q", BODY);
                quick.flush();
            }
            quick.declare("q");
            quick.wait_for(|event| matches!(event, Event::Method(_, Method::QueueDeclareOk(_))));
            let waiting: usize = core
                .all_links()
                .iter()
                .map(|link| link.with(|endpoint| endpoint.outgoing().len()))
                .sum();
            assert!(waiting < 4 << 20, "{waiting} octets wait");
            for _ in 0..COUNT {
                let delivered = slow.wait_for(|event| matches!(event, Event::Content(..)));
                let Event::Content(_, _, content) = delivered else { panic!("content") };
                assert_eq!(content.body.len(), BODY.len());
            }
        };
        with_server(story).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_queue_between_threads_has_a_gauge_and_a_bound() {
        const BODY: &[u8] = &[b'x'; 100_000];
        let story = |address, core: Arc<Core<MemoryLog>>| {
            let (mut slow, mut quick) = (Client::connect(address), Client::connect(address));
            slow.declare("q");
            slow.consume("q");
            for _ in 0..200 {
                quick.publish("q", BODY);
                quick.flush();
            }
            quick.declare("q");
            quick.wait_for(|event| matches!(event, Event::Method(_, Method::QueueDeclareOk(_))));
            let gauges = core.gauges(&Config::in_memory());
            assert_eq!(gauges.connections.now, 2);
            assert!(gauges.outbound_bytes.now > 0, "{gauges:?}");
            for (name, level) in gauges.all() {
                assert!(level.bound > 0 && level.now <= level.bound, "{name}: {level}");
            }
        };
        with_server(story).await.unwrap();
    }

    /// How many messages are ready in a queue.
    fn ready(client: &mut Client, name: &str) -> u32 {
        client.declare(name);
        let answer =
            client.wait_for(|event| matches!(event, Event::Method(_, Method::QueueDeclareOk(_))));
        let Event::Method(_, Method::QueueDeclareOk(ok)) = answer else { panic!("{answer:?}") };
        ok.message_count
    }

    fn expiring(after_ms: &str) -> Content {
        let properties = Properties::builder().expiration(after_ms).build().unwrap();
        Content::new(properties, bytes::Bytes::from_static(b"x"))
    }

    /// Reads, and sends nothing, until the server hangs up; it does so within the time for a read.
    fn hear_out(socket: &mut TcpStream) {
        while socket.read(&mut [0; 1 << 10]).expect("an end in good time") > 0 {}
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_system_clock_set_by_an_hour_either_way_moves_nothing() {
        // The server starts while the clock runs an hour ahead.
        stepped::set(1);
        let story = move |address, _| {
            let mut steady = Client::connect(address);
            assert_eq!(ready(&mut steady, "lasting") + ready(&mut steady, "passing"), 0);
            steady.send("lasting", &expiring("1800000"));
            for hours in [2, 0] {
                let mut heartbeat = ClientConfig::default();
                heartbeat.heartbeat_s = Some(2);
                let mut silent = Client::connect_as(address, heartbeat);
                let mut speechless = TcpStream::connect(address).unwrap();
                speechless.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                steady.send("passing", &expiring("1500"));
                assert_eq!(ready(&mut steady, "lasting"), 1);
                stepped::set(hours);
                // No timer stops: silence is noticed, a handshake is not waited for, a message expires.
                hear_out(&mut silent.socket);
                hear_out(&mut speechless);
                let gave_up = Clock::stopwatch();
                while ready(&mut steady, "passing") > 0 {
                    assert!(gave_up() < Duration::from_secs(60), "it never expires");
                }
                // And nothing ends early: neither the message that has half an hour nor this connection.
                assert_eq!(ready(&mut steady, "lasting"), 1);
            }
        };
        let mut config = Config::in_memory();
        config.handshake_timeout = Duration::from_secs(5);
        serve_beside(config, story).await.unwrap();
        stepped::set(0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_panic_in_a_task_stops_the_server() {
        let (over, wait) = std::sync::mpsc::channel::<()>();
        let ended = with_server(move |_, core| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let task = guarded(core, async { panic!("planted") });
            assert!(runtime.block_on(runtime.spawn(task)).is_err());
            // The server stops because of the panic, not because this story is over.
            assert!(wait.recv().is_err());
        });
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
        drop(over);
        assert!(matches!(ended, Err(ServeError::Panicked)), "{ended:?}");
    }
}
