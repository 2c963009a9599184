//! Settings from a file, the environment and the command line, in this order of weight, and their mistakes.

use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{Config, Storage, User};
use crate::limits;
use crate::logging::{Format, Shown};

pub(crate) mod environment;
pub(crate) mod file;
pub(crate) mod keys;
pub(crate) mod nearest;
pub(crate) mod reference;
mod tls;
pub(crate) mod value;

use tls::Tls;

/// All that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What the server is told. Its storage and users are filled in at the end, from what is below.
    pub(crate) server: Config,
    pub(crate) tls: Tls,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) memory_only: bool,
    pub(crate) dev: bool,
    pub(crate) users: Vec<User>,
    pub(crate) user_file: Option<PathBuf>,
    /// What that file says.
    pub(crate) users_of_file: Vec<User>,
    pub(crate) log: String,
    pub(crate) log_format: Format,
}

impl Settings {
    /// The users given by name, and those of the file, are the server's.
    pub(crate) fn gather_users(&mut self) {
        self.server.users = [&self.users[..], &self.users_of_file].concat();
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: Config::in_memory(),
            tls: Tls::default(),
            data_dir: None,
            memory_only: false,
            dev: false,
            users: Vec::new(),
            user_file: None,
            users_of_file: Vec::new(),
            log: limits::LOG_FILTER.to_owned(),
            log_format: Format::Human,
        }
    }
}

/// Where values come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// From the command line.
    pub(crate) flags: Layer,
    /// The file that the command line names.
    pub(crate) file: Option<PathBuf>,
    /// The environment, names with values.
    pub(crate) environment: BTreeMap<String, String>,
}

/// What one source gives, by the names of keys.
pub(crate) type Layer = BTreeMap<&'static str, Given>;

/// What a key is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The values, as texts.
    pub(crate) values: Vec<String>,
    /// Where they come from.
    pub(crate) origin: Origin,
}

/// Where a value comes from; the later weigh more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A line of a file.
    File {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// An option of the command line.
    Flag(String),
}

/// Settings, and where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// What was given, by the names of keys.
    pub(crate) given: Layer,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// What is odd and stops nothing.
    pub(crate) warnings: Vec<String>,
}

/// Everything that is wrong, a line each.
pub(crate) type Mistakes = Vec<String>;

/// Reads all sources; every mistake there is, is told.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, Mistakes> {
    let mut mistakes = Mistakes::new();
    let file = sources.file.clone().or_else(|| environment::file(&sources.environment));
    let mut given = Layer::new();
    if let Some(path) = &file {
        given = file::read(path, &mut mistakes);
    }
    let (variables, warnings) = environment::layer(&sources.environment, &mut mistakes);
    given.extend(variables);
    given.extend(sources.flags.clone());
    let mut settings = Settings::default();
    let mut wrong = Vec::new();
    for key in keys::all() {
        if let Some(Given { values, origin }) = given.get(key.name)
            && let Err(value::BadValue { shown, want }) = (key.set)(&mut settings, values)
        {
            wrong.push((origin, origin.complain(&shown, &want, key.name)));
        }
    }
    wrong.sort();
    mistakes.extend(wrong.into_iter().map(|(_, complaint)| complaint));
    finish(&mut settings, &given, &sources.environment, &mut mistakes);
    let loaded = Loaded { settings, given, file, warnings };
    if mistakes.is_empty() { Ok(loaded) } else { Err(mistakes) }
}

/// What several keys say together.
fn finish(
    settings: &mut Settings,
    given: &Layer,
    environment: &BTreeMap<String, String>,
    mistakes: &mut Mistakes,
) {
    for (wanted, name) in [(settings.dev, "dev"), (settings.memory_only, "memory_only")] {
        if wanted
            && let (Some(one), Some(other)) = (given.get(name), given.get("data_dir"))
            && other.origin.weight() >= one.origin.weight()
        {
            let (one, other) = (one.origin.name(name), other.origin.name("data_dir"));
            mistakes
                .push(format!("{other} cannot be used with {one}, which keeps nothing on disk"));
        }
    }
    match settings.tls.finished() {
        Ok(None) if !settings.server.web_socket_tls.is_empty() => {
            mistakes.push("web_socket.tls_listen needs tls.cert (--tls-cert)".to_owned());
        }
        Ok(None) if settings.server.management_tls.is_some() => {
            mistakes.push("management_tls needs tls.cert (--tls-cert)".to_owned());
        }
        Ok(tls) => settings.server.tls = tls,
        Err(why) => mistakes.push(why),
    }
    if settings.dev {
        settings.memory_only = true;
        settings.server.anonymous = true;
        settings.server.remote_guest = true;
        settings.log_format = Format::Human;
    }
    if settings.memory_only {
        settings.server.storage = Storage::Memory;
    } else if let Some(directory) =
        settings.data_dir.clone().or_else(|| environment::data_dir(environment))
    {
        settings.server.storage = Storage::Directory(directory);
    } else {
        mistakes.push(
            "there is no directory to keep durable things in: neither XDG_DATA_HOME nor HOME is set; \
             name one with --data-dir DIR, or keep nothing with --memory-only"
                .to_owned(),
        );
    }
    if let Some(file) = &settings.user_file {
        match read_users(file) {
            Ok(users) => settings.users_of_file = users,
            Err(why) => mistakes.push(why),
        }
    }
    settings.gather_users();
}

fn read_users(file: &Path) -> Result<Vec<User>, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the user_file {}: {error}", file.display()))?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let number = index + 1;
            line.parse().map_err(|error| format!("{}, line {number}: {error}", file.display()))
        })
        .collect()
}

impl Origin {
    /// How much it weighs, whichever file, variable or option it is.
    const fn weight(&self) -> u8 {
        match self {
            Self::File { .. } => 0,
            Self::Environment(_) => 1,
            Self::Flag(_) => 2,
        }
    }

    /// What somebody would have to change: an option, a variable, or a key and where it stands.
    fn name(&self, key: &str) -> String {
        match self {
            Self::File { .. } => format!("{key} ({self})"),
            Self::Environment(name) | Self::Flag(name) => name.clone(),
        }
    }

    fn complain(&self, shown: &str, want: &str, key: &str) -> String {
        let value = if shown.is_empty() { String::new() } else { format!(" {shown}") };
        match self {
            Self::File { .. } => format!("{self}: bad value{value} for {key}: want {want}"),
            Self::Environment(name) | Self::Flag(name) => {
                format!("bad value{value} for {name}: want {want}")
            }
        }
    }
}

/// `--listen`, `WARRENER_LISTEN` or `warrener.toml, line 3`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// The names of the keys whose values are other ones in `new`; a secret counts too.
pub(crate) fn changed<'a>(
    old: &'a Loaded,
    new: &'a Loaded,
) -> impl Iterator<Item = &'static keys::Key> + 'a {
    let values = |loaded: &'a Loaded, name| loaded.given.get(name).map(|given| &given.values);
    keys::all().filter(move |key| {
        values(old, key.name) != values(new, key.name)
            || (key.name == "user_file" && old.settings.users_of_file != new.settings.users_of_file)
    })
}

/// A line that somebody will read who may not have written what is quoted in it.
pub(crate) fn quoted(text: &str) -> Shown<'_> {
    Shown(text.as_bytes())
}
