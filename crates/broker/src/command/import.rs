//! Importing definitions: one command after the other, in slices.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_time::Time;

use crate::broker::Broker;
use crate::command::parameter::level;
use crate::command::{Command, CommandId, Imported, Outcome, Problem};
use crate::definitions::Definitions;
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
    commands: VecDeque<Command>,
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
        let commands = commands(definitions, vhost.as_ref());
        let import = Import { id, commands, imported: Imported::default(), record: None };
        self.jobs.push_back(Job::Import(Box::new(import)));
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
            let Some(command) = import.commands.pop_front() else {
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

/// What definitions ask for, one by one.
fn commands(definitions: Definitions, vhost: Option<&ShortStr>) -> VecDeque<Command> {
    let mut all = VecDeque::with_capacity(definitions.len());
    // Definitions of one virtual host do not say which.
    let place = |own: &mut ShortStr| {
        if let Some(vhost) = vhost {
            own.clone_from(vhost);
        }
    };
    if vhost.is_none() {
        all.extend(definitions.users.into_iter().map(Command::SetUser));
        all.extend(definitions.vhosts.into_iter().map(Command::SetVhost));
        all.extend(definitions.permissions.into_iter().map(Command::SetPermission));
        all.extend(definitions.topic_permissions.into_iter().map(Command::SetTopicPermission));
        all.extend(definitions.global_parameters.into_iter().map(Command::SetGlobalParameter));
    }
    for mut parameter in definitions.parameters {
        place(&mut parameter.vhost);
        all.push_back(Command::SetParameter(parameter));
    }
    for mut policy in definitions.policies {
        place(&mut policy.vhost);
        all.push_back(Command::SetPolicy(policy));
    }
    for mut exchange in definitions.exchanges {
        place(&mut exchange.vhost);
        all.push_back(Command::DeclareExchange(exchange));
    }
    for mut queue in definitions.queues {
        place(&mut queue.vhost);
        all.push_back(Command::DeclareQueue(queue));
    }
    for mut binding in definitions.bindings {
        place(&mut binding.vhost);
        all.push_back(Command::Bind(binding));
    }
    all
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
