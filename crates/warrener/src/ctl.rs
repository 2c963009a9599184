//! `warrener ctl`: the words of `rabbitmqctl`, `rabbitmq-diagnostics` and `rabbitmq-queues`, by speaking the management API over a
//! local socket.
//!
//! Everything that can be asked of a broker exists once, as a route of the API; this is words for routes, and tables of
//! their answers. Words, answers and exit codes are those of RabbitMQ 4.3.

mod checks;
mod client;
mod connections;
mod definitions;
mod limits;
mod line;
mod listing;
mod node;
mod parameters;
mod permissions;
mod policies;
mod queues;
mod table;
mod users;
mod verb;
mod vhosts;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use line::Line;
pub(crate) use line::Tool;
use verb::Verb;

/// Why a command was not done, and the exit code that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    /// One of `sysexits.h`, as RabbitMQ's tools use them.
    code: u8,
    text: String,
    how: How,
}

/// How a failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// After `Error:`.
    Headed,
    /// As it is.
    Bare,
    /// With the words that were given, and those that would be right; nothing was begun.
    Misuse,
}

impl Failure {
    /// 64: the command line is wrong.
    fn usage(text: impl Into<String>) -> Self {
        Self { code: 64, text: text.into(), how: How::Misuse }
    }

    /// 65: what was given is wrong.
    fn data(text: impl Into<String>) -> Self {
        Self { code: 65, text: text.into(), how: How::Headed }
    }

    /// 67: there is no such user.
    fn no_user(name: &str) -> Self {
        let text = format!("User \"{name}\" does not exist");
        Self { code: 67, text, how: How::Headed }
    }

    /// 69: no broker answers, or it is not well.
    fn unavailable(text: impl Into<String>) -> Self {
        Self { code: 69, text: text.into(), how: How::Headed }
    }

    /// 69: the broker refuses (RabbitMQ says no more of most refusals).
    fn refused(text: impl Into<String>) -> Self {
        Self::unavailable(text)
    }

    /// 73: a file cannot be written.
    fn cannot_create(text: impl Into<String>) -> Self {
        Self { code: 73, text: text.into(), how: How::Headed }
    }
}

/// What a verb gives.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    /// Columns, and what is in them.
    Rows { columns: Vec<String>, rows: Vec<Vec<Value>> },
    /// A document.
    Document(Value),
    /// Text.
    Text(String),
    /// Nothing.
    Nothing,
}

/// A verb's answer.
type Said = Result<Shown, Failure>;

/// Runs the command: which tool it is called as, and the words after the tool's name.
pub(crate) fn program(tool: Tool, words: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    match obey(tool, &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let head = if failure.how == How::Headed { "Error:\n" } else { "" };
            let _ = writeln!(io::stderr(), "{head}{}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// The tool that a program of this name is.
pub(crate) fn called_as(program: &Path) -> Option<Tool> {
    Tool::named(program.file_name()?.to_str()?)
}

fn obey(tool: Tool, words: &[String]) -> Result<(), Failure> {
    let line = Line::parse(tool, words).map_err(|failure| {
        let given = words.join(" ");
        let text =
            format!("Error (argument validation): {}\nArguments given:\n\t{given}", failure.text);
        Failure { text, ..failure }
    })?;
    let verb = verb::find(&line, words)?;
    let said = (verb.run)(&line);
    // A wrong command line is not even begun.
    let is_begun = said.as_ref().err().is_none_or(|failure| failure.how != How::Misuse);
    let is_talkative = line.formatter.is_for_people() && !line.is_quiet && !line.is_silent;
    let banner = if is_begun && is_talkative { (verb.banner)(&line) } else { String::new() };
    if !banner.is_empty() {
        say(&format!("{banner}\n"))?;
    }
    match said {
        Ok(shown) => say(&text_of(&line, verb, &shown)),
        Err(failure) if !is_begun => Err(verb.misused(&line, words, &failure.text)),
        Err(failure) => Err(failure),
    }
}

fn text_of(line: &Line, verb: &Verb, shown: &Shown) -> String {
    match shown {
        Shown::Rows { columns, rows } => {
            let headers = line.has_headers && !line.is_silent && verb.has_headers;
            line.formatter.rows(columns, rows, headers)
        }
        Shown::Document(value) => line.formatter.document(value),
        Shown::Text(text) => line.formatter.text(text),
        Shown::Nothing => String::new(),
    }
}

fn say(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::refused(error.to_string()))
}
