//! One connection's task: socket to endpoint to node, and back.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::time::Sleep;
use warrener_broker::Input;
use warrener_codec::ShortStr;
use warrener_connection::{Event, Inbound};
use warrener_endpoint::{Endpoint, Question, is_answered};
use warrener_store::Log;
use warrener_time::Time;

use crate::entrance::{Accepted, Arrival, Entrance, Origin};
use crate::headway::Headway;
use crate::limits::{EVENTS_PER_TURN, LINGER, LINGER_BYTES, UNFINISHED_STEP_BYTES};
use crate::link::{Ends, Link, Plan};
use crate::login;
use crate::obituary;
use crate::reader::{Brought, Reader};
use crate::repeats::About;
use crate::turns::Core;

/// Serves one connection, from the moment its socket was accepted until it is over.
pub(crate) async fn serve<L: Log>(core: Arc<Core<L>>, entrance: Arc<Entrance>, accepted: Accepted) {
    let (peer, protocol) = (accepted.peer, accepted.protocol);
    match entrance.enter(accepted).await {
        Ok(arrival) => converse(core, arrival).await,
        Err(error) => {
            obituary::turned_away(peer, protocol, &error, || core.may_write(About::End, peer.ip()))
        }
    }
}

async fn converse<L: Log>(core: Arc<Core<L>>, arrival: Arrival) {
    // The place is given back when the socket is closed.
    let Arrival { read, write, origin, greeting, place: _place } = arrival;
    tracing::debug!("{}: accepted", origin.name);
    let now = core.clock.now();
    let name = ShortStr::truncated(&origin.name);
    let ends =
        Ends { name: origin.name.clone(), peer: Some(origin.peer), tls: origin.tls, since: now };
    let added = core.add(|id| {
        let endpoint = Endpoint::new(id, name, greeting, now);
        Link::new(endpoint, write, Arc::clone(&core.counters)).between(ends)
    });
    // The server has begun to stop meanwhile.
    let Some(link) = added else { return };
    let reader = Reader::new(read);
    let mut task = ConnectionTask {
        core,
        link,
        reader,
        origin,
        question: None,
        heard: false,
        publishes: false,
        headway: Headway::default(),
        unfinished_bytes: 0,
        broken: None,
    };
    task.run().await;
    task.end().await;
}

struct ConnectionTask<L: Log> {
    core: Arc<Core<L>>,
    link: Arc<Link>,
    reader: Reader,
    origin: Origin,
    /// What the endpoint wants to know before anything goes on.
    question: Option<Question>,
    /// The peer has sent something.
    heard: bool,
    /// It has published.
    publishes: bool,
    /// How far it is ahead of those who consume what it publishes.
    headway: Headway,
    /// What the broker was told of messages that have come in part, in octets.
    unfinished_bytes: usize,
    /// What the operating system said about the end of the stream, if that was out of order.
    broken: Option<io::Error>,
}

/// What the task waited for.
enum Woken {
    Socket(Brought),
    Deadline,
    Called,
}

impl<L: Log> ConnectionTask<L> {
    async fn run(&mut self) {
        let mut sleep = pin!(tokio::time::sleep(Duration::ZERO));
        let mut armed: Option<Time> = None;
        loop {
            if let Some(question) = self.question.take() {
                self.answer(question).await;
            }
            let plan = self.link.plan(self.reader.deadline());
            if self.is_over(plan) {
                return;
            }
            if plan.report {
                self.report();
                // What that brings may be written as fast as it comes: others want their turn as well.
                tokio::task::yield_now().await;
                continue;
            }
            if let Some(deadline) = plan.deadline
                && armed.is_none_or(|armed| deadline < armed)
            {
                armed = Some(deadline);
                sleep.as_mut().reset(self.core.clock.instant(deadline).into());
            }
            match self.wait(plan, armed.is_some(), sleep.as_mut()).await {
                Woken::Socket(Brought::Room) | Woken::Called => {}
                Woken::Socket(Brought::Events(events)) => {
                    self.heard = true;
                    self.publishes = self.publishes
                        || events.iter().any(|event| matches!(event, Event::Content(..)));
                    self.handle(events);
                    if self.reader.brought_much() {
                        // The socket may have more for ever, and the runtime lets a task go on for long.
                        tokio::task::yield_now().await;
                    }
                }
                Woken::Socket(Brought::End(outcome)) => self.handle_eof(outcome),
                Woken::Deadline => {
                    armed = None;
                    self.handle_timeout();
                }
            }
        }
    }

    async fn wait(&mut self, plan: Plan, armed: bool, sleep: Pin<&mut Sleep>) -> Woken {
        // Whoever only consumes is read on: acknowledgements give a full disk its space back.
        let backed_up = self.publishes && self.core.is_backed_up();
        let read = plan.read && !backed_up;
        self.reader.set_reading(read, &self.core.clock);
        let ahead = read && self.publishes && self.headway.is_ahead();
        let Self { core, link, reader, headway, .. } = self;
        let wanted = (read && !ahead, plan.write);
        let socket = poll_fn(|cx| reader.poll(cx, wanted, link, &core.clock));
        tokio::select! {
            brought = socket => Woken::Socket(brought),
            () = link.woken() => Woken::Called,
            () = core.relieved(), if backed_up => Woken::Called,
            () = headway.pause(), if ahead => Woken::Called,
            () = sleep, if armed => Woken::Deadline,
        }
    }

    /// Hands events to the node, and goes on for as long as that brings more of them.
    fn handle(&mut self, mut events: Vec<Event>) {
        loop {
            let many = events.len() >= EVENTS_PER_TURN;
            if !events.is_empty() {
                let id = self.link.id();
                let ((), handed) = self.core.turn_of(Some(id), |node, now, links| {
                    node.handle_events(now, id, &mut events, links);
                });
                self.headway.note(handed);
            }
            if !self.greet() && !many {
                break;
            }
            self.reader.decode(self.core.clock.now(), &self.link, &mut events);
        }
        Reader::reuse(events);
        self.tell_unfinished();
    }

    /// Tells the broker what messages take that have come in part, when that is much more or less than it knows.
    fn tell_unfinished(&mut self) {
        let bytes = self.reader.inbound().map_or(0, Inbound::unfinished_bytes);
        if bytes.abs_diff(self.unfinished_bytes) >= UNFINISHED_STEP_BYTES {
            self.unfinished_bytes = bytes;
            let input = Input::Unfinished(self.link.id(), bytes as u64);
            self.core.turn(|node, now, links| node.handle_input(now, input, links));
        }
    }

    /// The same with events that came of no octets, and those that wait behind them.
    fn handle_all(&mut self, now: Time, events: impl IntoIterator<Item = Event>) {
        let mut events = Vec::from_iter(events);
        self.reader.decode(now, &self.link, &mut events);
        self.handle(events);
    }

    /// While the connection is not open: hears what the endpoint asks, and takes the reading half when it is. Whether
    /// something came of it.
    fn greet(&mut self) -> bool {
        if self.reader.inbound().is_some() {
            return false;
        }
        if let Some(question) = self.link.with(Endpoint::poll_question) {
            self.question = Some(question);
            return false;
        }
        match self.link.with(Endpoint::split) {
            Some(inbound) => {
                self.reader.open(inbound);
                let (user, name) = self.link.with(|it| (it.user().clone(), it.name().clone()));
                if self.core.may_write(About::Birth, self.origin.peer.ip()) {
                    obituary::born(&self.origin.name, &user, &name);
                }
                true
            }
            None => false,
        }
    }

    /// Answers the endpoint's question. Meanwhile nothing is read.
    async fn answer(&mut self, question: Question) {
        let verdict = login::answer(&self.core, question, &self.origin).await;
        tokio::select! {
            () = tokio::time::sleep(verdict.pause), if !verdict.pause.is_zero() => {}
            // The server has begun to stop.
            () = self.link.woken(), if !verdict.pause.is_zero() => {}
            else => {}
        }
        let now = self.core.clock.now();
        // The client may have gone away meanwhile.
        let _ = self.link.with(|endpoint| endpoint.answer(now, verdict.answer));
        self.handle_all(now, None);
    }

    fn handle_eof(&mut self, outcome: io::Result<()>) {
        self.broken = outcome.err();
        let now = self.core.clock.now();
        let event = self.reader.handle_eof(now, &self.link);
        self.handle_all(now, event);
    }

    fn handle_timeout(&mut self) {
        let now = self.core.clock.now();
        let events = self.reader.handle_timeout(now, &self.link);
        self.handle_all(now, events.into_iter().flatten());
    }

    /// Tells the broker how much has left, which may bring more.
    fn report(&self) {
        if let Some(input) = self.link.with(Endpoint::drained) {
            self.core.turn(|node, now, links| node.handle_input(now, input, links));
        }
    }

    /// Whether all is said, and written.
    fn is_over(&self, plan: Plan) -> bool {
        let answered = self.reader.inbound().is_some_and(is_answered);
        plan.finished || (answered && plan.written)
    }

    async fn end(&mut self) {
        self.core.remove(self.link.id());
        self.log_end();
        if self.reader.has_ended() {
            return;
        }
        // Closing a socket that has not read everything destroys what is still on its way to the peer.
        self.link.shut_down();
        let peer_hangs_up = self.reader.discard(LINGER_BYTES);
        let _ = tokio::time::timeout(LINGER, peer_hangs_up).await;
    }

    fn log_end(&self) {
        let opened = self.reader.inbound();
        self.link.with(|endpoint| {
            let error = opened.map_or_else(|| endpoint.error(), |inbound| inbound.error());
            let end = obituary::End {
                open: opened.is_some(),
                heard: self.heard,
                ending: endpoint.ending(),
                error,
                broken: self.broken.as_ref(),
            };
            obituary::write(&self.origin.name, endpoint.user(), &end, || {
                self.core.may_write(About::End, self.origin.peer.ip())
            });
        });
    }
}
