//! Importing definitions: one command after the other, in slices.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::{IntoIter, Vec};

use warrener_codec::ShortStr;
use warrener_time::Time;

use crate::broker::Broker;
use crate::command::parameter::level;
use crate::command::{Command, CommandId, Imported, Outcome, Problem};
use crate::definitions::{
    BindingDefinition, Definitions, ExchangeDefinition, GlobalParameterDefinition,
    ParameterDefinition, PermissionDefinition, PolicyDefinition, QueueDefinition,
    TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use crate::effect::Effect;
use crate::id::RecordId;
use crate::job::Job;
use crate::refusal::shown;

/// How many refused definitions an answer names.
const PROBLEMS: usize = 1_000;

/// Definitions on their way in.
#[derive(Debug)]
pub(crate) struct Import {
    id: CommandId,
    pending: Pending,
    imported: Imported,
    record: Option<RecordId>,
}

impl Broker {
    /// Begins to take definitions, in an order in which none needs a later one.
    pub(crate) fn import(
        &mut self,
        id: CommandId,
        definitions: Definitions,
        vhost: Option<ShortStr>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(Err(error)) = vhost.as_ref().map(|vhost| self.realm.expect_vhost(vhost)) {
            return self.answer(id, Err(error), out);
        }
        let mut imported = Imported::default();
        let mut record = None;
        if vhost.is_none() {
            match self.realm.keep_members_of_file(&definitions, out) {
                Ok(kept) => record = kept,
                Err(error) => {
                    imported.refused += 1;
                    imported.problems.push(Problem { what: "members of the file".into(), error });
                }
            }
        }
        let pending = Pending::new(definitions, vhost);
        let import = Import { id, pending, imported, record };
        self.realm.jobs.push_back(Job::Import(Box::new(import)));
    }

    /// Takes the next definitions; what is left.
    pub(crate) fn import_slice(
        &mut self,
        now: Time,
        mut import: Box<Import>,
        most: u32,
        out: &mut Vec<Effect>,
    ) -> Option<Job> {
        for _ in 0..most {
            let Some(command) = import.pending.next() else {
                let done = Ok((Outcome::Imported(import.imported), import.record));
                self.answer(import.id, done, out);
                return None;
            };
            let what = subject(&command);
            match self.obey_command(now, command, out) {
                Ok((_, record)) => {
                    import.imported.taken += 1;
                    import.record = import.record.max(record);
                }
                Err(error) => {
                    import.imported.refused += 1;
                    if import.imported.problems.len() < PROBLEMS {
                        import.imported.problems.push(Problem { what: what(), error });
                    }
                }
            }
        }
        Some(Job::Import(import))
    }
}

/// Definitions that are not taken yet, section by section: in an order in which none needs a later one.
#[derive(Debug)]
struct Pending {
    users: IntoIter<UserDefinition>,
    vhosts: IntoIter<VhostDefinition>,
    permissions: IntoIter<PermissionDefinition>,
    topic_permissions: IntoIter<TopicPermissionDefinition>,
    global_parameters: IntoIter<GlobalParameterDefinition>,
    parameters: IntoIter<ParameterDefinition>,
    policies: IntoIter<PolicyDefinition>,
    exchanges: IntoIter<ExchangeDefinition>,
    queues: IntoIter<QueueDefinition>,
    bindings: IntoIter<BindingDefinition>,
    /// The virtual host of definitions that do not say which.
    vhost: Option<ShortStr>,
}

impl Pending {
    fn new(definitions: Definitions, vhost: Option<ShortStr>) -> Self {
        let mut all = definitions;
        if vhost.is_some() {
            // They are nobody's in particular, and not for one virtual host to say.
            all.users.clear();
            all.vhosts.clear();
            all.permissions.clear();
            all.topic_permissions.clear();
            all.global_parameters.clear();
        }
        Self {
            users: all.users.into_iter(),
            vhosts: all.vhosts.into_iter(),
            permissions: all.permissions.into_iter(),
            topic_permissions: all.topic_permissions.into_iter(),
            global_parameters: all.global_parameters.into_iter(),
            parameters: all.parameters.into_iter(),
            policies: all.policies.into_iter(),
            exchanges: all.exchanges.into_iter(),
            queues: all.queues.into_iter(),
            bindings: all.bindings.into_iter(),
            vhost,
        }
    }

    /// What the next definition asks for.
    fn next(&mut self) -> Option<Command> {
        if let Some(user) = self.users.next() {
            return Some(Command::SetUser(user));
        }
        if let Some(vhost) = self.vhosts.next() {
            return Some(Command::SetVhost(vhost));
        }
        if let Some(permission) = self.permissions.next() {
            return Some(Command::SetPermission(permission));
        }
        if let Some(topic) = self.topic_permissions.next() {
            return Some(Command::SetTopicPermission(topic));
        }
        if let Some(parameter) = self.global_parameters.next() {
            return Some(Command::SetGlobalParameter(parameter));
        }
        self.next_in_vhost()
    }

    fn next_in_vhost(&mut self) -> Option<Command> {
        let place = |own: ShortStr| self.vhost.clone().unwrap_or(own);
        if let Some(mut parameter) = self.parameters.next() {
            parameter.vhost = place(parameter.vhost);
            return Some(Command::SetParameter(parameter));
        }
        if let Some(mut policy) = self.policies.next() {
            policy.vhost = place(policy.vhost);
            return Some(Command::SetPolicy(policy));
        }
        if let Some(mut exchange) = self.exchanges.next() {
            exchange.vhost = place(exchange.vhost);
            return Some(Command::DeclareExchange(exchange));
        }
        if let Some(mut queue) = self.queues.next() {
            queue.vhost = place(queue.vhost);
            return Some(Command::DeclareQueue(queue));
        }
        let mut binding = self.bindings.next()?;
        binding.vhost = place(binding.vhost);
        Some(Command::Bind(binding))
    }
}

/// How a problem names a definition. Names are cheap to keep, texts are made when they are needed.
fn subject(command: &Command) -> impl FnOnce() -> Box<str> + use<> {
    let (sort, name, vhost) = match command {
        Command::SetUser(own) => ("user", own.name.clone(), None),
        Command::SetVhost(own) => ("vhost", own.name.clone(), None),
        Command::SetPermission(own) => ("permission of", own.user.clone(), Some(&own.vhost)),
        Command::SetTopicPermission(own) => {
            ("topic permission of", own.user.clone(), Some(&own.vhost))
        }
        Command::SetGlobalParameter(own) => ("global parameter", own.name.clone(), None),
        Command::SetParameter(own) if level(&own.component).is_some() => {
            ("operator policy", own.name.clone(), Some(&own.vhost))
        }
        Command::SetParameter(own) => ("parameter", own.name.clone(), Some(&own.vhost)),
        Command::SetPolicy(own) => ("policy", own.name.clone(), Some(&own.vhost)),
        Command::DeclareExchange(own) => ("exchange", own.name.clone(), Some(&own.vhost)),
        Command::DeclareQueue(own) => ("queue", own.name.clone(), Some(&own.vhost)),
        Command::Bind(own) => ("binding of", own.destination.clone(), Some(&own.vhost)),
        _ => ("command", ShortStr::EMPTY, None),
    };
    let vhost = vhost.cloned();
    move || {
        let mut text = format!("{sort} '{}'", shown(name.as_bytes()));
        if let Some(vhost) = vhost {
            text += &format!(" in vhost '{}'", shown(vhost.as_bytes()));
        }
        text.into_boxed_str()
    }
}
