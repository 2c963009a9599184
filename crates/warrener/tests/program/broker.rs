//! A broker under test: the `warrener` program as a child process, on a free port.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use crate::process;

/// More than a start ever takes, on a machine that is busy with other tests.
const START_LIMIT: Duration = Duration::from_secs(20);

/// More than an orderly end ever takes.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// The program under test.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warrener"));
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    // What this machine has configured is none of our business.
    command.env("WARRENER_CONFIG", "");
    command
}

/// A running broker; it is killed when dropped.
pub(crate) struct Broker {
    child: Child,
    addresses: Vec<SocketAddr>,
    log: Arc<Mutex<String>>,
    /// A data directory that goes when the broker goes.
    data: Option<TempDir>,
}

impl Broker {
    /// Starts a broker with a data directory of its own.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a broker with a data directory of its own and these options besides.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut command = program();
        command.arg("--data-dir").arg(data.path()).args(options);
        Self::spawn(command, Some(data))
    }

    /// Starts a broker on a data directory that stays when the broker goes.
    pub(crate) fn start_in(data: &Path) -> Self {
        let mut command = program();
        command.arg("--data-dir").arg(data);
        Self::spawn(command, None)
    }

    /// The same, with these options besides.
    pub(crate) fn start_on(data: &Path, options: &[&str]) -> Self {
        let mut command = program();
        command.arg("--data-dir").arg(data).args(options);
        Self::spawn(command, None)
    }

    /// Starts a broker that finds its data directory itself, below this one.
    pub(crate) fn start_at_home(home: &Path) -> Self {
        let mut command = program();
        command.env("XDG_DATA_HOME", home);
        Self::spawn(command, None)
    }

    /// Starts a broker that keeps everything in memory.
    pub(crate) fn start_without_disk() -> Self {
        let mut command = program();
        command.arg("--memory-only");
        Self::spawn(command, None)
    }

    /// Starts a broker that `configure` tells everything, where to listen included.
    #[track_caller]
    pub(crate) fn start_configured(configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = program();
        configure(&mut command);
        Self::try_spawn(command, None).unwrap_or_else(|said| panic!("the broker ended:\n{said}"))
    }

    /// Starts a broker that keeps everything in memory, with the management API and metrics.
    pub(crate) fn start_managed() -> Self {
        Self::start_configured(|command| {
            command.args(["--memory-only", "--listen", "127.0.0.1:0"]);
            command.args(["--management", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        })
    }

    /// Where it serves what its log calls so: `management API`, `metrics`.
    pub(crate) fn served(&self, what: &str) -> SocketAddr {
        let log = self.log();
        let begin = format!("{what} on http://");
        let rest = log.lines().find_map(|line| line.split_once(&begin)).expect("it says where").1;
        rest.split('/').next().and_then(|address| address.parse().ok()).expect("an address")
    }

    /// Starts a broker where it listens without being told where; an error is what it says when
    /// it cannot.
    pub(crate) fn start_where_it_likes() -> Result<Self, String> {
        let data = tempfile::tempdir().expect("a folder");
        let mut command = program();
        command.arg("--data-dir").arg(data.path());
        Self::try_spawn(command, Some(data))
    }

    /// Starts a broker with a data directory of its own in a shell that has set a limit (`ulimit`) before.
    pub(crate) fn start_limited(limit: &str, options: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit {limit} && exec \"$0\" \"$@\""));
        command.arg(program().get_program()).arg("--data-dir").arg(data.path()).args(options);
        Self::spawn(command, Some(data))
    }

    fn spawn(mut command: Command, data: Option<TempDir>) -> Self {
        command.args(["--listen", "127.0.0.1:0"]);
        Self::try_spawn(command, data).unwrap_or_else(|said| panic!("the broker ended:\n{said}"))
    }

    fn try_spawn(mut command: Command, data: Option<TempDir>) -> Result<Self, String> {
        // Many brokers run at a time, and the ports are the same for all: options say otherwise where it matters.
        command.env("WARRENER_MANAGEMENT", "off").env("WARRENER_METRICS", "off");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program under test");
        let log = Arc::new(Mutex::new(String::new()));
        let readers = [
            keep_lines(child.stdout.take().expect("a pipe"), &log),
            keep_lines(child.stderr.take().expect("a pipe"), &log),
        ];
        let mut ended = None;
        let decided = process::eventually(START_LIMIT, || {
            ended = child.try_wait().expect("our own child");
            ended.is_some() || locked(&log).contains("Server startup complete")
        });
        assert!(decided, "no broker after {START_LIMIT:?}:\n{}", locked(&log));
        if ended.is_some() {
            readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
            return Err(locked(&log).clone());
        }
        let addresses: Vec<SocketAddr> =
            locked(&log).lines().filter_map(|line| printed_address(line, "AMQP")).collect();
        assert!(!addresses.is_empty(), "it does not say where it listens:\n{}", locked(&log));
        Ok(Self { child, addresses, log, data })
    }

    /// What it has said. Whoever holds the lock keeps the tests from reading on: then nobody reads the log.
    pub(crate) fn lines(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    /// Where it listens for AMQP over TLS.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.address_for("AMQP over TLS")
    }

    /// Where it listens for what it calls so.
    #[track_caller]
    pub(crate) fn address_for(&self, spoken: &str) -> SocketAddr {
        let log = locked(&self.log);
        let found = log.lines().find_map(|line| printed_address(line, spoken));
        found.unwrap_or_else(|| panic!("it does not listen for {spoken}"))
    }

    /// Where it listens for AMQP, in the order of its options.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address on which a client is sure to reach it: the last one, of this machine.
    fn address(&self) -> SocketAddr {
        *self.addresses.last().expect("at least one")
    }

    /// Where it listens, as a client wants to be told.
    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2F", self.address())
    }

    /// A socket to it on which nobody waits for ever.
    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address()).expect("the broker listens");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
        socket.set_write_timeout(Some(Duration::from_secs(20))).expect("not zero");
        socket
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        locked(&self.log).clone()
    }

    /// The last of what it has logged, to be read by a person.
    pub(crate) fn last_words(&self) -> String {
        const LINES: usize = 30;
        let log = locked(&self.log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Waits until it logs `text`.
    #[track_caller]
    pub(crate) fn expect_log(&self, text: &str) {
        let logged = process::eventually(STOP_LIMIT, || locked(&self.log).contains(text));
        assert!(logged, "`{text}` is not logged:\n{}", self.last_words());
    }

    /// Memory that it keeps in RAM, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a running process");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        let kib = line.split_whitespace().nth(1).expect("a number");
        kib.parse::<u64>().expect("a number") * 1024
    }

    /// How much time of processors it has used.
    pub(crate) fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("a running process");
        let (_, fields) = stat.rsplit_once(')').expect("the name of the process");
        let ticks =
            |index| fields.split_whitespace().nth(index).and_then(|ticks| ticks.parse().ok());
        let ticks: u64 = [11, 12].into_iter().map(|index| ticks(index).unwrap_or(0)).sum();
        // Linux shows hundredths of a second to everybody.
        Duration::from_millis(ticks * 10)
    }

    /// The names of the files in the data directory that was made for it.
    pub(crate) fn data_files(&self) -> Vec<String> {
        let data = self.data.as_ref().expect("a data directory of its own");
        let entries = std::fs::read_dir(data.path()).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect()
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    #[track_caller]
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        process::signal(name, &self.child);
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.ends();
        status.unwrap_or_else(|| panic!("still there after {STOP_LIMIT:?}:\n{}", self.last_words()))
    }

    /// How it ends, if it does in good time.
    pub(crate) fn ends(&mut self) -> Option<ExitStatus> {
        process::wait(&mut self.child, STOP_LIMIT)
    }

    /// Ends it without any warning (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended before; its exit code was judged by whoever asked for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = format!("-- log of the broker\n{}\n--\n", self.last_words());
            let _ = std::io::stderr().write_all(log.as_bytes());
        }
    }
}

/// A port that nobody listens on, from below those that the system hands out by itself: whoever asks it for any port
/// does not get this one before the broker that is to have it.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = TAKEN.fetch_add(1, Relaxed);
        let offset = std::process::id().wrapping_mul(61).wrapping_add(next) % 12_000;
        let port = u16::try_from(20_000 + offset).expect("less than 65,536");
        if TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).is_ok() {
            return port;
        }
    }
}

/// One broker for the tests that run at the same time; the last of them takes it down.
pub(crate) struct Shared(Mutex<Weak<Broker>>);

impl Shared {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The broker, started if there is none.
    pub(crate) fn broker(&self) -> Arc<Broker> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broker) = current.upgrade() {
            return broker;
        }
        let broker = Arc::new(Broker::start());
        *current = Arc::downgrade(&broker);
        broker
    }
}

/// The address in a line such as `listening on 127.0.0.1:40123 for AMQP`.
fn printed_address(line: &str, protocol: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("istening on ")?;
    let (address, spoken) = rest.split_once(" for ")?;
    // A line of JSON goes on.
    let spoken = spoken.split('"').next()?.trim_end();
    (spoken == protocol).then(|| address.parse().ok())?
}

fn keep_lines(pipe: impl Read + Send + 'static, log: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut log = locked(&log);
            log.push_str(&line);
            log.push('\n');
        }
    })
}

fn locked(log: &Mutex<String>) -> MutexGuard<'_, String> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
