//! Checking passwords: two at a time, apart from everything else, and not twice the same.

use core::fmt;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use warrener_broker::{PasswordHash, User};
use warrener_connection::Secret;

use crate::auth::random;
use crate::error::ServeError;
use crate::lanes::Guard;
use crate::limits::{PASSWORD_CHECKS, PASSWORD_CHECKS_WAITING, PASSWORDS_REMEMBERED};
use crate::password_hash::{Hashing, is_password, is_same};
use crate::poison::LockOrStop;

/// Checks passwords on threads of its own.
pub(crate) struct Passwords {
    /// How new passwords are kept: a name that nobody has costs as much.
    hashing: Hashing,
    checks: mpsc::Sender<Check>,
    /// Nobody outside this process knows it, so that what is remembered tells nothing about a password.
    key: [u8; 32],
    /// What was right last, by user. It covers the hash that is kept: another password makes it worthless.
    remembered: Mutex<BTreeMap<String, Print>>,
}

type Print = [u8; 32];

pub(crate) struct Check {
    kept: Option<PasswordHash>,
    password: Secret,
    hashing: Hashing,
    answer: oneshot::Sender<bool>,
}

/// The threads that check, before they run.
#[derive(Debug)]
pub(crate) struct PasswordThreads {
    waiting: Arc<Mutex<mpsc::Receiver<Check>>>,
}

impl PasswordThreads {
    /// Starts them; `panicked` is called when one panics. They end when the [`Passwords`] are dropped.
    pub(crate) fn start(self, panicked: impl Fn() + Clone + Send + 'static) -> io::Result<()> {
        for number in 0..PASSWORD_CHECKS {
            let (waiting, guard) = (Arc::clone(&self.waiting), Guard(panicked.clone()));
            let thread = std::thread::Builder::new().name(format!("login-{number}"));
            thread.spawn(move || {
                let _guard = guard;
                let next = move || waiting.lock_or_stop().blocking_recv();
                core::iter::from_fn(next).for_each(Check::run);
            })?;
        }
        Ok(())
    }
}

impl Passwords {
    /// Passwords, and the threads that check them.
    pub(crate) fn new(hashing: Hashing) -> Result<(Self, PasswordThreads), ServeError> {
        let (checks, waiting) = mpsc::channel::<Check>(PASSWORD_CHECKS_WAITING);
        let threads = PasswordThreads { waiting: Arc::new(Mutex::new(waiting)) };
        Ok((Self { hashing, checks, key: random()?, remembered: Mutex::default() }, threads))
    }

    /// How new passwords are kept.
    pub(crate) const fn hashing(&self) -> Hashing {
        self.hashing
    }

    /// How many checks wait.
    pub(crate) fn waiting(&self) -> usize {
        self.checks.max_capacity() - self.checks.capacity()
    }

    /// Whether this is the password of the user with this name, if there is such a user. It takes as long for nobody.
    pub(crate) async fn is_right(
        &self,
        name: &str,
        user: Option<&User>,
        password: &Secret,
    ) -> bool {
        let kept = user.map(|user| &user.password);
        let print = self.print(name, kept, password.expose());
        let known = self.remembered.lock_or_stop().get(name).copied().unwrap_or_default();
        if is_same(&known, &print) {
            return true;
        }
        let (answer, answered) = oneshot::channel();
        let (password, hashing) = (password.clone(), self.hashing);
        let check = Check { kept: kept.cloned(), password, hashing, answer };
        // The threads are gone only when the process ends.
        let asked = self.checks.send(check).await.is_ok();
        let is_right = asked && answered.await.unwrap_or(false);
        if is_right {
            self.remember(name, print);
        }
        is_right
    }

    fn remember(&self, name: &str, print: Print) {
        let mut remembered = self.remembered.lock_or_stop();
        if remembered.len() >= PASSWORDS_REMEMBERED && !remembered.contains_key(name) {
            // Whoever is forgotten is checked once more.
            remembered.pop_first();
        }
        remembered.insert(name.to_owned(), print);
    }

    fn print(&self, name: &str, kept: Option<&PasswordHash>, password: &[u8]) -> Print {
        let octets = kept.map_or(&[][..], |kept| &kept.octets);
        let algorithm = kept.map_or(&[][..], |kept| kept.algorithm.as_bytes());
        let mut digest = Sha256::new().chain_update(self.key);
        for part in [name.as_bytes(), algorithm, octets, password] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

impl Check {
    fn run(self) {
        // Whoever does not wait any more is not told.
        let Self { kept, password, hashing, answer } = self;
        let _ = answer.send(is_password(kept.as_ref(), password.expose(), hashing));
    }
}

/// Nothing that it knows is shown.
impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use warrener_codec::ShortStr;

    use super::*;
    use crate::password_hash::sha256;

    fn user(password: &str) -> User {
        User::new(ShortStr::from_static("ann"), sha256([1, 2, 3, 4], password.as_bytes()))
    }

    fn started() -> Passwords {
        let (passwords, threads) = Passwords::new(Hashing::Sha256).unwrap();
        threads.start(|| ()).unwrap();
        passwords
    }

    #[test]
    fn a_thread_that_panics_says_so() {
        let (_passwords, threads) = Passwords::new(Hashing::Sha256).unwrap();
        let waiting = Arc::clone(&threads.waiting);
        let spoil = move || {
            let _held = waiting.lock();
            panic!("planted")
        };
        let spoilt = std::thread::Builder::new().spawn(spoil).unwrap();
        assert!(spoilt.join().is_err());
        let (say, said) = std::sync::mpsc::channel();
        let tell = move || {
            let _ = say.send(());
        };
        threads.start(tell).unwrap();
        for _thread in 0..PASSWORD_CHECKS {
            said.recv().unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_right_is_remembered_until_the_user_changes() {
        let passwords = started();
        let (ann, secret) = (user("secret"), Secret::from("secret"));
        assert!(passwords.is_right("ann", Some(&ann), &secret).await);
        assert_eq!(passwords.remembered.lock_or_stop().len(), 1);
        assert!(passwords.is_right("ann", Some(&ann), &secret).await);
        assert!(!passwords.is_right("ann", Some(&ann), &Secret::from("Secret")).await);
        assert!(!passwords.is_right("ann", Some(&user("other")), &secret).await, "changed");
        assert!(!passwords.is_right("ann", None, &secret).await, "gone");
        assert!(!passwords.is_right("bob", None, &secret).await);
        assert_eq!(passwords.remembered.lock_or_stop().len(), 1, "only what was right");
    }

    #[tokio::test]
    async fn what_is_remembered_is_no_hash_that_another_process_would_make() {
        let [one, two] = [(); 2].map(|()| started());
        let kept = sha256([1, 2, 3, 4], b"secret");
        let print = |passwords: &Passwords| passwords.print("ann", Some(&kept), b"secret");
        assert_ne!(print(&one), print(&two));
        assert_eq!(print(&one), print(&one));
    }

    #[tokio::test]
    async fn a_remembered_user_waits_behind_nobody() {
        let (checks, mut waiting) = mpsc::channel(1);
        let passwords = Passwords {
            hashing: Hashing::Sha256,
            checks,
            key: [7; 32],
            remembered: Mutex::default(),
        };
        let (ann, secret) = (user("secret"), Secret::from("secret"));
        passwords.remember("ann", passwords.print("ann", Some(&ann.password), b"secret"));
        // Nobody takes the checks: the queue is full, and a wrong login waits in front of it.
        let wrong = Secret::from("wrong");
        let mut first = core::pin::pin!(passwords.is_right("ann", Some(&ann), &wrong));
        let mut second = core::pin::pin!(passwords.is_right("bob", None, &wrong));
        assert!(futures_now(first.as_mut()).await.is_none());
        assert!(futures_now(second.as_mut()).await.is_none());
        assert!(passwords.is_right("ann", Some(&ann), &secret).await);
        waiting.recv().await.unwrap().run();
        assert!(!first.await);
    }

    /// What a future has to say at once.
    async fn futures_now<F: Future>(future: core::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut future = Some(future);
        core::future::poll_fn(|cx| {
            let polled = future.take().map(|future| future.poll(cx));
            core::task::Poll::Ready(match polled {
                Some(core::task::Poll::Ready(output)) => Some(output),
                _ => None,
            })
        })
        .await
    }
}
