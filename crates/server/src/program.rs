//! The `warrener` program: command line, logging, runtime, signals, exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{self, Command};
use crate::config::Config;
use crate::error::ServeError;
use crate::server::Server;
use crate::shutdown::{Signals, on_hangup};
use crate::{limits, logging, store_command};

/// Runs the `warrener` program with a command line, the program's name first, and returns when the broker has ended.
///
/// It takes over the process: logging, signals and the panic hook. To run a broker inside another program, use
/// [`serve`](crate::serve).
pub fn program(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = match cli::parse(line) {
        Ok(Command::Print(text)) => {
            io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
        }
        Ok(Command::Store(command)) => store_command::run(&command),
        Ok(Command::Serve { config, log }) => run(*config, &log),
        Err(usage) => Err(usage),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config, log: &str) -> Result<(), String> {
    logging::start(log)?;
    end_the_process_on_any_panic();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.min(limits::WORKER_THREADS_MAX))
        .thread_name("warrener")
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start threads: {error}"))?;
    let served = runtime.block_on(serve_until_signalled(config));
    runtime.shutdown_background();
    served.map_err(|error| error.to_string())
}

async fn serve_until_signalled(config: Config) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let server = tokio::select! {
        server = Server::start(config) => server?,
        signal = signals.next() => {
            tracing::info!("{signal}: ended before it was ready");
            return Ok(());
        }
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    let obey = async move {
        let signal = signals.next().await;
        tracing::info!("{signal}: closing connections; a second signal ends the process at once");
        // The server may be gone already; then there is nobody to tell.
        let _ = tell.send(());
        signals.next().await
    };
    let reload = server.reload();
    let reloading = on_hangup(move || {
        tracing::info!("SIGHUP: reading files again");
        reload.reload();
    });
    tokio::select! {
        served = server.run(async { _ = told.await }) => served,
        () = reloading => Ok(()),
        signal = obey => {
            tracing::warn!("{signal} again: ended at once");
            Ok(())
        }
    }
}

/// A broker that has lost one of its tasks must not go on as if it had not.
fn end_the_process_on_any_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = said.unwrap_or("no message").replace(['\r', '\n'], " ");
        let place = panic.location().map_or_else(|| "somewhere".to_owned(), ToString::to_string);
        complain(&format!(
            "internal error at {place}: {message}; please report this. What was confirmed is safe: start it again"
        ));
        std::process::exit(70);
    }));
}

/// Standard error may be closed; then nobody listens.
fn complain(reason: &str) {
    let _ = writeln!(io::stderr(), "warrener: {reason}");
}
