//! Who consumes: with every prefetch, and every habit that people have.

use warrener_codec::method::basic;
use warrener_codec::{Method, TableBuilder};
use warrener_time::Time;

use crate::channel::short;
use crate::history::{Delivered, Died, Happened, MessageId, QueueId, Settlement};
use crate::{Message, Random};

use super::Topology;
use super::publisher::barrier;
use super::record::Record;
use super::session::{Asked, Session};
use super::topology::{name, queue_of};

/// What a consumer does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Acknowledges each.
    Diligent,
    /// Acknowledges all at once, when it comes to it.
    Late,
    /// Gives everything back for others.
    Picky,
    /// Gives everything back for nobody.
    Harsh,
    /// Any of these.
    Moody,
    /// Wants no acknowledgements.
    Greedy,
    /// Settles in transactions, which it may roll back.
    Careful,
    /// Asks for one message at a time, by basic.get.
    Shy,
    /// Holds what it has, and dies.
    Doomed,
}

const HABITS: [Habit; 11] = [
    Habit::Diligent,
    Habit::Diligent,
    Habit::Late,
    Habit::Picky,
    Habit::Harsh,
    Habit::Moody,
    Habit::Moody,
    Habit::Greedy,
    Habit::Careful,
    Habit::Shy,
    Habit::Doomed,
];

/// One consumer of one queue.
pub(super) struct Consumer {
    pub(super) session: Session,
    pub(super) queue: QueueId,
    habit: Habit,
    prefetch: u16,
    priority: Option<i32>,
    holds: Vec<(u64, MessageId)>,
    /// Settled in the transaction under way.
    undecided: Vec<(u64, MessageId, Settlement)>,
    transaction: u64,
    /// When it asked to consume, each time: the number is in the consumer's tag.
    since: Vec<Time>,
    consuming: bool,
    /// It has asked to be given again what it holds, and settles nothing before the answer.
    recovering: bool,
}

impl Consumer {
    pub(super) fn dial(topology: &Topology, random: &mut Random, record: &Record) -> Option<Self> {
        let queue = QueueId(random.index(topology.queues.len()));
        let (mut habit, prefetch) = (*random.pick(&HABITS), *random.pick(&[0, 1, 2, 3, 50]));
        let design = &topology.queues[queue.0];
        if habit == Habit::Shy && design.quorum && design.single_active {
            // Such a queue refuses basic.get.
            habit = Habit::Diligent;
        }
        let priority = random.chance(20).then(|| *random.pick(&[-1, 1, 5]));
        Self::with(queue, habit, prefetch, priority, record)
    }

    /// Takes everything and acknowledges it.
    pub(super) fn last(queue: QueueId, record: &Record) -> Option<Self> {
        Self::with(queue, Habit::Diligent, 100, None, record)
    }

    fn with(
        queue: QueueId,
        habit: Habit,
        prefetch: u16,
        priority: Option<i32>,
        record: &Record,
    ) -> Option<Self> {
        let session = Session::dial(record)?;
        let (holds, undecided) = (Vec::new(), Vec::new());
        let (since, consuming, transaction) = (Vec::new(), false, 1);
        Some(Self {
            session,
            queue,
            habit,
            prefetch,
            priority,
            holds,
            undecided,
            transaction,
            since,
            consuming,
            recovering: false,
        })
    }

    pub(super) fn listen(&mut self, record: &Record) {
        if self.session.progress(record) {
            self.session.ask(barrier(self.prefetch), Asked::Setup);
            if self.habit == Habit::Careful {
                self.session.ask(Method::TxSelect, Asked::Setup);
            }
            if self.habit != Habit::Shy {
                self.consume(record);
            }
        }
        for message in self.session.channel.deliveries() {
            // What an earlier consumer was sent may arrive after the next one has begun.
            let nth: usize = message.consumer_tag.parse().unwrap_or_default();
            let since = self.since.get(nth).copied().unwrap_or(Time::ZERO);
            self.take(&message, since, record);
        }
        let by = self.session.by;
        for (asked, reply) in self.session.answers(record) {
            match (asked, reply.method, reply.content) {
                (Asked::Get(_, since), Method::BasicGetOk(got), Some(content)) => {
                    self.take(&Message::got(&got, content), since, record);
                }
                (Asked::Barrier, ..) => record.note(Happened::Synced(by)),
                (Asked::Commit(transaction), ..) => {
                    record.note(Happened::Committed(by, transaction));
                }
                // What came before the answer was given back with the rest, and its tags mean nothing any more.
                (Asked::Recover, ..) => {
                    record.note(Happened::Recovered(by));
                    self.holds.retain(|(tag, _)| *tag > reply.after_tag);
                }
                _ => {}
            }
        }
        self.recovering &= self.session.waits_for().is_some();
        let cancels = self.session.channel.heard(|heard| core::mem::take(&mut heard.cancels));
        if !cancels.is_empty() && self.consuming {
            // Its queue is gone: it has nothing more to do here, unless it tries again.
            self.consuming = false;
            if self.habit != Habit::Moody {
                self.session.say_goodbye();
            }
        }
    }

    fn consume(&mut self, record: &Record) {
        let mut arguments = TableBuilder::new();
        if let Some(priority) = self.priority {
            arguments.insert("x-priority", priority);
        }
        let consume = basic::Consume {
            queue: short(&name(self.queue)),
            consumer_tag: short(&self.since.len().to_string()),
            no_ack: self.habit == Habit::Greedy,
            arguments: arguments.build().unwrap_or_default(),
            ..basic::Consume::default()
        };
        if self.habit == Habit::Greedy {
            record.note(Happened::Careless { by: self.session.by, queue: self.queue });
        }
        let (by, queue, prefetch) = (self.session.by, self.queue, self.prefetch);
        record.note(Happened::Consuming { by, queue, prefetch });
        self.since.push(record.now());
        self.consuming = true;
        self.session.ask(consume, Asked::Consume);
    }

    fn take(&mut self, message: &Message, not_before: Time, record: &Record) {
        let (by, from) = (self.session.by, self.queue);
        let Some((id, whole)) = record.identify(&message.body) else {
            return record.note(Happened::Odd(format!("{by} is given something without a number")));
        };
        record.note(Happened::Delivered(Delivered {
            id,
            from,
            to: by,
            redelivered: message.redelivered,
            whole,
            deaths: deaths(message),
            failures: failures(message),
            not_before,
        }));
        if self.habit == Habit::Greedy {
            record.note(Happened::Settled { by, id, from, how: Settlement::Sent });
        } else {
            self.holds.push((message.delivery_tag, id));
        }
    }

    /// Settles some of what it holds, in its own way.
    pub(super) fn act(&mut self, random: &mut Random, record: &Record) {
        if self.recovering {
            return;
        }
        match self.habit {
            Habit::Diligent => self.settle_each(Settlement::Ack, record),
            Habit::Late => {
                if random.chance(20) {
                    self.settle_all(Settlement::Ack, record);
                }
            }
            Habit::Picky => {
                if random.chance(70) {
                    self.settle_each(Settlement::Requeue, record);
                } else {
                    self.settle_all(Settlement::Ack, record);
                }
            }
            Habit::Harsh => self.settle_each(Settlement::Discard, record),
            Habit::Moody => self.be_moody(random, record),
            Habit::Greedy => {}
            Habit::Careful => self.be_careful(random, record),
            Habit::Shy => {
                self.settle_each(Settlement::Ack, record);
                for _ in 0..1 + random.index(3) {
                    let get =
                        basic::Get { queue: short(&name(self.queue)), ..basic::Get::default() };
                    record.note(Happened::Getting { by: self.session.by, queue: self.queue });
                    self.session.ask(get, Asked::Get(self.queue, record.now()));
                }
            }
            Habit::Doomed => {
                if random.chance(5) {
                    self.session.cut(record);
                }
            }
        }
        if random.chance(20) {
            record.note(Happened::Barrier(self.session.by));
            self.session.ask(barrier(self.prefetch), Asked::Barrier);
        }
    }

    fn be_moody(&mut self, random: &mut Random, record: &Record) {
        match random.below(12) {
            0..5 => {
                let how =
                    *random.pick(&[Settlement::Ack, Settlement::Requeue, Settlement::Discard]);
                self.settle_each(how, record);
            }
            5..8 => {
                let how =
                    *random.pick(&[Settlement::Ack, Settlement::Requeue, Settlement::Discard]);
                self.settle_all(how, record);
            }
            8 => self.recover(record),
            9 if self.consuming => {
                let nth = self.since.len() - 1;
                let (consumer_tag, no_wait) = (short(&nth.to_string()), false);
                self.session.ask(basic::Cancel { consumer_tag, no_wait }, Asked::Cancel);
                self.consuming = false;
            }
            10 if !self.consuming => self.consume(record),
            _ => {
                // Somewhere in the middle.
                if let Some(index) =
                    self.holds.len().checked_sub(1).map(|last| random.index(last + 1))
                {
                    let (tag, id) = self.holds.remove(index);
                    self.settle(tag, id, Settlement::Ack, record);
                }
            }
        }
    }

    fn be_careful(&mut self, random: &mut Random, record: &Record) {
        let how = *random.pick(&[Settlement::Ack, Settlement::Ack, Settlement::Discard]);
        for (tag, id) in core::mem::take(&mut self.holds) {
            self.send_settlement(tag, false, how);
            self.undecided.push((tag, id, how));
        }
        let (by, transaction) = (self.session.by, self.transaction);
        match random.below(10) {
            0..5 => {
                for (_, id, how) in core::mem::take(&mut self.undecided) {
                    record.note(Happened::Settled { by, id, from: self.queue, how });
                }
                record.note(Happened::Committing(by, transaction));
                self.session.ask(Method::TxCommit, Asked::Commit(transaction));
                self.transaction += 1;
            }
            5..7 => {
                for (tag, id, _) in core::mem::take(&mut self.undecided) {
                    self.holds.push((tag, id));
                }
                record.note(Happened::RolledBack(by, transaction));
                self.session.ask(Method::TxRollback, Asked::Rollback(transaction));
                self.transaction += 1;
            }
            _ => {}
        }
    }

    fn recover(&mut self, record: &Record) {
        record.note(Happened::Recovering(self.session.by));
        for (_, id) in &self.holds {
            self.note_settled(*id, Settlement::Requeue, record);
        }
        self.session.ask(basic::Recover { requeue: true }, Asked::Recover);
        self.recovering = true;
    }

    fn settle_each(&mut self, how: Settlement, record: &Record) {
        for (tag, id) in core::mem::take(&mut self.holds) {
            self.settle(tag, id, how, record);
        }
    }

    fn settle_all(&mut self, how: Settlement, record: &Record) {
        let holds = core::mem::take(&mut self.holds);
        if let Some((last, _)) = holds.iter().max() {
            self.send_settlement(*last, true, how);
        }
        for (_, id) in holds {
            self.note_settled(id, how, record);
        }
    }

    fn settle(&self, tag: u64, id: MessageId, how: Settlement, record: &Record) {
        self.send_settlement(tag, false, how);
        self.note_settled(id, how, record);
    }

    fn note_settled(&self, id: MessageId, how: Settlement, record: &Record) {
        record.note(Happened::Settled { by: self.session.by, id, from: self.queue, how });
    }

    fn send_settlement(&self, delivery_tag: u64, multiple: bool, how: Settlement) {
        let requeue = how == Settlement::Requeue;
        let channel = &self.session.channel;
        match how {
            Settlement::Ack | Settlement::Sent => {
                channel.send(basic::Ack { delivery_tag, multiple })
            }
            // Odd tags by the older method, which knows no multiple.
            Settlement::Requeue | Settlement::Discard if !multiple && delivery_tag % 2 == 1 => {
                channel.send(basic::Reject { delivery_tag, requeue });
            }
            Settlement::Requeue | Settlement::Discard => {
                channel.send(basic::Nack { delivery_tag, multiple, requeue });
            }
        }
    }

    /// Acknowledges everything; gives whether there was anything.
    pub(super) fn finish(&mut self, record: &Record) -> bool {
        let any = !self.holds.is_empty();
        self.settle_each(Settlement::Ack, record);
        any
    }
}

/// How often a message has failed, as its queue says.
fn failures(message: &Message) -> u64 {
    let count =
        message.properties.headers().and_then(|headers| headers.get("x-delivery-count")?.as_i64());
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}

/// A message's deaths, the latest first.
fn deaths(message: &Message) -> Vec<Died> {
    let told = message.deaths().into_iter().map(|death| Died {
        queue: queue_of(&death.queue).unwrap_or(QueueId(usize::MAX)),
        reason: death.reason,
        count: death.count,
    });
    told.collect()
}
