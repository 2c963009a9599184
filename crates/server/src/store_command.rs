//! `warrener store`: what can be done with a data directory besides running a broker on it.

use std::io::{self, Write};
use std::path::Path;

use warrener_store::{Damage, LogError, RealDisk, Salvaged, Verified};

use crate::auth::random;
use crate::cli::StoreCommand;

/// Does what a command says; an error is what it found wrong, or why it could not be done.
pub(crate) fn run(command: &StoreCommand) -> Result<(), String> {
    match command {
        StoreCommand::Verify { dir } => verify(dir),
        StoreCommand::Backup { dir, into } => backup(dir, into),
        StoreCommand::Salvage { dir, into } => salvage(dir, into),
    }
}

fn verify(dir: &Path) -> Result<(), String> {
    let found = look(dir)?;
    if found.damages.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} is damaged in {} places; restore it from a backup, or save what is left with warrener store salvage",
        dir.display(),
        found.damages.len(),
    ))
}

fn backup(dir: &Path, into: &Path) -> Result<(), String> {
    let copied =
        warrener_store::backup(dir, into).map_err(|error| format!("no backup: {error}"))?;
    say(&format!(
        "{} segments, {} bytes copied into {}",
        copied.segments,
        copied.bytes,
        into.display()
    ));
    let found = look(into)?;
    if found.damages.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the backup is damaged in {} places; if {} is not, make another",
        found.damages.len(),
        dir.display(),
    ))
}

/// Verifies a directory, and says what was found.
fn look(dir: &Path) -> Result<Verified, String> {
    let found = warrener_store::verify(&open(dir)?).map_err(|error| explain(dir, &error))?;
    say_damages(&found.damages);
    if let Some(cut) = &found.torn {
        say(&format!(
            "{}: the last write, from offset {} on, was torn by a crash; nothing in it was confirmed, and the next start \
             cuts it off",
            cut.file, cut.offset,
        ));
    }
    let Verified { segments, records, bytes, .. } = found;
    let verdict = if found.damages.is_empty() { "sound" } else { "DAMAGED" };
    say(&format!(
        "{}: {segments} segments, {records} records, {bytes} bytes: {verdict}",
        dir.display()
    ));
    Ok(found)
}

fn salvage(dir: &Path, into: &Path) -> Result<(), String> {
    let from = open(dir)?;
    let new = RealDisk::new(into).map_err(|error| format!("{}: {error}", into.display()))?;
    let seed = u64::from_ne_bytes(random().map_err(|error| error.to_string())?);
    let mut config = warrener_store::Config::new(seed);
    config.records_version = warrener_broker::RECORDS_VERSION;
    let salvaged =
        warrener_store::salvage(&from, new, config).map_err(|error| explain(dir, &error))?;
    say_damages(&salvaged.damages);
    let Salvaged { records, bytes, incomplete, damages, .. } = salvaged;
    say(&format!("{records} records with {bytes} bytes of messages are in {}", into.display()));
    if damages.is_empty() && incomplete == 0 {
        say(&format!("{} is not damaged: use it as it is", dir.display()));
        return Ok(());
    }
    say(&format!(
        "LOST: whatever was in {} damaged places, and {incomplete} records of which only a part is left. Messages that were \
         acknowledged may come back. Start the broker with --data-dir {} and compare with what you know; keep {} until then",
        damages.len(),
        into.display(),
        dir.display(),
    ));
    Ok(())
}

fn open(dir: &Path) -> Result<RealDisk, String> {
    if !dir.is_dir() {
        return Err(format!("{}: there is no such directory", dir.display()));
    }
    RealDisk::new(dir).map_err(|error| format!("{}: {error}", dir.display()))
}

fn explain(dir: &Path, error: &LogError) -> String {
    let advice = match error {
        LogError::Locked => "; stop the broker first, or make a backup and look at that",
        LogError::TooNew { .. } => "; use the newer version of this program",
        _ => "",
    };
    format!("{}: {error}{advice}", dir.display())
}

fn say_damages(damages: &[Damage]) {
    damages.iter().for_each(|damage| {
        say(&format!("{}, offset {}: there is not {}", damage.file, damage.offset, damage.what))
    });
}

/// Standard output may be closed; then nobody listens.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
