//! `/api/definitions`: all of a broker but its messages, out and in.

use serde_json::Value;
use warrener_broker::{Command, Definitions, Imported, Outcome};

use crate::call::Call;
use crate::limits::DEFINITIONS_BYTES;
use crate::reply::{Failure, Reply};

pub(crate) async fn export(call: Call) -> Result<Reply, Failure> {
    let vhost = call.vhost().map(crate::call::short).transpose()?;
    let Outcome::Exported(definitions) = call.command(Command::Export { vhost }).await? else {
        return Err(Failure::Unavailable("no definitions".into()));
    };
    let text = tokio::task::spawn_blocking(move || serde_json::to_string(&*definitions)).await;
    match text {
        Ok(Ok(text)) => Ok(Reply::File(text)),
        _ => Err(Failure::Unavailable("definitions could not be written".into())),
    }
}

pub(crate) async fn import(call: Call) -> Result<Reply, Failure> {
    let vhost = call.vhost().map(crate::call::short).transpose()?;
    let body = call.body.clone();
    let read = tokio::task::spawn_blocking(move || read(&body)).await;
    let definitions =
        Box::new(read.map_err(|_| Failure::Unavailable("definitions could not be read".into()))??);
    if vhost.is_none() && definitions.is_of_one_vhost() {
        return Err(Failure::bad("definitions of one virtual host are imported into one"));
    }
    match call.command(Command::Import { definitions, vhost }).await? {
        Outcome::Imported(imported) if imported.refused > 0 => Err(Failure::Bad(told(&imported))),
        _ => Ok(Reply::Done),
    }
}

fn read(body: &[u8]) -> Result<Definitions, Failure> {
    let document: Value = serde_json::from_slice(body).map_err(|_| Failure::bad("not_json"))?;
    serde_json::from_value(document).map_err(|error| Failure::bad(error.to_string()))
}

/// Reads a file of definitions, of at most 64 MiB.
///
/// # Errors
///
/// What is wrong with it, in a line.
pub fn read_definitions(octets: &[u8]) -> Result<Definitions, String> {
    if octets.len() > DEFINITIONS_BYTES {
        return Err(format!("it is larger than {DEFINITIONS_BYTES} bytes"));
    }
    let document: Value = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
    serde_json::from_value(document).map_err(|error| error.to_string())
}

/// What an import left out.
pub(crate) fn told(imported: &Imported) -> String {
    let problems = imported.problems.iter();
    let problems: Vec<String> =
        problems.map(|problem| format!("{}: {}", problem.what, problem.error)).collect();
    format!(
        "{} definitions were taken, {} were refused: {}",
        imported.taken,
        imported.refused,
        problems.join("; ")
    )
}
