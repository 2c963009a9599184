//! Events of what commands have set and cleared.

use warrener_codec::{ShortStr, TableBuilder};

use crate::command::parameter::level;
use crate::command::vhost::LIMITS;
use crate::command::{Command, Outcome};
use crate::definitions::{
    ParameterDefinition, PermissionDefinition, PolicyDefinition, TopicPermissionDefinition,
    UserDefinition, VhostDefinition,
};
use crate::event_exchange::{about, array, who};
use crate::json::{Json, Object};
use crate::policy::Level;
use crate::realm::Realm;

impl Realm {
    /// A command was obeyed. What clients can do as well is told where it is done.
    pub(crate) fn tell_command(&mut self, command: &Command, outcome: &Outcome) {
        if *outcome == Outcome::Absent {
            return;
        }
        let is_new = *outcome == Outcome::Created;
        match command {
            Command::SetVhost(vhost) => self.tell_vhost(vhost, is_new),
            Command::DeleteVhost(name) => self.tell_named("vhost.deleted", ("name", name)),
            Command::SetUser(user) => self.tell_user(user, is_new),
            Command::DeleteUser(name) => self.tell_named("user.deleted", ("name", name)),
            Command::SetPermission(own) => self.tell_permission(own),
            Command::ClearPermission { user, vhost } => {
                self.tell_cleared("permission.deleted", vhost, ("user", user));
            }
            Command::SetTopicPermission(own) => self.tell_topic_permission(own),
            Command::ClearTopicPermission { user, vhost, .. } => {
                self.tell_cleared("topic.permission.deleted", vhost, ("user", user));
            }
            Command::SetParameter(parameter) => self.tell_parameter(parameter),
            Command::ClearParameter { vhost, component, name } => {
                self.tell_parameter_cleared(vhost, component, name);
            }
            Command::SetGlobalParameter(own) => {
                self.tell_of("parameter.set", |headers| {
                    headers.insert("component", "global").insert("name", own.name.as_bytes());
                    own.value.insert_into(headers, "value");
                });
            }
            Command::ClearGlobalParameter(name) => {
                self.tell_of("parameter.cleared", |headers| {
                    headers.insert("component", "global").insert("name", name.as_bytes());
                });
            }
            Command::SetPolicy(own) | Command::SetOperatorPolicy(own) => self.tell_policy(own),
            Command::ClearPolicy { vhost, name } => {
                self.tell_cleared("policy.cleared", vhost, ("name", name));
            }
            Command::ClearOperatorPolicy { vhost, name } => {
                self.tell_cleared("operator.policy.cleared", vhost, ("name", name));
            }
            Command::DeclareExchange(_)
            | Command::DeleteExchange { .. }
            | Command::DeclareQueue(_)
            | Command::DeleteQueue { .. }
            | Command::PurgeQueue { .. }
            | Command::Bind(_)
            | Command::Unbind(_)
            | Command::Import { .. }
            | Command::Export { .. }
            | Command::OnBehalf { .. }
            | Command::Trace { .. }
            | Command::Measure(_)
            | Command::Configure(_) => {}
        }
    }

    /// An event that is of no virtual host.
    fn tell_of(&mut self, name: &'static str, fill: impl FnOnce(&mut TableBuilder)) {
        self.tell(name, |realm| {
            let by = who(&realm.actor);
            let mut headers = TableBuilder::new().with("user_who_performed_action", by);
            fill(&mut headers);
            Some(headers)
        });
    }

    /// An event of a virtual host, which may be gone.
    fn tell_in(
        &mut self,
        name: &'static str,
        vhost: &ShortStr,
        fill: impl FnOnce(&mut TableBuilder),
    ) {
        self.tell(name, |realm| {
            let mut headers = about(vhost, &realm.actor);
            fill(&mut headers);
            Some(headers)
        });
    }

    fn tell_named(&mut self, name: &'static str, (field, value): (&str, &ShortStr)) {
        self.tell_of(name, |headers| {
            headers.insert(field, value.as_bytes());
        });
    }

    fn tell_cleared(
        &mut self,
        name: &'static str,
        vhost: &ShortStr,
        (field, value): (&str, &ShortStr),
    ) {
        self.tell_in(name, vhost, |headers| {
            headers.insert(field, value.as_bytes());
        });
    }

    fn tell_vhost(&mut self, vhost: &VhostDefinition, is_new: bool) {
        let name = if is_new { "vhost.created" } else { "vhost.updated" };
        let is_traced = self.vhosts.find(vhost.name.as_bytes());
        let is_traced = is_traced.is_some_and(|id| self.vhosts[id].is_traced);
        self.tell_of(name, |headers| {
            headers.insert("name", vhost.name.as_bytes()).insert("tracing", is_traced);
            for (name, value) in vhost.metadata.iter() {
                value.insert_into(headers, name);
            }
        });
    }

    fn tell_user(&mut self, user: &UserDefinition, is_new: bool) {
        let name = if is_new { "user.created" } else { "user.password.changed" };
        self.tell_named(name, ("name", &user.name));
        let tags = array(user.tags.iter().map(ShortStr::as_bytes));
        self.tell_of("user.tags.set", |headers| {
            headers.insert("name", user.name.as_bytes()).insert("tags", &tags);
        });
        if user.limits.iter().len() > 0 {
            self.tell_of("user.limits.set", |headers| {
                headers.insert("name", "limits").insert("username", user.name.as_bytes());
                put_all(headers, &user.limits);
            });
        }
    }

    fn tell_permission(&mut self, own: &PermissionDefinition) {
        self.tell_in("permission.created", &own.vhost, |headers| {
            headers
                .insert("user", own.user.as_bytes())
                .insert("configure", &*own.configure)
                .insert("write", &*own.write)
                .insert("read", &*own.read);
        });
    }

    fn tell_topic_permission(&mut self, own: &TopicPermissionDefinition) {
        self.tell_in("topic.permission.created", &own.vhost, |headers| {
            headers
                .insert("user", own.user.as_bytes())
                .insert("exchange", own.exchange.as_bytes())
                .insert("write", &*own.write)
                .insert("read", &*own.read);
        });
    }

    fn tell_parameter(&mut self, parameter: &ParameterDefinition) {
        let ParameterDefinition { vhost, component, name, value, .. } = parameter;
        if level(component) != Some(Level::User) {
            self.tell_in("parameter.set", vhost, |headers| {
                headers.insert("component", component.as_bytes()).insert("name", name.as_bytes());
                value.insert_into(headers, "value");
            });
        }
        if component.as_bytes() == LIMITS.0.as_bytes() {
            self.tell_in("vhost.limits.set", vhost, |headers| {
                headers.insert("name", name.as_bytes());
                if let Json::Object(limits) = value {
                    put_all(headers, limits);
                }
            });
        }
        if level(component).is_some()
            && let Some(policy) = crate::command::policy_of(parameter)
        {
            self.tell_policy(&policy);
        }
    }

    fn tell_parameter_cleared(&mut self, vhost: &ShortStr, component: &ShortStr, name: &ShortStr) {
        self.tell_in("parameter.cleared", vhost, |headers| {
            headers.insert("component", component.as_bytes()).insert("name", name.as_bytes());
        });
        let more = match level(component) {
            Some(Level::User) => "policy.cleared",
            Some(Level::Operator) => "operator.policy.cleared",
            None if component.as_bytes() == LIMITS.0.as_bytes() => "vhost.limits.cleared",
            None => return,
        };
        self.tell_cleared(more, vhost, ("name", name));
    }

    fn tell_policy(&mut self, own: &PolicyDefinition) {
        self.tell_in("policy.set", &own.vhost, |headers| {
            headers
                .insert("name", own.name.as_bytes())
                .insert("pattern", &*own.pattern)
                .insert("apply-to", &*own.apply_to)
                .insert("priority", own.priority)
                .insert("definition", &own.definition.to_table());
        });
    }
}

fn put_all(headers: &mut TableBuilder, object: &Object) {
    for (name, value) in object.iter() {
        value.insert_into(headers, name);
    }
}
