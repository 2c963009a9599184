//! `warrener ctl` and the names of RabbitMQ's tools: what they answer is what RabbitMQ's own answer.
//!
//! `ctl/transcript.txt` was recorded from the tools of RabbitMQ 4.3.6, a command after the other on an empty broker: after `$` the
//! command, then its standard output, after `!` its standard error, and after `=` its exit code.

use core::time::Duration;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::broker::{Broker, program};
use crate::process::{self, Outcome};

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with RabbitMQ's tools in it, which are we, and a broker for them.
struct Tools {
    folder: TempDir,
    data: TempDir,
    broker: Broker,
}

impl Tools {
    fn new() -> Self {
        let (folder, data) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
        for tool in ["rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-queues"] {
            symlink(program().get_program(), folder.path().join(tool)).expect("a link");
        }
        let broker = Broker::start_in(data.path());
        Self { folder, data, broker }
    }

    /// Runs a tool with this line, a shell's quotes and all.
    fn run(&self, line: &str) -> Outcome {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {}/{line}", self.folder.path().display())]);
        shell.env("WARRENER_CONFIG", "").env("WARRENER_DATA_DIR", self.data.path());
        process::run(&mut shell, LIMIT).expect("an outcome")
    }

    fn said(&self, line: &str) -> String {
        let outcome = self.run(line);
        assert!(outcome.status.success(), "{line}: {}{}", outcome.text(), outcome.stderr);
        outcome.text()
    }
}

/// One command of the recording.
#[derive(Debug, Default)]
struct Recorded {
    line: String,
    out: Vec<String>,
    error: Vec<String>,
    code: i32,
}

fn recording() -> Vec<Recorded> {
    let mut all: Vec<Recorded> = Vec::new();
    for line in include_str!("ctl/transcript.txt").lines() {
        if let Some(line) = line.strip_prefix("$ ") {
            all.push(Recorded { line: line.to_owned(), ..Recorded::default() });
            continue;
        }
        let last = all.last_mut().expect("a command first");
        if let Some(error) = line.strip_prefix("! ") {
            last.error.push(error.to_owned());
        } else if let Some(code) = line.strip_prefix("= ") {
            last.code = code.parse().expect("a code");
        } else {
            last.out.push(line.to_owned());
        }
    }
    all
}

/// What is told otherwise, and why; exit codes are the same all the same.
const TOLD_OTHERWISE: &[(&str, &str)] = &[
    ("check_local_alarms", "RabbitMQ does not look any more; we do"),
    ("check_port", "the ports are others"),
    ("check_protocol_listener mqtt", "the protocols are others"),
    ("--formatter json name durable", "arguments are an object, as in the API"),
    ("no-such-file", "the reason comes from the operating system"),
    ("nonsense", "our words for what is possible"),
    ("set_policy -p ctl p2", "our words for what is wrong with a policy"),
    ("close_connection", "connections have names, not processes"),
    ("name description", "our first virtual host has no description"),
    ("arguments type policy state", "RabbitMQ adds the type of a queue to its arguments"),
];

/// What is done otherwise, and why.
const DONE_OTHERWISE: &[(&str, &str)] = &[
    ("--formatter csv", "RabbitMQ's formatter fails at lists and tables"),
    ("no-such-component", "parameters of plugins are kept for them"),
    ("list_parameters", "such as that one"),
];

/// Lines in an order of their own: RabbitMQ lists as its tables hash. Objects are compared as such.
fn comparable(lines: &[String]) -> Vec<String> {
    let one = |line: &String| {
        let object = line.trim_start_matches(',');
        match serde_json::from_str::<Value>(object) {
            Ok(value) if object.starts_with('{') => value.to_string(),
            _ => line.trim_end().to_owned(),
        }
    };
    let mut lines: Vec<String> = lines.iter().map(one).filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn its_words_are_those_of_rabbitmqs_tools() {
    let tools = Tools::new();
    let folder = tools.folder.path().display().to_string();
    fs::write(tools.folder.path().join("definitions.json"), include_str!("ctl/definitions.json"))
        .expect("a file");
    let name: Value =
        serde_json::from_str(&tools.said("rabbitmqctl cluster_status --formatter json"))
            .expect("JSON");
    let name = name["running_nodes"][0].as_str().expect("a name").to_owned();
    let port = tools.broker.addresses()[0].port().to_string();
    let filled = |text: &str| {
        text.replace("{dir}", &folder).replace("{node}", &name).replace("{port}", &port)
    };
    let mut complaints = Vec::new();
    let recording = recording();
    assert!(recording.len() > 100, "{} commands", recording.len());
    for recorded in &recording {
        let outcome = tools.run(&filled(&recorded.line));
        let mut complain = |what: &str, wanted: &str, said: &str| {
            complaints
                .push(format!("$ {}\n{what}, wanted:\n{wanted}\nsaid:\n{said}\n", recorded.line));
        };
        let is_in =
            |list: &[(&str, &str)]| list.iter().any(|(part, _)| recorded.line.contains(part));
        if is_in(DONE_OTHERWISE) {
            continue;
        }
        let code = outcome.status.code().unwrap_or(-1);
        if code != recorded.code {
            complain(
                "code",
                &recorded.code.to_string(),
                &format!("{code} {}{}", outcome.text(), outcome.stderr),
            );
        }
        if is_in(TOLD_OTHERWISE) {
            continue;
        }
        let wanted: Vec<String> = recorded.out.iter().map(|line| filled(line)).collect();
        let said: Vec<String> = outcome.text().lines().map(str::to_owned).collect();
        let (wanted, said) = (comparable(&wanted), comparable(&said));
        if wanted != said {
            complain("output", &wanted.join("\n"), &said.join("\n"));
        }
        let wanted: Vec<String> = recorded.error.iter().map(|line| filled(line)).collect();
        // The first lines say what is wrong, the others how it would be right.
        let wanted: Vec<&str> = wanted.iter().map(|line| line.trim_end()).collect();
        let said: Vec<&str> =
            outcome.stderr.lines().map(str::trim_end).take(wanted.len().max(1)).collect();
        if wanted != said {
            complain("error", &wanted.join("\n"), &outcome.stderr);
        }
    }
    assert!(complaints.is_empty(), "{} differ\n{}", complaints.len(), complaints.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lives_is_listed_and_can_be_ended() {
    let tools = Tools::new();
    let connection = warrener_client::Connection::open(&tools.broker.url()).await;
    let connection = connection.expect("a connection");
    let channel = connection.channel().await.expect("a channel");
    let queue = "work".try_into().expect("short");
    let declare = warrener_client::codec::method::queue::Declare { queue, ..Default::default() };
    channel.call(declare).await.expect("a queue");
    let queue = "work".try_into().expect("short");
    let consume = warrener_client::codec::method::basic::Consume { queue, ..Default::default() };
    let consumer = channel.consume(consume).await.expect("a consumer");
    let listed = |line: &str| -> Vec<Value> {
        let text = tools.said(&format!("rabbitmqctl --formatter json {line}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"))
    };
    let connections = listed("list_connections name user peer_host state channels");
    assert_eq!(connections[0]["user"], "guest");
    assert_eq!(connections[0]["state"], "running");
    assert_eq!(connections[0]["channels"], 1);
    let channels = listed("list_channels");
    assert_eq!(channels[0]["consumer_count"], 1);
    assert_eq!(listed("list_consumers")[0]["queue_name"], "work");
    assert_eq!(listed("list_queues name,consumers")[0]["consumers"], 1);
    let pretty = tools.said("rabbitmqctl -q list_queues --formatter pretty_table name messages");
    assert!(pretty.contains("│ work │ 0        │"), "{pretty}");
    let name = connections[0]["name"].as_str().expect("a name");
    tools.said(&format!("rabbitmqctl close_connection '{name}' 'it is time'"));
    drop((consumer, channel, connection));
    let gone = || listed("list_connections name").is_empty();
    assert!(process::eventually(LIMIT, gone), "it is closed");
}

#[test]
fn documents_are_told_to_people_and_to_programs() {
    let tools = Tools::new();
    for (line, words) in [
        ("rabbitmqctl status", "rabbitmq_version"),
        ("rabbitmqctl cluster_status", "running_nodes"),
        ("rabbitmqctl report", "global-parameters"),
        ("rabbitmq-diagnostics memory_breakdown", "total"),
    ] {
        let text = tools.said(line);
        assert!(text.contains(words), "{line}: {text}");
        let json: Value =
            serde_json::from_str(&tools.said(&format!("{line} --formatter json"))).expect("JSON");
        assert!(json.is_object(), "{line}: {json}");
    }
    let report = tools.said("rabbitmqctl report --formatter json");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["users"][0]["password_hash"], Value::Null, "hashes are nobody's business");
    let listeners = tools.said("rabbitmq-diagnostics listeners");
    assert!(listeners.contains("protocol: amqp, purpose: AMQP 0-9-1"), "{listeners}");
    let help = tools.said("rabbitmqctl help");
    assert!(help.contains("   set_permissions <username> <conf> <write> <read>"), "{help}");
    assert!(tools.said("rabbitmqctl list_queues --help").contains("list_queues [<column> ...]"));
    for line in ["rabbitmqctl eval 'ok.'", "rabbitmqctl environment", "rabbitmqctl stop"] {
        assert_eq!(tools.run(line).status.code(), Some(64), "{line}");
    }
    // What one exports another takes.
    tools.said("rabbitmqctl add_user ann secret");
    tools.said("rabbitmqctl add_vhost shop");
    let file = tools.folder.path().join("out.json").display().to_string();
    tools.said(&format!("rabbitmqctl export_definitions {file}"));
    tools.said("rabbitmqctl delete_user ann");
    tools.said("rabbitmqctl delete_vhost shop");
    tools.said(&format!("rabbitmqctl import_definitions < {file}"));
    tools.said("rabbitmqctl authenticate_user ann secret");
    assert!(tools.said("rabbitmqctl -q list_vhosts").contains("shop\n"));
}

#[test]
fn the_socket_is_where_it_was_asked_for_and_for_nobody_else() {
    let data = TempDir::new().expect("a folder");
    let usual = data.path().join("control.sock");
    let mode = |path: &Path| fs::metadata(path).expect("a socket").permissions().mode() & 0o777;
    let ping = |socket: &Path| {
        let mut ctl = program();
        ctl.args(["ctl", "--socket"]).arg(socket).args(["-q", "ping"]);
        process::run(&mut ctl, LIMIT).expect("an outcome").status.code()
    };
    let broker = Broker::start_in(data.path());
    assert_eq!(mode(&usual), 0o600);
    assert_eq!(ping(&usual), Some(0));
    broker.terminate();
    assert!(!usual.exists(), "it goes with its broker");
    assert_eq!(ping(&usual), Some(69), "nobody is there");

    // What a broker left behind that was killed is nobody's.
    drop(std::os::unix::net::UnixListener::bind(&usual).expect("a socket"));
    let broker = Broker::start_in(data.path());
    assert_eq!(ping(&usual), Some(0));
    broker.terminate();

    let elsewhere = data.path().join("here");
    let asked = elsewhere.to_str().expect("text");
    let broker = Broker::start_on(data.path(), &["--control-socket", asked]);
    assert!(!usual.exists());
    assert_eq!((mode(&elsewhere), ping(&elsewhere)), (0o600, Some(0)));
    broker.terminate();
    let broker = Broker::start_on(data.path(), &["--control-socket", "off"]);
    assert!(!usual.exists() && !elsewhere.exists());
    broker.terminate();
    fs::write(&elsewhere, "mine").expect("a file");
    let mut refused = program();
    refused.arg("--data-dir").arg(data.path()).args(["--listen", "127.0.0.1:0"]);
    refused.args(["--management", "off", "--metrics", "off", "--control-socket", asked]);
    let outcome = process::run(&mut refused, LIMIT).expect("an outcome");
    assert!(!outcome.status.success());
    assert!(outcome.stderr.contains("this file is no socket"), "{}", outcome.stderr);
    assert_eq!(fs::read(&elsewhere).expect("the file"), b"mine");
}
