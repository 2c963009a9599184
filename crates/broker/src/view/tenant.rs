//! Virtual hosts, and what was set: users' rights, policies, parameters and limits, as people look at them.

use alloc::vec::Vec;

use warrener_codec::ShortStr;

use crate::alarm::Alarm;
use crate::definitions::{
    GlobalParameterDefinition, ParameterDefinition, PolicyDefinition, VhostDefinition,
};
use crate::policy::Level;
use crate::vhost::Vhost;
use crate::view::View;

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Open connections.
    pub connections: usize,
    /// Open channels.
    pub channels: usize,
    /// Consumers of queues.
    pub consumers: usize,
    /// Queues that people see.
    pub queues: usize,
    /// Exchanges, the default ones among them.
    pub exchanges: usize,
    /// Virtual hosts.
    pub vhosts: usize,
}

impl<'a> View<'a> {
    /// How much there is of everything.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let vhosts = || self.0.realm.vhosts.iter();
        Totals {
            connections: self.0.amqp.clients.len(),
            channels: self.0.amqp.channels.len(),
            consumers: self.0.amqp.consumers.len(),
            queues: vhosts().map(|vhost| vhost.queue_names.len()).sum(),
            exchanges: vhosts().map(|vhost| vhost.exchange_names.len() + 1).sum(),
            vhosts: vhosts().count(),
        }
    }

    /// What is said of each virtual host, with its limits, in the order in which they came.
    #[must_use]
    pub fn vhost_definitions(&self) -> Vec<VhostDefinition> {
        self.0.realm.vhosts.iter().map(definition).collect()
    }

    /// What is said of a virtual host, with its limits.
    #[must_use]
    pub fn vhost_named(&self, name: &str) -> Option<VhostDefinition> {
        let id = self.0.realm.vhosts.find(name.as_bytes())?;
        Some(definition(&self.0.realm.vhosts[id]))
    }

    /// Whether what happens in a virtual host is copied to its firehose.
    #[must_use]
    pub fn is_traced(&self, vhost: &str) -> bool {
        let id = self.0.realm.vhosts.find(vhost.as_bytes());
        id.is_some_and(|id| self.0.realm.vhosts[id].is_traced)
    }

    /// How many connections are in a virtual host.
    #[must_use]
    pub fn connections_in(&self, vhost: &str) -> usize {
        let id = self.0.realm.vhosts.find(vhost.as_bytes());
        id.map_or(0, |id| self.0.realm.vhosts[id].connections)
    }

    /// All runtime parameters, policies and limits of virtual hosts among them.
    pub fn parameters(&self) -> impl Iterator<Item = &'a ParameterDefinition> {
        self.0.realm.parameters.values()
    }

    /// All runtime parameters of the whole broker.
    pub fn global_parameters(&self) -> impl Iterator<Item = &'a GlobalParameterDefinition> {
        self.0.realm.global_parameters.values()
    }

    /// All policies, by virtual host and name.
    #[must_use]
    pub fn policy_definitions(&self) -> Vec<PolicyDefinition> {
        self.of_level(Level::User)
    }

    /// All operator policies, by virtual host and name.
    #[must_use]
    pub fn operator_policy_definitions(&self) -> Vec<PolicyDefinition> {
        self.of_level(Level::Operator)
    }

    /// Whether the host, or the broker itself, runs short of this.
    #[must_use]
    pub fn has_alarm(&self, alarm: Alarm) -> bool {
        self.0.amqp.alarms.is_on(alarm)
    }

    /// How much the broker may hold before publishers must wait, in octets.
    #[must_use]
    pub fn memory_limit_bytes(&self) -> u64 {
        self.0.realm.limits.memory_alarm_bytes
    }

    fn of_level(&self, level: Level) -> Vec<PolicyDefinition> {
        let component = ShortStr::from_static(level.component());
        let all = self.0.realm.parameters.values().filter(|own| own.component == component);
        all.filter_map(crate::command::policy_of).collect()
    }
}

fn definition(vhost: &Vhost) -> VhostDefinition {
    VhostDefinition { limits: vhost.limits.to_object(), ..vhost.definition.clone() }
}
