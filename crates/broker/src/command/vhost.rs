//! Virtual hosts: adding, describing and deleting them.

use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_time::Time;

use crate::broker::Broker;
use crate::command::{CommandError, Done, Outcome};
use crate::definitions::{ParameterDefinition, VhostDefinition};
use crate::effect::Effect;
use crate::id::VhostId;
use crate::job::{Job, Whom};
use crate::json::Json;
use crate::limit::VhostLimits;
use crate::realm::Realm;
use crate::refusal::shown;
use crate::setting::Setting;

/// The runtime parameter that the limits of a virtual host are.
pub(crate) const LIMITS: (&str, &str) = ("vhost-limits", "limits");

impl Broker {
    pub(crate) fn set_vhost(
        &mut self,
        mut definition: VhostDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let name = definition.name.clone();
        if self.realm.vhosts.is_doomed(&name) {
            let text = alloc::format!("vhost '{}' is being deleted", shown(name.as_bytes()));
            return Err(CommandError::invalid(text));
        }
        let existed = self.realm.vhosts.find(name.as_bytes()).is_some();
        let limits = core::mem::take(&mut definition.limits);
        VhostLimits::parse(&limits).map_err(CommandError::invalid)?;
        let mut record = self.realm.set(Setting::Vhost(definition), out)?;
        if !limits.is_empty() {
            let limits = ParameterDefinition {
                vhost: name,
                component: ShortStr::from_static(LIMITS.0),
                name: ShortStr::from_static(LIMITS.1),
                value: Json::Object(limits),
                ..ParameterDefinition::default()
            };
            record = self.realm.set(Setting::Parameter(limits), out)?;
        }
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, Some(record)))
    }

    /// Nobody finds it any more at once; what is in it goes in slices.
    pub(crate) fn delete_vhost(
        &mut self,
        now: Time,
        name: &ShortStr,
        out: &mut Vec<Effect>,
    ) -> Done {
        let Some(id) = self.realm.vhosts.find(name.as_bytes()) else {
            return Ok((Outcome::Absent, None));
        };
        if self.realm.vhosts[id].is_protected() {
            return Err(CommandError::Protected(shown(name.as_bytes())));
        }
        let record = self.realm.unset_vhost(name, out);
        self.realm.recount_traces();
        self.realm.forget_reports(id);
        self.realm.jobs.push_back(Job::Evict { whom: Whom::Vhost(id), next: 0 });
        self.realm.jobs.push_back(Job::Empty { vhost: id, next: 0 });
        self.run_jobs(now, out);
        Ok((Outcome::Deleted, record))
    }
}

impl Realm {
    pub(crate) fn install_vhost(
        &mut self,
        definition: &VhostDefinition,
    ) -> Result<(), CommandError> {
        if definition.name.is_empty() {
            return Err(CommandError::invalid("vhost name must not be empty".into()));
        }
        if !Json::Object(definition.metadata.clone()).is_keepable() {
            return Err(CommandError::invalid("metadata is too deep".into()));
        }
        let id = match self.vhosts.find(definition.name.as_bytes()) {
            Some(id) => id,
            None => self.add_vhost(definition.name.clone()),
        };
        self.vhosts[id].describe(definition);
        Ok(())
    }

    /// A new virtual host, in a place that none uses.
    pub(crate) fn add_vhost(&mut self, name: ShortStr) -> VhostId {
        let seed = self.generator.number();
        let queues = &self.queues;
        let is_free = |id| queues.iter().all(|(_, slot)| slot.vhost != id);
        self.vhosts.add(name, seed, is_free)
    }

    pub(crate) fn expect_vhost(&self, name: &ShortStr) -> Result<VhostId, CommandError> {
        let found = self.vhosts.find(name.as_bytes());
        found.ok_or_else(|| CommandError::NoVhost(shown(name.as_bytes())))
    }
}
