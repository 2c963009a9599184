//! The command line: words in, what is to be done out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, FromArgMatches, Subcommand, ValueHint};

use crate::configuration::keys::{self, Key, Shape};
use crate::configuration::{Given, Layer, Origin, Sources, reference};

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run a broker with this configuration.
    Serve(Sources),
    /// Look at a configuration, and be done.
    Config(ConfigCommand, Sources),
    /// Look at the machine, and be done.
    Doctor(Sources),
    /// Do something with a data directory, and be done.
    Store(StoreCommand),
    /// Print this text (help or version) and be done.
    Print(String),
}

/// Reads a command line, the program's name first, in an environment; an error is one line saying what is wrong and what to
/// do.
pub(crate) fn parse(
    line: impl IntoIterator<Item = OsString>,
    environment: BTreeMap<String, String>,
) -> Result<Command, String> {
    let matches = match program().try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => return Ok(Command::Print(error.render().to_string())),
        Err(error) => return Err(one_line(&error)),
    };
    let mut sources = Sources {
        flags: flags(&matches),
        file: matches.get_one::<PathBuf>(CONFIG).cloned(),
        environment,
    };
    if matches.subcommand().is_none() {
        return Ok(Command::Serve(sources));
    }
    match Tool::from_arg_matches(&matches).map_err(|error| one_line(&error))? {
        Tool::Store(command) => Ok(Command::Store(command)),
        Tool::Doctor { file } => {
            sources.file = file;
            Ok(Command::Doctor(sources))
        }
        Tool::Config(command) => {
            let (ConfigCommand::Check { file } | ConfigCommand::Show { file }) = &command;
            sources.file.clone_from(file);
            Ok(Command::Config(command, sources))
        }
    }
}

/// The one option that is not a setting.
const CONFIG: &str = "config";

/// What `--help` is made of.
fn program() -> clap::Command {
    let config = Arg::new(CONFIG)
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("Read settings from this file; options and WARRENER_ variables weigh more")
        .long_help(
            "Read settings from this file\n\nWithout it: the first there is of $WARRENER_CONFIG, \
             ~/.config/warrener/warrener.toml (or below $XDG_CONFIG_HOME) and /etc/warrener/warrener.toml. Options weigh \
             more than variables of the environment, and those more than the file. `warrener config check` judges it.",
        );
    let program = clap::Command::new("warrener")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "An AMQP 0-9-1 message broker. Started without options it listens on port 5672 of this machine only and keeps \
             durable things in your data directory.",
        )
        .max_term_width(100)
        .after_help(AFTER_HELP)
        .args_conflicts_with_subcommands(true)
        .arg(config)
        .args(keys::all().map(argument));
    Tool::augment_subcommands(program).subcommand_required(false).arg_required_else_help(false)
}

/// The option of a key.
fn argument(key: &Key) -> Arg {
    let (first, rest) = key.help.split_once("\n\n").unwrap_or((key.help, ""));
    let mut long = first.to_owned();
    if !rest.is_empty() {
        long += &format!("\n\n{rest}");
    }
    long += &format!("\n\nDefault: {}. Environment: {}", reference::default(key), key.variable());
    let flag = key.flag();
    let argument = Arg::new(key.name)
        .long(flag.trim_start_matches('-').to_owned())
        .value_name(key.takes)
        .help(first.to_owned())
        .long_help(long);
    match key.shape {
        Shape::Switch => argument
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .action(ArgAction::Set),
        Shape::One => argument.action(ArgAction::Set),
        Shape::Many => argument.action(ArgAction::Append),
    }
}

/// The settings among the options.
fn flags(matches: &ArgMatches) -> Layer {
    let given = |key: &'static Key| {
        let values: Vec<String> = matches.get_many::<String>(key.name)?.cloned().collect();
        Some((key.name, Given { values, origin: Origin::Flag(key.flag()) }))
    };
    keys::all().filter_map(given).collect()
}

#[derive(Debug, clap::Subcommand)]
enum Tool {
    /// Check, back up or salvage a data directory
    #[command(subcommand)]
    Store(StoreCommand),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say what of this machine's limits, disk and clock should be changed before a broker runs here
    Doctor {
        /// The configuration file, in place of the one that a start would read
        file: Option<PathBuf>,
    },
}

/// What can be done with a configuration, other than running a broker with it.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration, each mistake a line; nothing is started
    Check {
        /// The file, in place of the one that a start would read
        file: Option<PathBuf>,
    },
    /// Print every setting, as a file, with where it comes from; passwords are left out
    Show {
        /// The file, in place of the one that a start would read
        file: Option<PathBuf>,
    },
}

/// What can be done with a data directory, other than running a broker on it.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum StoreCommand {
    /// Look at every byte of a data directory that no broker uses; nothing is changed
    Verify {
        /// The data directory
        dir: PathBuf,
    },
    /// Copy a data directory, in use or not, as it is at one moment, and verify the copy
    Backup {
        /// The data directory
        dir: PathBuf,
        /// Where to: a new directory, or an empty one
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
    /// Copy what is whole of a damaged data directory; the last resort when there is no backup
    ///
    /// The damaged one is left as it is. Messages are lost: those whose bytes are damaged. Others may come back: those whose
    /// acknowledgement was in damaged bytes.
    Salvage {
        /// The data directory
        dir: PathBuf,
        /// Where to: a new directory, or an empty one
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
}

const AFTER_HELP: &str = "\
Users: guest with password guest may log in from this machine only, unless --user gives it a password.
Stop it with Ctrl-C or SIGTERM: clients are told, durable things are synced. A second signal ends it at once.

`warrener move SOURCE TARGET` moves the messages of any AMQP 0-9-1 broker into another: `warrener move --help`.
`warrener ctl COMMAND` steers a running broker with the words of rabbitmqctl: `warrener ctl help`.

Examples:
  warrener                                    a broker for this machine
  warrener --dev --listen 127.0.0.1:0         one for a test, on a free port
  warrener --listen 0.0.0.0:5672 --user-file users.txt --data-dir /var/lib/warrener";

/// The parser's own report is a paragraph.
fn one_line(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let rendered = error.to_string();
    let first = rendered.lines().next().unwrap_or_default();
    let mut line = match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let missing = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(missing)) => missing.join(" and "),
                _ => "something".to_owned(),
            };
            format!("{missing} must be given")
        }
        _ => first.trim_start_matches("error: ").to_owned(),
    };
    if let Some(near) = text(ContextKind::SuggestedArg) {
        line.push_str(&format!("; did you mean {near}?"));
    }
    line.push_str(" (warrener --help lists the options)");
    line
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use warrener_broker::Sync;
    use warrener_codec::ShortStr;

    use super::*;
    use crate::config::{Config, Listen, Storage, User};
    use crate::configuration::load;

    fn config(line: &[&str]) -> Config {
        match parse_line(line) {
            Ok(Command::Serve(sources)) => load(&sources).unwrap().settings.server,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(line: &[&str]) -> String {
        let refusal = match parse_line(line) {
            Ok(Command::Serve(sources)) => load(&sources).unwrap_err().join("\n"),
            other => other.map(drop).unwrap_err(),
        };
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
        refusal
    }

    fn parse_line(line: &[&str]) -> Result<Command, String> {
        let line = core::iter::once("warrener").chain(line.iter().copied()).map(OsString::from);
        parse(line, BTreeMap::new())
    }

    #[test]
    fn listeners_replace_the_default_ones() {
        assert_eq!(config(&["--memory-only"]).listen, Listen::Loopback);
        let config = config(&["--memory-only", "--listen", "127.0.0.1:0", "--listen", "[::1]:7"]);
        let expected = vec!["127.0.0.1:0".parse().unwrap(), "[::1]:7".parse().unwrap()];
        assert_eq!(config.listen, Listen::On(expected));
    }

    #[test]
    fn durable_things_live_where_told() {
        assert_eq!(config(&["--memory-only"]).storage, Storage::Memory);
        let told = config(&["--data-dir", "/srv/w"]);
        assert_eq!(told.storage, Storage::Directory("/srv/w".into()));
    }

    #[test]
    fn without_a_home_the_refusal_says_what_to_do() {
        let refusal = refusal(&[]);
        assert!(refusal.contains("--data-dir") && refusal.contains("--memory-only"), "{refusal}");
    }

    #[test]
    fn a_data_directory_can_be_worked_on_instead() {
        let Ok(Command::Store(command)) = parse_line(&["store", "backup", "/a", "--into", "/b"])
        else {
            panic!("no such command")
        };
        assert_eq!(command, StoreCommand::Backup { dir: "/a".into(), into: "/b".into() });
        assert!(refusal(&["store", "salvage", "/a"]).contains("--into"));
        assert!(refusal(&["--memory-only", "store", "verify", "/a"]).contains("store"));
    }

    #[test]
    fn what_confirms_wait_for_is_said_for_all_or_for_one_virtual_host() {
        let syncs = config(&["--memory-only"]).syncs;
        assert_eq!(syncs.of(&ShortStr::from_static("/")), Sync::Always);
        let line = ["--memory-only", "--sync", "interval:200", "--sync", "a=b=os"];
        let syncs = config(&line).syncs;
        let often = Sync::Interval(Duration::from_millis(200));
        assert_eq!(syncs.of(&ShortStr::from_static("/")), often);
        assert_eq!(syncs.of(&ShortStr::from_static("a=b")), Sync::Os);
        assert!(refusal(&["--memory-only", "--sync", "never"]).contains("--sync"));
    }

    #[test]
    fn what_the_server_says_about_itself_can_be_said() {
        let line = ["--memory-only", "--server-property", "product=W", "--server-property=a=b=c"];
        let told: Vec<_> = config(&line).server_properties.into_iter().collect();
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(told, [pair("a", "b=c"), pair("product", "W")]);
        for bad in ["product", "=x"] {
            let refusal = refusal(&["--memory-only", "--server-property", bad]);
            assert!(refusal.contains("--server-property"), "{bad}");
        }
    }

    #[test]
    fn users_come_from_the_line_and_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# staff\n\nbob:b\n").unwrap();
        let path = file.path().to_str().unwrap();
        let users = config(&["--memory-only", "--user", "ann:a", "--user-file", path]).users;
        assert_eq!(users.iter().map(User::name).collect::<Vec<_>>(), ["ann", "bob"]);

        std::fs::write(file.path(), "bob:b\nhunter2\n").unwrap();
        let refusal = refusal(&["--memory-only", "--user-file", path]);
        assert!(refusal.contains("line 2") && !refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn a_bad_option_is_one_line_with_what_to_do() {
        assert!(refusal(&["--lisen", "127.0.0.1:1"]).contains("did you mean --listen?"));
        assert!(refusal(&["--memory-only", "--listen", "localhost"]).contains("--listen"));
        assert!(refusal(&["--data-dir", "/x", "--memory-only"]).contains("cannot be used with"));
        assert!(refusal(&["--data-dir", "/x", "--dev"]).contains("cannot be used with"));
        let timeout = ["--memory-only", "--handshake-timeout", "0"];
        assert!(refusal(&timeout).contains("--handshake-timeout"));
        let refusal = refusal(&["--memory-only", "--user", "hunter2"]);
        assert!(refusal.contains("NAME:PASSWORD") && !refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn a_switch_can_be_switched_off() {
        let off = ["--data-dir", "/x", "--memory-only=false"];
        assert_eq!(config(&off).storage, Storage::Directory("/x".into()));
        assert!(refusal(&["--memory-only=perhaps", "--data-dir=/x"]).contains("true or false"));
    }

    #[test]
    fn help_names_every_option_and_what_to_do_for_remote_clients() {
        let Ok(Command::Print(help)) = parse_line(&["--help"]) else { panic!("no help") };
        for key in keys::all() {
            assert!(help.contains(&key.flag()) && help.contains(&key.variable()), "{}", key.name);
        }
        for word in ["--config", "guest", "Ctrl-C"] {
            assert!(help.contains(word), "{word}");
        }
        assert!(
            matches!(parse_line(&["--version"]), Ok(Command::Print(text)) if text.contains("0.1.0"))
        );
    }
}
