//! Commands: what the people who run a broker ask of it, with an answer for each.
//!
//! A command is told with a number of the host's choice, and answered with
//! [`Effect::Done`] once what it changed is on disk. What goes on for long (a policy on many
//! queues, the end of a virtual host, an import) goes on in slices; an import is answered when it is done, the others
//! when they hold for everything that is new.

mod configure;
mod export;
mod import;
pub(crate) mod members;
pub(crate) mod parameter;
mod permission;
mod policy;
mod topology;
mod user;
pub(crate) mod vhost;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error;
use warrener_codec::ShortStr;
use warrener_time::Time;

use crate::broker::Broker;
pub use crate::command::configure::Reconfiguration;
pub(crate) use crate::command::export::Export;
pub(crate) use crate::command::import::Import;
use crate::definitions::{
    BindingDefinition, Definitions, ExchangeDefinition, GlobalParameterDefinition,
    ParameterDefinition, PermissionDefinition, PolicyDefinition, QueueDefinition,
    TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use crate::effect::Effect;
use crate::id::RecordId;
use crate::pattern::PatternError;
use crate::refusal::Reason;
use crate::sync::Sync;

/// The policy that a parameter holds, if it is one.
pub(crate) fn policy_of(parameter: &ParameterDefinition) -> Option<PolicyDefinition> {
    policy::definition(parameter).ok()
}

/// Which command an answer is to; the host chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// Something to be changed, or to be told.
///
/// Setting what is there changes it; clearing what is not there does nothing. Exhaustive on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Adds a virtual host, or changes what is said of it.
    SetVhost(VhostDefinition),
    /// Deletes a virtual host with all that is in it; its connections are closed with 320.
    DeleteVhost(ShortStr),
    /// Adds a user, or changes password, tags and limits.
    SetUser(UserDefinition),
    /// Deletes a user with all rights; its connections are closed with 320.
    DeleteUser(ShortStr),
    /// Says what a user may do in a virtual host.
    SetPermission(PermissionDefinition),
    /// Takes all rights in a virtual host from a user.
    ClearPermission {
        /// The user.
        user: ShortStr,
        /// The virtual host.
        vhost: ShortStr,
    },
    /// Says with which routing keys a user may use a topic exchange.
    SetTopicPermission(TopicPermissionDefinition),
    /// Lifts that again: for one exchange, or for all of them.
    ClearTopicPermission {
        /// The user.
        user: ShortStr,
        /// The virtual host.
        vhost: ShortStr,
        /// The exchange; all of them if none is named.
        exchange: Option<ShortStr>,
    },
    /// Sets a runtime parameter. `vhost-limits` limit a virtual host, `operator_policy` and `policy` are policies.
    SetParameter(ParameterDefinition),
    /// Clears a runtime parameter.
    ClearParameter {
        /// The virtual host.
        vhost: ShortStr,
        /// What it is for.
        component: ShortStr,
        /// Its name.
        name: ShortStr,
    },
    /// Sets a runtime parameter of the whole broker.
    SetGlobalParameter(GlobalParameterDefinition),
    /// Clears a runtime parameter of the whole broker.
    ClearGlobalParameter(ShortStr),
    /// Sets a policy.
    SetPolicy(PolicyDefinition),
    /// Clears a policy.
    ClearPolicy {
        /// The virtual host.
        vhost: ShortStr,
        /// Its name.
        name: ShortStr,
    },
    /// Sets an operator policy.
    SetOperatorPolicy(PolicyDefinition),
    /// Clears an operator policy.
    ClearOperatorPolicy {
        /// The virtual host.
        vhost: ShortStr,
        /// Its name.
        name: ShortStr,
    },
    /// Declares an exchange, on nobody's behalf.
    DeclareExchange(ExchangeDefinition),
    /// Deletes an exchange.
    DeleteExchange {
        /// The virtual host.
        vhost: ShortStr,
        /// Its name.
        name: ShortStr,
        /// Only when nothing is bound to it.
        if_unused: bool,
    },
    /// Declares a queue, on nobody's behalf.
    DeclareQueue(QueueDefinition),
    /// Deletes a queue.
    DeleteQueue {
        /// The virtual host.
        vhost: ShortStr,
        /// Its name.
        name: ShortStr,
        /// Only when it has no consumers.
        if_unused: bool,
        /// Only when it has no messages.
        if_empty: bool,
    },
    /// Removes the messages that wait in a queue.
    PurgeQueue {
        /// The virtual host.
        vhost: ShortStr,
        /// Its name.
        name: ShortStr,
    },
    /// Adds a binding.
    Bind(BindingDefinition),
    /// Removes a binding.
    Unbind(BindingDefinition),
    /// Adds all that definitions say, in slices; what is refused is named in the answer and left out.
    Import {
        /// What to add.
        definitions: Box<Definitions>,
        /// The virtual host that definitions of one virtual host are for.
        vhost: Option<ShortStr>,
    },
    /// Copies all that is published and delivered in a virtual host to its exchange `amq.rabbitmq.trace`, or no longer does
    /// (RabbitMQ extension: the firehose). It counts until the process ends.
    Trace {
        /// The virtual host.
        vhost: ShortStr,
        /// Whether to.
        on: bool,
    },
    /// Measures for so long how long messages wait, of a sample, for [`View::waits`](crate::View::waits).
    Measure(Duration),
    /// Does what another command says on behalf of this user, whom events name.
    OnBehalf {
        /// The user.
        user: ShortStr,
        /// What to do.
        command: Box<Self>,
    },
    /// Says what the host's configuration says from now on. It counts until the process ends.
    Configure(Box<Reconfiguration>),
    /// Tells all definitions, or those of one virtual host, gathered in slices.
    Export {
        /// The virtual host; all if none is named.
        vhost: Option<ShortStr>,
    },
}

/// What a command led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there, and is now.
    Created,
    /// It was there, and is as it was told now.
    Changed,
    /// It was there, and is not any more.
    Deleted,
    /// So many messages were removed.
    Purged(u32),
    /// It was not there.
    Absent,
    /// What an import did.
    Imported(Imported),
    /// What there is.
    Exported(Box<Definitions>),
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many definitions were taken.
    pub taken: u64,
    /// How many were refused.
    pub refused: u64,
    /// The first of those, and why.
    pub problems: Vec<Problem>,
}

/// A definition that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which: `queue 'orders' in vhost '/'`.
    pub what: Box<str>,
    /// Why not.
    pub error: CommandError,
}

/// Why a command was refused. Texts that RabbitMQ's management answers are RabbitMQ's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such virtual host.
    #[error("vhost '{0}' not found")]
    NoVhost(Box<str>),
    /// There is no such user.
    #[error("user '{0}' not found")]
    NoUser(Box<str>),
    /// There is no such exchange.
    #[error("exchange '{0}' not found")]
    NoExchange(Box<str>),
    /// A pattern is none.
    #[error("{0}")]
    Pattern(#[from] PatternError),
    /// A value is not what it must be.
    #[error("Validation failed\n\n{0}")]
    Invalid(Box<str>),
    /// What a client would be told.
    #[error("{0}")]
    Refused(#[from] Reason),
    /// The virtual host may not be deleted.
    #[error("Cannot delete protected virtual host '{0}'")]
    Protected(Box<str>),
    /// There are as many definitions as there may be.
    #[error("limit of {0} definitions is reached")]
    TooMany(u32),
}

impl CommandError {
    pub(crate) fn invalid(text: String) -> Self {
        Self::Invalid(text.into_boxed_str())
    }
}

/// What a command led to, and what must be on disk before that is said.
pub(crate) type Done = Result<(Outcome, Option<RecordId>), CommandError>;

/// Answers that wait for the disk.
#[derive(Debug, Default)]
pub(crate) struct Answers(VecDeque<(RecordId, Effect)>);

impl Broker {
    /// Does what the host was asked to.
    pub(crate) fn command(
        &mut self,
        now: Time,
        id: CommandId,
        command: Command,
        out: &mut Vec<Effect>,
    ) {
        match command {
            Command::Import { definitions, vhost } => self.import(id, *definitions, vhost, out),
            Command::Export { vhost } => self.export(id, vhost, out),
            Command::OnBehalf { user, command } => {
                self.realm.actor = user;
                self.command(now, id, *command, out);
                self.realm.actor = ShortStr::EMPTY;
            }
            command => {
                let done = self.obey_command(now, command, out);
                self.answer(id, done, out);
            }
        }
    }

    /// One command that is done at once, and told of.
    pub(crate) fn obey_command(
        &mut self,
        now: Time,
        command: Command,
        out: &mut Vec<Effect>,
    ) -> Done {
        let told = self.realm.listener().map(|_| command.clone());
        let done = self.obey_untold(now, command, out);
        if let (Some(command), Ok((outcome, _))) = (told, &done) {
            self.realm.tell_command(&command, outcome);
        }
        done
    }

    fn obey_untold(&mut self, now: Time, command: Command, out: &mut Vec<Effect>) -> Done {
        match command {
            Command::SetVhost(vhost) => self.set_vhost(vhost, out),
            Command::DeleteVhost(name) => self.delete_vhost(now, &name, out),
            Command::SetUser(user) => self.set_user(user, out),
            Command::DeleteUser(name) => self.delete_user(now, &name, out),
            Command::SetPermission(permission) => self.set_permission(permission, out),
            Command::ClearPermission { user, vhost } => self.clear_permission(user, vhost, out),
            Command::SetTopicPermission(topic) => self.set_topic_permission(topic, out),
            Command::ClearTopicPermission { user, vhost, exchange } => {
                self.clear_topic_permission(&user, &vhost, exchange.as_ref(), out)
            }
            Command::SetParameter(parameter) => self.set_parameter(parameter, out),
            Command::ClearParameter { vhost, component, name } => {
                self.clear_parameter(vhost, component, name, out)
            }
            Command::SetGlobalParameter(parameter) => self.set_global_parameter(parameter, out),
            Command::ClearGlobalParameter(name) => self.clear_global_parameter(name, out),
            Command::SetPolicy(policy) => self.set_policy(policy, out),
            Command::ClearPolicy { vhost, name } => self.clear_policy(vhost, name, out),
            Command::SetOperatorPolicy(policy) => self.set_operator_policy(policy, out),
            Command::ClearOperatorPolicy { vhost, name } => {
                self.clear_operator_policy(vhost, name, out)
            }
            Command::DeclareExchange(exchange) => self.command_exchange(exchange, out),
            Command::DeleteExchange { vhost, name, if_unused } => {
                self.command_delete_exchange(now, &vhost, &name, if_unused, out)
            }
            Command::DeclareQueue(queue) => self.command_queue(now, queue, out),
            Command::DeleteQueue { vhost, name, if_unused, if_empty } => {
                self.command_delete_queue(now, &vhost, &name, (if_unused, if_empty), out)
            }
            Command::PurgeQueue { vhost, name } => self.command_purge(now, &vhost, &name, out),
            Command::Bind(binding) => self.command_bind(binding, out),
            Command::Unbind(binding) => self.command_unbind(now, binding, out),
            Command::Measure(time) => {
                self.realm.measure(now + time);
                Ok((Outcome::Changed, None))
            }
            Command::Trace { vhost, on } => self.trace(&vhost, on),
            Command::Configure(new) => self.configure(*new),
            Command::OnBehalf { .. } | Command::Import { .. } | Command::Export { .. } => {
                unreachable!("these are not done at once")
            }
        }
    }

    /// Answers a command, when what it changed is on disk.
    pub(crate) fn answer(&mut self, id: CommandId, done: Done, out: &mut Vec<Effect>) {
        let (result, record) = match done {
            Ok((outcome, record)) => (Ok(outcome), record),
            Err(error) => (Err(error), None),
        };
        let effect = Effect::Done(id, Box::new(result));
        match record.filter(|record| !self.amqp.disk.has(*record, Sync::Always)) {
            Some(record) => self.answers.0.push_back((record, effect)),
            None => out.push(effect),
        }
    }

    /// Gives the answers that waited for what the disk has now.
    pub(crate) fn give_answers(&mut self, out: &mut Vec<Effect>) {
        for _ in 0..self.answers.0.len() {
            let Some((record, effect)) = self.answers.0.pop_front() else { return };
            if self.amqp.disk.has(record, Sync::Always) {
                out.push(effect);
            } else {
                self.answers.0.push_back((record, effect));
            }
        }
    }
}
