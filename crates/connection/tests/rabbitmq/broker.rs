//! A RabbitMQ to talk to: one that somebody names, or the distribution's own, started once for all tests.

use core::time::Duration;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use warrener_connection::Uri;

/// How long an Erlang node may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

static BROKER: LazyLock<Result<Uri, String>> = LazyLock::new(find);

/// The broker's URI, or `None` after saying why this test cannot run here. In CI it must.
pub(crate) fn broker(test: &str) -> Option<Uri> {
    match &*BROKER {
        Ok(uri) => Some(uri.clone()),
        Err(reason) => {
            let ci = variable("CI").is_some_and(|value| value == "true");
            assert!(!ci, "{test} may not be skipped in CI: {reason}");
            let _ = writeln!(std::io::stderr(), "{test} skipped: {reason}");
            None
        }
    }
}

fn find() -> Result<Uri, String> {
    if let Some(uri) = variable("WARRENER_TEST_RABBITMQ_URI") {
        return uri.parse().map_err(|error| format!("{uri}: {error}"));
    }
    let program = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/local/sbin/rabbitmq-server"]
        .map(Path::new)
        .into_iter()
        .find(|path| path.exists())
        .ok_or("no rabbitmq-server is installed, and WARRENER_TEST_RABBITMQ_URI is not set")?;
    start(program)
}

/// Starts a node of its own, on free ports of the loopback interface and in a folder of its own; a watcher ends it when
/// these tests have ended.
fn start(program: &Path) -> Result<Uri, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rabbitmq");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (port, distribution) = (free_port(), free_port());
    let configuration = folder.join("rabbitmq.conf");
    let text = format!("listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users = none\n");
    fs::write(&configuration, text).map_err(|error| error.to_string())?;
    fs::write(folder.join("enabled_plugins"), "[].").map_err(|error| error.to_string())?;
    let mut node = command(program, &folder, distribution)
        .env("RABBITMQ_CONFIG_FILE", &configuration)
        .spawn()
        .map_err(|error| error.to_string())?;
    await_port(&mut node, port, &folder)?;
    watch(&node);
    format!("amqp://guest:guest@127.0.0.1:{port}").parse().map_err(|_| "a port".to_owned())
}

fn command(program: &Path, folder: &Path, distribution: u16) -> Command {
    let output = |name: &str| fs::File::create(folder.join(name)).expect("a file of our own");
    let name = format!("warrener-test-{distribution}@localhost");
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(output("stdout.log"))
        .stderr(output("stderr.log"))
        .env("HOME", folder)
        .env("RABBITMQ_NODENAME", name)
        .env("RABBITMQ_DIST_PORT", distribution.to_string())
        .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        .env("RABBITMQ_PID_FILE", folder.join("pid"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
        .env("RABBITMQ_CONF_ENV_FILE", folder.join("rabbitmq-env.conf"));
    command
}

fn await_port(node: &mut Child, port: u16, folder: &Path) -> Result<(), String> {
    let step = Duration::from_millis(200);
    for _ in 0..(PATIENCE.as_millis() / step.as_millis()) {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        if let Ok(Some(status)) = node.try_wait() {
            return Err(format!("rabbitmq-server: {status}\n{}", last_words(folder)));
        }
        #[expect(clippy::disallowed_methods, reason = "another program starts in its own time")]
        std::thread::sleep(step);
    }
    let _ = node.kill();
    Err(format!("rabbitmq-server did not start in time\n{}", last_words(folder)))
}

/// A process that ends the node when these tests have ended, however they did.
fn watch(node: &Child) {
    let (tests, node) = (std::process::id(), node.id());
    let script = format!(
        "while kill -0 {tests} 2>/dev/null; do sleep 0.2; done; pkill -TERM -P {node}; kill -TERM {node}"
    );
    let watcher = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    drop(watcher);
}

fn last_words(folder: &Path) -> String {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    format!("{}{}", read("stdout.log"), read("stderr.log"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "who runs the tests says where a broker is")]
    std::env::var(name).ok()
}
