//! What the host's configuration says anew while the broker runs: its users, and the limits.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use warrener_codec::ShortStr;

use crate::broker::Broker;
use crate::command::{Done, Outcome};
use crate::config::Limits;
use crate::job::{Job, Whom};
use crate::realm::Realm;
use crate::setting::SettingName;
use crate::user::User;

/// What a host's configuration says anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconfiguration {
    /// The users that there are by configuration, in place of those of before; `None`: they are the same.
    pub users: Option<Vec<User>>,
    /// The bounds from now on. What is beyond them already stays.
    pub limits: Limits,
}

impl Broker {
    /// Nothing of it goes to disk: the next start says its own. What commands have said counts more.
    pub(crate) fn configure(&mut self, new: Reconfiguration) -> Done {
        self.realm.limits = new.limits;
        let Some(users) = new.users else { return Ok((Outcome::Changed, None)) };
        let names: BTreeSet<ShortStr> = users.iter().map(|user| user.name.clone()).collect();
        for gone in self.realm.settings.given_users().filter(|name| !names.contains(name)) {
            if self.realm.take_back(&gone) {
                self.realm.jobs.push_back(Job::Evict { whom: Whom::User(gone), next: 0 });
            }
        }
        for user in users {
            let name = user.name.clone();
            if self.realm.give(user) {
                self.realm.jobs.push_back(Job::Recheck { user: name, next: 0 });
            }
        }
        Ok((Outcome::Changed, None))
    }
}

impl Realm {
    /// The configuration does not name a user any more. Whether that user is gone by that.
    fn take_back(&mut self, user: &ShortStr) -> bool {
        self.settings.take_back(user);
        let name = SettingName::User(user.clone());
        let goes = !self.settings.is_recorded(&name) && self.users.find(user.as_bytes()).is_some();
        if goes {
            self.users.remove(user);
        }
        goes
    }

    /// The configuration names a user. Whether it is as said there: a command may have said otherwise.
    fn give(&mut self, mut user: User) -> bool {
        let name = SettingName::User(user.name.clone());
        let is_recorded = self.settings.is_recorded(&name);
        self.settings.give(name);
        if is_recorded {
            return false;
        }
        let known = self.users.find(user.name.as_bytes());
        let (before, topics) = known
            .map(|known| (known.permissions.clone(), known.topic_permissions.clone()))
            .unwrap_or_default();
        let own = user.name.clone();
        for vhost in user.permissions.keys() {
            self.settings.give(SettingName::Permission { user: own.clone(), vhost: vhost.clone() });
        }
        user.permissions.retain(|vhost, _| {
            let vhost = vhost.clone();
            !self.settings.is_recorded(&SettingName::Permission { user: own.clone(), vhost })
        });
        for (vhost, permission) in before {
            let name = SettingName::Permission { user: own.clone(), vhost: vhost.clone() };
            if self.settings.is_recorded(&name) {
                user.permissions.insert(vhost, permission);
            }
        }
        user.topic_permissions.extend(topics);
        self.users.put(user);
        true
    }
}
