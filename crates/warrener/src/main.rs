//! The `warrener` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    warrener_server::program(std::env::args_os())
}
