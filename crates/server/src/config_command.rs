//! `warrener config`: what a start would read, judged or printed.

use std::io::{self, Write};

use crate::cli::ConfigCommand;
use crate::configuration::{Sources, load, reference};

/// Does what a command says; an error is what is wrong with the configuration, all but the last line printed already.
pub(crate) fn run(command: &ConfigCommand, sources: &Sources) -> Result<(), String> {
    let loaded = load(sources).map_err(|mistakes| mistakes.join("\n"))?;
    for warning in &loaded.warnings {
        let _ = writeln!(io::stderr(), "warrener: {warning}");
    }
    let said = match command {
        ConfigCommand::Check { .. } => match &loaded.file {
            Some(file) => format!("{} is in order\n", file.display()),
            None => "there is no configuration file; the environment is in order\n".to_owned(),
        },
        ConfigCommand::Show { .. } => reference::show(&loaded),
    };
    io::stdout().write_all(said.as_bytes()).map_err(|error| error.to_string())
}
