//! C: librabbitmq, for what the commands of amqp-tools do not offer.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{Target, install, programs, unless_missing};
use crate::broker::Shared;

static BROKER: Shared = Shared::new();
static PROGRAMS: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::librabbitmq);

programs!(run, "c", ".c", [publisher_confirms, returns, rpc]);

fn run(name: &str) {
    if let Some(programs) = unless_missing(&PROGRAMS, &format!("librabbitmq::{name}")) {
        Target::of(&BROKER).satisfies(&mut Command::new(programs.join(name)));
    }
}
