//! The command line: options in, a [`Config`] out.

#![expect(clippy::disallowed_methods, reason = "the environment names the default directory")]

use core::net::SocketAddr;
use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use warrener_broker::Sync;
use warrener_codec::ShortStr;

use crate::config::{Config, Listen, Storage, User};
use crate::listen_options::ListenOptions;

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run a broker.
    Serve {
        /// With this configuration.
        config: Box<Config>,
        /// Which lines to log.
        log: String,
    },
    /// Do something with a data directory, and be done.
    Store(StoreCommand),
    /// Print this text (help or version) and be done.
    Print(String),
}

/// Reads a command line, the program's name first; an error is one line saying what is wrong and what to do.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    match Options::try_parse_from(line) {
        Ok(options) => options.command(default_data_dir()),
        Err(error) if !error.use_stderr() => Ok(Command::Print(error.render().to_string())),
        Err(error) => Err(one_line(&error)),
    }
}

/// An AMQP 0-9-1 message broker. Started without options it listens on port 5672 of this machine only and keeps durable
/// things in your data directory.
#[derive(Debug, Parser)]
#[command(name = "warrener", version, max_term_width = 100, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    tool: Option<Tool>,

    /// Listen on this address; may be given several times; port 0 takes a free one, which is printed
    ///
    /// Without it: port 5672 of 127.0.0.1 and, where the machine has it, of ::1. `0.0.0.0:5672` listens to the whole
    /// network: let a user in with --user as well, since guest may log in from this machine only.
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_address)]
    listen: Vec<SocketAddr>,

    #[command(flatten)]
    listening: ListenOptions,

    /// Keep durable queues and messages in this directory
    ///
    /// It is created if need be, and one broker at a time may use it. Without it: $XDG_DATA_HOME/warrener, or
    /// ~/.local/share/warrener where that is not set.
    #[arg(long, value_name = "DIR", conflicts_with = "memory_only")]
    data_dir: Option<PathBuf>,

    /// Keep nothing on disk: durable queues and messages end with the process
    #[arg(long)]
    memory_only: bool,

    /// What confirms wait for: always (the disk), interval:MS (the operating system, synced this often) or os
    ///
    /// `VHOST=` in front means that virtual host only; may be given several times. With anything but always, a loss of
    /// power takes confirmed messages with it; the end of the process does not.
    #[arg(long, value_name = "[VHOST=]MODE", value_parser = parse_sync)]
    sync: Vec<(Option<String>, Sync)>,

    /// Let publishers wait while less than this is free on the disk: a number of bytes, or of K, M or G of them
    ///
    /// Without it: the smaller of 1G and 5 % of the disk, but never less than 256M.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    disk_free_limit: Option<u64>,

    /// Leave the contents of waiting messages to the disk when more than this is held in memory: a size as above
    ///
    /// The process takes up to half as much again, and 64M. Without it: a quarter of the machine's memory, or of what its
    /// control group may have.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory_budget: Option<u64>,

    /// Let this user in; may be given several times
    ///
    /// It may log in from anywhere and do anything in virtual host `/`, for as long as this process runs: give it again
    /// at the next start. Other users of this machine can see a command line: where that matters, use --user-file.
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = parse_user)]
    user: Vec<User>,

    /// The same for every line NAME:PASSWORD of a file; empty lines and lines that begin with # are skipped
    #[arg(long, value_name = "FILE")]
    user_file: Option<PathBuf>,

    /// Say this about the server to every client, in place of what it says by itself; may be given several times
    ///
    /// Without it, product is RabbitMQ and version the one of RabbitMQ whose behaviour this is, because clients behave by
    /// them; `product=Warrener` says otherwise. warrener_version, platform and information tell what it really is.
    #[arg(long, value_name = "NAME=TEXT", value_parser = parse_property)]
    server_property: Vec<(String, String)>,

    /// Cut off a peer that has not logged in and opened a virtual host after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = crate::limits::HANDSHAKE_TIMEOUT.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    handshake_timeout: u64,

    /// Which lines to log: error, warn, info, debug, trace, or a filter such as `info,warrener_server=debug`
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
}

#[derive(Debug, clap::Subcommand)]
enum Tool {
    /// Check, back up or salvage a data directory
    #[command(subcommand)]
    Store(StoreCommand),
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

Examples:
  warrener                                    a broker for this machine
  warrener --listen 127.0.0.1:0 --memory-only one for a test, on a free port
  warrener --listen 0.0.0.0:5672 --user-file users.txt --data-dir /var/lib/warrener";

impl Options {
    fn command(self, default_data_dir: Option<PathBuf>) -> Result<Command, String> {
        if let Some(Tool::Store(command)) = self.tool {
            return Ok(Command::Store(command));
        }
        let storage = if self.memory_only {
            Storage::Memory
        } else {
            let directory = self.data_dir.or(default_data_dir).ok_or(
                "there is no directory to keep durable things in: neither XDG_DATA_HOME nor HOME is set; \
                 name one with --data-dir DIR, or keep nothing with --memory-only",
            )?;
            Storage::Directory(directory)
        };
        let mut config = match storage {
            Storage::Memory => Config::in_memory(),
            Storage::Directory(directory) => Config::in_directory(directory),
        };
        if !self.listen.is_empty() {
            config.listen = Listen::On(self.listen);
        }
        self.listening.apply(&mut config)?;
        config.disk_free_bytes = self.disk_free_limit;
        config.memory_budget_bytes = self.memory_budget;
        for (vhost, sync) in self.sync {
            match vhost {
                Some(vhost) => {
                    config.syncs.named.insert(ShortStr::truncated(&vhost), sync);
                }
                None => config.syncs.default = sync,
            }
        }
        config.users = self.user;
        if let Some(file) = self.user_file {
            config.users.extend(read_users(&file)?);
        }
        config.server_properties = self.server_property.into_iter().collect();
        config.handshake_timeout = Duration::from_secs(self.handshake_timeout);
        Ok(Command::Serve { config: Box::new(config), log: self.log })
    }
}

/// Addresses, not names: what a name stands for may change, and a listener may not.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    let example = "an IP address and a port up to 65535, as in 127.0.0.1:5672 or [::1]:5672";
    text.parse().map_err(|_| example)
}

fn parse_user(text: &str) -> Result<User, crate::config::UserError> {
    text.parse()
}

/// `os`, `/=always`, `interval:200`. A virtual host's name may contain an equals sign, a mode does not.
fn parse_sync(text: &str) -> Result<(Option<String>, Sync), &'static str> {
    let (vhost, mode) = match text.rsplit_once('=') {
        Some((vhost, mode)) => (Some(vhost.to_owned()), mode),
        None => (None, text),
    };
    let sync = match mode.split_once(':') {
        None if mode == "always" => Sync::Always,
        None if mode == "os" => Sync::Os,
        Some(("interval", ms)) => {
            let ms = ms.parse().ok().filter(|ms| (1..=3_600_000).contains(ms));
            Sync::Interval(Duration::from_millis(
                ms.ok_or("an interval in milliseconds, from 1 to 3600000, as in interval:200")?,
            ))
        }
        _ => return Err("always, interval:MS or os, with VHOST= in front for one virtual host"),
    };
    Ok((vhost, sync))
}

/// A name that a field table takes, and any text that one takes.
fn parse_property(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if (1..=128).contains(&name.len()) && value.len() <= 1024 => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("a name and a text, as in product=Warrener, of at most 128 and 1024 bytes"),
    }
}

fn parse_size(text: &str) -> Result<u64, &'static str> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits, 10 * (1 + "KMG".find(&text[digits.len()..]).unwrap_or(0))),
        None => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(1 << shift));
    bytes.ok_or("a number of bytes, or of K, M or G of them, as in 500M")
}

fn read_users(file: &std::path::Path) -> Result<Vec<User>, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read --user-file {}: {error}", file.display()))?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let number = index + 1;
            line.parse().map_err(|error| format!("{}, line {number}: {error}", file.display()))
        })
        .collect()
}

/// `$XDG_DATA_HOME/warrener`, which must be absolute to count (XDG Base Directory Specification), else below the home.
fn default_data_dir() -> Option<PathBuf> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base =
        absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(base.join("warrener"))
}

/// The parser's own report is a paragraph, and quotes the value, which may be a password.
fn one_line(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg).unwrap_or_default();
    let secret = argument.starts_with("--user ");
    let rendered = error.to_string();
    let first = rendered.lines().next().unwrap_or_default();
    let mut line = match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue if secret => {
            format!("bad value for {argument}: {}", crate::config::UserError)
        }
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
    use super::*;

    fn config(line: &[&str]) -> Config {
        match parse_line(line) {
            Ok(Command::Serve { config, .. }) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(line: &[&str]) -> String {
        let refusal = parse_line(line).unwrap_err();
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
        refusal
    }

    fn parse_line(line: &[&str]) -> Result<Command, String> {
        let line = core::iter::once("warrener").chain(line.iter().copied()).map(OsString::from);
        parse(line)
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
        let options = Options::try_parse_from(["warrener"]).unwrap();
        let refusal = options.command(None).unwrap_err();
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
        for bad in ["never", "interval", "interval:0", "/="] {
            assert!(refusal(&["--memory-only", "--sync", bad]).contains("--sync"), "{bad}");
        }
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
    fn sizes_are_bytes_or_larger() {
        let limit = |size| config(&["--memory-only", "--disk-free-limit", size]).disk_free_bytes;
        assert_eq!(
            [limit("12"), limit("3K"), limit("2G")],
            [Some(12), Some(3 << 10), Some(2 << 30)]
        );
        for bad in ["", "M", "1T", "-1", "99999999999G"] {
            let limit = format!("--disk-free-limit={bad}");
            assert!(refusal(&["--memory-only", &limit]).contains("--disk-free-limit"), "{bad}");
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
        assert!(refusal(&["--listen", "localhost"]).contains("--listen"));
        assert!(refusal(&["--data-dir", "/x", "--memory-only"]).contains("cannot be used with"));
        assert!(refusal(&["--handshake-timeout", "0"]).contains("--handshake-timeout"));
        let refusal = refusal(&["--user", "hunter2"]);
        assert!(refusal.contains("NAME:PASSWORD") && !refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn help_names_every_option_and_what_to_do_for_remote_clients() {
        let Ok(Command::Print(help)) = parse_line(&["--help"]) else { panic!("no help") };
        for word in ["--listen", "--data-dir", "--memory-only", "--user", "guest", "Ctrl-C"] {
            assert!(help.contains(word), "{word}");
        }
        assert!(
            matches!(parse_line(&["--version"]), Ok(Command::Print(text)) if text.contains("0.1.0"))
        );
    }
}
