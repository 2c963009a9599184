//! Python: pika.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{Target, folder, install, programs, unless_missing};
use crate::broker::Shared;

static BROKER: Shared = Shared::new();
static PIKA: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::pika);

programs!(
    run,
    "python",
    ".py",
    [
        channels,
        default_exchange,
        empty_body,
        get,
        headers_exchange,
        hello_world,
        large_body,
        publish_subscribe,
        publisher_confirms,
        queue_names,
        requeue,
        returns,
        routing,
        rpc,
        topics,
        work_queue,
    ]
);

fn run(name: &str) {
    if let Some(pika) = unless_missing(&PIKA, &format!("pika::{name}")) {
        let program = folder("python").join(name).with_extension("py");
        let mut python = Command::new("python3");
        python.arg("-B").arg(program).env("PYTHONPATH", pika);
        Target::of(&BROKER).satisfies(&mut python);
    }
}
