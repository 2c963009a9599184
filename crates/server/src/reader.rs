//! The half of a connection that its own task has: the socket to read, and what takes its octets apart.

use core::cell::RefCell;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::BytesMut;
use warrener_connection::{Event, Inbound};
use warrener_time::Time;

use crate::clock::Clock;
use crate::limits::{BYTES_IN_A_ROW, EVENTS_IN_A_ROW, EVENTS_PER_TURN};
use crate::link::Link;
use crate::read_buffer::Unfinished;
use crate::stream::ReadHalf;

/// Reads one connection.
#[derive(Debug)]
pub(crate) struct Reader {
    socket: ReadHalf,
    /// The reading half of the endpoint, once the connection is open; before, the endpoint reads for itself.
    inbound: Option<Box<Inbound>>,
    unfinished: Unfinished,
    /// What was read since others had their turn.
    events_in_a_row: usize,
    bytes_in_a_row: usize,
    /// Whether the socket is being read at all.
    reading: bool,
    /// The peer sends nothing more.
    ended: bool,
}

/// What a socket brought.
#[derive(Debug)]
pub(crate) enum Brought {
    /// It takes more.
    Room,
    /// Octets, and these events in them.
    Events(Vec<Event>),
    /// Nothing more, ever.
    End(io::Result<()>),
}

thread_local! {
    /// Between two turns of a thread, the memory of their list of events.
    static EVENTS: RefCell<Vec<Event>> = RefCell::default();
}

impl Reader {
    pub(crate) fn new(socket: ReadHalf) -> Self {
        Self {
            socket,
            inbound: None,
            unfinished: Unfinished::default(),
            events_in_a_row: 0,
            bytes_in_a_row: 0,
            reading: true,
            ended: false,
        }
    }

    /// Reads once, if `read`, and takes apart what came; or waits until the socket takes more, if `write`.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (read, write): (bool, bool),
        link: &Link,
        clock: &Clock,
    ) -> Poll<Brought> {
        if write && self.socket.poll_writable(cx) {
            return Poll::Ready(Brought::Room);
        }
        if !read || self.ended || !self.socket.poll_readable(cx) {
            return Poll::Pending;
        }
        let Self { socket, inbound, unfinished, .. } = self;
        let polled = unfinished.with_buffer(|buffer| {
            let read = ready!(socket.poll_read(cx, buffer));
            let mut events = EVENTS.take();
            if let Ok(count @ 1..) = read {
                link.received(count);
                decode(inbound.as_deref_mut(), link, clock.now(), buffer, &mut events);
            }
            Poll::Ready((read, events))
        });
        polled.map(|(read, events)| match read {
            Ok(count @ 1..) => {
                self.events_in_a_row += events.len();
                self.bytes_in_a_row += count;
                Brought::Events(events)
            }
            Ok(0) => self.end(Ok(())),
            Err(error) => self.end(Err(error)),
        })
    }

    /// Takes apart what was read before and could not be handled then.
    pub(crate) fn decode(&mut self, now: Time, link: &Link, events: &mut Vec<Event>) {
        let inbound = self.inbound.as_deref_mut();
        self.unfinished.with_buffer(|buffer| decode(inbound, link, now, buffer, events));
    }

    /// Gives the memory of a list of events back.
    pub(crate) fn reuse(events: Vec<Event>) {
        EVENTS.replace(events);
    }

    /// The stream ended; what that means.
    pub(crate) fn handle_eof(&mut self, now: Time, link: &Link) -> Option<Event> {
        match &mut self.inbound {
            Some(inbound) => inbound.handle_eof(now),
            None => link.with(|endpoint| endpoint.handle_eof(now)),
        }
    }

    /// Time passed. Early and repeated calls are harmless.
    pub(crate) fn handle_timeout(&mut self, now: Time, link: &Link) -> [Option<Event>; 2] {
        let read = self.inbound.as_mut().and_then(|inbound| inbound.handle_timeout(now));
        [link.with(|endpoint| endpoint.handle_timeout(now)), read]
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) for the reading half.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.inbound.as_ref()?.poll_timeout().map(|(deadline, _)| deadline)
    }

    /// The connection is open, and this is its reading half.
    pub(crate) fn open(&mut self, inbound: Box<Inbound>) {
        self.inbound = Some(inbound);
    }

    /// The reading half of an open connection.
    pub(crate) fn inbound(&self) -> Option<&Inbound> {
        self.inbound.as_deref()
    }

    /// Whether the socket is read from now on: while it is not, silence says nothing about the peer.
    pub(crate) fn set_reading(&mut self, reading: bool, clock: &Clock) {
        if core::mem::replace(&mut self.reading, reading) == reading {
            return;
        }
        match &mut self.inbound {
            Some(inbound) if reading => inbound.resume(clock.now()),
            Some(inbound) => inbound.suspend(),
            None => {}
        }
    }

    /// Whether it brought so much that others should have their turn, and then counts anew.
    pub(crate) const fn brought_much(&mut self) -> bool {
        let much = self.events_in_a_row >= EVENTS_IN_A_ROW || self.bytes_in_a_row >= BYTES_IN_A_ROW;
        if much {
            (self.events_in_a_row, self.bytes_in_a_row) = (0, 0);
        }
        much
    }

    /// Whether the peer sends nothing more.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Throws away what the peer still sends, until it hangs up or has sent `most` octets.
    pub(crate) async fn discard(&mut self, most: usize) {
        self.socket.discard(most).await;
    }

    fn end(&mut self, outcome: io::Result<()>) -> Brought {
        self.ended = true;
        Brought::End(outcome)
    }
}

fn decode(
    inbound: Option<&mut Inbound>,
    link: &Link,
    now: Time,
    buffer: &mut BytesMut,
    events: &mut Vec<Event>,
) {
    let mut poll = |poll_event: &mut dyn FnMut(&mut BytesMut) -> Option<Event>| {
        while events.len() < EVENTS_PER_TURN {
            let Some(event) = poll_event(buffer) else { return };
            events.push(event);
        }
    };
    match inbound {
        Some(inbound) => poll(&mut |buffer| inbound.poll_event(now, buffer)),
        None => link.with(|endpoint| poll(&mut |buffer| endpoint.poll_event(now, buffer))),
    }
}
