//! The node behind one lock, the tasks that bring it events, and its work.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use warrener_broker::{Config, ConnectionId, Input};
use warrener_codec::ShortStr;
use warrener_connection::{Close, Credentials, ReplyCode, ServerConfig};
use warrener_endpoint::{Answer, Authentication, Endpoint, Question};
use warrener_node::{Connections, Node, NodeError, Notice};
use warrener_store::{Lane, Log, Work};
use warrener_time::Time;

use crate::clock::Clock;
use crate::faults::Faults;

/// How many deadlines one move of the clock meets; what is left then is done at its end.
const STEPS_MAX: usize = 100_000;

/// What all tasks of a broker share.
#[derive(Debug)]
pub(crate) struct Core<L: Log> {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) server: ServerConfig,
    passwords: Passwords,
    /// Nothing once the broker is gone.
    state: Mutex<Option<State<L>>>,
    /// The node wants to be woken earlier than was known.
    earlier: Notify,
    status: watch::Sender<Status>,
    connections: AtomicU64,
    /// Where the log's work is run: here and now, or where blocking is allowed.
    works_block: bool,
}

/// Who is let in.
pub(crate) enum Passwords {
    /// These, by name.
    Listed(BTreeMap<String, String>),
    /// Those whom somebody else lets in.
    AskedFor(Arc<dyn Authentication>),
}

/// No password is shown.
impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(_) => f.write_str("Listed(..)"),
            Self::AskedFor(other) => f.debug_tuple("AskedFor").field(other).finish(),
        }
    }
}

#[derive(Debug)]
struct State<L: Log> {
    node: Node<L>,
    sockets: Sockets,
}

/// How the node is.
#[derive(Clone, Debug)]
pub(crate) enum Status {
    Starting,
    Ready,
    Closed,
    Failed(NodeError),
}

/// The endpoints of all connections.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<ConnectionId, Socket>,
    touched: Vec<ConnectionId>,
}

#[derive(Debug)]
struct Socket {
    endpoint: Endpoint,
    wake: Arc<Notify>,
    /// It is to break.
    cut: bool,
}

impl Connections for Sockets {
    fn with<R>(&mut self, id: ConnectionId, then: impl FnOnce(&mut Endpoint) -> R) -> Option<R> {
        let socket = self.open.get_mut(&id)?;
        self.touched.push(id);
        Some(then(&mut socket.endpoint))
    }
}

impl<L: Log<Work: Send> + Send + 'static> Core<L> {
    pub(crate) fn new(
        config: Config,
        server: ServerConfig,
        passwords: Passwords,
        (log, works_block): (L, bool),
        clock: Clock,
    ) -> Arc<Self> {
        let node = Node::open(config, log, clock.now());
        let state = State { node, sockets: Sockets::default() };
        let core = Arc::new(Self {
            clock,
            faults: Faults::default(),
            server,
            passwords,
            state: Mutex::new(Some(state)),
            earlier: Notify::new(),
            status: watch::Sender::new(Status::Starting),
            connections: AtomicU64::new(0),
            works_block,
        });
        core.turn(|_, _, _| ());
        core
    }

    /// One turn: what `act` gave connections to write wakes their tasks. `None` once the broker is gone.
    pub(crate) fn turn<R>(
        self: &Arc<Self>,
        act: impl FnOnce(&mut Node<L>, Time, &mut Sockets) -> R,
    ) -> Option<R> {
        let mut guard = self.lock();
        let state = guard.as_mut()?;
        let before = state.node.poll_timeout();
        let outcome = act(&mut state.node, self.clock.now(), &mut state.sockets);
        self.work(state);
        while let Some(notice) = state.node.poll_notice() {
            self.handle_notice(notice);
        }
        state.sockets.wake_touched();
        if state.node.poll_timeout() != before {
            self.earlier.notify_one();
        }
        Some(outcome)
    }

    /// A connection begins: its number, and what wakes its task.
    pub(crate) fn add(self: &Arc<Self>) -> Option<(ConnectionId, Arc<Notify>)> {
        let id = ConnectionId(self.connections.fetch_add(1, Relaxed));
        let name = ShortStr::truncated(&format!("embedded {}", id.0));
        let endpoint = Endpoint::new(id, name, self.server.clone(), self.clock.now());
        let wake = Arc::new(Notify::new());
        let socket = Socket { endpoint, wake: Arc::clone(&wake), cut: false };
        self.turn(|_, _, sockets| sockets.open.insert(id, socket))?;
        Some((id, wake))
    }

    /// A connection is over, and its stream with it.
    pub(crate) fn remove(self: &Arc<Self>, id: ConnectionId) {
        self.turn(|node, now, sockets| {
            sockets.open.remove(&id);
            node.handle_input(now, Input::Disconnected(id), sockets);
        });
    }

    /// Calls `then` with an endpoint outside of a turn; `None` when it is gone, or to break.
    pub(crate) fn with<R>(
        &self,
        id: ConnectionId,
        then: impl FnOnce(&mut Endpoint) -> R,
    ) -> Option<R> {
        let mut guard = self.lock();
        let socket = guard.as_mut()?.sockets.open.get_mut(&id).filter(|socket| !socket.cut)?;
        Some(then(&mut socket.endpoint))
    }

    /// Breaks every connection; how many there were.
    pub(crate) fn cut(self: &Arc<Self>) -> usize {
        self.turn(|_, _, sockets| {
            for (id, socket) in &mut sockets.open {
                socket.cut = true;
                sockets.touched.push(*id);
            }
            sockets.open.len()
        })
        .unwrap_or(0)
    }

    pub(crate) fn connection_count(&self) -> usize {
        self.lock().as_ref().map_or(0, |state| state.sockets.open.len())
    }

    /// Whether this is somebody who may come in.
    pub(crate) async fn answer(&self, question: Question) -> Answer {
        let Question::Login(login) = question else { return Answer::Refuse };
        let Credentials::Password { user, password } = login.credentials else {
            return Answer::Refuse;
        };
        let known = match &self.passwords {
            Passwords::Listed(listed) => listed
                .get(&user)
                .filter(|right| right.as_bytes() == password.expose())
                .map(|_| ShortStr::truncated(&user)),
            Passwords::AskedFor(other) => other.check(&user, &password).await.ok(),
        };
        known.map_or(Answer::Refuse, |user| Answer::Accept { user })
    }

    /// Wakes the node at its deadlines, until the broker is gone.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        loop {
            let Some(deadline) = self.lock().as_ref().map(|state| state.node.poll_timeout()) else {
                return;
            };
            tokio::select! {
                () = self.clock.wait_until(deadline) => {
                    self.turn(|node, now, sockets| node.handle_timeout(now, sockets));
                }
                () = self.earlier.notified() => {}
            }
        }
    }

    /// Moves the clock, from deadline to deadline: what follows from one is as old as it would have been, and may have a
    /// deadline of its own.
    pub(crate) fn advance(self: &Arc<Self>, by: core::time::Duration) {
        let end = self.clock.now() + by;
        for _ in 0..STEPS_MAX {
            let next = self.lock().as_ref().and_then(|state| state.node.poll_timeout());
            let Some(due) = next.filter(|due| *due <= end) else { break };
            self.clock.advance(due.saturating_since(self.clock.now()));
            self.turn(|node, now, sockets| node.handle_timeout(now, sockets));
        }
        self.clock.advance(end.saturating_since(self.clock.now()));
        self.turn(|node, now, sockets| {
            node.handle_timeout(now, sockets);
            // Heartbeats and deadlines of connections are their tasks' business.
            sockets.touched.extend(sockets.open.keys());
        });
    }

    /// Waits until the node is no longer starting, or until it has closed.
    pub(crate) async fn status_after(&self, starting: bool) -> Status {
        let mut status = self.status.subscribe();
        let wanted = |status: &Status| match status {
            Status::Starting => false,
            Status::Ready => starting,
            Status::Closed | Status::Failed(_) => true,
        };
        // The sender is in `self`.
        status.wait_for(wanted).await.map_or(Status::Closed, |status| status.clone())
    }

    /// Says goodbye to every connection with 320.
    pub(crate) fn shut_down(self: &Arc<Self>) {
        self.turn(|node, now, sockets| {
            node.handle_input(now, Input::Shutdown, sockets);
            let close =
                Close::new(ReplyCode::CONNECTION_FORCED, "broker forced connection closure");
            // Those who have not logged in yet are unknown to the broker.
            for (id, socket) in &mut sockets.open {
                if !socket.endpoint.is_open() {
                    socket.endpoint.close(now, close.clone());
                }
                sockets.touched.push(*id);
            }
        });
    }

    /// The broker is gone: whatever is left of its tasks ends.
    pub(crate) fn end(&self) {
        let Some(state) = self.lock().take() else { return };
        for socket in state.sockets.open.values() {
            socket.wake.notify_one();
        }
        drop(state);
        self.earlier.notify_one();
        self.status.send_replace(Status::Closed);
    }

    /// Runs, or has run, what the log has to do.
    fn work(self: &Arc<Self>, state: &mut State<L>) {
        loop {
            let mut any = false;
            for lane in Lane::ALL {
                let Some(work) = state.node.poll_work(lane) else { continue };
                if self.works_block {
                    let core = Arc::clone(self);
                    tokio::task::spawn_blocking(move || {
                        let done = work.run();
                        core.turn(|node, now, sockets| node.handle_done(now, done, sockets));
                    });
                } else {
                    let now = self.clock.now();
                    state.node.handle_done(now, work.run(), &mut state.sockets);
                    any = true;
                }
            }
            if !any {
                return;
            }
        }
    }

    fn handle_notice(&self, notice: Notice) {
        let status = match notice {
            Notice::Ready { present, .. } => {
                self.clock.go_on_from(present);
                Status::Ready
            }
            Notice::Closed => Status::Closed,
            Notice::Failed(error) => Status::Failed(error),
            _ => return,
        };
        self.status.send_replace(status);
    }

    fn lock(&self) -> MutexGuard<'_, Option<State<L>>> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A broker whose turn panicked is not to be trusted any more.
        if self.state.is_poisoned() {
            *guard = None;
        }
        guard
    }
}

impl Sockets {
    fn wake_touched(&mut self) {
        for id in self.touched.drain(..) {
            if let Some(socket) = self.open.get(&id) {
                socket.wake.notify_one();
            }
        }
    }
}
