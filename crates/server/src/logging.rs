//! Log lines: one an event, on standard error, with no byte in them that a stranger chose unescaped.

use core::fmt;
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Starts logging the lines that `filter` asks for; an error says what is wrong with the filter.
pub(crate) fn start(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        format!("bad value for --log: {error}; want error, warn, info, debug, trace, or TARGET=LEVEL, with commas between")
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .finish();
    tracing::subscriber::set_global_default(log).map_err(|error| error.to_string())
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
                    _ if is_plain(character) => f.write_char(character)?,
                    _ => write!(f, "{}", character.escape_default())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str(if cut { "...'" } else { "'" })
    }
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
    fn long_text_is_cut() {
        let shown = Shown(&[b'a'; 5_000]).to_string();
        assert_eq!(shown, format!("'{}...'", "a".repeat(128)));
    }
}
