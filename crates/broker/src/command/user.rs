//! Users: adding, changing and deleting them.

use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_time::Time;

use crate::base64;
use crate::broker::Broker;
use crate::command::{CommandError, Done, Outcome};
use crate::definitions::UserDefinition;
use crate::effect::Effect;
use crate::job::{Job, Whom};
use crate::limit::UserLimits;
use crate::realm::Realm;
use crate::refusal::shown;
use crate::setting::Setting;
use crate::user::{PasswordHash, User};

impl Broker {
    pub(crate) fn set_user(&mut self, definition: UserDefinition, out: &mut Vec<Effect>) -> Done {
        let existed = self.realm.users.find(definition.name.as_bytes()).is_some();
        let record = self.realm.set(Setting::User(definition), out)?;
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, Some(record)))
    }

    pub(crate) fn delete_user(
        &mut self,
        now: Time,
        name: &ShortStr,
        out: &mut Vec<Effect>,
    ) -> Done {
        if self.realm.users.find(name.as_bytes()).is_none() {
            return Ok((Outcome::Absent, None));
        }
        let record = self.realm.unset_user(name, out);
        self.realm.jobs.push_back(Job::Evict { whom: Whom::User(name.clone()), next: 0 });
        self.run_jobs(now, out);
        Ok((Outcome::Deleted, record))
    }
}

impl Realm {
    pub(crate) fn install_user(&mut self, definition: &UserDefinition) -> Result<(), CommandError> {
        if definition.name.is_empty() {
            return Err(CommandError::invalid("user name must not be empty".into()));
        }
        let limits = UserLimits::parse(&definition.limits).map_err(CommandError::invalid)?;
        let octets = base64::decode(&definition.password_hash)
            .ok_or_else(|| CommandError::invalid("password_hash is not base 64".into()))?;
        let sha256 = ShortStr::from_static(PasswordHash::SHA256);
        let algorithm = definition.hashing_algorithm.clone().unwrap_or(sha256);
        let user = User {
            password: PasswordHash { octets: octets.into(), algorithm },
            tags: definition.tags.clone(),
            limits,
            others: definition.others.clone(),
            ..match self.users.find(definition.name.as_bytes()) {
                Some(known) => known.clone(),
                None => User::new(definition.name.clone(), PasswordHash::default()),
            }
        };
        self.users.put(user);
        Ok(())
    }

    pub(crate) fn expect_user(&self, name: &ShortStr) -> Result<&User, CommandError> {
        self.users.find(name.as_bytes()).ok_or_else(|| CommandError::NoUser(shown(name.as_bytes())))
    }
}
