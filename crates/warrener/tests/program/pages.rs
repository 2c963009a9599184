//! The pages of `docs/`: every command of a page runs, as it stands there, and says what the page says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::broker::{Broker, free_port};
use crate::clients::{LIMIT, install, unless_missing};
use crate::process;

/// Declares one test for each page with commands, and one that compares them with the index.
macro_rules! pages {
    ($($name:ident $path:literal),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                run($path);
            }
        )*

        #[test]
        fn every_page_is_in_the_index_and_what_it_tells_is_run() {
            agree_with_the_index(&[$($path),*]);
        }
    };
}

pages!(
    at_least_once "at_least_once.md",
    configuration "configuration.md",
    confirms "confirms.md",
    ctl "ctl.md",
    definitions "definitions.md",
    delayed_message "delayed_message.md",
    disk "disk.md",
    event_exchange "event_exchange.md",
    firehose "firehose.md",
    flow_control "flow-control.md",
    greeting "greeting.md",
    limits "limits.md",
    log "log.md",
    management "management.md",
    memory "memory.md",
    metrics "metrics.md",
    move_messages "move_messages.md",
    operating "operating.md",
    permissions "permissions.md",
    policies "policies.md",
    proxy_protocol "proxy_protocol.md",
    recent_history "recent_history.md",
    redelivered "redelivered.md",
    store_command "store-command.md",
    tls "tls.md",
    the_tour "tour.md",
    web_socket "web_socket.md",
);

/// Where a page's commands find what. Most pages are given a broker; one that starts brokers itself says
/// on which of the other ports.
const PORTS: [(&str, Port); 7] = [
    ("15672", Port::Management),
    ("15692", Port::Metrics),
    ("15670", Port::Free),
    ("5672", Port::Amqp),
    ("5671", Port::Free),
    ("5673", Port::Free),
    ("5674", Port::Free),
];

#[derive(Clone, Copy)]
enum Port {
    Amqp,
    Management,
    Metrics,
    Free,
}

/// Runs all commands of a page in one shell. The usual ports may be somebody else's, so others stand in for them.
#[track_caller]
fn run(page: &str) {
    let installed = install::curl().and_then(|()| install::pika());
    let Some(pika) = unless_missing(&installed, page) else { return };
    let text = fs::read_to_string(docs().join(page)).expect("a page");
    let mut commands = blocks(&text, "```sh\n").concat();
    assert!(!commands.is_empty(), "{page} has no commands");
    let given = (page != "tour.md").then(give);
    let mut defaults = [("WARRENER_MANAGEMENT", "off".into()), ("WARRENER_METRICS", "off".into())];
    for (usual, what) in PORTS {
        if !commands.contains(usual) {
            continue;
        }
        let port = match (&given, what) {
            (Some(broker), Port::Amqp) => broker.addresses()[0].port(),
            (Some(broker), Port::Management) => broker.served("management API").port(),
            (Some(broker), Port::Metrics) => broker.served("metrics").port(),
            _ => free_port(),
        };
        commands = commands.replace(usual, &port.to_string());
        // What a page's own broker serves without being asked to, where it is the only one.
        match what {
            _ if given.is_some() => {}
            Port::Management => defaults[0].1 = format!("127.0.0.1:{port}"),
            Port::Metrics => defaults[1].1 = format!("127.0.0.1:{port}"),
            Port::Amqp | Port::Free => {}
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The trap ends what a command that failed leaves behind.
    let script = format!("trap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT\n{commands}");
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder.path())
        .envs(defaults)
        .env("WARRENER_CONFIG", "")
        .env("PATH", path_to_the_program())
        .env("PYTHONPATH", pika);
    let outcome = process::run(&mut bash, 3 * LIMIT);
    let log = fs::read_to_string(folder.path().join("broker.log")).unwrap_or_default();
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}-- log of the broker\n{log}"));
    let said = outcome.text();
    assert!(outcome.status.success(), "{said}{}\n-- log of the broker\n{log}", outcome.stderr);
    says(&said, &blocks(&text, "```text\n"));
}

/// Each of the blocks is in what was said, one behind the other.
#[track_caller]
fn says(said: &str, expected: &[String]) {
    assert!(!expected.is_empty(), "the page does not say what is to be seen");
    let mut rest = said;
    for block in expected {
        let (_, after) =
            rest.split_once(block).unwrap_or_else(|| panic!("{block}is not in\n{rest}"));
        rest = after;
    }
}

/// The broker that a page takes for granted.
fn give() -> Broker {
    Broker::start_with(&["--management", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
}

fn path_to_the_program() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_warrener")).parent().expect("a folder");
    format!("{}:{}", program.display(), std::env::var("PATH").expect("a PATH"))
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The contents of the page's blocks that begin so, whatever their indent.
fn blocks(page: &str, fence: &str) -> Vec<String> {
    let blocks = page.split(fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The documentation of all crates begins at one page, which leads to each, and each leads back to it.
#[test]
fn every_crate_that_is_published_is_on_the_map() {
    let crates = docs().join("../crates");
    let map = fs::read_to_string(crates.join("warrener/README.md")).expect("the map");
    for entry in fs::read_dir(crates).expect("the crates") {
        let folder = entry.expect("a crate").path();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        if name == "warrener" || manifest.contains("publish = false") {
            continue;
        }
        assert!(
            map.contains(&format!("](https://docs.rs/warrener-{name})")),
            "{name} is not on it"
        );
        let page = fs::read_to_string(folder.join("README.md")).expect("a front page");
        assert!(page.contains("](https://docs.rs/warrener),"), "{name} does not lead back");
    }
}

/// Every page is in the index, once: among those whose commands run, or among the others, with the reason.
fn agree_with_the_index(run: &[&str]) {
    let index = fs::read_to_string(docs().join("README.md")).expect("the index");
    let (run_there, others) = index.split_once("## Without commands").expect("two parts");
    let entries = fs::read_dir(docs()).expect("the pages");
    let names =
        entries.map(|entry| entry.expect("a page").file_name().into_string().expect("a name"));
    let pages: BTreeSet<String> =
        names.filter(|name| name.ends_with(".md") && name != "README.md").collect();
    for page in &pages {
        let link = format!("]({page})");
        let is_run = run.contains(&page.as_str());
        assert_eq!(
            run_there.matches(&link).count(),
            usize::from(is_run),
            "{page}, among those with commands"
        );
        assert_eq!(
            others.matches(&link).count(),
            usize::from(!is_run),
            "{page}, among those without"
        );
        let text = fs::read_to_string(docs().join(page)).expect("a page");
        assert_eq!(text.contains("```sh\n"), is_run, "{page}: what is marked as `sh` is run");
    }
    let links = index.matches(".md)").count();
    assert_eq!(links, pages.len(), "the index names what is not there");
}
