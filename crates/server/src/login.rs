//! Logging in: a client's claim against the users there are. The client learns no reason for a refusal; the log does.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::{Arc, Mutex};

use warrener_broker::{Input, User};
use warrener_codec::{ShortStr, TableBuilder};
use warrener_connection::{Authenticate, Credentials, Secret};
use warrener_endpoint::{Answer, Authentication, Question};
use warrener_store::Log;

use crate::attempts::Attempts;
use crate::auth::GUEST;
use crate::config::Config;
use crate::entrance::Origin;
use crate::error::ServeError;
use crate::logging::Shown;
use crate::password_hash::Hashing;
use crate::passwords::{PasswordThreads, Passwords};
use crate::poison::LockOrStop;
use crate::repeats::About;
use crate::tls::NoName;
use crate::turns::Core;

/// What logins are called among events.
const SUCCESS: &str = "user.authentication.success";
const FAILURE: &str = "user.authentication.failure";

/// What is known about logins, right and wrong.
#[derive(Debug)]
pub(crate) struct Logins {
    passwords: Passwords,
    /// Who is asked in place of those.
    authentication: Option<Arc<dyn Authentication>>,
    attempts: Mutex<Attempts>,
}

impl Logins {
    /// Logins, and the threads that check passwords.
    pub(crate) fn new(config: &Config) -> Result<(Self, PasswordThreads), ServeError> {
        let (passwords, threads) = Passwords::new(config.hashing)?;
        let authentication = config.authentication.clone();
        Ok((Self { passwords, authentication, attempts: Mutex::default() }, threads))
    }
}

impl Logins {
    /// How new passwords are kept.
    pub(crate) const fn hashing(&self) -> Hashing {
        self.passwords.hashing()
    }

    /// How many passwords wait to be checked.
    pub(crate) fn waiting(&self) -> usize {
        self.passwords.waiting()
    }
}

/// An answer, and how long it is to be kept back.
pub(crate) struct Verdict {
    pub(crate) answer: Answer,
    pub(crate) pause: Duration,
}

/// Answers a client that wants to log in.
pub(crate) async fn answer<L: Log>(core: &Core<L>, question: Question, origin: &Origin) -> Verdict {
    let user = match &question {
        Question::Login(login) => check(core, login, origin).await,
        // No challenge is ever sent.
        Question::Response(_) => Err(Refused::Mechanism),
    };
    if let Question::Login(login) = &question {
        tell(core, login, origin, &user);
    }
    user.map_or_else(
        |reason| {
            if core.may_write(About::Login, origin.peer.ip()) {
                tracing::warn!("{}: login refused: {reason}", origin.name);
            }
            let mut attempts = core.logins.attempts.lock_or_stop();
            let pause = attempts.handle_failure(core.clock.now(), origin.peer.ip());
            Verdict { answer: Answer::Refuse, pause }
        },
        |user| Verdict { answer: Answer::Accept { user }, pause: Duration::ZERO },
    )
}

/// Tells whoever listens to events (RabbitMQ extension: `user.authentication.success` and `.failure`).
fn tell<L: Log>(
    core: &Core<L>,
    login: &Authenticate,
    origin: &Origin,
    user: &Result<ShortStr, Refused>,
) {
    let (event, name) = match (user, &login.credentials) {
        (Ok(user), _) => (SUCCESS, user.as_bytes()),
        (Err(_), Credentials::Password { user, .. }) => (FAILURE, user.as_bytes()),
        (Err(_), _) => (FAILURE, &b""[..]),
    };
    let (peer, local) = origin.name.split_once(" -> ").unwrap_or((&origin.name, ""));
    let host = |end: &str| end.rsplit_once(':').map_or(end, |(host, _)| host).to_owned();
    let mut said = TableBuilder::new()
        .with("name", name)
        .with("auth_mechanism", login.mechanism.as_bytes())
        .with("connection_type", "network")
        .with("connection_name", origin.name.as_str())
        .with("protocol", "{0,9,1}")
        .with("peer_host", host(peer).as_str())
        .with("peer_port", i64::from(origin.peer.port()))
        .with("host", host(local).as_str())
        .with("ssl", origin.tls);
    if let Err(reason) = user {
        said.insert("error", reason.to_string().as_str());
    }
    if let Ok(said) = said.build() {
        core.tell(Input::Event(event, said.into()));
    }
}

/// Whether this is a user and password that may come from `address` to the management API; a wrong one is kept back.
pub(crate) async fn is_login<L: Log>(
    core: &Core<L>,
    name: &str,
    password: &Secret,
    address: IpAddr,
) -> bool {
    let reason = match by_password(core, name, password).await {
        Ok(user) if may_come_from(&user, address) => return true,
        Ok(user) => Refused::Remote(user.name.to_string()),
        Err(reason) => reason,
    };
    if core.may_write(About::Login, address) {
        tracing::warn!("management, {address}: login refused: {reason}");
    }
    let pause = core.logins.attempts.lock_or_stop().handle_failure(core.clock.now(), address);
    tokio::time::sleep(pause).await;
    false
}

/// Why a login is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("user {} does not exist", Shown(.0.as_bytes()))]
    Unknown(String),
    #[error("wrong password for user {}", Shown(.0.as_bytes()))]
    Password(String),
    #[error(
        "user {} can only connect via localhost; let a user of your own in with --user NAME:PASSWORD, or give this one \
         a password that way (in a container: RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS, or WARRENER_USER)",
        Shown(.0.as_bytes())
    )]
    Remote(String),
    #[error("{0}")]
    Certificate(NoName),
    #[error("{}", Shown(.0.as_bytes()))]
    Elsewhere(Box<str>),
    #[error("this server takes passwords, and certificates over TLS")]
    Mechanism,
}

async fn check<L: Log>(
    core: &Core<L>,
    login: &Authenticate,
    origin: &Origin,
) -> Result<ShortStr, Refused> {
    let user = match &login.credentials {
        Credentials::Password { user, password } => by_password(core, user, password).await?,
        Credentials::External => by_certificate(core, origin)?,
        // Only a server that was told to let anybody in offers this mechanism.
        Credentials::Anonymous => {
            core.user(GUEST).ok_or_else(|| Refused::Unknown(GUEST.to_owned()))?
        }
        _ => return Err(Refused::Mechanism),
    };
    if !may_come_from(&user, origin.peer.ip()) {
        return Err(Refused::Remote(user.name.to_string()));
    }
    Ok(user.name)
}

async fn by_password<L: Log>(
    core: &Core<L>,
    name: &str,
    password: &Secret,
) -> Result<User, Refused> {
    if let Some(other) = &core.logins.authentication {
        let user = other.check(name, password).await.map_err(Refused::Elsewhere)?;
        let user = user.to_string();
        return core.user(&user).ok_or(Refused::Unknown(user));
    }
    let user = core.user(name);
    let is_right = core.logins.passwords.is_right(name, user.as_ref(), password).await;
    let user = user.ok_or_else(|| Refused::Unknown(name.to_owned()))?;
    if is_right { Ok(user) } else { Err(Refused::Password(name.to_owned())) }
}

/// The handshake has verified the certificate: what it says is so, and whom it names needs no password.
fn by_certificate<L: Log>(core: &Core<L>, origin: &Origin) -> Result<User, Refused> {
    match &origin.certificate {
        Some(Ok(name)) => core.user(name).ok_or_else(|| Refused::Unknown(name.clone())),
        Some(Err(reason)) => Err(Refused::Certificate(*reason)),
        None => Err(Refused::Mechanism),
    }
}

/// A user whose password everybody knows may come from this machine only.
fn may_come_from(user: &User, address: IpAddr) -> bool {
    !user.loopback_only || address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use warrener_broker::PasswordHash as Octets;

    use super::*;

    #[test]
    fn guest_comes_from_this_machine_only() {
        let mut guest = User::with_full_access(
            ShortStr::from_static("guest"),
            Octets::default(),
            ShortStr::from_static("/"),
        );
        guest.loopback_only = true;
        let from = |user: &User, address: &str| may_come_from(user, address.parse().unwrap());
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(from(&guest, local), "{local}");
        }
        for remote in ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1"] {
            assert!(!from(&guest, remote), "{remote}");
        }
        guest.loopback_only = false;
        assert!(from(&guest, "10.0.0.1"));
    }

    #[test]
    fn the_log_says_what_to_do_about_a_remote_guest_and_shows_no_control_characters() {
        let line = Refused::Remote("guest".into()).to_string();
        assert!(line.contains("--user") && line.contains("localhost"), "{line}");
        let line = Refused::Unknown("a\u{1b}[2J\nb".into()).to_string();
        assert!(!line.contains(char::is_control), "{line}");
    }
}
