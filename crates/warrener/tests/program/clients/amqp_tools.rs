//! The shell: amqp-publish, amqp-consume, amqp-get, amqp-declare-queue and amqp-delete-queue.
//!
//! They can bind with a key, but declare no exchange and send no mandatory message, so the
//! exchanges are those that every broker has. The rest of C is in `librabbitmq`.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::{Target, install, unless_missing};
use crate::broker::Shared;
use crate::process::{self, Outcome};

/// Until something that must come has come.
const PATIENCE: Duration = Duration::from_secs(20);

static BROKER: Shared = Shared::new();
static TOOLS: LazyLock<Result<(), String>> = LazyLock::new(install::amqp_tools);

#[test]
fn hello_world() {
    let Some(tools) = Tools::for_test("hello_world") else { return };
    assert_eq!(tools.run("declare-queue", &["-q", "sh.hello"]).text(), "sh.hello\n");
    tools.run("publish", &["-r", "sh.hello", "-b", "Hello, warren!"]);
    assert_eq!(tools.run("get", &["-q", "sh.hello"]).text(), "Hello, warren!");
    assert_eq!(tools.run("delete-queue", &["-q", "sh.hello", "-e"]).text(), "0\n");
}

#[test]
fn work_queue() {
    let Some(tools) = Tools::for_test("work_queue") else { return };
    tools.run("declare-queue", &["-d", "-q", "sh.tasks"]);
    for number in 1..=6 {
        let body = format!("task {number}");
        tools.run("publish", &["-p", "-r", "sh.tasks", "-b", &body]);
    }
    let consume = |count, work| {
        let options = ["-q", "sh.tasks", "-p", "1", "-c", count, "--", "sh", "-c", work];
        tools.listen(&options)
    };
    // The first worker takes a task and never finishes it, so all the others go to the second.
    let mut victim = consume("2", "cat; echo; exec sleep 600");
    assert_eq!(victim.line(), "task 1");
    let mut worker = consume("6", "cat; echo");
    for number in 2..=6 {
        assert_eq!(worker.line(), format!("task {number}"));
    }
    victim.kill();
    assert_eq!(worker.line(), "task 1");
    worker.expect_end();
    assert_eq!(tools.run("delete-queue", &["-q", "sh.tasks"]).text(), "0\n");
}

#[test]
fn publish_subscribe() {
    let Some(tools) = Tools::for_test("publish_subscribe") else { return };
    let mut subscribers = [(); 3].map(|()| tools.subscribe("amq.fanout", "ignored"));
    tools.until_all_hear(&mut subscribers, "amq.fanout", "");
    for news in ["first", "second", "third"] {
        tools.run("publish", &["-e", "amq.fanout", "-r", "any", "-b", news]);
    }
    for subscriber in &mut subscribers {
        assert_eq!([(); 3].map(|()| subscriber.news()), ["first", "second", "third"]);
    }
}

#[test]
fn routing() {
    let Some(tools) = Tools::for_test("routing") else { return };
    let mut fire = tools.subscribe("amq.direct", "sh.fire");
    let mut flood = tools.subscribe("amq.direct", "sh.flood");
    tools.until_all_hear(core::slice::from_mut(&mut fire), "amq.direct", "sh.fire");
    tools.until_all_hear(core::slice::from_mut(&mut flood), "amq.direct", "sh.flood");
    for (key, body) in [("sh.Fire", "no"), ("sh.flood", "wet"), ("sh", "no"), ("sh.fire", "hot")] {
        tools.run("publish", &["-e", "amq.direct", "-r", key, "-b", body]);
    }
    assert_eq!(fire.news(), "hot");
    assert_eq!(flood.news(), "wet");
}

#[test]
fn topics() {
    let Some(tools) = Tools::for_test("topics") else { return };
    let heard = [
        ("sh.eu.*.wheat", vec!["sh.eu.fr.wheat"]),
        ("sh.#.wheat", vec!["sh.eu.fr.wheat", "sh.wheat"]),
        ("sh.eu.#", vec!["sh.eu.fr.wheat", "sh.eu", "sh.eu.es.rice.white"]),
        ("sh.*", vec!["sh.wheat", "sh.eu"]),
    ];
    let mut listeners = heard.each_ref().map(|(pattern, _)| tools.subscribe("amq.topic", pattern));
    for (listener, (_, keys)) in listeners.iter_mut().zip(&heard) {
        tools.until_all_hear(core::slice::from_mut(listener), "amq.topic", keys[0]);
    }
    for key in ["sh.eu.fr.wheat", "sh.wheat", "sh.eu", "sh", "sh.eu.es.rice.white", "eu.fr.wheat"] {
        tools.run("publish", &["-e", "amq.topic", "-r", key, "-b", key]);
    }
    for (listener, (pattern, keys)) in listeners.iter_mut().zip(&heard) {
        let news: Vec<String> = keys.iter().map(|_| listener.news()).collect();
        assert_eq!(&news, keys, "{pattern}");
    }
}

#[test]
fn a_large_and_an_empty_body() {
    let Some(tools) = Tools::for_test("a_large_and_an_empty_body") else { return };
    tools.run("declare-queue", &["-q", "sh.bodies"]);
    let large: Vec<u8> =
        (0..10u32 << 18).flat_map(|word| word.wrapping_mul(word).to_le_bytes()).collect();
    assert_eq!(large.len(), 10 << 20);
    for body in [large.clone(), Vec::new()] {
        let mut publish = tools.command("publish", &["-r", "sh.bodies"]);
        tools.target.satisfies_with_input(&mut publish, body);
    }
    assert!(tools.run("get", &["-q", "sh.bodies"]).stdout == large);
    assert_eq!(tools.run("get", &["-q", "sh.bodies"]).text(), "");
    assert_eq!(tools.run("delete-queue", &["-q", "sh.bodies"]).text(), "0\n");
}

#[test]
fn nothing_to_get_and_nowhere_to_get_it_from() {
    let Some(tools) = Tools::for_test("nothing_to_get") else { return };
    tools.run("declare-queue", &["-q", "sh.empty"]);
    let mut get = tools.command("get", &["-q", "sh.empty"]);
    let outcome = process::run(&mut get, PATIENCE).expect("amqp-get");
    assert_eq!(outcome.status.code(), Some(2), "{}", outcome.stderr);
    tools.run("delete-queue", &["-q", "sh.empty"]);

    let mut get = tools.command("get", &["-q", "sh.no-such-queue"]);
    let outcome = process::run(&mut get, PATIENCE).expect("amqp-get");
    assert_eq!(outcome.status.code(), Some(1));
    let text = "NOT_FOUND - no queue 'sh.no-such-queue' in vhost '/'";
    assert!(outcome.stderr.contains(text), "{}", outcome.stderr);
}

/// The commands, each with the broker's address.
struct Tools {
    target: Target,
}

impl Tools {
    fn for_test(name: &str) -> Option<Self> {
        unless_missing(&TOOLS, &format!("amqp_tools::{name}"))?;
        Some(Self { target: Target::of(&BROKER) })
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(format!("amqp-{name}"));
        command.args(["-u", &self.target.url]).args(arguments);
        command
    }

    #[track_caller]
    fn run(&self, name: &str, arguments: &[&str]) -> Outcome {
        self.target.satisfies(&mut self.command(name, arguments))
    }

    /// Starts amqp-consume and reads what its command prints.
    fn listen(&self, arguments: &[&str]) -> Listener {
        let mut child = self
            .command("consume", arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("amqp-consume");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Nobody listens any more when the test has ended.
                let _ = sender.send(line);
            }
        });
        Listener { child, lines }
    }

    /// Starts amqp-consume with a queue of its own, bound with `key`.
    fn subscribe(&self, exchange: &str, key: &str) -> Listener {
        self.listen(&["-e", exchange, "-r", key, "-A", "--", "sh", "-c", "cat; echo"])
    }

    /// The commands do not say when they listen: publishes until all have heard it.
    fn until_all_hear(&self, listeners: &mut [Listener], exchange: &str, key: &str) {
        for listener in listeners {
            let heard = process::eventually(PATIENCE, || {
                self.run("publish", &["-e", exchange, "-r", key, "-b", "anyone there?"]);
                listener.lines.recv_timeout(Duration::from_millis(50)).is_ok()
            });
            assert!(heard, "nobody listens to {exchange} with {key}");
        }
    }
}

/// A running amqp-consume; it is killed when dropped.
struct Listener {
    child: Child,
    lines: Receiver<String>,
}

impl Listener {
    /// The next line printed.
    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line from amqp-consume")
    }

    /// The next line that is not a call to find out who listens.
    #[track_caller]
    fn news(&self) -> String {
        loop {
            let line = self.line();
            if line != "anyone there?" {
                return line;
            }
        }
    }

    fn kill(&mut self) {
        process::kill_group(&mut self.child);
    }

    #[track_caller]
    fn expect_end(&mut self) {
        let status = process::wait(&mut self.child, PATIENCE).expect("amqp-consume ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}
