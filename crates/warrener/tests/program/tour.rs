//! `docs/tour.md`: every command of it runs, as it stands there, and says what the page says.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::clients::{LIMIT, install, unless_missing};
use crate::process;

#[test]
fn the_tour_goes_as_it_says() {
    let installed = install::pika();
    let Some(pika) = unless_missing(&installed, "tour") else { return };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tour.md");
    let page = fs::read_to_string(page).expect("the tour");
    // Somebody else may have the usual port. The trap ends what a command that failed leaves behind.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let commands = blocks(&page, "```sh\n").concat().replace("5672", &port.port().to_string());
    let script = format!("trap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT\n{commands}");
    let folder = tempfile::tempdir().expect("a folder");
    let program = Path::new(env!("CARGO_BIN_EXE_warrener")).parent().expect("a folder");
    let path = std::env::var("PATH").expect("a PATH");
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", program.display()))
        .env("PYTHONPATH", pika);
    let outcome = process::run(&mut bash, LIMIT).expect("an end in time");
    let said = outcome.text();
    let log = fs::read_to_string(folder.path().join("broker.log")).unwrap_or_default();
    assert!(outcome.status.success(), "{said}{}\n-- log of the broker\n{log}", outcome.stderr);
    let mut rest = said.as_str();
    let expected = blocks(&page, "```text\n");
    assert!(expected.len() >= 3, "the tour says what is to be seen");
    for block in expected {
        let (_, after) =
            rest.split_once(&block).unwrap_or_else(|| panic!("{block}is not in\n{rest}"));
        rest = after;
    }
}

/// The contents of the page's blocks that begin so.
fn blocks(page: &str, fence: &str) -> Vec<String> {
    let blocks = page.split(fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}
