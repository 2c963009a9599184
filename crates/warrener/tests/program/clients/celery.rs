//! Python: Celery, whose workers are processes of their own, and Flower, which watches them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use super::{Target, folder, install, programs, unless_missing};
use crate::broker::{Broker, Shared};

static BROKER: Shared = Shared::new();
static CELERY: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::celery);

programs!(
    run,
    "celery",
    ".py",
    [
        classic_queue,
        eta_beyond_prefetch,
        killed_worker,
        quorum_queue,
        remote_control,
        watched_by_flower,
    ]
);

fn run(name: &str) {
    if let Some(celery) = unless_missing(&CELERY, &format!("celery::{name}")) {
        let program = folder("celery").join(name).with_extension("py");
        let mut python = Command::new("python3");
        python.arg("-B").arg(program).env("PYTHONPATH", celery).env("PYTHONDONTWRITEBYTECODE", "1");
        target(name).satisfies(&mut python);
    }
}

/// To a RabbitMQ of version 4, Celery says its prefetch once and never again, so that many tasks for later hold up one
/// for now. Global prefetch works here on every queue, and a broker that gives an older version is asked for it.
fn target(name: &str) -> Target {
    if name == "eta_beyond_prefetch" {
        let broker = Arc::new(Broker::start_with(&["--server-property", "version=3.13.7"]));
        return Target { url: broker.url(), broker: Some(broker) };
    }
    Target::of(&BROKER)
}
