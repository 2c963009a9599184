//! The broker: every input leads somewhere, and this says where.

use alloc::vec::Vec;

use bytes::Bytes;
use warrener_time::Time;

use crate::amqp091::Amqp;
use crate::command::Answers;
use crate::config::{CHARGED_FROM_VISITS, Config, QUEUES_PER_TURN, WORKED_OFF_BY_THE_WAY};
use crate::effect::Effect;
use crate::effort::Share;
use crate::id::{QueueId, RecordId};
use crate::input::Input;
use crate::realm::Realm;
use crate::record::Record;
use crate::recovery::{Recovery, RecoveryError};
use crate::sync::Progress;
use crate::view::View;
use crate::warning::Warning;

/// A whole broker, as a machine: what happened goes in with the time, and what is to be done comes out, in order.
///
/// It reads no clock, no socket and no disk, and the same inputs at the same times lead to the same effects. Its life
/// begins with [`replay`](Self::replay) for each record that its log has kept, and [`recovered`](Self::recovered), both
/// of which a broker without a log leaves out. Then come inputs, and whenever
/// [`poll_timeout`](Self::poll_timeout) says so, [`handle_timeout`](Self::handle_timeout).
#[derive(Debug)]
pub struct Broker {
    pub(crate) realm: Realm,
    pub(crate) amqp: Amqp,
    pub(crate) answers: Answers,
    recovery: Option<Recovery>,
    pub(crate) since: Time,
    /// The latest time that it was told.
    pub(crate) now: Time,
    /// The host wants no more messages.
    pub(crate) refuses_messages: bool,
}

/// Why [`Broker::poll_timeout`] wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// There was more to do than one turn does.
    Work,
    /// Something in a queue is due: a message expires, a consumer is late, the queue is unused for too long.
    Queue,
}

impl Broker {
    /// A broker with the virtual hosts, users and limits of `config`, and nothing else.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let mut realm = Realm::new(config);
        let seed = realm.generator.number();
        Self {
            realm,
            amqp: Amqp::new(seed),
            answers: Answers::default(),
            recovery: None,
            since: now,
            now,
            refuses_messages: false,
        }
    }

    /// Takes back a record of an earlier life by its digest, and says whether that was enough. If not, it is to be given to
    /// [`replay`](Self::replay), with the contents of its messages; others need not wait for that.
    ///
    /// # Errors
    ///
    /// As those of [`replay`](Self::replay).
    pub fn replay_digest(&mut self, id: RecordId, digest: &Bytes) -> Result<bool, RecoveryError> {
        let leaves_contents = self.realm.limits.pages;
        self.recovery.get_or_insert_default().take_digest(id, digest, leaves_contents)
    }

    /// Takes back a record of an earlier life. Records come in the order of their ids, and before the first input.
    ///
    /// # Errors
    ///
    /// When the record is not one that this version wrote. Nothing has changed then, and the host should not go on.
    pub fn replay(&mut self, record: &Record) -> Result<(), RecoveryError> {
        self.recovery.get_or_insert_default().take(record)
    }

    /// Every record was replayed: the queues are filled. `last` is the greatest id that any record has ever had. Gives
    /// the present: `now`, or the time of the youngest record if the clock was set back since. Time must go on from
    /// there, so that nothing lives longer than it should, or for ever.
    ///
    /// # Errors
    ///
    /// When a record says what this version refuses.
    pub fn recovered(
        &mut self,
        now: Time,
        last: RecordId,
        out: &mut Vec<Effect>,
    ) -> Result<Time, RecoveryError> {
        self.realm.skip_records(last);
        self.amqp.disk.synced(Progress { upto: last, ahead: last });
        let Some(recovery) = self.recovery.take() else { return Ok(now) };
        let present = now.max(recovery.youngest);
        recovery.restore(present, &mut self.realm, out)?;
        Ok(present)
    }

    /// Something happened at `now`, which never decreases; what is to be done about it is appended to `out`.
    ///
    /// No input leads to more than [`EFFECTS_PER_TURN`](crate::EFFECTS_PER_TURN) effects, nor to visits of more than
    /// [`VISITS_PER_TURN`](crate::VISITS_PER_TURN) objects: the rest follows in later calls of
    /// [`handle_timeout`](Self::handle_timeout), in order. Only [`Input::Shutdown`] and [`Input::Failed`], after which
    /// nobody is served, do all at once.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        self.now = now;
        self.realm.effort.begin(out.len());
        if !self.realm.happened.is_empty() {
            self.realm.effort.absorbs = WORKED_OFF_BY_THE_WAY;
        }
        let debtor = input.debtor();
        match input {
            Input::Publish(connection, channel, publish, content) => {
                self.publish(now, connection, channel, publish, content, out);
            }
            Input::Method(connection, channel, method) => {
                self.method(now, connection, channel, method, out);
            }
            Input::Drained(connection, bytes) => self.drained(connection, bytes, out),
            Input::Unfinished(connection, bytes) => self.unfinished(connection, bytes),
            Input::Persisted(progress) => self.persisted(now, progress, out),
            Input::Written(progress) => self.written(now, progress, out),
            Input::InFragments(record) => self.amqp.disk.in_fragments(record),
            Input::Loaded(record) => self.realm.loaded(now, *record, out),
            Input::Connected(connected) => self.connected(*connected, out),
            Input::ChannelOpened(connection, channel) => {
                self.channel_opened(now, connection, channel, out);
            }
            Input::Oversized(connection, channel, size) => {
                self.oversized(now, connection, channel, size, out);
            }
            Input::ChannelClosed(connection, channel, by) => {
                self.channel_closed(now, connection, channel, by, out);
            }
            Input::Closed(connection) => self.closed(now, connection, out),
            Input::Disconnected(connection) => self.disconnected(now, connection, out),
            Input::Alarm(alarm, on) => self.alarm(alarm, on),
            Input::Expel(connection, why) => self.expel(now, connection, why, out),
            Input::Command(id, command) => self.command(now, id, *command, out),
            Input::Event(name, said) => self.realm.tell_of_host(name, &said),
            Input::Refuse(refuses) => self.refuses_messages = refuses,
            Input::Shutdown => self.shut_down(now, out),
            Input::Failed => self.fail(now, out),
        }
        let visits = self.realm.effort.visited_now();
        if visits > CHARGED_FROM_VISITS
            && let Some(debtor) = debtor
        {
            self.charge(debtor, visits, out);
        }
        self.follow_up(now, out);
    }

    /// Does what is due at `now`. Late, early and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.now = now;
        self.realm.effort.begin(out.len());
        self.pay_debts(out);
        self.realm.effort.share(Share::Half);
        self.realm.absorb(now, out);
        self.work_in_queues(now, out);
        self.realm.retry_dead(now, out);
        self.realm.effort.share(Share::Most);
        self.release_some(now, out);
        self.run_jobs(now, out);
        self.follow_up(now, out);
    }

    /// What is due in queues and what they have begun, a little of each in turn.
    fn work_in_queues(&mut self, now: Time, out: &mut Vec<Effect>) {
        let due = self.realm.timers.range(..=(now, QueueId::LAST));
        let mut queues: Vec<QueueId> = due.map(|(_, queue)| *queue).take(QUEUES_PER_TURN).collect();
        // Those with work in hand come first by their time, and would leave nothing for others.
        let last = self.realm.worked_last;
        let next = queues.iter().position(|queue| Some(*queue) > last).unwrap_or(0);
        queues.rotate_left(next);
        for queue in queues {
            if self.realm.effort.is_spent(out.len()) {
                return;
            }
            self.realm.worked_last = Some(queue);
            self.realm.work_on(now, queue, out);
            self.realm.absorb(now, out);
        }
    }

    /// Whether something was begun that the next turn goes on with.
    fn has_begun(&self) -> bool {
        let Realm { jobs, awake, overdue, happened, notices, .. } = &self.realm;
        let lines = [awake.is_empty(), overdue.is_empty(), happened.is_empty(), notices.is_empty()];
        !jobs.is_empty()
            || lines.contains(&false)
            || self.amqp.has_released()
            || self.amqp.stopped_debtors > 0
            || self.can_unblock()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, and why; [`Time::ZERO`] for at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, Timer)> {
        if self.has_begun() {
            return Some((Time::ZERO, Timer::Work));
        }
        let (timers, retries) = (self.realm.timers.first(), self.realm.retries.first());
        timers
            .into_iter()
            .chain(retries)
            .map(|(due, _)| (*due, Timer::Queue))
            .min_by_key(|(due, _)| *due)
    }

    /// The host stops in an orderly way, after the last input: what a restart should know is written down.
    pub fn close(&mut self, out: &mut Vec<Effect>) {
        // What was begun comes to its end, so that a restart does not find half of what clients have settled.
        while self.has_begun() {
            self.handle_timeout(self.now, out);
        }
        self.realm.mark_all(out);
    }

    /// Looks at the broker without touching it.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(self)
    }

    /// What any input may have led to: consumers without a queue, and queues with something to deliver.
    #[inline]
    fn follow_up(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.can_unblock() {
            self.unblock_some(now, out);
        }
        self.realm.absorb(now, out);
        self.realm.effort.share(Share::All);
        if !self.realm.overdue.is_empty() {
            self.realm.release_overdue(now, out);
        }
        if !self.realm.notices.is_empty() {
            self.handle_notices(now, out);
        }
        self.deliver(now, out);
        if !self.realm.notices.is_empty() {
            self.handle_notices(now, out);
        }
        self.realm.relieve(out);
        let (held, limit) = (self.realm.memory_bytes(), self.realm.limits.memory_alarm_bytes);
        if let Some(on) = self.amqp.alarms.weigh(held, limit) {
            let warning = if on {
                Warning::MemoryLow { held_bytes: held, limit_bytes: limit }
            } else {
                Warning::MemoryEnough { held_bytes: held }
            };
            out.push(Effect::Warn(warning.into()));
        }
    }
}
