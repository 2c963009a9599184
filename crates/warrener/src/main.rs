//! The `warrener` binary.

mod move_messages;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|command| command == "move") {
        return move_messages::program(std::env::args_os().skip(1));
    }
    warrener_server::program(std::env::args_os())
}
