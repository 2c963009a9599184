//! Who runs the broker: sets policies while everybody works, takes rights away and gives them back, and raises alarms.

use std::collections::{BTreeMap, BTreeSet};

use warrener_broker::{Alarm, Command, CommandId, Object, PermissionDefinition, PolicyDefinition};

use crate::Random;
use crate::channel::short;
use crate::history::{Happened, Policy, QueueId};

use super::Topology;
use super::record::Record;
use super::session::VISITOR;
use super::topology::name;

/// What was asked, and is answered when it is on disk and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Policy(QueueId),
    Revoke,
    Grant,
}

/// The operator of a run's broker.
#[derive(Debug, Default)]
pub(super) struct Operator {
    next: u64,
    asked: BTreeMap<CommandId, Asked>,
    /// Queues that may have a policy.
    policed: BTreeSet<QueueId>,
    /// The visitors' rights may be gone.
    revoked: bool,
    alarms: BTreeSet<Alarm>,
}

impl Operator {
    /// Sets the policy of some queue, or clears it.
    pub(super) fn police(&mut self, topology: &Topology, random: &mut Random, record: &Record) {
        let queue = QueueId(random.index(topology.queues.len().saturating_sub(1)));
        let last = topology.queues.len() - 1;
        // The last queue stays plain.
        if queue.0 == last {
            return;
        }
        let policy = random.chance(75).then(|| drawn(queue, last, random));
        self.set_policy(queue, policy, record);
    }

    fn set_policy(&mut self, queue: QueueId, policy: Option<Policy>, record: &Record) {
        // One at a time, so that it is known which one holds.
        if self.asked.values().any(|asked| *asked == Asked::Policy(queue)) {
            return;
        }
        self.policed.insert(queue);
        record.note(Happened::Policing { queue, policy: policy.clone() });
        let (vhost, name) = (short("/"), short(&format!("of-{}", name(queue))));
        let command = match policy {
            Some(policy) => Command::SetPolicy(PolicyDefinition {
                vhost,
                name,
                pattern: format!("^{}$", super::topology::name(queue)).into(),
                apply_to: "queues".into(),
                definition: written(&policy),
                ..PolicyDefinition::default()
            }),
            None => Command::ClearPolicy { vhost, name },
        };
        self.ask(command, Asked::Policy(queue), record);
    }

    /// Takes the right to publish from those who visit, or gives it back.
    pub(super) fn change_rights(&mut self, record: &Record) {
        if self.asked.values().any(|asked| !matches!(asked, Asked::Policy(_))) {
            return;
        }
        if self.revoked {
            record.note(Happened::Granting);
            self.ask(rights(".*"), Asked::Grant, record);
        } else {
            self.revoked = true;
            record.note(Happened::Revoking);
            self.ask(rights("^$"), Asked::Revoke, record);
        }
    }

    /// Raises an alarm, or says that it is over.
    pub(super) fn alarm(&mut self, alarm: Alarm, on: bool, record: &Record) {
        let changed = if on { self.alarms.insert(alarm) } else { self.alarms.remove(&alarm) };
        if changed && record.world.is_listening() {
            if on {
                record.world.set_alarm(alarm, on);
                record.note(Happened::Alarmed(alarm, on));
            } else {
                record.note(Happened::Alarmed(alarm, on));
                record.world.set_alarm(alarm, on);
            }
        }
    }

    /// The alarms that are on.
    pub(super) fn alarms(&self) -> Vec<Alarm> {
        self.alarms.iter().copied().collect()
    }

    /// The server has ended: what was asked may have been done, and a new one knows of no alarms.
    pub(super) fn handle_end(&mut self) {
        self.asked.clear();
        self.alarms.clear();
    }

    /// Hears what was done.
    pub(super) fn listen(&mut self, record: &Record) {
        for (id, refused) in record.world.poll_done() {
            let Some(asked) = self.asked.remove(&id) else { continue };
            record.note(match (refused, asked) {
                (Some(why), _) => Happened::Odd(format!("{asked:?} was refused: {why}")),
                (None, Asked::Policy(queue)) => Happened::Policed(queue),
                (None, Asked::Revoke) => Happened::Revoked,
                (None, Asked::Grant) => {
                    self.revoked = false;
                    Happened::Granted
                }
            });
        }
    }

    /// Takes everything back; `true` when nothing is left to be taken back, or answered.
    pub(super) fn retire(&mut self, record: &Record) -> bool {
        for alarm in self.alarms() {
            self.alarm(alarm, false, record);
        }
        if !record.world.is_listening() {
            return false;
        }
        if !self.asked.is_empty() {
            return false;
        }
        for queue in core::mem::take(&mut self.policed) {
            self.set_policy(queue, None, record);
            self.policed.remove(&queue);
        }
        if self.revoked {
            self.change_rights(record);
        }
        self.asked.is_empty()
    }

    fn ask(&mut self, command: Command, asked: Asked, record: &Record) {
        self.next += 1;
        let id = CommandId(self.next);
        self.asked.insert(id, asked);
        record.world.command(id, command);
    }
}

fn drawn(queue: QueueId, last: usize, random: &mut Random) -> Policy {
    let grave = queue.0 + 1 + random.index(last - queue.0);
    let mut policy = Policy {
        ttl_ms: random.chance(40).then(|| *random.pick(&[20, 500, 5_000])),
        max_length: random.chance(40).then(|| *random.pick(&[0, 1, 5, 20])),
        refuses: false,
        grave: random.chance(40).then_some(QueueId(grave)),
    };
    policy.refuses = policy.max_length.is_some() && random.chance(40);
    if policy == Policy::default() {
        policy.max_length = Some(5);
    }
    policy
}

/// The policy as operators write it.
fn written(policy: &Policy) -> Object {
    let mut written = Object::default();
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    if let Some(ttl_ms) = policy.ttl_ms {
        written.set("message-ttl", number(ttl_ms));
    }
    if let Some(max_length) = policy.max_length {
        written.set("max-length", number(max_length));
        written.set("overflow", if policy.refuses { "reject-publish" } else { "drop-head" });
    }
    if let Some(grave) = policy.grave {
        written.set("dead-letter-exchange", "");
        written.set("dead-letter-routing-key", name(grave).as_str());
    }
    written
}

/// What visitors may publish to.
fn rights(write: &str) -> Command {
    Command::SetPermission(PermissionDefinition {
        user: short(VISITOR),
        vhost: short("/"),
        configure: ".*".into(),
        write: write.into(),
        read: ".*".into(),
        ..PermissionDefinition::default()
    })
}
