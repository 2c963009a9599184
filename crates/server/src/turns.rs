//! The node behind its one lock, and what surrounds a turn: the clock before it, disk work and writing after it.

use core::cell::RefCell;
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use warrener_broker::{
    Command, CommandError, CommandId, ConnectionId, Effect, Input, Outcome, User, View,
};
use warrener_node::{Node, NodeError, Notice};
use warrener_store::{Lane, Log, Space, Work};
use warrener_time::Time;

use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::gauges::{Gauges, Level};
use crate::headway::Handed;
use crate::lanes::{LANE_BOUND, Lanes};
use crate::limits::{BACKLOG_RECORDS, PASSWORD_CHECKS_WAITING, REPEATED_WINDOW};
use crate::link::Link;
use crate::links::Links;
use crate::log_writer;
use crate::login::Logins;
use crate::notices;
use crate::poison::LockOrStop;
use crate::repeats::{About, Lines};

/// What all tasks of a server share.
pub(crate) struct Core<L: Log> {
    pub(crate) clock: Clock,
    /// What is said about connections, and not too often.
    lines: Lines,
    pub(crate) logins: Logins,
    state: Mutex<State<L>>,
    lanes: Lanes<L::Work>,
    pub(crate) counters: Arc<Counters>,
    /// The node wants to be woken earlier than the timer task knows.
    earlier: Notify,
    /// How many octets may wait for the disk.
    backlog_bytes: u64,
    /// More waits for the disk than it should.
    backed_up: AtomicBool,
    relieved: Notify,
    /// A connection has ended.
    parted: Notify,
    status: watch::Sender<Status>,
}

struct State<L: Log> {
    node: Node<L>,
    links: Links,
    /// Nobody is let in any more.
    shut: bool,
    /// Who waits for the answers to commands.
    asked: BTreeMap<CommandId, oneshot::Sender<Result<Outcome, CommandError>>>,
    commands: u64,
    /// Clients without a wire.
    sessions: BTreeMap<ConnectionId, mpsc::UnboundedSender<Effect>>,
    /// When the timer task will wake the node.
    armed: Option<Time>,
}

/// How the node is.
#[derive(Clone, Debug)]
pub(crate) enum Status {
    /// It reads its log back.
    Recovering,
    /// Connections may come.
    Ready {
        /// How many records it read back.
        records: u64,
        /// The time from which it goes on.
        present: Time,
    },
    /// Its log is closed; all is on disk.
    Closed,
    /// It has stopped for ever.
    Failed(NodeError),
    /// A task of the server panicked.
    Panicked,
}

thread_local! {
    /// Between two turns of a thread, the memory of the list of links they touch.
    static TOUCHED: RefCell<Vec<Arc<Link>>> = RefCell::default();
}

impl<L: Log> Core<L> {
    /// With so many octets at most waiting for the disk.
    pub(crate) fn new(
        clock: Clock,
        (node, lanes): (Node<L>, Lanes<L::Work>),
        logins: Logins,
        backlog_bytes: u64,
    ) -> Self {
        Self {
            clock,
            lines: Lines::default(),
            logins,
            state: Mutex::new(State {
                node,
                links: Links::default(),
                shut: false,
                asked: BTreeMap::new(),
                commands: 0,
                sessions: BTreeMap::new(),
                armed: None,
            }),
            lanes,
            counters: Arc::default(),
            earlier: Notify::new(),
            backlog_bytes,
            backed_up: AtomicBool::new(false),
            relieved: Notify::new(),
            parted: Notify::new(),
            status: watch::Sender::new(Status::Recovering),
        }
    }

    /// One turn: `act` runs under the lock; whatever it gave connections to write is written after it.
    pub(crate) fn turn<R>(&self, act: impl FnOnce(&mut Node<L>, Time, &mut Links) -> R) -> R {
        self.turn_of(None, act).0
    }

    /// The same for what a connection brought, and what that gave to others.
    pub(crate) fn turn_of<R>(
        &self,
        origin: Option<ConnectionId>,
        act: impl FnOnce(&mut Node<L>, Time, &mut Links) -> R,
    ) -> (R, Handed) {
        self.counters.turn();
        let mut state = self.state.lock_or_stop();
        let State { node, links, .. } = &mut *state;
        links.touched = TOUCHED.take();
        let outcome = act(node, self.clock.now(), links);
        let touched = core::mem::take(&mut links.touched);
        let notices = self.after_turn(&mut state);
        drop(state);
        let handed = self.write_all(touched, origin);
        notices.into_iter().for_each(|notice| self.handle_notice(notice));
        (outcome, handed)
    }

    /// The broker hears how much has left connections that a turn has written to, which may bring more.
    fn report(&self, drained: Vec<Input>) {
        self.turn(|node, now, links| {
            for input in drained {
                node.handle_input(now, input, links);
            }
        });
    }

    /// A connection begins, unless nobody is let in any more.
    pub(crate) fn add(&self, make: impl FnOnce(ConnectionId) -> Link) -> Option<Arc<Link>> {
        let mut state = self.state.lock_or_stop();
        (!state.shut).then(|| state.links.add(make))
    }

    /// Lets nobody in any more.
    pub(crate) fn shut(&self) {
        self.state.lock_or_stop().shut = true;
    }

    /// A connection is over, and its socket with it.
    pub(crate) fn remove(&self, id: ConnectionId) {
        self.turn(|node, now, links| {
            node.handle_input(now, Input::Disconnected(id), links);
            links.remove(id);
        });
        self.parted.notify_waiters();
    }

    /// A work of the log was run: its outcome is a turn of its own.
    pub(crate) fn handle_done(&self, done: <L::Work as Work>::Done) {
        self.turn(|node, now, links| node.handle_done(now, done, links));
    }

    /// Whether one more line about connections of this address may be written.
    pub(crate) fn may_write(&self, about: About, source: IpAddr) -> bool {
        self.lines.may_write(self.clock.now(), about, source)
    }

    /// Tells from time to time which lines were left out, for ever.
    pub(crate) async fn tell_what_is_left_out(&self) {
        loop {
            tokio::time::sleep(REPEATED_WINDOW / 10).await;
            self.lines.tell(self.clock.now());
        }
    }

    /// Wakes the node at its deadlines, for ever.
    pub(crate) async fn keep_time(&self) {
        loop {
            let deadline = self.arm();
            let sleep = async {
                match deadline {
                    Some(deadline) => {
                        tokio::time::sleep_until(self.clock.instant(deadline).into()).await
                    }
                    None => core::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => self.turn(|node, now, links| node.handle_timeout(now, links)),
                () = self.earlier.notified() => {}
            }
        }
    }

    /// Whether more waits for the disk than it should, so that nothing more should be read.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.backed_up.load(Ordering::Relaxed)
    }

    /// Waits until [`is_backed_up`](Self::is_backed_up) is no longer true.
    pub(crate) async fn relieved(&self) {
        loop {
            let mut relieved = core::pin::pin!(self.relieved.notified());
            relieved.as_mut().enable();
            if !self.is_backed_up() {
                return;
            }
            relieved.await;
        }
    }

    /// Waits until no connection is left.
    pub(crate) async fn all_parted(&self) {
        loop {
            let mut parted = core::pin::pin!(self.parted.notified());
            parted.as_mut().enable();
            if self.state.lock_or_stop().links.len() == 0 {
                return;
            }
            parted.await;
        }
    }

    /// The links of all connections there are now.
    pub(crate) fn all_links(&self) -> Vec<Arc<Link>> {
        self.state.lock_or_stop().links.iter().cloned().collect()
    }

    /// How the node is, as soon as that is what `wanted` wants.
    pub(crate) async fn status_when(&self, wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.status.subscribe();
        // The sender is in here, so that there is always something to wait for.
        status.wait_for(wanted).await.map_or(Status::Panicked, |status| status.clone())
    }

    /// Looks at the broker between two turns.
    pub(crate) fn look<R>(&self, look: impl FnOnce(View<'_>) -> R) -> R {
        look(self.state.lock_or_stop().node.broker().view())
    }

    /// How full the disk is.
    pub(crate) fn space(&self) -> Space {
        self.state.lock_or_stop().node.space()
    }

    /// Asks the broker for something; the answer comes when what it changed is on disk.
    pub(crate) fn command(
        &self,
        command: Command,
    ) -> oneshot::Receiver<Result<Outcome, CommandError>> {
        let (tell, told) = oneshot::channel();
        let id = {
            let mut state = self.state.lock_or_stop();
            state.commands += 1;
            let id = CommandId(state.commands);
            state.asked.insert(id, tell);
            id
        };
        self.turn(|node, now, links| node.command(now, id, command, links));
        told
    }

    /// A client without a wire comes.
    pub(crate) fn open_session(&self) -> (ConnectionId, mpsc::UnboundedReceiver<Effect>) {
        let (tell, told) = mpsc::unbounded_channel();
        let mut state = self.state.lock_or_stop();
        let id = state.links.session_number();
        state.sessions.insert(id, tell);
        state.node.open_session(id);
        (id, told)
    }

    /// It is gone.
    pub(crate) fn close_session(&self, session: ConnectionId) {
        self.turn(|node, now, links| node.close_session(now, session, links));
        self.state.lock_or_stop().sessions.remove(&session);
    }

    /// Something happened that no stream brought.
    pub(crate) fn tell(&self, input: Input) {
        self.turn(|node, now, links| node.handle_input(now, input, links));
    }

    /// The link of this connection.
    pub(crate) fn link(&self, id: ConnectionId) -> Option<Arc<Link>> {
        self.state.lock_or_stop().links.find(id)
    }

    /// The user of this name, if there is one.
    pub(crate) fn user(&self, name: &str) -> Option<User> {
        self.state.lock_or_stop().node.broker().view().user(name.as_bytes()).cloned()
    }

    /// How full the queues between threads are. Walks all connections: for whoever looks now and then.
    pub(crate) fn gauges(&self, config: &Config) -> Gauges {
        let (backlog, links) = {
            let state = self.state.lock_or_stop();
            (state.node.backlog(), state.links.iter().cloned().collect::<Vec<_>>())
        };
        let count = links.len() as u64;
        let waits = |link: &Arc<Link>| link.with(|endpoint| endpoint.outgoing().len() as u64);
        let outbound_each = warrener_broker::Limits::default().outbound_pause_bytes;
        let lane = |lane| Level::new(self.lanes.out(lane), LANE_BOUND as u64);
        Gauges {
            connections: Level::new(count, config.limits.connections as u64),
            disk_records: Level::new(backlog.records as u64, BACKLOG_RECORDS as u64),
            disk_bytes: Level::new(backlog.bytes, self.backlog_bytes),
            log_commits: lane(Lane::Commit),
            log_reads: lane(Lane::Read),
            log_rewrites: lane(Lane::Reclaim),
            password_checks: Level::new(
                self.logins.waiting() as u64,
                PASSWORD_CHECKS_WAITING as u64,
            ),
            outbound_bytes: Level::new(links.iter().map(waits).sum(), count * outbound_each),
            line_bytes: log_writer::level(),
        }
    }

    /// A task has panicked, and nothing should go on.
    pub(crate) fn panicked(&self) {
        self.status.send_replace(Status::Panicked);
    }

    /// Ends the threads of the lanes.
    pub(crate) fn end_lanes(&self) {
        self.lanes.end();
    }

    /// When to wake the node next, as far as is known now.
    fn arm(&self) -> Option<Time> {
        let mut state = self.state.lock_or_stop();
        state.armed = state.node.poll_timeout();
        state.armed
    }

    fn after_turn(&self, state: &mut State<L>) -> Vec<Notice> {
        for lane in Lane::ALL {
            if let Some(work) = state.node.poll_work(lane) {
                if lane == Lane::Commit {
                    self.counters.commit();
                }
                self.lanes.give(lane, work);
            }
        }
        if let Some(deadline) = state.node.poll_timeout()
            && state.armed.is_none_or(|armed| deadline < armed)
        {
            state.armed = Some(deadline);
            self.earlier.notify_one();
        }
        let backlog = state.node.backlog();
        let backed_up = backlog.bytes > self.backlog_bytes || backlog.records > BACKLOG_RECORDS;
        if self.backed_up.swap(backed_up, Ordering::Relaxed) && !backed_up {
            self.relieved.notify_waiters();
        }
        let mut notices = Vec::new();
        while let Some(notice) = state.node.poll_notice() {
            match notice {
                // Whoever asked may have gone away.
                Notice::Done(id, result) => {
                    state.asked.remove(&id).map(|tell| tell.send(*result));
                }
                Notice::Session(id, effect) => {
                    if let Some(tell) = state.sessions.get(&id) {
                        let _ = tell.send(*effect);
                    }
                }
                notice => notices.push(notice),
            }
        }
        notices
    }

    /// Logging may wait for whoever reads the log, so it is never done under the lock.
    fn handle_notice(&self, notice: Notice) {
        notices::log(&notice);
        if let Some(status) = Status::after(notice) {
            self.status.send_replace(status);
        }
    }

    fn write_all(&self, mut touched: Vec<Arc<Link>>, origin: Option<ConnectionId>) -> Handed {
        let mut handed = Handed::Nothing;
        let mut drained = Vec::new();
        for link in touched.drain(..) {
            // Only what a connection brought is followed up here: what follows from that is for its own task, so that
            // this comes to an end.
            let is_others = origin.is_some_and(|origin| origin != link.id());
            let took_all = link.write(is_others.then_some(&mut drained));
            if is_others {
                handed.add(&link, took_all);
            }
        }
        TOUCHED.replace(touched);
        if !drained.is_empty() {
            self.report(drained);
        }
        handed
    }
}

impl Status {
    fn after(notice: Notice) -> Option<Self> {
        match notice {
            Notice::Ready { records, present } => Some(Self::Ready { records, present }),
            Notice::Closed => Some(Self::Closed),
            Notice::Failed(error) => Some(Self::Failed(error)),
            Notice::TornEnd(_)
            | Notice::DiskFull
            | Notice::DiskLow { .. }
            | Notice::DiskEnough { .. }
            | Notice::DiskRelieved
            | Notice::Damaged(_)
            | Notice::Unsayable(..)
            | Notice::Done(..)
            | Notice::Session(..)
            | Notice::Warning(_) => None,
        }
    }
}
