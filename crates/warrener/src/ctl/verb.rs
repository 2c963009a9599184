//! Every verb there is: its words, and who obeys it.

use warrener_broker::RABBITMQ_VERSION;

use crate::ctl::line::{Line, Tool};
use crate::ctl::{
    Failure, How, Said, Shown, checks, connections, definitions, limits, listing, node, parameters,
    permissions, policies, queues, users, vhosts,
};

/// One verb.
pub(super) struct Verb {
    pub(super) name: &'static str,
    /// Its words, as help has them; those in brackets may be left out.
    pub(super) words: &'static str,
    /// What is said before it is obeyed.
    pub(super) banner: fn(&Line) -> String,
    pub(super) run: fn(&Line) -> Said,
    /// Whether its table has a first line with the names of the columns.
    pub(super) has_headers: bool,
}

impl Verb {
    pub(super) const fn new(
        name: &'static str,
        words: &'static str,
        run: fn(&Line) -> Said,
    ) -> Self {
        Self { name, words, banner: |_| String::new(), run, has_headers: true }
    }

    pub(super) const fn saying(mut self, banner: fn(&Line) -> String) -> Self {
        self.banner = banner;
        self
    }

    pub(super) const fn with_headers(mut self, has_headers: bool) -> Self {
        self.has_headers = has_headers;
        self
    }

    /// How many words it takes, at least and at most.
    fn arity(&self) -> (usize, usize) {
        let words = self.words.split_whitespace();
        let least = words.clone().filter(|word| !word.starts_with('[') && *word != "...]").count();
        let most = if self.words.ends_with("...]") { usize::MAX } else { words.count() };
        (least, most)
    }

    /// Says what is wrong with a line, and what would be right.
    pub(super) fn misused(&self, line: &Line, words: &[String], why: &str) -> Failure {
        let text = format!(
            "Error (argument validation): {why}\nArguments given:\n\t{}\n\n{}\n",
            words.join(" "),
            self.usage(line.tool)
        );
        Failure { code: 64, text, how: How::Bare }
    }

    fn usage(&self, tool: Tool) -> String {
        format!("Usage\n\n{} [-n <node>] [-t <timeout>] {} {}", tool.name(), self.name, self.words)
    }
}

fn all() -> impl Iterator<Item = &'static Verb> {
    let tables = [
        OWN,
        checks::VERBS,
        connections::VERBS,
        definitions::VERBS,
        limits::VERBS,
        listing::VERBS,
        node::VERBS,
        parameters::VERBS,
        permissions::VERBS,
        policies::VERBS,
        queues::VERBS,
        users::VERBS,
        vhosts::VERBS,
    ];
    tables.into_iter().flatten()
}

/// The verb of a line, once its words have been counted.
pub(super) fn find(line: &Line, words: &[String]) -> Result<&'static Verb, Failure> {
    let wanted = if line.verb.is_empty() { "help" } else { line.verb.as_str() };
    let Some(verb) = all().find(|verb| verb.name == wanted) else { return Err(unknown(line)) };
    if line.wants_help {
        return Ok(HELP);
    }
    let (least, most) = verb.arity();
    let given = line.words.len();
    let wrong = if given < least {
        "not enough arguments."
    } else if given > most {
        "too many arguments."
    } else {
        return Ok(verb);
    };
    Err(verb.misused(line, words, wrong))
}

fn unknown(line: &Line) -> Failure {
    let near = all().map(|verb| (distance(verb.name, &line.verb), verb.name)).min();
    let near = near.filter(|(far, _)| *far <= 3);
    let text = match near {
        Some((_, name)) => format!("Command '{}' not found. \nDid you mean '{name}'?", line.verb),
        None => format!("Command '{}' not found. \n\n{}", line.verb, overview(line.tool)),
    };
    Failure { code: 64, text, how: How::Bare }
}

/// How many letters are wrong, missing or too many (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], index + 1);
        for (at, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[right.len()]
}

const HELP: &Verb = &Verb::new("help", "[<command>]", help);

const OWN: &[Verb] = &[
    Verb::new("help", "[<command>]", help),
    Verb::new("version", "", |_| Ok(Shown::Text(RABBITMQ_VERSION.to_owned()))),
    Verb::new("eval", "<expression> [...]", no_erlang),
    Verb::new("eval_file", "<file>", no_erlang),
    Verb::new("remote_shell", "", no_erlang),
    Verb::new("observer", "", no_erlang),
];

fn no_erlang(line: &Line) -> Said {
    Err(Failure::usage(format!(
        "{} is for brokers written in Erlang: there is nothing in this one that could obey it",
        line.verb
    )))
}

fn help(line: &Line) -> Said {
    let wanted = if line.verb == "help" { line.word(0) } else { line.verb.as_str() };
    if wanted.is_empty() {
        return Ok(Shown::Text(overview(line.tool)));
    }
    let verb = all().find(|verb| verb.name == wanted).ok_or_else(|| unknown(line))?;
    Ok(Shown::Text(verb.usage(line.tool)))
}

fn overview(tool: Tool) -> String {
    let mut verbs: Vec<&Verb> = all().collect();
    verbs.sort_by_key(|verb| verb.name);
    let verbs: Vec<String> = verbs
        .iter()
        .map(|verb| format!("   {} {}", verb.name, verb.words).trim_end().to_owned())
        .collect();
    format!(
        "Usage\n\n{} [--socket <path>] [--data-dir <directory>] [-t <seconds>] [-q] [-s] [-p <vhost>] \
         [--formatter table|pretty_table|csv|json] <command> [<command options>]\n\nCommands:\n\n{}",
        tool.name(),
        verbs.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_verbs_have_one_name() {
        let mut names: Vec<&str> = all().map(|verb| verb.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_word_that_is_nearly_a_verb_is_asked_back() {
        assert_eq!(distance("list_queues", "list_quues"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn verbs_take_the_words_that_their_help_names() {
        let arity = |words| Verb::new("x", words, help).arity();
        assert_eq!(arity(""), (0, 0));
        assert_eq!(arity("<a> [<b>]"), (1, 2));
        assert_eq!(arity("[<column> ...]"), (0, usize::MAX));
    }
}
