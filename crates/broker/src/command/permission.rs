//! Permissions and topic permissions: setting and clearing them, and taking away at once what is not allowed any more.

use alloc::vec::Vec;

use warrener_codec::ShortStr;

use crate::broker::Broker;
use crate::command::members::check_members;
use crate::command::{CommandError, Done, Outcome};
use crate::definitions::{PermissionDefinition, TopicPermissionDefinition};
use crate::effect::Effect;
use crate::job::Job;
use crate::permission::{Permission, TopicPermission};
use crate::realm::Realm;
use crate::setting::{Setting, SettingName};

impl Broker {
    pub(crate) fn set_permission(
        &mut self,
        definition: PermissionDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let user = definition.user.clone();
        let known = self.realm.expect_user(&user)?;
        let existed = known.permissions.contains_key(&definition.vhost);
        let record = self.realm.set(Setting::Permission(definition), out)?;
        if existed {
            self.realm.jobs.push_back(Job::Recheck { user, next: 0 });
        }
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, Some(record)))
    }

    pub(crate) fn clear_permission(
        &mut self,
        user: ShortStr,
        vhost: ShortStr,
        out: &mut Vec<Effect>,
    ) -> Done {
        let known = self.realm.expect_user(&user)?;
        if !known.permissions.contains_key(&vhost) {
            return Ok((Outcome::Absent, None));
        }
        let record = self.realm.unset(SettingName::Permission { user: user.clone(), vhost }, out);
        self.realm.jobs.push_back(Job::Recheck { user, next: 0 });
        Ok((Outcome::Deleted, record))
    }

    pub(crate) fn set_topic_permission(
        &mut self,
        definition: TopicPermissionDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let known = self.realm.expect_user(&definition.user)?;
        let place = (definition.vhost.clone(), definition.exchange.clone());
        let existed = known.topic_permissions.contains_key(&place);
        let record = self.realm.set(Setting::TopicPermission(definition), out)?;
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, Some(record)))
    }

    pub(crate) fn clear_topic_permission(
        &mut self,
        user: &ShortStr,
        vhost: &ShortStr,
        exchange: Option<&ShortStr>,
        out: &mut Vec<Effect>,
    ) -> Done {
        let known = self.realm.expect_user(user)?;
        let is_meant = |place: &&(ShortStr, ShortStr)| {
            place.0 == *vhost && exchange.is_none_or(|own| place.1 == *own)
        };
        let exchanges: Vec<ShortStr> = known
            .topic_permissions
            .keys()
            .filter(is_meant)
            .map(|(_, exchange)| exchange.clone())
            .collect();
        let mut done = (Outcome::Absent, None);
        for exchange in exchanges {
            let (user, vhost) = (user.clone(), vhost.clone());
            let name = SettingName::TopicPermission { user, vhost, exchange };
            done = (Outcome::Deleted, self.realm.unset(name, out));
        }
        Ok(done)
    }
}

impl Realm {
    pub(crate) fn install_permission(
        &mut self,
        definition: &PermissionDefinition,
    ) -> Result<(), CommandError> {
        self.expect_user(&definition.user)?;
        self.expect_vhost(&definition.vhost)?;
        let PermissionDefinition { configure, write, read, others, .. } = definition;
        check_members(others)?;
        let others = others.clone();
        let permission = Permission { others, ..Permission::parse(configure, write, read)? };
        self.users.set_permission(&definition.user, &definition.vhost, permission);
        Ok(())
    }

    pub(crate) fn install_topic_permission(
        &mut self,
        definition: &TopicPermissionDefinition,
    ) -> Result<(), CommandError> {
        let TopicPermissionDefinition { user, vhost, exchange, write, read, others } = definition;
        check_members(others)?;
        self.expect_user(user)?;
        self.expect_vhost(vhost)?;
        let mut permission = TopicPermission::parse(write, read, user, vhost)?;
        permission.others = others.clone();
        self.users.set_topic_permission(user, vhost, exchange, permission);
        Ok(())
    }
}
