//! A command line: which tool, which verb, which options, in any order.

use core::time::Duration;
use std::path::PathBuf;

use crate::ctl::Failure;
use crate::ctl::client::Client;
use crate::ctl::table::Formatter;

/// Which of RabbitMQ's tools this is called as. All know all verbs; they differ in what their help shows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `warrener ctl`.
    Warrener,
    /// `rabbitmqctl`.
    Ctl,
    /// `rabbitmq-diagnostics`.
    Diagnostics,
    /// `rabbitmq-queues`.
    Queues,
}

impl Tool {
    /// The tool of this name, if there is one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rabbitmqctl" => Self::Ctl,
            "rabbitmq-diagnostics" => Self::Diagnostics,
            "rabbitmq-queues" => Self::Queues,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Warrener => "warrener ctl",
            Self::Ctl => "rabbitmqctl",
            Self::Diagnostics => "rabbitmq-diagnostics",
            Self::Queues => "rabbitmq-queues",
        }
    }
}

/// A command line, taken apart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) tool: Tool,
    pub(super) client: Client,
    pub(super) verb: String,
    /// The words after the verb.
    pub(super) words: Vec<String>,
    pub(super) vhost: String,
    pub(super) timeout: Option<Duration>,
    pub(super) is_quiet: bool,
    pub(super) is_silent: bool,
    pub(super) has_headers: bool,
    pub(super) formatter: Formatter,
    /// The node that is asked for; there is one, whatever it is called.
    pub(super) node: Option<String>,
    /// Whether help is asked for.
    pub(super) wants_help: bool,
    /// Options of verbs, by name without dashes.
    options: Vec<(&'static str, String)>,
}

/// Options of verbs that take no value.
const FLAGS: [&str; 14] = [
    "if-unused",
    "if-empty",
    "force",
    "online",
    "offline",
    "local",
    "global",
    "all-users",
    "disk-nodes",
    "pre-hashed-password",
    "skip-if-exists",
    "expand",
    "no-block",
    "implicit",
];

/// And those that take one.
const VALUES: [&str; 12] = [
    "priority",
    "apply-to",
    "description",
    "tags",
    "default-queue-type",
    "user",
    "limit",
    "per-connection-delay",
    "unit",
    "format",
    "pid",
    "encoding",
];

impl Line {
    /// Takes a line apart; `words` come after the tool's name.
    pub(super) fn parse(tool: Tool, words: &[String]) -> Result<Self, Failure> {
        let mut line = Self {
            tool,
            client: Client::default(),
            verb: String::new(),
            words: Vec::new(),
            vhost: "/".to_owned(),
            timeout: None,
            is_quiet: false,
            is_silent: false,
            has_headers: true,
            formatter: Formatter::Table,
            node: None,
            wants_help: false,
            options: Vec::new(),
        };
        let mut rest = words.iter();
        let mut only_words = false;
        while let Some(word) = rest.next() {
            if word == "--" && !only_words {
                only_words = true;
            } else if let Some((name, value)) = option(word).filter(|_| !only_words) {
                line.set(&name, value, &mut rest)?;
            } else if line.verb.is_empty() {
                line.verb.clone_from(word);
            } else {
                line.words.push(word.clone());
            }
        }
        Ok(line)
    }

    fn set<'w>(
        &mut self,
        name: &str,
        value: Option<String>,
        rest: &mut impl Iterator<Item = &'w String>,
    ) -> Result<(), Failure> {
        match name {
            "quiet" => self.is_quiet = true,
            "silent" => self.is_silent = true,
            "no-table-headers" => self.has_headers = false,
            "help" => self.wants_help = true,
            "version" => self.verb = "version".to_owned(),
            // Names of nodes and logs of the tool itself mean nothing here.
            "longnames" | "table-headers" | "dry-run" | "print-stacktrace" => {}
            flag if FLAGS.contains(&flag) => {
                self.options.extend(known(&FLAGS, flag).map(|flag| (flag, "true".to_owned())));
            }
            _ => {
                let value = value.or_else(|| rest.next().cloned());
                let value =
                    value.ok_or_else(|| Failure::usage(format!("--{name} needs a value")))?;
                self.set_value(name, value)?;
            }
        }
        Ok(())
    }

    fn set_value(&mut self, name: &str, value: String) -> Result<(), Failure> {
        match name {
            "vhost" => self.vhost = value,
            "node" => self.node = Some(value),
            // Where RabbitMQ's tools find RabbitMQ.
            "script-name"
            | "erlang-cookie"
            | "rabbitmq-home"
            | "mnesia-dir"
            | "plugins-dir"
            | "enabled-plugins-file"
            | "aliases-file"
            | "longnames-file" => {}
            "data-dir" => self.client = Client::at(PathBuf::from(value).join("control.sock")),
            "socket" => self.client = Client::at(PathBuf::from(value)),
            "timeout" => {
                let seconds: Option<f64> = value.parse().ok();
                let seconds = seconds.filter(|seconds| (0.0..1e9).contains(seconds));
                let bad = || Failure::usage("--timeout takes a number of seconds");
                self.timeout = Some(Duration::from_secs_f64(seconds.ok_or_else(bad)?));
            }
            "formatter" => {
                let unknown = || Failure::usage(format!("Formatter {value} is not supported"));
                self.formatter = Formatter::parse(&value).ok_or_else(unknown)?;
            }
            _ => {
                let unknown = || {
                    Failure::usage(format!(
                        "Invalid options for this command:\n--{name} : not known"
                    ))
                };
                self.options.push((known(&VALUES, name).ok_or_else(unknown)?, value));
            }
        }
        Ok(())
    }

    /// The verb's words, of which there are as many as the verb says.
    pub(super) fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", String::as_str)
    }

    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, flag: &str) -> bool {
        self.option(flag).is_some()
    }

    /// What the node is called: as the line says, or as it says itself.
    pub(super) fn node(&self) -> String {
        let asked = || {
            let nodes = self.client.get("/api/nodes?columns=name").ok()?;
            nodes[0]["name"].as_str().map(str::to_owned)
        };
        self.node.clone().or_else(asked).unwrap_or_else(|| "warrener".to_owned())
    }
}

fn known(all: &[&'static str], name: &str) -> Option<&'static str> {
    all.iter().copied().find(|own| *own == name)
}

/// The long name of an option, and its value where that is in the same word.
fn option(word: &str) -> Option<(String, Option<String>)> {
    if let Some(long) = word.strip_prefix("--") {
        return Some(match long.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (long.to_owned(), None),
        });
    }
    let name = match word {
        "-q" => "quiet",
        "-s" => "silent",
        "-p" => "vhost",
        "-n" => "node",
        "-t" => "timeout",
        "-l" => "longnames",
        "-h" => "help",
        "-?" => "help",
        _ => return None,
    };
    Some((name.to_owned(), None))
}
