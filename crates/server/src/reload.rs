//! SIGHUP: the configuration is read again, and what may change in a running broker changes.

use core::fmt;
use core::time::Duration;
use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex};

use warrener_broker::{Command, Limits, Reconfiguration};

use crate::auth;
use crate::config::Config;
use crate::configuration::{Loaded, Settings, Sources, changed, keys, load};
use crate::counters::{Counters, Counts};
use crate::entrance::Entrance;
use crate::gate::Gate;
use crate::gauges::Gauges;
use crate::logging::Logging;
use crate::memory::set_tenant_limits;
use crate::poison::LockOrStop;

/// Gives a running server another configuration; what it cannot change while it runs stays as it was at the start.
#[derive(Clone)]
pub struct Control(Arc<Live>);

/// What may change.
struct Live {
    config: Mutex<Config>,
    entrance: Arc<Entrance>,
    gate: Arc<Gate>,
    core: Reach,
}

/// What is asked of a core, whatever its log is.
pub(crate) struct Reach {
    /// Looks at it.
    pub(crate) gauges: Look,
    /// Gives it a command.
    pub(crate) command: Box<dyn Fn(Command) + Send + Sync>,
    /// The limits that it began with.
    pub(crate) limits: Limits,
    /// Counts what it asks of the operating system.
    pub(crate) counters: Arc<Counters>,
}

/// Looks at a core, whatever its log is.
pub(crate) type Look = Box<dyn Fn(&Config) -> Gauges + Send + Sync>;

impl Control {
    pub(crate) fn new(
        config: Config,
        (entrance, gate): (Arc<Entrance>, Arc<Gate>),
        core: Reach,
    ) -> Self {
        Self(Arc::new(Live { config: Mutex::new(config), entrance, gate, core }))
    }

    /// How full the queues between the server's threads are.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let config = self.0.config.lock_or_stop().clone();
        (self.0.core.gauges)(&config)
    }

    /// What the server has asked of the operating system since it started.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.core.counters.counts()
    }

    /// From now on this configuration counts, for what comes after it: `handshake_timeout`, `server_properties`,
    /// `shutdown_timeout`, `limits` and `users`. Connections of users who are not there any more are closed. The files of
    /// certificates are read again, even if nothing here has changed; what is wrong with them is logged, and those before them
    /// stay in use.
    pub fn reload(&self, config: Config) {
        self.0.entrance.reload(&config);
        self.0.gate.set_limits(config.limits.clone());
        let mut current = self.0.config.lock_or_stop();
        let mut limits = self.0.core.limits.clone();
        set_tenant_limits(&config.limits, &mut limits);
        let users = (config.users != current.users).then(|| auth::users(&config)).transpose();
        *current = config;
        drop(current);
        match users {
            Ok(users) => {
                let told = Reconfiguration { users, limits };
                (self.0.core.command)(Command::Configure(Box::new(told)));
            }
            Err(error) => tracing::warn!("users stay as they are: {error}"),
        }
    }

    /// How long an orderly end may take.
    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.0.config.lock_or_stop().shutdown_timeout
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// What is needed to read a configuration again.
pub(crate) struct Reloader {
    sources: Sources,
    /// What counts now.
    loaded: Loaded,
    logging: Logging,
}

impl Reloader {
    pub(crate) const fn new(sources: Sources, loaded: Loaded, logging: Logging) -> Self {
        Self { sources, loaded, logging }
    }

    /// The configuration that counts now.
    pub(crate) const fn config(&self) -> &Config {
        &self.loaded.settings.server
    }

    /// A variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        self.sources.environment.get(name).map(OsString::from)
    }

    /// Reads the configuration again at each SIGHUP, for ever.
    pub(crate) async fn run(mut self, mut hangups: Hangups, control: Control) {
        loop {
            hangups.next().await;
            let lines = self.reload();
            lines.iter().for_each(Line::log);
            control.reload(self.config().clone());
        }
    }

    /// Reads the configuration again; what there is to tell about it.
    fn reload(&mut self) -> Vec<Line> {
        let new = match load(&self.sources) {
            Ok(new) => new,
            Err(mistakes) => {
                let told =
                    mistakes.iter().map(|mistake| Line::Wrong(format!("not reloaded: {mistake}")));
                return told.collect();
            }
        };
        let mut lines = Vec::new();
        let keys: Vec<&keys::Key> = changed(&self.loaded, &new).collect();
        for key in keys {
            if !key.live {
                lines.push(Line::Wrong(format!(
                    "SIGHUP: {} has changed; this needs a restart",
                    key.name
                )));
                continue;
            }
            match self.take(key, &new) {
                Ok(value) => lines.push(Line::Done(format!("SIGHUP: {} is now {value}", key.name))),
                Err(why) => lines.push(Line::Wrong(format!("SIGHUP: {}: {why}", key.name))),
            }
        }
        if lines.is_empty() {
            lines.push(Line::Done(
                "SIGHUP: no setting has changed; files are read again".to_owned(),
            ));
        }
        lines
    }

    /// Sets one key as it is in `new`, and says to what.
    fn take(&mut self, key: &keys::Key, new: &Loaded) -> Result<String, String> {
        let given = new.given.get(key.name);
        let values =
            given.map_or_else(|| (key.show)(&Settings::default()), |given| given.values.clone());
        let settings = &mut self.loaded.settings;
        (key.set)(settings, &values).map_err(|bad| bad.want)?;
        if key.name == "user_file" {
            settings.users_of_file.clone_from(&new.settings.users_of_file);
        }
        settings.gather_users();
        if key.name == "log" {
            self.logging.set_filter(&settings.log)?;
        }
        match given {
            Some(given) => self.loaded.given.insert(key.name, given.clone()),
            None => self.loaded.given.remove(key.name),
        };
        Ok((key.show)(&self.loaded.settings).join(", "))
    }
}

/// What a reload has to tell.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Done(String),
    Wrong(String),
}

impl Line {
    fn log(&self) {
        match self {
            Self::Done(line) => tracing::info!("{line}"),
            Self::Wrong(line) => tracing::warn!("{line}"),
        }
    }
}

/// SIGHUP, from the moment of creation: before that it would end the process.
pub(crate) struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Hangups {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { signal: signal(SignalKind::hangup())? })
    }

    async fn next(&mut self) {
        if self.signal.recv().await.is_none() {
            core::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
impl Hangups {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        core::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_may_change_changes_and_the_rest_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        fs::write(&path, "memory_only = true\nhandshake_timeout = 5\nlog = 'debug'\n").unwrap();
        let sources = Sources { file: Some(path.clone()), ..Sources::default() };
        let mut reloader =
            Reloader::new(sources.clone(), load(&sources).unwrap(), Logging::unused());
        assert_eq!(
            reloader.reload(),
            [Line::Done("SIGHUP: no setting has changed; files are read again".into())]
        );

        fs::write(
            &path,
            "memory_only = true\nhandshake_timeout = 7\nuser = ['ann:hunter2']\ndev = true\n",
        )
        .unwrap();
        assert_eq!(
            reloader.reload(),
            [
                Line::Wrong("SIGHUP: dev has changed; this needs a restart".into()),
                Line::Done("SIGHUP: user is now ann:***".into()),
                Line::Done("SIGHUP: handshake_timeout is now 7".into()),
                Line::Done("SIGHUP: log is now info".into()),
            ]
        );
        assert_eq!(reloader.config().handshake_timeout, Duration::from_secs(7));
        assert_eq!(reloader.config().users.len(), 1);

        fs::write(&path, "handshake_timeout = 'soon'\nlgo = 1\n").unwrap();
        let lines = reloader.reload();
        assert!(
            lines.len() >= 2 && lines.iter().all(|line| matches!(line, Line::Wrong(_))),
            "{lines:?}"
        );
        assert_eq!(reloader.config().handshake_timeout, Duration::from_secs(7));
    }
}
