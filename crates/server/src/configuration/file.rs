//! A configuration file: TOML in, values with their lines out.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys;
use super::nearest::nearest;
use super::{Given, Layer, Origin};
use crate::logging::Shown;

/// A file longer than this is not a configuration.
const LONGEST_BYTES: u64 = 1 << 20;

/// Reads a file; every mistake in it is a line that says where.
pub(crate) fn read(path: &Path, mistakes: &mut Vec<String>) -> Layer {
    match text_of(path) {
        Ok(text) => parse(path, &text, mistakes),
        Err(why) => {
            mistakes.push(format!("cannot read the configuration {}: {why}", path.display()));
            Layer::new()
        }
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    file.take(LONGEST_BYTES + 1).read_to_end(&mut octets).map_err(|error| error.to_string())?;
    if octets.len() as u64 > LONGEST_BYTES {
        return Err(format!("it is longer than {} KiB", LONGEST_BYTES >> 10));
    }
    String::from_utf8(octets).map_err(|_| "it is not UTF-8".to_owned())
}

fn parse(path: &Path, text: &str, mistakes: &mut Vec<String>) -> Layer {
    // An editor of Windows begins a file with a mark that is not part of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reading = Reading { path, text, found: Vec::new(), layer: Layer::new() };
    match DeTable::parse(text) {
        Ok(table) => reading.table("", table.get_ref()),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            reading.complain(at, &format!("not TOML: {message}"));
        }
    }
    // The parser has its tables in the order of the alphabet.
    reading.found.sort();
    let named = reading.found.iter();
    mistakes.extend(named.map(|(line, what)| format!("{}, line {line}: {what}", path.display())));
    reading.layer
}

/// One file while it is read.
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    /// What is wrong, with its line.
    found: Vec<(usize, String)>,
    layer: Layer,
}

impl Reading<'_> {
    /// All keys of a table; `above` is the name of the table with a dot behind it.
    fn table(&mut self, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = format!("{above}{}", name.get_ref());
            match (keys::find(&full), value.get_ref()) {
                (Some(key), _) => {
                    let at = name.span().start;
                    if let Some(values) = self.values(&full, key.shape == keys::Shape::Many, value)
                    {
                        let origin =
                            Origin::File { path: self.path.to_owned(), line: self.line(at) };
                        self.layer.insert(key.name, Given { values, origin });
                    }
                }
                (None, DeValue::Table(inner)) if keys::is_section(&full) => {
                    self.table(&format!("{full}."), inner);
                }
                (None, _) => self.unknown(name.span().start, &full),
            }
        }
    }

    fn values(
        &mut self,
        name: &str,
        many: bool,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<String>> {
        let one = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Boolean(yes) => Some(yes.to_string()),
            DeValue::Integer(number) => {
                let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
                Some(number.to_string())
            }
            _ => None,
        };
        let found = match value.get_ref() {
            DeValue::Array(array) if many => array.iter().map(one).collect(),
            _ => one(value).map(|text| vec![text]),
        };
        if found.is_none() {
            let want = if many {
                "a text or a list of texts"
            } else {
                "a text, a number, or true or false"
            };
            self.complain(value.span().start, &format!("bad value for {name}: want {want}"));
        }
        found
    }

    fn unknown(&mut self, at: usize, name: &str) {
        let near = nearest(name, keys::names());
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        self.complain(at, &format!("unknown key {}{near}", Shown(name.as_bytes())));
    }

    fn complain(&mut self, at: usize, what: &str) {
        self.found.push((self.line(at), what.to_owned()));
    }

    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|octet| **octet == b'\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Layer, Vec<String>) {
        let mut mistakes = Vec::new();
        let layer = parse(Path::new("w.toml"), text, &mut mistakes);
        (layer, mistakes)
    }

    #[test]
    fn a_file_gives_values_and_the_lines_they_stand_in() {
        let (layer, mistakes) = parsed(
            "# ours\n\nlisten = ['127.0.0.1:1', \"[::1]:2\"]\nhandshake_timeout = 0x1_0\ndev = true\n",
        );
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(layer["listen"].values, ["127.0.0.1:1", "[::1]:2"]);
        assert_eq!(layer["handshake_timeout"].values, ["16"]);
        assert_eq!(layer["dev"].values, ["true"]);
        let line = Origin::File { path: "w.toml".into(), line: 3 };
        assert_eq!(layer["listen"].origin, line);
    }

    #[test]
    fn every_mistake_says_its_line_and_what_was_probably_meant() {
        let (layer, mistakes) = parsed(
            "lisen = 'x'\nlog = ['a', 'b']\n\n[handshake]\ntimeout = 1\n[[user]]\nname = 'x'\n",
        );
        assert_eq!(
            mistakes,
            [
                "w.toml, line 1: unknown key 'lisen'; did you mean listen?",
                "w.toml, line 2: bad value for log: want a text, a number, or true or false",
                "w.toml, line 4: unknown key 'handshake'",
                "w.toml, line 6: bad value for user: want a text or a list of texts",
            ]
        );
        assert!(layer.is_empty());
    }

    #[test]
    fn what_is_not_toml_says_where() {
        for text in ["a = \n", "\u{feff}x", "listen = ['a'\n", "dev = true\ndev = false", "\0"] {
            let (_, mistakes) = parsed(text);
            let [mistake] = &mistakes[..] else { panic!("{text}: {mistakes:?}") };
            assert!(
                mistake.starts_with("w.toml, line ") && mistake.contains("not TOML"),
                "{mistake}"
            );
            assert_eq!(mistake.lines().count(), 1);
        }
    }
}
