//! `warrener move`: the messages of any AMQP 0-9-1 broker into another one.

mod listing;
mod one_queue;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use warrener_broker::{Pattern, Verdict};
use warrener_client::{Connection, Uri};

use listing::Listed;

/// Moves the messages of a broker's queues into the same queues of another broker, RabbitMQ or Warrener: with their
/// properties and in their order.
///
/// A message is acknowledged at the source when the target has confirmed it, so none is lost, however this ends: run it
/// again. Those that were under way when it was killed are there twice. Queues that the target does not have are declared as the
/// source has them; exchanges, bindings and policies are for an export and import of definitions, before this.
#[derive(Debug, Parser)]
#[command(name = "warrener move", bin_name = "warrener move", max_term_width = 100)]
struct Options {
    /// Where from: amqp://USER:PASSWORD@HOST:PORT/VHOST
    source: String,

    /// Where to, in the same form
    target: String,

    /// Only queues in whose names this pattern is found, as in `^orders\.`
    #[arg(long, value_name = "REGEX")]
    queues: Option<String>,

    /// This queue, which the target must have; may be given several times. The source's management API is not asked then
    #[arg(long, value_name = "NAME", conflicts_with = "queues")]
    queue: Vec<String>,

    /// The source's management API, which lists its queues
    ///
    /// Without it: http, the source's host, and the port 10000 above the source's.
    #[arg(long, value_name = "http://HOST:PORT", conflicts_with = "queue")]
    management: Option<String>,

    /// How many messages are under way at a time
    #[arg(long, value_name = "COUNT", default_value_t = 500,
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    window: u16,
}

/// Runs the command with its line, `move` first.
pub(crate) fn program(line: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(line) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&options)),
        Err(error) => Err(format!("no runtime: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(io::stderr(), "warrener move: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let from: Uri = options.source.parse().map_err(|error| format!("SOURCE: {error}"))?;
    let pattern = options.queues.as_deref().map(Pattern::compile).transpose();
    let pattern = pattern.map_err(|error| format!("--queues: {error}"))?;
    let queues = match options.queue.as_slice() {
        [] => listing::list(&from, options.management.as_deref()).await?,
        names => names.iter().map(|name| Listed::named(name)).collect(),
    };
    let wanted = |queue: &Listed| {
        pattern
            .as_ref()
            .is_none_or(|pattern| pattern.test(queue.name.as_bytes()) == Verdict::Matches)
    };
    let queues: Vec<Listed> = queues.into_iter().filter(wanted).collect();
    let source = open("SOURCE", &options.source).await?;
    let target = open("TARGET", &options.target).await?;
    let mut moved = 0;
    for queue in &queues {
        if let Some(reason) = queue.stays_because() {
            say(&format!("{}: left alone, because {reason}", queue.name))?;
            continue;
        }
        let count = one_queue::move_all(&source, &target, queue, options.window)
            .await
            .map_err(|error| format!("{}: {error}", queue.name))?;
        say(&format!("{}: {count} moved", queue.name))?;
        moved += count;
    }
    say(&format!("{moved} messages of {} queues moved", queues.len()))?;
    for (connection, which) in [(source, "SOURCE"), (target, "TARGET")] {
        connection.close().await.map_err(|error| format!("{which}: {error}"))?;
    }
    Ok(())
}

async fn open(which: &str, uri: &str) -> Result<Connection, String> {
    Connection::open(uri).await.map_err(|error| format!("{which}: {error}"))
}

fn say(line: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())
}
