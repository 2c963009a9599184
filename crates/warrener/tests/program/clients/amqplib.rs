//! Node: amqplib.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{Target, folder, install, programs, unless_missing};
use crate::broker::Shared;

static BROKER: Shared = Shared::new();
static AMQPLIB: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::amqplib);

programs!(
    run,
    "node",
    ".js",
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
    if let Some(modules) = unless_missing(&AMQPLIB, &format!("amqplib::{name}")) {
        let program = folder("node").join(name).with_extension("js");
        let mut node = Command::new("node");
        node.arg(program).env("NODE_PATH", modules);
        Target::of(&BROKER).satisfies(&mut node);
    }
}
