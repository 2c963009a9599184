//! Settings: definitions that are neither exchange, queue nor binding, each with a name and at most one record.
//!
//! The configuration says some of them anew at every start. What a record says of the same name counts more, and that one
//! was deleted is a record too, or it would be back after the next start.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use warrener_codec::ShortStr;

use crate::command::CommandError;
use crate::command::members::check_members;
use crate::definitions::{
    GlobalParameterDefinition, ParameterDefinition, PermissionDefinition,
    TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use crate::effect::Effect;
use crate::id::RecordId;
use crate::json::Object;
use crate::realm::Realm;
use crate::record::{Fact, RecordError};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Vhost(VhostDefinition),
    User(UserDefinition),
    Permission(PermissionDefinition),
    TopicPermission(TopicPermissionDefinition),
    Parameter(ParameterDefinition),
    GlobalParameter(GlobalParameterDefinition),
    /// What definitions say beyond what is known: of what this record declares, or with none of the file itself.
    Members(RecordId, Object),
}

/// The name of one, in an order in which none needs a later one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SettingName {
    Vhost(ShortStr),
    User(ShortStr),
    Permission { user: ShortStr, vhost: ShortStr },
    TopicPermission { user: ShortStr, vhost: ShortStr, exchange: ShortStr },
    Parameter { vhost: ShortStr, component: ShortStr, name: ShortStr },
    GlobalParameter(ShortStr),
    Members(RecordId),
}

impl SettingName {
    /// The user it is about, and falls with.
    fn user(&self) -> Option<&ShortStr> {
        match self {
            Self::Permission { user, .. } | Self::TopicPermission { user, .. } => Some(user),
            _ => None,
        }
    }

    /// The virtual host it is in, and falls with.
    pub(crate) fn vhost(&self) -> Option<&ShortStr> {
        match self {
            Self::Permission { vhost, .. }
            | Self::TopicPermission { vhost, .. }
            | Self::Parameter { vhost, .. } => Some(vhost),
            _ => None,
        }
    }
}

impl Setting {
    pub(crate) fn name(&self) -> SettingName {
        match self {
            Self::Vhost(own) => SettingName::Vhost(own.name.clone()),
            Self::User(own) => SettingName::User(own.name.clone()),
            Self::Permission(own) => {
                SettingName::Permission { user: own.user.clone(), vhost: own.vhost.clone() }
            }
            Self::TopicPermission(own) => SettingName::TopicPermission {
                user: own.user.clone(),
                vhost: own.vhost.clone(),
                exchange: own.exchange.clone(),
            },
            Self::Parameter(own) => SettingName::Parameter {
                vhost: own.vhost.clone(),
                component: own.component.clone(),
                name: own.name.clone(),
            },
            Self::GlobalParameter(own) => SettingName::GlobalParameter(own.name.clone()),
            Self::Members(of, _) => SettingName::Members(*of),
        }
    }
}

/// What is on disk of settings.
#[derive(Debug, Default)]
pub(crate) struct SettingRecords {
    /// The record that says each of them, or that it is gone, and what it takes of memory.
    records: BTreeMap<SettingName, (RecordId, u64)>,
    /// What the configuration says anew at every start.
    given: BTreeSet<SettingName>,
}

impl SettingRecords {
    pub(crate) fn give(&mut self, name: SettingName) {
        self.given.insert(name);
    }

    /// The users that the configuration names.
    pub(crate) fn given_users(&self) -> impl Iterator<Item = ShortStr> + use<> {
        let user = |name: &SettingName| match name {
            SettingName::User(user) => Some(user.clone()),
            _ => None,
        };
        self.given.iter().filter_map(user).collect::<Vec<_>>().into_iter()
    }

    /// The configuration names this user no more.
    pub(crate) fn take_back(&mut self, user: &ShortStr) {
        self.given.retain(|name| {
            name.user() != Some(user) && !matches!(name, SettingName::User(own) if own == user)
        });
    }

    /// Whether a command has said something of this name.
    pub(crate) fn is_recorded(&self, name: &SettingName) -> bool {
        self.records.contains_key(name)
    }

    /// What all of them take of memory, in octets.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.records.values().map(|(_, bytes)| bytes).sum()
    }

    fn about<'a>(
        &'a self,
        is: impl Fn(&SettingName) -> bool + 'a,
    ) -> impl Iterator<Item = SettingName> + 'a {
        let all = self.records.keys().chain(&self.given);
        all.filter(move |name| is(name)).cloned()
    }
}

impl Realm {
    /// Puts a setting in force, and on disk. Whether it was there is for the caller to know.
    pub(crate) fn set(
        &mut self,
        setting: Setting,
        out: &mut Vec<Effect>,
    ) -> Result<RecordId, CommandError> {
        let name = setting.name();
        let limit = self.limits.settings;
        if self.settings.records.len() >= limit as usize
            && !self.settings.records.contains_key(&name)
        {
            return Err(CommandError::TooMany(limit));
        }
        self.install(&setting)?;
        let bytes = setting.held_bytes();
        let record = self.persist(&Fact::Set(setting.into()), out);
        let before = self.note_setting(name, record, bytes);
        out.extend(before.map(Effect::Release));
        Ok(record)
    }

    /// Notes which record says a setting; gives the one that did.
    fn note_setting(
        &mut self,
        name: SettingName,
        record: RecordId,
        bytes: u64,
    ) -> Option<RecordId> {
        let before = self.settings.records.insert(name, (record, bytes));
        self.held_elsewhere_bytes += bytes;
        before.map(|(record, bytes)| {
            self.held_elsewhere_bytes -= bytes;
            record
        })
    }

    /// Takes a setting out of force, and off the disk. The record of a virtual host stays until it is empty: what is left
    /// in it after a crash is then known to be gone.
    pub(crate) fn unset(&mut self, name: SettingName, out: &mut Vec<Effect>) -> Option<RecordId> {
        let before = self.settings.records.remove(&name).map(|(record, bytes)| {
            self.held_elsewhere_bytes -= bytes;
            record
        });
        let given = self.settings.given.contains(&name);
        self.uninstall(&name, before);
        if before.is_none() && !given {
            return None;
        }
        let of = before.filter(|_| !given);
        let gone = self.persist(&Fact::Unset { name: name.clone(), of }, out);
        if !matches!(name, SettingName::Vhost(_)) {
            out.extend(before.map(Effect::Release));
        }
        if given {
            self.note_setting(name, gone, 0);
        }
        Some(gone)
    }

    /// Takes everything about a user with it.
    pub(crate) fn unset_user(
        &mut self,
        user: &ShortStr,
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        let rights: BTreeSet<_> = self.settings.about(|name| name.user() == Some(user)).collect();
        for right in rights {
            self.unset(right, out);
        }
        self.unset(SettingName::User(user.clone()), out)
    }

    /// Takes everything in a virtual host with it, but exchanges and queues.
    pub(crate) fn unset_vhost(
        &mut self,
        vhost: &ShortStr,
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        let inside: BTreeSet<_> = self.settings.about(|name| name.vhost() == Some(vhost)).collect();
        for setting in inside {
            self.unset(setting, out);
        }
        self.unset(SettingName::Vhost(vhost.clone()), out)
    }

    /// Takes back what a record says: a setting, or that one is gone.
    pub(crate) fn restore_setting(
        &mut self,
        name: SettingName,
        record: RecordId,
        setting: Option<&Setting>,
        out: &mut Vec<Effect>,
    ) -> Result<(), CommandError> {
        match setting {
            // The configuration named the user once, and does not any more: what commands have said of it is over, too.
            Some(_) if self.is_of_nobody(&name) => {
                out.push(Effect::Release(record));
                return Ok(());
            }
            Some(setting) => self.install(setting)?,
            None => {
                self.uninstall(&name, None);
                if let SettingName::Vhost(vhost) = &name {
                    self.vhosts.forget_doomed(vhost);
                }
                if !self.settings.given.contains(&name) {
                    out.push(Effect::Release(record));
                    return Ok(());
                }
            }
        }
        self.note_setting(name, record, setting.map_or(0, Setting::held_bytes));
        Ok(())
    }

    /// Whether this is a right of a user that is not there.
    fn is_of_nobody(&self, name: &SettingName) -> bool {
        name.user().is_some_and(|user| self.users.find(user.as_bytes()).is_none())
    }

    /// Checks a setting, and puts it in force.
    fn install(&mut self, setting: &Setting) -> Result<(), CommandError> {
        match setting {
            Setting::Vhost(vhost) => self.install_vhost(vhost),
            Setting::User(user) => self.install_user(user),
            Setting::Permission(permission) => self.install_permission(permission),
            Setting::TopicPermission(topic) => self.install_topic_permission(topic),
            Setting::Parameter(parameter) => self.install_parameter(parameter),
            Setting::GlobalParameter(parameter) => {
                self.global_parameters.insert(parameter.name.clone(), parameter.clone());
                Ok(())
            }
            Setting::Members(of, members) => {
                check_members(members)?;
                self.members.insert(*of, members.clone());
                Ok(())
            }
        }
    }

    fn uninstall(&mut self, name: &SettingName, record: Option<RecordId>) {
        match name {
            SettingName::Vhost(name) => self.vhosts.doom(name, record),
            SettingName::User(name) => self.users.remove(name),
            SettingName::Permission { user, vhost } => self.users.remove_permission(user, vhost),
            SettingName::TopicPermission { user, vhost, exchange } => {
                self.users.remove_topic_permission(user, vhost, exchange);
            }
            SettingName::Parameter { vhost, component, name } => {
                self.uninstall_parameter(vhost, component, name);
            }
            SettingName::GlobalParameter(name) => {
                self.global_parameters.remove(name);
            }
            SettingName::Members(of) => {
                self.members.remove(of);
            }
        }
    }
}

/// In digests: which sort, then the definition as an object.
impl Setting {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        use crate::definitions::ToObject as _;
        let (sort, object) = match self {
            Self::Vhost(own) => (1, own.to_object()),
            Self::User(own) => (2, own.to_object()),
            Self::Permission(own) => (3, own.to_object()),
            Self::TopicPermission(own) => (4, own.to_object()),
            Self::Parameter(own) => (5, own.to_object()),
            Self::GlobalParameter(own) => (6, own.to_object()),
            Self::Members(of, members) => {
                out.put_u8(7);
                out.put_u64(of.0);
                return members.encode(out);
            }
        };
        out.put_u8(sort);
        object.encode(out);
    }

    pub(crate) fn decode(input: &mut Bytes) -> Result<Self, RecordError> {
        use crate::definitions::{FromObject, Members};
        fn read<T: FromObject>(object: Object) -> Result<T, RecordError> {
            T::from_object(Members(object)).map_err(|_| RecordError::Malformed)
        }
        let sort = input.try_get_u8().map_err(|_| RecordError::Truncated)?;
        if sort == 7 {
            let of = input.try_get_u64().map_err(|_| RecordError::Truncated)?;
            return Ok(Self::Members(RecordId(of), Object::decode(input)?));
        }
        let object = Object::decode(input)?;
        Ok(match sort {
            1 => Self::Vhost(read(object)?),
            2 => Self::User(read(object)?),
            3 => Self::Permission(read(object)?),
            4 => Self::TopicPermission(read(object)?),
            5 => Self::Parameter(read(object)?),
            6 => Self::GlobalParameter(read(object)?),
            _ => return Err(RecordError::Malformed),
        })
    }
}

impl SettingName {
    /// Which sort, and the names that make the name.
    pub(crate) fn parts(&self) -> (u8, Vec<ShortStr>) {
        match self {
            Self::Vhost(name) => (1, Vec::from([name.clone()])),
            Self::User(name) => (2, Vec::from([name.clone()])),
            Self::Permission { user, vhost } => (3, Vec::from([user.clone(), vhost.clone()])),
            Self::TopicPermission { user, vhost, exchange } => {
                (4, Vec::from([user.clone(), vhost.clone(), exchange.clone()]))
            }
            Self::Parameter { vhost, component, name } => {
                (5, Vec::from([vhost.clone(), component.clone(), name.clone()]))
            }
            Self::GlobalParameter(name) => (6, Vec::from([name.clone()])),
            Self::Members(of) => (7, Vec::from([ShortStr::truncated(&of.0.to_string())])),
        }
    }

    pub(crate) fn from_parts(sort: u8, parts: Vec<ShortStr>) -> Result<Self, RecordError> {
        let mut parts = parts.into_iter();
        let mut next = || parts.next().ok_or(RecordError::Malformed);
        Ok(match sort {
            1 => Self::Vhost(next()?),
            2 => Self::User(next()?),
            3 => Self::Permission { user: next()?, vhost: next()? },
            4 => Self::TopicPermission { user: next()?, vhost: next()?, exchange: next()? },
            5 => Self::Parameter { vhost: next()?, component: next()?, name: next()? },
            6 => Self::GlobalParameter(next()?),
            7 => {
                let number = next()?;
                let number = core::str::from_utf8(number.as_bytes()).ok();
                let number = number.and_then(|number| number.parse().ok());
                Self::Members(RecordId(number.ok_or(RecordError::Malformed)?))
            }
            _ => return Err(RecordError::Malformed),
        })
    }
}
