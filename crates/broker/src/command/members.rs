//! Members of definitions that are not known here: kept beside what they came with, and told again.

use alloc::vec::Vec;

use crate::command::CommandError;
use crate::definitions::Definitions;
use crate::effect::Effect;
use crate::id::RecordId;
use crate::json::{Json, Object};
use crate::realm::Realm;
use crate::setting::{Setting, SettingName};

/// Those of the file itself are kept as if they were of a record that there never is.
pub(crate) const OF_THE_FILE: RecordId = RecordId(0);

/// What a file says of itself that every export says anew.
const SAID_ANEW: [&str; 10] = [
    "rabbit_version",
    "rabbitmq_version",
    "product_name",
    "product_version",
    "rabbitmq_definition_format",
    "original_cluster_name",
    "original_vhost_name",
    "explanation",
    "description",
    "metadata",
];

impl Realm {
    /// Keeps what a definition says beyond what is known, with what this record declares. What is told of it anyway is
    /// left out.
    pub(crate) fn keep_members(
        &mut self,
        of: Option<RecordId>,
        mut members: Object,
        out: &mut Vec<Effect>,
    ) -> Result<Option<RecordId>, CommandError> {
        members.take("type");
        let Some(of) =
            of.filter(|of| !members.is_empty() && self.members.get(of) != Some(&members))
        else {
            return Ok(None);
        };
        self.set(Setting::Members(of, members), out).map(Some)
    }

    /// Keeps what a file of all definitions says of itself.
    pub(crate) fn keep_members_of_file(
        &mut self,
        definitions: &Definitions,
        out: &mut Vec<Effect>,
    ) -> Result<Option<RecordId>, CommandError> {
        let mut members = definitions.others.clone();
        for name in SAID_ANEW {
            members.take(name);
        }
        self.keep_members(Some(OF_THE_FILE), members, out)
    }

    /// What a record declared is gone.
    pub(crate) fn forget_members(&mut self, of: RecordId, out: &mut Vec<Effect>) {
        if self.members.contains_key(&of) {
            self.unset(SettingName::Members(of), out);
        }
    }

    /// What is kept of what this record declares.
    pub(crate) fn members_of(&self, of: Option<RecordId>) -> Object {
        of.and_then(|of| self.members.get(&of)).cloned().unwrap_or_default()
    }
}

/// Refuses members that are too deep to be kept.
pub(crate) fn check_members(members: &Object) -> Result<(), CommandError> {
    if members.is_empty() || Json::Object(members.clone()).is_keepable() {
        return Ok(());
    }
    Err(CommandError::invalid("unknown members are too deep".into()))
}
