//! The `warrener` program: command line, logging, runtime, signals, exit code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::{self, Command};
use crate::configuration::{self, Sources};
use crate::error::ServeError;
use crate::reload::{Hangups, Reloader};
use crate::server::Server;
use crate::shutdown::Signals;
use crate::systemd::{self, Notifier};
use crate::{
    config_command, control_socket as control, doctor, limits, log_writer, logging, panic,
    store_command,
};

/// Runs the `warrener` program with a command line, the program's name first, and returns when the broker has ended.
///
/// It takes over the process: logging, signals and the panic hook. To run a broker inside another program, use
/// [`serve`](crate::serve).
pub fn program(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = match cli::parse(line, environment()) {
        Ok(Command::Print(text)) => {
            io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
        }
        Ok(Command::Store(command)) => store_command::run(&command),
        Ok(Command::Config(command, sources)) => config_command::run(&command, &sources),
        Ok(Command::Doctor(sources)) => doctor::run(&sources),
        Ok(Command::Serve(sources)) => serve(&sources),
        Err(usage) => Err(usage),
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reasons) => {
            reasons.lines().for_each(complain);
            ExitCode::FAILURE
        }
    };
    log_writer::finish(limits::LAST_LINES);
    code
}

/// Where the socket is by which this user's broker is steered, going by the configuration file and the environment that a
/// start without options would go by.
///
/// # Errors
///
/// A line a mistake of the configuration; or that it has no such socket.
pub fn control_socket() -> Result<PathBuf, String> {
    let sources = Sources { environment: environment(), ..Sources::default() };
    let loaded = configuration::load(&sources).map_err(|mistakes| mistakes.join("\n"))?;
    let place = control::place(&loaded.settings.server);
    place
        .map(|(path, _)| path)
        .ok_or_else(|| "the configuration says that there is no control socket".to_owned())
}

/// The variables that are text; others are none of ours.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

fn serve(sources: &Sources) -> Result<(), String> {
    let loaded = configuration::load(sources).map_err(|mistakes| match &mistakes[..] {
        [first, _, ..] => {
            format!("{first} (and {} more: warrener config check)", mistakes.len() - 1)
        }
        _ => mistakes.concat(),
    })?;
    let settings = &loaded.settings;
    let logging = logging::start(&settings.log, settings.log_format)?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    if let Some(file) = &loaded.file {
        tracing::info!("configured by {}", file.display());
    }
    if settings.dev {
        tracing::warn!(
            "--dev is for developing only: nothing is kept on disk, and anybody who reaches this broker may do anything"
        );
    }
    run(Reloader::new(sources.clone(), loaded, logging))
}

fn run(reloader: Reloader) -> Result<(), String> {
    panic::end_the_process();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.min(limits::WORKER_THREADS_MAX))
        .thread_name("warrener")
        .enable_all()
        .build()
        .map_err(|error| {
            format!("cannot start threads: {error}; raise the limits (ulimit -n, ulimit -u)")
        })?;
    let served = runtime.block_on(serve_until_signalled(reloader));
    runtime.shutdown_background();
    served.map_err(|error| error.to_string())
}

async fn serve_until_signalled(reloader: Reloader) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let hangups = Hangups::new().map_err(ServeError::Signals)?;
    let server = tokio::select! {
        server = Server::start(reloader.config().clone()) => server?,
        signal = signals.next() => {
            tracing::info!("{signal}: ended before it was ready");
            return Ok(());
        }
    };
    let notifier = Notifier::new(reloader.variable(systemd::SOCKET));
    notifier.ready();
    let (tell, told) = tokio::sync::oneshot::channel();
    let obey = async move {
        let signal = signals.next().await;
        notifier.stopping();
        tracing::info!("{signal}: closing connections; a second signal ends the process at once");
        // The server may be gone already; then there is nobody to tell.
        let _ = tell.send(());
        signals.next().await
    };
    let reload = reloader.run(hangups, server.control());
    tokio::select! {
        () = reload => Ok(()),
        served = server.run(async { _ = told.await }) => served,
        signal = obey => {
            tracing::warn!("{signal} again: ended at once");
            Ok(())
        }
    }
}

/// A line of the program's own.
pub(crate) fn complain(reason: &str) {
    log_writer::say(&format!("warrener: {reason}\n"));
}
