//! Runtime parameters, some of which mean something here: limits of virtual hosts, and policies.

use alloc::vec::Vec;

use warrener_codec::ShortStr;

use crate::broker::Broker;
use crate::command::vhost::LIMITS;
use crate::command::{CommandError, Done, Outcome};
use crate::definitions::{GlobalParameterDefinition, ParameterDefinition};
use crate::effect::Effect;
use crate::json::Json;
use crate::limit::VhostLimits;
use crate::policy::Level;
use crate::realm::Realm;
use crate::setting::{Setting, SettingName};

impl Broker {
    pub(crate) fn set_parameter(
        &mut self,
        parameter: ParameterDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        let vhost = self.realm.expect_vhost(&parameter.vhost)?;
        let level = level(&parameter.component);
        let existed = self.realm.parameters.contains_key(&key(&parameter));
        let record = self.realm.set(Setting::Parameter(parameter), out)?;
        if level.is_some() {
            self.apply_policies(vhost);
        }
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, Some(record)))
    }

    pub(crate) fn clear_parameter(
        &mut self,
        vhost: ShortStr,
        component: ShortStr,
        name: ShortStr,
        out: &mut Vec<Effect>,
    ) -> Done {
        let id = self.realm.expect_vhost(&vhost)?;
        let level = level(&component);
        let key = (vhost.clone(), component.clone(), name.clone());
        if !self.realm.parameters.contains_key(&key) {
            return Ok((Outcome::Absent, None));
        }
        let record = self.realm.unset(SettingName::Parameter { vhost, component, name }, out);
        if level.is_some() {
            self.apply_policies(id);
        }
        Ok((Outcome::Deleted, record))
    }

    pub(crate) fn set_global_parameter(
        &mut self,
        parameter: GlobalParameterDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        if !parameter.value.is_keepable() {
            return Err(CommandError::invalid("value is too deep".into()));
        }
        let existed = self.realm.global_parameters.contains_key(&parameter.name);
        let record = self.realm.set(Setting::GlobalParameter(parameter), out)?;
        Ok((if existed { Outcome::Changed } else { Outcome::Created }, Some(record)))
    }

    pub(crate) fn clear_global_parameter(&mut self, name: ShortStr, out: &mut Vec<Effect>) -> Done {
        if !self.realm.global_parameters.contains_key(&name) {
            return Ok((Outcome::Absent, None));
        }
        Ok((Outcome::Deleted, self.realm.unset(SettingName::GlobalParameter(name), out)))
    }
}

/// What a parameter is found by.
fn key(parameter: &ParameterDefinition) -> (ShortStr, ShortStr, ShortStr) {
    (parameter.vhost.clone(), parameter.component.clone(), parameter.name.clone())
}

/// Whose policies such parameters are, if they are policies.
pub(crate) fn level(component: &ShortStr) -> Option<Level> {
    let levels = [Level::User, Level::Operator];
    levels.into_iter().find(|level| component.as_bytes() == level.component().as_bytes())
}

impl Realm {
    pub(crate) fn install_parameter(
        &mut self,
        parameter: &ParameterDefinition,
    ) -> Result<(), CommandError> {
        let vhost = self.expect_vhost(&parameter.vhost)?;
        if !parameter.value.is_keepable() {
            return Err(CommandError::invalid("value is too deep".into()));
        }
        if let Some(level) = level(&parameter.component) {
            self.install_policy(vhost, level, parameter)?;
        }
        if parameter.component.as_bytes() == LIMITS.0.as_bytes() {
            let limits = match &parameter.value {
                Json::Object(object) => VhostLimits::parse(object),
                _ => Err("limits must be an object\n".into()),
            };
            self.vhosts[vhost].limits = limits.map_err(CommandError::invalid)?;
        }
        self.parameters.insert(key(parameter), parameter.clone());
        Ok(())
    }

    pub(crate) fn uninstall_parameter(
        &mut self,
        vhost: &ShortStr,
        component: &ShortStr,
        name: &ShortStr,
    ) {
        self.parameters.remove(&(vhost.clone(), component.clone(), name.clone()));
        let Some(id) = self.vhosts.find(vhost.as_bytes()) else { return };
        if let Some(level) = level(component) {
            self.vhosts[id].policies_mut(level).remove(name);
        }
        if component.as_bytes() == LIMITS.0.as_bytes() {
            self.vhosts[id].limits = VhostLimits::default();
        }
    }
}
