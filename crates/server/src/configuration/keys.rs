//! Every setting there is: its name, what it takes, what it does, and its default. The file, the environment, the command
//! line, `--help`, `warrener config show` and `docs/configuration.md` all follow from this table.

mod http;
mod limits;
mod tls;

use core::time::Duration;

use warrener_codec::ShortStr;

use super::Settings;
use super::value::{self, BadValue, each, one, seconds, shown_size, shown_sync, size, switch};
use crate::config::{Listen, User};
use crate::logging::{self, Format};
use crate::password_hash::Hashing;

/// One setting.
pub(crate) struct Key {
    /// Its name in a file: `section.name` or `name`. `--section-name` and `WARRENER_SECTION_NAME` follow from it.
    pub(crate) name: &'static str,
    /// What it takes, as `--help` shows it.
    pub(crate) takes: &'static str,
    /// How many values it takes.
    pub(crate) shape: Shape,
    /// What it does: a line, and after an empty line what else is to be known.
    pub(crate) help: &'static str,
    /// The default in words, where it depends on the machine; otherwise empty.
    pub(crate) otherwise: &'static str,
    /// Whether SIGHUP changes it in a running broker.
    pub(crate) live: bool,
    /// Sets it. What was there before is replaced.
    pub(crate) set: fn(&mut Settings, &[String]) -> Result<(), BadValue>,
    /// Its values, in the words that `set` takes; passwords are left out.
    pub(crate) show: fn(&Settings) -> Vec<String>,
}

/// How many values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// True or false; on the command line, its name is enough.
    Switch,
    /// One.
    One,
    /// A list; on the command line, it may be given several times.
    Many,
}

impl Key {
    /// The option of the command line.
    pub(crate) fn flag(&self) -> String {
        format!("--{}", self.name.replace(['.', '_'], "-"))
    }

    /// The variable of the environment.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// What the names of all our variables begin with.
pub(crate) const PREFIX: &str = "WARRENER_";

/// Every setting.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    [KEYS, http::KEYS, tls::KEYS, limits::KEYS].into_iter().flatten()
}

/// The key of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name)
}

/// All names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|key| key.name)
}

/// Whether this is the name of a table that has keys.
pub(crate) fn is_section(name: &str) -> bool {
    names().any(|key| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// What most keys have in common.
const KEY: Key = Key {
    name: "",
    takes: "TEXT",
    shape: Shape::One,
    help: "",
    otherwise: "",
    live: false,
    set: |_, _| Ok(()),
    show: |_| Vec::new(),
};

/// Settings without a section. A new one also gets its test named in `crates/warrener/tests/program/configuration.rs`.
const KEYS: &[Key] = &[
    Key {
        name: "listen",
        takes: "ADDR:PORT",
        shape: Shape::Many,
        help: "Listen on this address; may be given several times; port 0 takes a free one, which is printed\n\n\
            `0.0.0.0:5672` listens to the whole network: let a user in with `user` as well, since guest may log in from \
            this machine only.",
        otherwise: "port 5672 of 127.0.0.1 and, where the machine has it, of ::1",
        set: |to, values| {
            to.server.listen = Listen::On(each(values, value::address)?);
            Ok(())
        },
        show: |of| match &of.server.listen {
            Listen::Loopback => Vec::new(),
            Listen::On(addresses) => addresses.iter().map(ToString::to_string).collect(),
        },
        ..KEY
    },
    Key {
        name: "proxy_from",
        takes: "NETWORK",
        shape: Shape::Many,
        help: "Believe what this load balancer, or all in this network, say about clients by the PROXY protocol (version 1 or \
            2); may be given several times\n\n\
            They must say it at the beginning of every connection, on every address; whoever is not named must not.",
        set: |to, values| {
            to.server.proxies = each(values, str::parse)?;
            Ok(())
        },
        show: |of| of.server.proxies.iter().map(ToString::to_string).collect(),
        ..KEY
    },
    Key {
        name: "max_connections",
        takes: "COUNT",
        help: "Let so many connections in; the next wait until somebody leaves",
        live: true,
        set: |to, values| {
            to.server.limits.connections = one(values, value::count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.connections.to_string()],
        ..KEY
    },
    Key {
        name: "max_connections_per_source",
        takes: "COUNT",
        help: "And so many from one address, or one network of 64 bits of IPv6; the next are closed",
        live: true,
        set: |to, values| {
            to.server.limits.connections_per_source = one(values, value::count)?;
            Ok(())
        },
        show: |of| vec![of.server.limits.connections_per_source.to_string()],
        ..KEY
    },
    Key {
        name: "data_dir",
        takes: "DIR",
        help: "Keep durable queues and messages in this directory\n\n\
            It is created if need be, and one broker at a time may use it.",
        otherwise: "$XDG_DATA_HOME/warrener, or ~/.local/share/warrener where that is not set",
        set: |to, values| {
            to.data_dir = Some(one(values, value::text)?.into());
            Ok(())
        },
        show: |of| of.data_dir.iter().map(|path| path.display().to_string()).collect(),
        ..KEY
    },
    Key {
        name: "memory_only",
        takes: "true|false",
        shape: Shape::Switch,
        help: "Keep nothing on disk: durable queues and messages end with the process",
        set: |to, values| {
            to.memory_only = one(values, switch)?;
            Ok(())
        },
        show: |of| vec![of.memory_only.to_string()],
        ..KEY
    },
    Key {
        name: "dev",
        takes: "true|false",
        shape: Shape::Switch,
        help: "For developing only: nothing on disk, ANONYMOUS, guest from anywhere, readable logs\n\n\
            It means exactly memory_only, anonymous, remote_guest and log_format = \"human\", and prints a warning.",
        set: |to, values| {
            to.dev = one(values, switch)?;
            Ok(())
        },
        show: |of| vec![of.dev.to_string()],
        ..KEY
    },
    Key {
        name: "sync",
        takes: "[VHOST=]MODE",
        shape: Shape::Many,
        help: "What confirms wait for: always (the disk), interval:MS (the operating system, synced this often) or os\n\n\
            `VHOST=` in front means that virtual host only; may be given several times. With anything but always, a loss of \
            power takes confirmed messages with it; the end of the process does not.",
        set: |to, values| {
            to.server.syncs = warrener_broker::Syncs::default();
            for (vhost, sync) in each(values, value::sync)? {
                match vhost {
                    Some(vhost) => {
                        to.server.syncs.named.insert(ShortStr::truncated(&vhost), sync);
                    }
                    None => to.server.syncs.default = sync,
                }
            }
            Ok(())
        },
        show: |of| {
            let syncs = &of.server.syncs;
            let named =
                syncs.named.iter().map(|(vhost, sync)| shown_sync(Some(&vhost.to_string()), *sync));
            core::iter::once(shown_sync(None, syncs.default)).chain(named).collect()
        },
        ..KEY
    },
    Key {
        name: "disk_free_limit",
        takes: "SIZE",
        help: "Let publishers wait while less than this is free on the disk: a number of bytes, or of K, M or G of them",
        otherwise: "the smaller of 1G and 5 % of the disk, but never less than 256M",
        set: |to, values| {
            to.server.disk_free_bytes = Some(one(values, size)?);
            Ok(())
        },
        show: |of| of.server.disk_free_bytes.map(shown_size).into_iter().collect(),
        ..KEY
    },
    Key {
        name: "memory_budget",
        takes: "SIZE",
        help: "Leave the contents of waiting messages to the disk when more than this is held in memory: a size as above\n\n\
            The process takes up to half as much again, and 64M.",
        otherwise: "a quarter of the machine's memory, or of what its control group may have",
        set: |to, values| {
            to.server.memory_budget_bytes = Some(one(values, size)?);
            Ok(())
        },
        show: |of| of.server.memory_budget_bytes.map(shown_size).into_iter().collect(),
        ..KEY
    },
    Key {
        name: "user",
        takes: "NAME:PASSWORD",
        shape: Shape::Many,
        help: "Let this user in; may be given several times\n\n\
            It may log in from anywhere and do anything in the default virtual host, for as long as this process runs. Other \
            users of this machine can see a command line: where that matters, use the file, the environment or user_file.",
        live: true,
        set: |to, values| {
            let users = each(values, value::user);
            to.users = users.map_err(|bad| BadValue { shown: String::new(), ..bad })?;
            Ok(())
        },
        show: |of| of.users.iter().map(shown_user).collect(),
        ..KEY
    },
    Key {
        name: "user_file",
        takes: "FILE",
        help: "The same for every line NAME:PASSWORD of a file\n\n\
            Empty lines and lines that begin with # are skipped.",
        otherwise: "none",
        live: true,
        set: |to, values| {
            to.user_file = Some(one(values, value::text)?.into());
            Ok(())
        },
        show: |of| of.user_file.iter().map(|path| path.display().to_string()).collect(),
        ..KEY
    },
    Key {
        name: "definitions",
        takes: "FILE",
        help: "Take the definitions in this file at every start, before anybody is let in: RabbitMQ's JSON\n\n\
            What is there already stays, and is changed where the file says otherwise. What is refused is logged, and the rest \
            is taken; a file that cannot be read stops the start.",
        otherwise: "none",
        set: |to, values| {
            to.server.definitions = Some(one(values, value::path)?);
            Ok(())
        },
        show: |of| value::shown_paths(of.server.definitions.as_slice()),
        ..KEY
    },
    Key {
        name: "password_hashing",
        takes: "sha256|argon2id",
        help: "How new passwords are kept: sha256, salted as RabbitMQ keeps them, or argon2id, which is slow to guess\n\n\
            RabbitMQ cannot check hashes by Argon2id: in exported definitions they carry the name \
            `warrener_password_hashing_argon2id`. A check takes 19 MiB of memory while it lasts; both kinds are read whatever \
            is set here.",
        set: |to, values| {
            to.server.hashing = one(values, str::parse::<Hashing>)?;
            Ok(())
        },
        show: |of| vec![of.server.hashing.to_string()],
        ..KEY
    },
    Key {
        name: "remote_guest",
        takes: "true|false",
        shape: Shape::Switch,
        help: "Let guest with password guest log in from anywhere, not from this machine only: for developing only",
        set: |to, values| {
            to.server.remote_guest = one(values, switch)?;
            Ok(())
        },
        show: |of| vec![of.server.remote_guest.to_string()],
        ..KEY
    },
    Key {
        name: "anonymous",
        takes: "true|false",
        shape: Shape::Switch,
        help: "Let anybody in as guest who asks for the mechanism ANONYMOUS: for developing only",
        set: |to, values| {
            to.server.anonymous = one(values, switch)?;
            Ok(())
        },
        show: |of| vec![of.server.anonymous.to_string()],
        ..KEY
    },
    Key {
        name: "default_vhost",
        takes: "VHOST",
        help: "The virtual host that exists from the start, and in which the users given here may do anything. When another is named, the one before stays if anything durable is in it, until it is deleted; but who may enter it is then for commands to say",
        set: |to, values| {
            to.server.default_vhost = one(values, value::vhost)?;
            Ok(())
        },
        show: |of| vec![of.server.default_vhost.to_string()],
        ..KEY
    },
    Key {
        name: "server_property",
        takes: "NAME=TEXT",
        shape: Shape::Many,
        help: "Say this about the server to every client, in place of what it says by itself; may be given several times\n\n\
            Without it, product is RabbitMQ and version the one of RabbitMQ whose behaviour this is, because clients behave by \
            them; `product=Warrener` says otherwise. warrener_version, platform and information tell what it really is.",
        live: true,
        set: |to, values| {
            to.server.server_properties = each(values, value::property)?.into_iter().collect();
            Ok(())
        },
        show: |of| {
            let properties = &of.server.server_properties;
            properties.iter().map(|(name, text)| format!("{name}={text}")).collect()
        },
        ..KEY
    },
    Key {
        name: "handshake_timeout",
        takes: "SECONDS",
        help: "Cut off a peer that has not logged in and opened a virtual host after this many seconds, from 1 to 3600",
        live: true,
        set: |to, values| {
            to.server.handshake_timeout = one(values, |text| seconds(text, 1, 3600))?;
            Ok(())
        },
        show: |of| shown_seconds(of.server.handshake_timeout),
        ..KEY
    },
    Key {
        name: "shutdown_timeout",
        takes: "SECONDS",
        help: "How long an orderly end may take, from 1 to 3600 seconds: then clients that do not read are left as they are",
        live: true,
        set: |to, values| {
            to.server.shutdown_timeout = one(values, |text| seconds(text, 1, 3600))?;
            Ok(())
        },
        show: |of| shown_seconds(of.server.shutdown_timeout),
        ..KEY
    },
    Key {
        name: "log",
        takes: "FILTER",
        help: "Which lines to log: error, warn, info, debug, trace, or a filter such as `info,warrener_server=debug`",
        live: true,
        set: |to, values| {
            to.log = one(values, logging::filter)?;
            Ok(())
        },
        show: |of| vec![of.log.clone()],
        ..KEY
    },
    Key {
        name: "log_format",
        takes: "human|json",
        help: "How to log: human, for people, or json, an object a line",
        set: |to, values| {
            to.log_format = one(values, str::parse::<Format>)?;
            Ok(())
        },
        show: |of| vec![of.log_format.to_string()],
        ..KEY
    },
];

fn shown_seconds(duration: Duration) -> Vec<String> {
    vec![duration.as_secs().to_string()]
}

fn shown_user(user: &User) -> String {
    format!("{}:***", user.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_of_a_kind_everywhere() {
        let keys: Vec<_> = all().collect();
        for (index, key) in keys.iter().enumerate() {
            let lawful = |letter: char| letter.is_ascii_lowercase() || "_.".contains(letter);
            assert!(key.name.chars().all(lawful) && !key.help.is_empty(), "{}", key.name);
            for other in &keys[index + 1..] {
                assert_ne!(key.flag(), other.flag());
                assert_ne!(key.variable(), other.variable());
            }
        }
    }

    #[test]
    fn what_is_shown_can_be_set_again() {
        for key in all() {
            let mut settings = Settings::default();
            let shown = (key.show)(&settings);
            if !shown.is_empty() {
                (key.set)(&mut settings, &shown)
                    .unwrap_or_else(|bad| panic!("{}: {bad:?}", key.name));
                assert_eq!((key.show)(&settings), shown, "{}", key.name);
            }
        }
    }
}
