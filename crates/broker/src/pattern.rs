//! Patterns of names, as permissions and policies have them (RabbitMQ extension).
//!
//! RabbitMQ's patterns are those of PCRE on octets, searched for anywhere in a name. A search goes by trying, for a few
//! steps; when those do not suffice, a pattern without look-around, back-references and atomic groups is followed in all
//! ways at once, which takes linear time, and any other gives up after so many steps more. A pattern that gave up
//! grants nothing and applies to nothing.

mod class;
mod node;
mod parse;
mod program;
mod search;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use thiserror::Error;

use crate::pattern::program::Program;

/// The longest pattern taken, in octets.
const TEXT_BYTES: usize = 2_048;

/// How many steps are tried before a linear search.
const FIRST_STEPS: u32 = 2_000;

/// How many steps a search that cannot be linear may take.
const STEPS: u32 = 60_000;

/// A compiled pattern of names. Clones share what was compiled.
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    matcher: Matcher,
}

#[derive(Clone)]
enum Matcher {
    Nothing,
    Everything,
    Names(Arc<Program>),
}

/// Whether a pattern matches a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Matches,
    /// It does not.
    Differs,
    /// To say would take more steps than a pattern gets.
    GaveUp,
}

/// A text that is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid pattern '{text}': {explanation}")]
pub struct PatternError {
    /// The text.
    pub text: Box<str>,
    /// What is wrong with it.
    pub explanation: Box<str>,
}

impl Pattern {
    /// No name: RabbitMQ's `^$`.
    #[must_use]
    pub fn nothing() -> Self {
        Self { text: "^$".into(), matcher: Matcher::Nothing }
    }

    /// Every name: RabbitMQ's `.*`.
    #[must_use]
    pub fn everything() -> Self {
        Self { text: ".*".into(), matcher: Matcher::Everything }
    }

    /// Compiles a pattern that is searched for in names; the empty one is found in all of them.
    ///
    /// # Errors
    ///
    /// When it is too long, too large once compiled, or not a pattern.
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        let matcher = match text {
            ".*" | "" | "^.*" | "^" | ".*$" => Matcher::Everything,
            other => Matcher::Names(Arc::new(compile(other)?)),
        };
        Ok(Self { text: text.into(), matcher })
    }

    /// Compiles a pattern that grants a right on the names it is found in; the empty one grants nothing, as `^$` does
    /// (RabbitMQ).
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    pub fn granting(text: &str) -> Result<Self, PatternError> {
        match text {
            // A name is never empty here: the default exchange is called amq.default, and queues have names.
            "" | "^$" => Ok(Self { text: text.into(), matcher: Matcher::Nothing }),
            other => Self::compile(other),
        }
    }

    /// A text as part of a pattern that is found where the text is.
    pub(crate) fn literally(text: &str) -> String {
        let is_special = |character: char| character.is_ascii_punctuation() || character == ' ';
        let mut pattern = String::new();
        for character in text.chars() {
            if is_special(character) {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is found in a name.
    #[must_use]
    pub fn test(&self, name: &[u8]) -> Verdict {
        self.test_counting(name).0
    }

    /// Whether it is found in a name, and how many steps it took to say so.
    pub(crate) fn test_counting(&self, name: &[u8]) -> (Verdict, u32) {
        let verdict = |found| if found { Verdict::Matches } else { Verdict::Differs };
        match &self.matcher {
            Matcher::Nothing => (Verdict::Differs, 1),
            Matcher::Everything => (Verdict::Matches, 1),
            Matcher::Names(program) => {
                let most = if program.linear { FIRST_STEPS } else { STEPS };
                let mut left = most;
                match search::by_trying(program, name, &mut left) {
                    Ok(found) => (verdict(found), most - left),
                    Err(_) if program.linear => {
                        let mut taken = most;
                        (verdict(search::in_all_ways(program, name, &mut taken)), taken)
                    }
                    Err(_) => (Verdict::GaveUp, most),
                }
            }
        }
    }
}

fn compile(text: &str) -> Result<Program, PatternError> {
    let refused = |explanation: &str| PatternError {
        text: text.chars().take(120).collect(),
        explanation: explanation.into(),
    };
    if text.len() > TEXT_BYTES {
        return Err(refused("longer than 2048 octets"));
    }
    let node = parse::parse(text).map_err(|explanation| refused(&explanation))?;
    program::compile(&node).map_err(refused)
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.grants_nothing() == other.grants_nothing()
    }
}

impl Eq for Pattern {}

impl Pattern {
    const fn grants_nothing(&self) -> bool {
        matches!(self.matcher, Matcher::Nothing)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn found(pattern: &str, name: &[u8]) -> bool {
        match Pattern::compile(pattern).expect("a pattern").test(name) {
            Verdict::Matches => true,
            Verdict::Differs => false,
            Verdict::GaveUp => panic!("{pattern} gave up"),
        }
    }

    #[test]
    fn patterns_are_searched_for_unless_they_are_anchored() {
        assert!(found("order", b"my-orders"));
        assert!(!found("^order", b"my-orders"));
        assert!(found("^(?!amq\\.).*", b"orders"));
        assert!(!found("^(?!amq\\.).*", b"amq.gen-1"));
        assert!(found("^(shop|bank)\\..+$", b"shop.orders"));
        assert!(!found("^(shop|bank)\\..+$", b"shop."));
    }

    #[test]
    fn the_empty_pattern_is_everywhere_but_grants_nothing() {
        assert!(found("", b"q"));
        assert_eq!(Pattern::granting("").expect("a pattern").test(b"q"), Verdict::Differs);
        assert_eq!(Pattern::granting("^$").expect("a pattern").test(b"q"), Verdict::Differs);
        assert_eq!(Pattern::granting(".*").expect("a pattern").test(b"q"), Verdict::Matches);
        assert!(!found("^$", b"q"));
    }

    #[test]
    fn names_are_octets_as_they_are_to_rabbitmq() {
        assert!(found("^.$", b"\xFF"));
        assert!(found("^..$", "ü".as_bytes()));
        assert!(found("ü", "grün".as_bytes()));
        assert!(found("^\\w+$", b"abc_1"));
        assert!(!found("^\\w+$", "grün".as_bytes()));
    }

    #[test]
    fn look_around_and_back_references_work() {
        assert!(found("(?<=a)b", b"ab"));
        assert!(found("^(.+)\\1$", b"abab"));
        assert!(!found("^(.+)\\1$", b"abac"));
        assert!(found("^(?=.*x)(?=.*y)", b"yx"));
    }

    #[test]
    fn what_is_not_a_pattern_is_refused_with_a_reason() {
        for text in [
            "(",
            ")",
            "[a",
            "*",
            "a{2,1}",
            "a**",
            "(?<=a",
            "(?<=a*)b",
            "\\",
            "\\1",
            "[b-a]",
            "[[:no:]]",
            "(?R)",
            "(*UTF8)",
            "\\p{L}",
            "\\x{100}",
            "(?(1)a|b|c)(x)",
            "(?<n>a)(?<n>b)",
        ] {
            let refused = Pattern::compile(text).expect_err("must be refused");
            assert_eq!(&*refused.text, text);
        }
        assert!(Pattern::compile(&"a".repeat(3_000)).is_err());
        assert!(Pattern::compile("((a{100}){100}){100}").is_err());
    }

    #[test]
    fn a_pattern_that_needs_too_many_steps_gives_up() {
        let name = std::vec![b'a'; 255];
        let evil = Pattern::compile("^(?=(a|aa)+\\1$)b|(a*)*\\2c").expect("a pattern");
        assert_eq!(evil.test(&name), Verdict::GaveUp);
        // What can be decided in linear time is decided.
        assert!(!found("^(a+)+$b", &name));
    }
}
