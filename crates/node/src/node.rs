//! One broker, its endpoints and its log joined: the turn.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use warrener_broker::{
    Alarm, Broker, Command, CommandId, Config, ConnectionId, Effect, Input, LoadedRecord, Progress,
    Record,
};
use warrener_endpoint::connection::Event;
use warrener_endpoint::{plain_input, recipient};
use warrener_store::{
    Appended, Backlog, Lane, LoadError, Loaded, Log, LogEvent, Replayed, Space, Work,
};
use warrener_time::Time;

use crate::connections::Connections;
use crate::disk_alarm::DiskAlarm;
use crate::journal::{Journal, broker_id, store_id};
use crate::limits::{EFFECTS_AT_ONCE, RELEASES_UNSYNCED};
use crate::notice::{NodeError, Notice};
use crate::recovery::Recovery;
use crate::rest::Rest;

/// One broker, its log, and the way to its connections.
///
/// Everything that happens is told to it with the time; nothing in it waits. What may block is the log's
/// [`Work`]: ask for it with [`poll_work`](Self::poll_work) after every call, run it anywhere, bring back what it gives
/// to [`handle_done`](Self::handle_done).
#[derive(Debug)]
pub struct Node<L: Log> {
    broker: Broker,
    log: L,
    stage: Stage,
    journal: Journal,
    effects: Vec<Effect>,
    notices: VecDeque<Notice>,
    /// Clients without a wire.
    sessions: BTreeSet<ConnectionId>,
    disk_alarm: DiskAlarm,
    rest: Rest,
    /// No time before this is believed: records are that young.
    present: Time,
    /// How often what nobody waits for is to be synced, where that is said, and when next.
    sync_interval: Option<Duration>,
    sync_due: Option<Time>,
}

#[derive(Debug)]
enum Stage {
    /// The log is read back.
    Recovering(Box<Recovery>),
    Running,
    /// The last has been said: what the broker would still do, the log no longer takes.
    Closing,
    /// The log has stopped: nothing more is made durable.
    Stopped,
}

impl<L: Log> Node<L> {
    /// Begins to read the log back. Connections may come from [`Notice::Ready`] on.
    #[must_use]
    pub fn open(config: Config, mut log: L, now: Time) -> Self {
        log.open();
        let sync_interval = config.syncs.interval();
        Self {
            broker: Broker::new(config, now),
            log,
            stage: Stage::Recovering(Box::default()),
            journal: Journal::default(),
            effects: Vec::new(),
            notices: VecDeque::new(),
            sessions: BTreeSet::new(),
            disk_alarm: DiskAlarm::default(),
            rest: Rest::default(),
            present: now,
            sync_interval,
            sync_due: None,
        }
    }

    /// Stops publishers while less than this is free on the disk: room for acknowledgements, for the largest message, and
    /// for giving space back. Without it publishers are stopped when a write did not fit.
    pub const fn set_disk_limit(&mut self, free_bytes: u64) {
        self.disk_alarm.limit_bytes = free_bytes;
    }

    /// What a connection's stream brought, in order; takes everything out of `events`.
    pub fn handle_events(
        &mut self,
        now: Time,
        connection: ConnectionId,
        events: &mut Vec<Event>,
        connections: &mut impl Connections,
    ) {
        let now = self.present(now);
        for event in events.drain(..) {
            let input = match plain_input(connection, event) {
                Ok(input) => Some(input),
                Err(event) => {
                    // The endpoint judges an event by what was said before it.
                    self.apply(now, connections);
                    connections.with(connection, |endpoint| endpoint.admit(now, *event)).flatten()
                }
            };
            if let Some(input) = input {
                self.handle(now, input, connections);
            }
        }
        self.apply(now, connections);
    }

    /// Something happened that no stream brought: a connection broke, has drained, or all are to end.
    pub fn handle_input(&mut self, now: Time, input: Input, connections: &mut impl Connections) {
        let now = self.present(now);
        self.handle(now, input, connections);
        self.apply(now, connections);
    }

    /// The people who run the broker ask for something. Answered by [`Notice::Done`].
    pub fn command(
        &mut self,
        now: Time,
        id: CommandId,
        command: Command,
        connections: &mut impl Connections,
    ) {
        self.handle_input(now, Input::Command(id, Box::new(command)), connections);
    }

    /// A client without a wire comes: what the broker has for a connection of this number is told by [`Notice::Session`]
    /// from now on, and not to an endpoint. The host tells of the client by [`handle_input`](Self::handle_input).
    pub fn open_session(&mut self, session: ConnectionId) {
        self.sessions.insert(session);
    }

    /// The client without a wire is gone.
    pub fn close_session(
        &mut self,
        now: Time,
        session: ConnectionId,
        connections: &mut impl Connections,
    ) {
        self.handle_input(now, Input::Disconnected(session), connections);
        self.sessions.remove(&session);
    }

    /// A work of the log was run.
    pub fn handle_done(
        &mut self,
        now: Time,
        done: <L::Work as Work>::Done,
        connections: &mut impl Connections,
    ) {
        let now = self.present(now);
        self.log.handle_done(done);
        self.hear_log(now, connections);
    }

    /// Time passed. Early and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Time, connections: &mut impl Connections) {
        let now = self.present(now);
        let looks = [self.disk_alarm.handle_timeout(now), self.rest.handle_timeout(now)];
        if looks.contains(&true) {
            self.log.check_space();
        }
        if self.sync_due.take_if(|due| now >= *due).is_some() {
            self.log.sync();
        }
        if self.broker_deadline().is_some_and(|deadline| now >= deadline) {
            self.broker.handle_timeout(now, &mut self.effects);
        }
        self.apply(now, connections);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let disk = self.disk_alarm.poll_timeout();
        let running = matches!(self.stage, Stage::Running);
        let rest = self.rest.poll_timeout().filter(|_| running);
        let others = [disk, rest, self.sync_due].into_iter().flatten();
        self.broker_deadline().into_iter().chain(others).min()
    }

    /// Disk work to be run in this lane, if there is any.
    pub fn poll_work(&mut self, lane: Lane) -> Option<L::Work> {
        let work = self.log.poll_work(lane);
        if lane == Lane::Commit && work.is_some() {
            self.rest.disturb();
        }
        work
    }

    /// What the host should know.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Brings everything to disk and stops: [`Notice::Closed`]. Close the connections first.
    pub fn close(&mut self, now: Time, connections: &mut impl Connections) {
        let now = self.present(now);
        if matches!(self.stage, Stage::Running) {
            self.broker.close(&mut self.effects);
            self.apply(now, connections);
        }
        if matches!(self.stage, Stage::Running) {
            self.stage = Stage::Closing;
        }
        self.log.close();
        self.hear_log(now, connections);
    }

    /// The broker, for looking at.
    #[must_use]
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// What waits for the disk: a host that brings more than the disk takes must slow down.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.log.backlog()
    }

    /// How full the disk is.
    #[must_use]
    pub fn space(&self) -> Space {
        self.log.space()
    }

    /// The log itself, for a host that stops the node and starts another on it.
    #[must_use]
    pub fn into_log(self) -> L {
        self.log
    }
}

/// What stands in the place of an effect that was moved on.
const DONE: Effect = Effect::Release(warrener_broker::RecordId(0));

impl<L: Log> Node<L> {
    /// The clock may not have been set to where the records are when it was read.
    fn present(&self, now: Time) -> Time {
        now.max(self.present)
    }

    fn broker_deadline(&self) -> Option<Time> {
        let (deadline, _) = self.broker.poll_timeout()?;
        (!matches!(self.stage, Stage::Closing)).then_some(deadline)
    }

    fn handle(&mut self, now: Time, input: Input, connections: &mut impl Connections) {
        if matches!(self.stage, Stage::Closing) {
            return;
        }
        self.broker.handle(now, input, &mut self.effects);
        if self.effects.len() >= EFFECTS_AT_ONCE {
            self.apply(now, connections);
        }
    }

    /// Does what the broker asked for, in its order, until it asks for nothing more.
    fn apply(&mut self, now: Time, connections: &mut impl Connections) {
        while !self.effects.is_empty() {
            let mut effects = core::mem::take(&mut self.effects);
            let mut at = 0;
            while at < effects.len() {
                at += self.apply_some(now, &mut effects[at..], connections);
            }
            effects.clear();
            // What was appended meanwhile follows; the longer list is the one worth keeping.
            if self.effects.is_empty() {
                self.effects = effects;
            }
        }
    }

    /// Does what comes first, and with it what follows for the same connection, which is looked up once; how many effects
    /// that were. They are large, and so are not moved.
    fn apply_some(
        &mut self,
        now: Time,
        effects: &mut [Effect],
        connections: &mut impl Connections,
    ) -> usize {
        let Some(connection) = effects.first().and_then(recipient) else {
            effects.iter_mut().take(1).for_each(|effect| self.apply_to_log(now, effect));
            return 1;
        };
        if !self.sessions.is_empty() && self.sessions.contains(&connection) {
            let effect = Box::new(core::mem::replace(&mut effects[0], DONE));
            self.notices.push_back(Notice::Session(connection, effect));
            return 1;
        }
        let mut count = 0;
        let applied = connections.with(connection, |endpoint| {
            let same = effects.iter().take_while(|effect| recipient(effect) == Some(connection));
            same.into_iter().try_for_each(|effect| {
                count += 1;
                endpoint.apply(now, effect)
            })
        });
        if let Some(Err(misuse)) = applied {
            self.notices.push_back(Notice::Unsayable(connection, misuse));
            self.broker.handle(now, Input::Disconnected(connection), &mut self.effects);
        }
        // Nobody is there to be told any more.
        count.max(1)
    }

    /// Does what is for no connection.
    fn apply_to_log(&mut self, now: Time, effect: &mut Effect) {
        match effect {
            Effect::Persist(record) => self.persist(now, record),
            Effect::Release(record) => {
                self.log.release(store_id(*record));
                self.sync_due.get_or_insert(now + RELEASES_UNSYNCED);
            }
            Effect::Load(record) => self.log.load(store_id(*record)),
            effect => match core::mem::replace(effect, DONE) {
                Effect::Done(id, result) => self.notices.push_back(Notice::Done(id, result)),
                Effect::Warn(warning) => self.notices.push_back(Notice::Warning(*warning)),
                _ => {}
            },
        }
    }

    fn persist(&mut self, now: Time, record: &Record) {
        match self.journal.append(&mut self.log, record) {
            Ok(Appended::Whole) => {}
            Ok(Appended::InFragments) => {
                self.broker.handle(now, Input::InFragments(record.id), &mut self.effects);
            }
            Err(refused) => self.fail(NodeError::Refused(refused)),
        }
    }

    /// Hears all that the log has to tell, and does what follows from it.
    fn hear_log(&mut self, now: Time, connections: &mut impl Connections) {
        while let Some(event) = self.log.poll_event() {
            self.handle_log_event(now, event, connections);
        }
        self.recover(now);
        self.rest.wait(now);
        if let Some((on, notice)) = self.disk_alarm.handle_space(now, self.log.space()) {
            self.notices.extend(notice);
            self.handle(now, Input::Alarm(Alarm::Disk, on), connections);
        }
        self.apply(now, connections);
    }

    fn handle_log_event(&mut self, now: Time, event: LogEvent, connections: &mut impl Connections) {
        match event {
            LogEvent::Opened(opened) => {
                self.notices.extend(opened.cut.map(Notice::TornEnd));
            }
            LogEvent::Replayed(record) => self.replayed(record),
            LogEvent::Ready { last } => {
                if let Stage::Recovering(recovery) = &mut self.stage {
                    recovery.last = Some(broker_id(last));
                }
            }
            LogEvent::Loaded { id, outcome } => self.loaded(now, id, outcome, connections),
            LogEvent::Durable { upto, ahead } => {
                // What was released since that commit began is not in it: a sync that was due stays due.
                let progress = Progress { upto: broker_id(upto), ahead: broker_id(ahead) };
                self.handle(now, Input::Persisted(progress), connections);
            }
            LogEvent::Written { upto, ahead } => {
                let due = self.sync_interval.map(|interval| now + interval);
                self.sync_due = self.sync_due.into_iter().chain(due).min();
                let progress = Progress { upto: broker_id(upto), ahead: broker_id(ahead) };
                self.handle(now, Input::Written(progress), connections);
            }
            LogEvent::Full => {
                self.disk_alarm.set_full(true);
                self.notices.push_back(Notice::DiskFull);
            }
            LogEvent::Relieved => {
                self.disk_alarm.set_full(false);
                self.notices.push_back(Notice::DiskRelieved);
            }
            LogEvent::Damaged(damage) => self.notices.push_back(Notice::Damaged(damage)),
            LogEvent::Fenced { .. } => self.fail(NodeError::Fenced),
            LogEvent::Failed(error) => self.fail(NodeError::Log(error)),
            LogEvent::Closed => {
                self.stage = Stage::Stopped;
                self.notices.push_back(Notice::Closed);
            }
        }
    }

    /// The log gave a record of an earlier life.
    fn replayed(&mut self, record: Replayed) {
        let Stage::Recovering(recovery) = &mut self.stage else { return };
        match self.broker.replay_digest(broker_id(record.id), &record.digest) {
            Ok(true) => recovery.replayed += 1,
            Ok(false) => recovery.wait_for(record),
            Err(error) => {
                let at = self.log.locate(record.id);
                self.fail(NodeError::Recovery { error, at });
            }
        }
    }

    /// The log gave a body, or cannot. One that the broker needs and cannot have again ends the node: it does not lose
    /// what it has confirmed, and says so.
    fn loaded(
        &mut self,
        now: Time,
        id: warrener_store::RecordId,
        outcome: Result<Loaded, LoadError>,
        connections: &mut impl Connections,
    ) {
        let record = broker_id(id);
        match (&mut self.stage, outcome) {
            (Stage::Recovering(recovery), outcome) => {
                if let Err(error) = recovery.handle_loaded(id, outcome) {
                    self.fail(error);
                }
            }
            (Stage::Running, _) if !self.broker.view().awaits(record) => {}
            (Stage::Running, Ok(loaded)) => {
                match LoadedRecord::new(record, loaded.digest, loaded.body) {
                    Ok(record) => self.handle(now, Input::Loaded(Box::new(record)), connections),
                    Err(error) => {
                        let at = self.log.locate(id);
                        self.fail(NodeError::Record { id: record, at, error });
                    }
                }
            }
            (Stage::Running, Err(error)) => self.fail(NodeError::Load { id: record, error }),
            (Stage::Closing | Stage::Stopped, _) => {}
        }
    }

    /// Takes recovery as far as it goes now.
    fn recover(&mut self, now: Time) {
        let Stage::Recovering(recovery) = &mut self.stage else { return };
        loop {
            recovery.ask(&mut self.log);
            match recovery.poll_record(&self.log) {
                None => break,
                Some(Ok(record)) => {
                    if let Err(error) = self.broker.replay(&record) {
                        let at = self.log.locate(store_id(record.id));
                        return self.fail(NodeError::Recovery { error, at });
                    }
                }
                Some(Err(error)) => return self.fail(error),
            }
        }
        let Some(last) = recovery.last.filter(|_| recovery.is_done()) else { return };
        let records = recovery.replayed;
        match self.broker.recovered(now, last, &mut self.effects) {
            Ok(present) => {
                self.present = present;
                self.stage = Stage::Running;
                self.notices.push_back(Notice::Ready { records, present });
            }
            Err(error) => self.fail(NodeError::Recovery { error, at: None }),
        }
    }

    fn fail(&mut self, error: NodeError) {
        if !matches!(self.stage, Stage::Stopped) {
            self.stage = Stage::Stopped;
            self.notices.push_back(Notice::Failed(error));
        }
    }
}
