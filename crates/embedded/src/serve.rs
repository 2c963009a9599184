//! One connection's task: stream to endpoint to node, and back.

use core::future::Future;
use core::pin::pin;
use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use warrener_broker::ConnectionId;
use warrener_connection::{Event, Inbound};
use warrener_endpoint::{Endpoint, Question, is_answered};
use warrener_store::Log;
use warrener_time::Time;

use crate::turns::Core;

/// How many octets are taken from an endpoint at a time.
const WRITE_BYTES: usize = 256 * 1024;

/// How much room a read has.
const READ_BYTES: usize = 64 * 1024;

/// How many events go into one turn.
const EVENTS_PER_TURN: usize = 256;

/// Serves one stream until it, or the broker, is over.
pub(crate) async fn serve<L: Log<Work: Send> + Send + 'static>(
    core: Arc<Core<L>>,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
) {
    let Some((id, wake)) = core.add() else { return };
    let mut task = Task {
        core,
        id,
        wake,
        inbound: None,
        input: BytesMut::new(),
        output: BytesMut::new(),
        question: None,
        held_until: None,
        ended: false,
    };
    // What broke it, the client has seen as well.
    let _ = task.run(stream).await;
    task.core.remove(id);
}

struct Task<L: Log> {
    core: Arc<Core<L>>,
    id: ConnectionId,
    wake: Arc<Notify>,
    inbound: Option<Box<Inbound>>,
    input: BytesMut,
    /// Taken from the endpoint and not written yet.
    output: BytesMut,
    /// Who this is, is to be found out, and nothing is read before.
    question: Option<Question>,
    /// What has been read is handled then, and nothing more is read before: a fault.
    held_until: Option<Instant>,
    /// The client sends nothing more.
    ended: bool,
}

/// What is to be done next.
struct Plan {
    read: bool,
    finished: bool,
    deadline: Option<Time>,
}

impl<L: Log<Work: Send> + Send + 'static> Task<L> {
    async fn run(&mut self, stream: impl AsyncRead + AsyncWrite + Send) -> io::Result<()> {
        let (mut reading, mut writing) = tokio::io::split(stream);
        while let Some(plan) = self.plan() {
            if plan.finished && self.output.is_empty() {
                return writing.shutdown().await;
            }
            let core = Arc::clone(&self.core);
            if let Some(question) = self.question.take() {
                let Some(answer) = self.until_gone(core.answer(question)).await else { continue };
                // The client may have gone away meanwhile.
                core.with(self.id, |endpoint| endpoint.answer(core.clock.now(), answer));
                self.handle(Vec::new());
                continue;
            }
            self.input.reserve(READ_BYTES);
            let held_until = self.held_until;
            tokio::select! {
                written = writing.write(&self.output), if !self.output.is_empty() => {
                    self.output.advance(written?);
                }
                read = reading.read_buf(&mut self.input), if plan.read => {
                    self.ended = read? == 0;
                    self.held_until = core.faults.delay().map(|delay| Instant::now() + delay);
                    if self.held_until.is_none() {
                        self.handle_octets();
                    }
                }
                () = wait_until(held_until), if held_until.is_some() => {
                    self.held_until = None;
                    self.handle_octets();
                }
                () = self.wake.notified() => {}
                () = core.clock.wait_until(plan.deadline) => self.handle_timeout(),
            }
        }
        Ok(())
    }

    /// What comes of `asked`, unless the connection breaks before.
    async fn until_gone<T>(&self, asked: impl Future<Output = T>) -> Option<T> {
        let mut asked = pin!(asked);
        while self.core.with(self.id, |_| ()).is_some() {
            tokio::select! {
                outcome = &mut asked => return Some(outcome),
                () = self.wake.notified() => {}
            }
        }
        None
    }

    /// Takes what waits to be written; `None` when the connection is to break.
    fn plan(&mut self) -> Option<Plan> {
        let Self { core, id, inbound, output, ended, held_until, .. } = self;
        // Its end is among what is held back.
        let ended = *ended && held_until.is_none();
        let room = WRITE_BYTES.saturating_sub(output.len());
        let answered = inbound.as_deref().is_some_and(is_answered);
        let reading = inbound.as_ref().and_then(|inbound| inbound.poll_timeout());
        let (drained, plan) = core.with(*id, |endpoint| {
            take(endpoint, room, output);
            let deadlines = reading.into_iter().chain(endpoint.poll_timeout());
            let plan = Plan {
                read: !ended && held_until.is_none() && endpoint.wants_read(),
                finished: endpoint.is_finished() || answered || ended,
                deadline: deadlines.map(|(deadline, _)| deadline).min(),
            };
            (endpoint.drained(), plan)
        })?;
        if let Some(drained) = drained {
            core.turn(|node, now, sockets| node.handle_input(now, drained, sockets));
        }
        Some(plan)
    }

    fn handle_octets(&mut self) {
        let now = self.core.clock.now();
        let mut events = Vec::new();
        if self.ended {
            events.extend(match &mut self.inbound {
                Some(inbound) => inbound.handle_eof(now),
                None => self.core.with(self.id, |endpoint| endpoint.handle_eof(now)).flatten(),
            });
        }
        self.handle(events);
    }

    fn handle_timeout(&mut self) {
        let now = self.core.clock.now();
        let mut events = Vec::new();
        events.extend(self.core.with(self.id, |endpoint| endpoint.handle_timeout(now)).flatten());
        if let Some(inbound) = &mut self.inbound {
            events.extend(inbound.handle_timeout(now));
        }
        self.handle(events);
    }

    /// Hands events to the node, those in what was read after those given, until there are no more.
    fn handle(&mut self, mut events: Vec<Event>) {
        loop {
            self.decode(&mut events);
            let any = !events.is_empty();
            if any {
                let id = self.id;
                self.core.turn(|node, now, sockets| {
                    node.handle_events(now, id, &mut events, sockets);
                });
            }
            if !self.greet() && !any {
                return;
            }
        }
    }

    fn decode(&mut self, events: &mut Vec<Event>) {
        let Self { core, id, inbound, input, .. } = self;
        let now = core.clock.now();
        while events.len() < EVENTS_PER_TURN {
            let event = match inbound {
                Some(inbound) => inbound.poll_event(now, input),
                // The endpoint must hear of each event before it can tell the next.
                None if !events.is_empty() => None,
                None => core.with(*id, |endpoint| endpoint.poll_event(now, input)).flatten(),
            };
            let Some(event) = event else { return };
            events.push(event);
        }
    }

    /// While the connection is not open: asks who may come in, and takes the reading half when it is. Whether
    /// something came of it.
    fn greet(&mut self) -> bool {
        if self.inbound.is_some() {
            return false;
        }
        let core = &self.core;
        if self.question.is_none() {
            self.question = core.with(self.id, Endpoint::poll_question).flatten();
        }
        if self.question.is_some() {
            return false;
        }
        self.inbound = core.with(self.id, Endpoint::split).flatten();
        self.inbound.is_some()
    }
}

async fn wait_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => core::future::pending().await,
    }
}

/// Moves up to `room` octets from an endpoint to the task that writes them.
fn take(endpoint: &mut Endpoint, room: usize, output: &mut BytesMut) {
    let mut left = room;
    while left > 0 && !endpoint.outgoing().is_empty() {
        let outgoing = endpoint.outgoing();
        let chunk = outgoing.chunk();
        let count = chunk.len().min(left);
        output.extend_from_slice(&chunk[..count]);
        endpoint.advance(count);
        left -= count;
    }
}
