//! The settings in words: the reference of `docs/configuration.md`, and what `warrener config show` prints.

use core::fmt::Write;

use super::keys::{self, Key, Shape};
use super::{Loaded, Settings};

/// The part of `docs/configuration.md` that follows from the table of keys.
#[cfg(test)]
pub(crate) fn page() -> String {
    let mut page = String::new();
    for key in keys::all() {
        let (first, rest) = key.help.split_once("\n\n").unwrap_or((key.help, ""));
        let _ = write!(page, "\n### {}\n\n{first}.", key.name);
        if !rest.is_empty() {
            let _ = write!(page, " {rest}");
        }
        let several = if key.shape == Shape::Many { ", a list of them" } else { "" };
        let _ =
            write!(page, "\n\n- Takes: `{}`{several}\n- Default: {}\n", key.takes, default(key));
        let _ = writeln!(page, "- Elsewhere: `{}`, `{}`", key.flag(), key.variable());
        let when =
            if key.live { "at SIGHUP, for what comes after it" } else { "at the next start" };
        let _ = writeln!(page, "- A change counts: {when}");
    }
    page
}

/// The default as a reader wants it.
pub(crate) fn default(key: &Key) -> String {
    let values = (key.show)(&Settings::default());
    match (key.otherwise, values.is_empty()) {
        ("", true) => "none".to_owned(),
        ("", false) => format!("`{}`", toml(key, &values)),
        (words, _) => words.to_owned(),
    }
}

/// All settings as they are, as a file that says the same, with where each comes from.
pub(crate) fn show(loaded: &Loaded) -> String {
    let mut text = String::new();
    // Keys without a section must come before the first section.
    let (plain, sectioned): (Vec<&Key>, Vec<&Key>) =
        keys::all().partition(|key| !key.name.contains('.'));
    let mut section = "";
    for key in plain.into_iter().chain(sectioned) {
        let (above, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if above != section {
            let _ = write!(text, "\n[{above}]\n");
            section = above;
        }
        let values = (key.show)(&loaded.settings);
        let origin = match loaded.given.get(key.name) {
            Some(given) => given.origin.to_string(),
            None => "default".to_owned(),
        };
        let _ = if values.is_empty() {
            let words = if key.otherwise.is_empty() { "none" } else { key.otherwise };
            writeln!(text, "# {name} is not set: {words}")
        } else {
            writeln!(text, "{name} = {} # {origin}", toml(key, &values))
        };
    }
    text
}

fn toml(key: &Key, values: &[String]) -> String {
    match key.shape {
        Shape::Many => {
            let values: Vec<String> = values.iter().map(|value| string(value)).collect();
            format!("[{}]", values.join(", "))
        }
        Shape::Switch | Shape::One => {
            let value = values.first().map(String::as_str).unwrap_or_default();
            if key.shape == Shape::Switch || value.parse::<u64>().is_ok() {
                value.to_owned()
            } else {
                string(value)
            }
        }
    }
}

/// A basic string of TOML.
fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{Sources, file, load};

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    const HEADING: &str = "## Every setting\n";

    /// What is behind the heading is what the table says: `WARRENER_WRITE_REFERENCE=1 cargo test -p warrener-server
    /// reference` writes it.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a maintainer asks for the page to be written")]
    fn the_reference_says_what_the_table_says() {
        let text = std::fs::read_to_string(PAGE).unwrap();
        let (head, tail) = text.split_once(HEADING).expect("the heading");
        if std::env::var_os("WARRENER_WRITE_REFERENCE").is_some() {
            std::fs::write(PAGE, format!("{head}{HEADING}{}", page())).unwrap();
            return;
        }
        assert!(
            tail == page(),
            "docs/configuration.md is stale: WARRENER_WRITE_REFERENCE=1 cargo test -p warrener-server reference"
        );
    }

    #[test]
    fn what_is_shown_is_a_file_that_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("warrener.toml");
        std::fs::write(&path, "memory_only = true\nlog = 'info'\nserver_property = ['a=\"\\x']\nuser = ['ann:hunter2']")
            .unwrap();
        let sources = Sources { file: Some(path.clone()), ..Sources::default() };
        let shown = show(&load(&sources).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("handshake_timeout = 10 # default"), "{shown}");
        assert!(
            shown.contains("log = \"info\" # ") && shown.contains("warrener.toml, line 2"),
            "{shown}"
        );
        std::fs::write(&path, &shown).unwrap();
        let mut mistakes = Vec::new();
        let layer = file::read(&path, &mut mistakes);
        assert_eq!(mistakes, [""; 0], "{shown}");
        assert_eq!(layer["server_property"].values, ["a=\"\\x"]);
    }
}
