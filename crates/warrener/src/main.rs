//! The `warrener` binary.

mod ctl;
mod move_messages;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    if let Some(tool) = ctl::called_as(Path::new(&program)) {
        return ctl::program(tool, words);
    }
    match std::env::args_os().nth(1) {
        Some(command) if command == "move" => move_messages::program(words),
        Some(command) if command == "ctl" => ctl::program(ctl::Tool::Warrener, words.skip(1)),
        _ => warrener_server::program(std::env::args_os()),
    }
}
