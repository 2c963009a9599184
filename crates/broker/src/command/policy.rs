//! Policies: setting and clearing them, and applying them to what is there.

use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_router::ExchangeId;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::arguments::Settings;
use crate::broker::Broker;
use crate::command::{CommandError, Done};
use crate::declare::{QueueSlot, queue_config};
use crate::definitions::{
    FromObject as _, Members, ParameterDefinition, PolicyDefinition, ToObject as _,
};
use crate::effect::Effect;
use crate::exchange::alternate_of;
use crate::id::{QueueId, VhostId};
use crate::job::Job;
use crate::json::Json;
use crate::policy::{Applied, Level, Policy, Subject};
use crate::realm::Realm;
use crate::refusal::shown;
use crate::vhost::Vhost;
use crate::warning::Warning;

const LEVELS: [Level; 2] = [Level::User, Level::Operator];

impl Broker {
    pub(crate) fn set_policy(&mut self, policy: PolicyDefinition, out: &mut Vec<Effect>) -> Done {
        self.set_parameter(parameter(policy, Level::User), out)
    }

    pub(crate) fn clear_policy(
        &mut self,
        vhost: ShortStr,
        name: ShortStr,
        out: &mut Vec<Effect>,
    ) -> Done {
        let component = ShortStr::from_static(Level::User.component());
        self.clear_parameter(vhost, component, name, out)
    }

    pub(crate) fn set_operator_policy(
        &mut self,
        policy: PolicyDefinition,
        out: &mut Vec<Effect>,
    ) -> Done {
        self.set_parameter(parameter(policy, Level::Operator), out)
    }

    pub(crate) fn clear_operator_policy(
        &mut self,
        vhost: ShortStr,
        name: ShortStr,
        out: &mut Vec<Effect>,
    ) -> Done {
        let component = ShortStr::from_static(Level::Operator.component());
        self.clear_parameter(vhost, component, name, out)
    }

    /// The policies of a virtual host are not what they were: all that is in it is looked at again, in slices.
    pub(crate) fn apply_policies(&mut self, vhost: VhostId) {
        #[cfg(warrener_planted)]
        if planted(Bug::ForgetPolicy) {
            return;
        }
        let is_same = |job: &Job| matches!(job, Job::Policies { vhost: own, .. } if *own == vhost);
        self.realm.jobs.retain(|job| !is_same(job));
        self.realm.jobs.push_back(Job::Policies { vhost, exchanges: 0, queues: 0 });
    }
}

/// A policy as the runtime parameter that it is.
fn parameter(policy: PolicyDefinition, level: Level) -> ParameterDefinition {
    let mut value = policy.to_object();
    let PolicyDefinition { vhost, name, others, .. } = policy;
    value.take("vhost");
    value.take("name");
    others.iter().for_each(|(member, _)| drop(value.take(member)));
    let component = ShortStr::from_static(level.component());
    ParameterDefinition { vhost, component, name, value: Json::Object(value), others }
}

/// A policy out of the runtime parameter that it is.
pub(crate) fn definition(
    parameter: &ParameterDefinition,
) -> Result<PolicyDefinition, CommandError> {
    let Json::Object(value) = &parameter.value else {
        return Err(CommandError::invalid("a policy must be an object\n".into()));
    };
    let mut value = value.clone();
    value.set("name", Json::Text(shown(parameter.name.as_bytes())));
    let policy = PolicyDefinition::from_object(Members(value)).map_err(CommandError::invalid)?;
    let (vhost, name) = (parameter.vhost.clone(), parameter.name.clone());
    Ok(PolicyDefinition { vhost, name, others: parameter.others.clone(), ..policy })
}

impl Realm {
    pub(crate) fn install_policy(
        &mut self,
        vhost: VhostId,
        level: Level,
        parameter: &ParameterDefinition,
    ) -> Result<(), CommandError> {
        let policy = Policy::parse(&definition(parameter)?, level)?;
        self.vhosts[vhost].policies_mut(level).set(policy);
        Ok(())
    }

    /// Which policies apply to a queue or exchange, and how many steps that took.
    pub(crate) fn policies_for(
        &mut self,
        vhost: VhostId,
        subject: Subject,
        name: &[u8],
        out: &mut Vec<Effect>,
    ) -> (Applied, u32) {
        let mut steps = 0;
        let mut find = |level| {
            let place = &self.vhosts[vhost];
            let found = place.policies(level).find(subject, name);
            steps += found.steps;
            if let Some(costly) = found.gave_up
                && self.costly_policies.insert((place.name().clone(), level, costly.name.clone()))
            {
                let (vhost, policy) = (place.name().clone(), costly.name.clone());
                let pattern = costly.pattern();
                out.push(Effect::Warn(Warning::CostlyPolicy { vhost, policy, pattern }.into()));
            }
            found.policy
        };
        let (user, operator) = (find(Level::User), find(Level::Operator));
        (Applied { user, operator }, steps)
    }

    /// Looks again at what applies to a queue; answers how many steps that took.
    pub(crate) fn apply_to_queue(&mut self, now: Time, id: QueueId, out: &mut Vec<Effect>) -> u32 {
        let slot = self.queue(id);
        let (vhost, name) = (slot.vhost, slot.spec.name.clone());
        let subject = Subject::Queue(slot.settings.kind);
        let (applied, steps) = self.policies_for(vhost, subject, name.as_bytes(), out);
        let resource = self.resource(id);
        let slot = self.queues.get_mut(id).expect("it was just there");
        if slot.applied.is(&applied) {
            return steps;
        }
        let mut settings = Settings::parse(&slot.spec.arguments, &resource)
            .expect("the arguments were taken when the queue was declared");
        if let Some(terms) = applied.terms() {
            terms.applied_to(&mut settings);
        }
        slot.applied = applied;
        slot.settings = settings;
        slot.queue.reconfigure(now, queue_config(&slot.settings), &mut self.answers);
        self.collect(id);
        self.wake(id);
        self.reschedule(id);
        self.absorb(now, out);
        steps
    }

    /// Looks at what applies to everything, when a broker has found its definitions again.
    pub(crate) fn apply_all_policies(&mut self, now: Time, out: &mut Vec<Effect>) {
        let with_policies =
            |vhost: &Vhost| LEVELS.iter().any(|level| !vhost.policies(*level).is_empty());
        let vhosts: Vec<VhostId> = self
            .vhosts
            .with_ids()
            .filter(|(_, vhost)| with_policies(vhost))
            .map(|(id, _)| id)
            .collect();
        for vhost in vhosts {
            let exchanges: Vec<ExchangeId> =
                self.vhosts[vhost].exchanges().map(|(id, _)| id).collect();
            for id in exchanges {
                self.apply_to_exchange(vhost, id, out);
            }
            let is_meant = |slot: &QueueSlot| slot.vhost == vhost && slot.keeper.is_none();
            let queues = self.queues.iter().filter(|(_, slot)| is_meant(slot));
            let queues: Vec<QueueId> = queues.map(|(id, _)| id).collect();
            for id in queues {
                self.apply_to_queue(now, id, out);
            }
        }
    }

    /// Whether a virtual host has any policies.
    pub(crate) fn has_policies(&self, vhost: VhostId) -> bool {
        LEVELS.iter().any(|level| !self.vhosts[vhost].policies(*level).is_empty())
    }

    /// Looks again at what applies to an exchange; answers how many steps that took.
    pub(crate) fn apply_to_exchange(
        &mut self,
        vhost: VhostId,
        id: ExchangeId,
        out: &mut Vec<Effect>,
    ) -> u32 {
        let Some(exchange) = self.vhosts[vhost].exchange_at(id) else { return 0 };
        let name = exchange.spec.name.clone();
        let own = alternate_of(&exchange.spec, b"").ok().flatten();
        let (applied, steps) = self.policies_for(vhost, Subject::Exchange, name.as_bytes(), out);
        let alternate = own.or_else(|| applied.terms()?.alternate_exchange);
        self.vhosts[vhost].set_alternate(id, alternate);
        steps
    }
}
