//! Log lines: one an event, on standard error, with no byte in them that a stranger chose unescaped.

use core::fmt;
use core::str::FromStr;
use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt as lines, reload};

use crate::log_writer;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A line of text, for people.
    Human,
    /// An object of JSON a line, for machines.
    Json,
}

/// Changes which lines are logged while the program runs.
#[derive(Clone, Debug)]
pub(crate) struct Logging(reload::Handle<EnvFilter, Registry>);

/// Starts logging the lines that `wanted` asks for; an error says what is wrong with it.
pub(crate) fn start(wanted: &str, format: Format) -> Result<Logging, String> {
    let (filter, handle) = reload::Layer::new(parsed(wanted)?);
    let writer = log_writer::start().map_err(|error| format!("cannot start threads: {error}"))?;
    let lines = lines::layer().with_writer(writer);
    let lines = match format {
        Format::Human => lines.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
        Format::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    };
    let log = tracing_subscriber::registry().with(filter).with(lines);
    tracing::subscriber::set_global_default(log).map_err(|error| error.to_string())?;
    Ok(Logging(handle))
}

impl Logging {
    /// A filter that filters nothing.
    #[cfg(test)]
    pub(crate) fn unused() -> Self {
        static KEPT: std::sync::OnceLock<reload::Layer<EnvFilter, Registry>> =
            std::sync::OnceLock::new();
        Self(KEPT.get_or_init(|| reload::Layer::new(EnvFilter::default()).0).handle())
    }

    /// Logs these lines from now on.
    pub(crate) fn set_filter(&self, wanted: &str) -> Result<(), String> {
        self.0.reload(parsed(wanted)?).map_err(|error| error.to_string())
    }
}

/// A filter that can be understood.
pub(crate) fn filter(wanted: &str) -> Result<String, String> {
    parsed(wanted).map(|_| wanted.to_owned())
}

fn parsed(wanted: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder().parse(wanted).map_err(|error| {
        format!("error, warn, info, debug, trace, or TARGET=LEVEL, with commas between ({error})")
    })
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("human or json"),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
        })
    }
}

/// A line of our own in which names of strangers are quoted: every character in it is harmless.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| write_plain(f, character))
    }
}

/// Text that a peer chose, made fit for a log line: one line, no control characters, not long.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        const LONGEST: usize = 128;
        let (shown, cut) = match self.0.get(..LONGEST) {
            Some(head) if self.0.len() > LONGEST => (head, true),
            _ => (self.0, false),
        };
        f.write_char('\'')?;
        for chunk in shown.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\'' | '\\' => write!(f, "\\{character}")?,
                    _ => write_plain(f, character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str(if cut { "...'" } else { "'" })
    }
}

fn write_plain(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    if is_plain(character) {
        return fmt::Write::write_char(f, character);
    }
    write!(f, "{}", character.escape_default())
}

/// Letters and digits of any script; what can move a cursor, hide, or turn the reading order cannot pass.
fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || character.is_ascii_graphic() || character == ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_one_harmless_line() {
        let hostile = b"\x1b[2J\r\n\"}<img src=x onerror=alert(1)>\xff";
        let shown = Shown(hostile).to_string();
        assert_eq!(shown, r#"'\u{1b}[2J\r\n"}<img src=x onerror=alert(1)>\xff'"#);
        assert_eq!(
            Shown("J\u{f6}rg's \u{202e}".as_bytes()).to_string(),
            "'J\u{f6}rg\\'s \\u{202e}'"
        );
    }

    #[test]
    fn a_line_that_quotes_a_name_stays_one_line() {
        let line = "queue 'a\u{1b}[2J\r\n' failed: it's \\ so";
        let plain = Plain(line).to_string();
        assert_eq!(plain, "queue 'a\\u{1b}[2J\\r\\n' failed: it's \\ so");
    }

    #[test]
    fn long_text_is_cut() {
        let shown = Shown(&[b'a'; 5_000]).to_string();
        assert_eq!(shown, format!("'{}...'", "a".repeat(128)));
    }
}
