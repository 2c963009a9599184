//! Definitions that a broker takes when it starts, before it lets anybody in.

use std::path::Path;

use warrener_broker::{Command, Outcome};
use warrener_codec::ShortStr;
use warrener_management::read_definitions;
use warrener_store::Log;

use crate::error::ServeError;
use crate::turns::Core;

/// How many of the refused definitions are named in the log.
const NAMED: usize = 20;

/// Reads a file and takes what is in it. What is there already stays, and is changed where the file says otherwise, so that an
/// unchanged file does nothing the second time.
pub(crate) async fn take<L: Log + 'static>(
    core: &Core<L>,
    file: &Path,
    default_vhost: &ShortStr,
) -> Result<(), ServeError> {
    let wrong = |reason: String| ServeError::Definitions { file: file.to_owned(), reason };
    let octets = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let definitions = Box::new(read_definitions(&octets).map_err(wrong)?);
    let vhost = definitions.is_of_one_vhost().then(|| default_vhost.clone());
    let told = core.command(Command::Import { definitions, vhost });
    // A long import goes on in turns, which are only had while somebody keeps the time.
    let answer = tokio::select! {
        answer = told => answer,
        () = core.keep_time() => return Ok(()),
    };
    let imported = match answer {
        Ok(Ok(Outcome::Imported(imported))) => imported,
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => return Err(wrong(error.to_string())),
        Err(_) => return Err(wrong("the broker has stopped".to_owned())),
    };
    tracing::info!("{} definitions taken from {}", imported.taken, file.display());
    for problem in imported.problems.iter().take(NAMED) {
        tracing::warn!("not taken from {}: {}: {}", file.display(), problem.what, problem.error);
    }
    if imported.refused > NAMED as u64 {
        let more = imported.refused - NAMED as u64;
        tracing::warn!("{more} more definitions of {} were not taken", file.display());
    }
    Ok(())
}
