//! One connection, whole: handshake, both halves, and the ferrying between them. Dispatch only.

use alloc::boxed::Box;

use bytes::BytesMut;
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, LongStr, Method};
use warrener_time::Time;

use crate::handshake::{ClientHandshake, Decided, Handshake, Progress, ServerHandshake};
use crate::inbound::Inbound;
use crate::legality::Role;
use crate::outbound::{Outbound, Verdict};
use crate::outgoing::Outgoing;
use crate::{
    ClientConfig, Close, ConnectionError, Decision, Event, Misuse, ServerConfig, Timer, Tune,
    Violation,
};

/// One AMQP 0-9-1 connection, in either role.
///
/// The host feeds it octets and time, asks for events, tells it what to send, and writes what it has to say:
///
/// 1. read into a `BytesMut`, call [`handle_bytes`](Self::handle_bytes);
/// 2. handle every event of [`poll_event`](Self::poll_event);
/// 3. write [`outgoing`](Self::outgoing);
/// 4. sleep until there is something to read, something to write, something to send, or
///    [`poll_timeout`](Self::poll_timeout); then [`handle_timeout`](Self::handle_timeout), and again from 1;
/// 5. when [`is_finished`](Self::is_finished) and nothing is left to write, drop the stream.
#[derive(Debug)]
pub struct Connection {
    inbound: Inbound,
    outbound: Outbound,
    handshake: Option<Handshake>,
    /// While there is a handshake, or the pause after a refused login.
    deadline: Option<(Time, Timer)>,
    error: Option<ConnectionError>,
    /// The latest time the host told.
    now: Time,
}

impl Connection {
    /// The connecting side. Its protocol header waits in [`outgoing`](Self::outgoing) at once.
    #[must_use]
    pub fn client(config: ClientConfig, now: Time) -> Self {
        let timeout = config.handshake_timeout;
        let mut outbound = Outbound::new(Role::Client, &config.limits, now);
        let inbound = Inbound::new(Role::Client, &config.limits, now);
        let client = ClientHandshake::new(config, &mut outbound);
        let handshake = Some(Handshake::Client(Box::new(client)));
        let deadline = Some((now + timeout, Timer::Handshake));
        Self { inbound, outbound, handshake, deadline, error: None, now }
    }

    /// The accepting side.
    #[must_use]
    pub fn server(config: ServerConfig, now: Time) -> Self {
        let deadline = Some((now + config.handshake_timeout, Timer::Handshake));
        let outbound = Outbound::new(Role::Server, &config.limits, now);
        let inbound = Inbound::new(Role::Server, &config.limits, now);
        let handshake = Some(Handshake::Server(Box::new(ServerHandshake::new(config))));
        Self { inbound, outbound, handshake, deadline, error: None, now }
    }

    /// Takes whole frames off the front of `input`, and leaves the unfinished tail. Octets that come while a decision
    /// is awaited stay there too: call again when it is made. All that is there becomes events at once, so give it what
    /// one read brought, and poll the events before the next.
    ///
    /// # Errors
    ///
    /// When the connection cannot go on: the peer broke a rule, now or earlier, or time ran out. What came before is
    /// still there to be polled, [`Event::Closed`] is the last event, and the close frame that the peer deserves
    /// waits in [`outgoing`](Self::outgoing). Go on writing, and calling this, until
    /// [`is_finished`](Self::is_finished), so that the peer gets to read it.
    pub fn handle_bytes(&mut self, now: Time, input: &mut BytesMut) -> Result<(), ConnectionError> {
        self.now = now;
        self.inbound.listen(now, input);
        while let Some(mut handshake) = self.handshake.take() {
            let (decoder, out) = (&mut self.inbound.decoder, &mut self.outbound);
            let step = handshake.step(now, input, decoder, out);
            let limits = handshake.limits().clone();
            match step {
                Ok(Progress::Open(tune)) => self.open(now, tune, &limits),
                Ok(Progress::Closed(close)) => self.closed_in_handshake(close),
                Ok(Progress::Event(event)) => {
                    self.inbound.pending.push_back(event);
                    self.handshake = Some(handshake);
                }
                Ok(Progress::Next) => self.handshake = Some(handshake),
                Ok(Progress::Waiting) => {
                    self.handshake = Some(handshake);
                    return Ok(());
                }
                Err(violation) => self.handshake_failed(now, &handshake, violation),
            }
        }
        self.inbound.take_all(now, input);
        self.ferry(now);
        self.error.clone().map_or(Ok(()), Err)
    }

    /// The stream ended: no more octets will come.
    pub fn handle_eof(&mut self, now: Time) {
        self.now = now;
        if let Some(handshake) = self.handshake.take() {
            self.inbound.fail(ConnectionError::Eof(handshake.phase()));
        }
        self.inbound.ended();
        if matches!(self.deadline.take(), Some((_, Timer::Pause))) {
            self.outbound.abandon();
        }
        self.ferry(now);
    }

    /// Time passed. Early, late and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        match self.deadline {
            Some((deadline, Timer::Pause)) if now >= deadline => {
                self.deadline = None;
                self.outbound.abandon();
            }
            Some((deadline, timer)) if now >= deadline => {
                self.deadline = None;
                self.handshake = None;
                self.inbound.fail(ConnectionError::Timeout(timer));
            }
            _ => {}
        }
        if !self.wants_read() {
            self.inbound.excuse(now);
        }
        self.inbound.time_passed(now);
        self.ferry(now);
        let closing = self.outbound.is_closing();
        self.outbound.handle_timeout(now);
        if closing && self.outbound.is_finished() {
            self.error.get_or_insert(ConnectionError::Timeout(Timer::CloseOk));
            self.inbound.ended();
            self.inbound.pending.push_back(Event::Closed(Close::answered()));
        }
        if !closing {
            self.inbound.release();
        }
    }

    /// The next event, in the order in which the peer acted; `None` when there is none now.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            match self.outbound.judge(self.now, self.inbound.pending.front()?) {
                Verdict::Pass => return self.inbound.pending.pop_front(),
                Verdict::Drop => drop(self.inbound.pending.pop_front()),
                Verdict::Crossed(channel) => {
                    self.inbound.pending.pop_front();
                    return Some(Event::ChannelClosed(channel, Close::answered()));
                }
                Verdict::Last(close) => {
                    self.closed();
                    return Some(Event::Closed(close));
                }
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, Timer)> {
        let timers = [self.deadline, self.inbound.poll_timeout(), self.outbound.poll_timeout()];
        timers.into_iter().flatten().min_by_key(|(deadline, _)| *deadline)
    }

    /// What waits to be written to the stream.
    pub fn outgoing(&mut self) -> &mut Outgoing {
        self.outbound.outgoing()
    }

    /// Server: the answer to [`Event::Authenticate`], [`Event::Response`] or [`Event::Open`]. Octets that came
    /// meanwhile wait in the host's buffer: call [`handle_bytes`](Self::handle_bytes) again.
    ///
    /// # Errors
    ///
    /// When nothing is to be decided.
    pub fn decide(&mut self, now: Time, decision: Decision) -> Result<(), Misuse> {
        let Some(handshake) = &mut self.handshake else { return Err(Misuse::NothingToDecide) };
        let decided = handshake.decide(now, decision, &mut self.outbound)?;
        let limits = handshake.limits().clone();
        match decided {
            Decided::Next => {}
            Decided::Open(tune) => self.open(now, tune, &limits),
            Decided::Close(close) => self.close(now, close),
            Decided::Silence(pause) => self.silence(now, pause, ConnectionError::Refused),
        }
        Ok(())
    }

    /// Client: the answer to [`Event::Challenge`].
    ///
    /// # Errors
    ///
    /// When no challenge is to be answered.
    pub fn respond(&mut self, response: impl Into<LongStr>) -> Result<(), Misuse> {
        let Some(handshake) = &mut self.handshake else { return Err(Misuse::NothingToDecide) };
        handshake.respond(response.into(), &mut self.outbound)
    }

    /// Queues a method without content; see [`Outbound::send`].
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    #[inline]
    pub fn send(&mut self, channel: ChannelId, method: &Method) -> Result<(), Misuse> {
        self.outbound.send(channel, method)
    }

    /// Queues a method and its content; see [`Outbound::send_content`].
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    #[inline]
    pub fn send_content(
        &mut self,
        channel: ChannelId,
        method: &Method,
        content: &Content,
    ) -> Result<(), Misuse> {
        self.outbound.send_content(channel, method, content)
    }

    /// Queues basic.publish and its content from borrowed parts.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    #[inline]
    pub fn publish(
        &mut self,
        channel: ChannelId,
        publish: basic::PublishRef<'_>,
        content: &Content,
    ) -> Result<(), Misuse> {
        self.outbound.publish(channel, publish, content)
    }

    /// Closes a channel; see [`Outbound::close_channel`].
    ///
    /// # Errors
    ///
    /// When the channel is not open.
    pub fn close_channel(&mut self, channel: ChannelId, close: &Close) -> Result<(), Misuse> {
        self.outbound.close_channel(channel, close)
    }

    /// Closes the connection: connection.close is queued, what the peer had sent meanwhile is dropped, and
    /// [`Event::Closed`] comes when it answers, or does not in time. Without effect when either side closed it before.
    pub fn close(&mut self, now: Time, close: Close) {
        if self.error.is_some() {
            return;
        }
        self.handshake = None;
        self.deadline = None;
        self.inbound.discard();
        self.outbound.close(now, close);
    }

    /// Answers the peer's connection.close, when the host has cleaned up.
    pub fn finish_close(&mut self) {
        if self.inbound.has_peer_closed() {
            self.outbound.finish_close();
        }
    }

    /// The outbound half: fast paths, and what can be asked of it.
    pub fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// The limits of an open connection.
    #[must_use]
    pub fn tune(&self) -> Tune {
        self.outbound.tune()
    }

    /// How many more octets the frame at the front of the input needs at least: reserve so much at once.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.inbound.missing()
    }

    /// Whether reading more is of use: not while the host must decide, nor while too much waits to be written.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let deciding = self.handshake.as_ref().is_some_and(Handshake::is_waiting_for_host);
        !deciding && !self.outbound.is_congested() && !self.is_finished()
    }

    /// The host stops reading for reasons of its own, so silence says nothing about the peer.
    pub fn suspend_reading(&mut self) {
        self.inbound.suspend();
    }

    /// The host reads again.
    pub fn resume_reading(&mut self, now: Time) {
        self.inbound.resume(now);
    }

    /// What ended the connection, when it was no close.
    #[must_use]
    pub fn error(&self) -> Option<&ConnectionError> {
        self.error.as_ref()
    }

    /// Whether the handshake is over and nobody closed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.outbound.check_running().is_ok()
    }

    /// Whether nothing more will be said or waited for: drop the stream when nothing waits to be written.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.outbound.is_finished()
    }

    /// Parts an open connection into its halves, which share nothing. Events not yet polled go with the inbound half.
    ///
    /// # Errors
    ///
    /// Gives the connection back when it is not open.
    pub fn split(self) -> Result<(Inbound, Outbound), Box<Self>> {
        if !self.is_open() {
            return Err(Box::new(self));
        }
        Ok((self.inbound, self.outbound))
    }
}

/// The ferrying between the halves.
impl Connection {
    fn open(&mut self, now: Time, tune: Tune, limits: &crate::Limits) {
        self.handshake = None;
        self.deadline = None;
        self.inbound.established(now, tune, limits);
        self.outbound.established();
        self.inbound.pending.push_back(Event::Ready(tune));
    }

    /// The peer closed before the connection was open.
    fn closed_in_handshake(&mut self, close: Close) {
        self.deadline = None;
        self.inbound.peer_closed();
        self.inbound.pending.push_back(Event::Closed(close));
    }

    fn handshake_failed(&mut self, now: Time, handshake: &Handshake, violation: Violation) {
        self.deadline = None;
        match handshake.silence_after(&violation) {
            Some(pause) => self.silence(now, pause, violation.into()),
            None => self.inbound.fail(violation.into()),
        }
    }

    /// The login failed, and the client is to find out by itself, and not too soon.
    fn silence(&mut self, now: Time, pause: core::time::Duration, error: ConnectionError) {
        self.handshake = None;
        self.deadline = Some((now + pause, Timer::Pause));
        self.inbound.fail(error);
        self.outbound.fall_silent();
        self.ferry(now);
    }

    /// The host is told that all is over: nothing follows.
    fn closed(&mut self) {
        self.inbound.pending.clear();
        if let (None, Some(error)) = (&self.error, self.outbound.error()) {
            let error = error.clone();
            self.inbound.fail(error.clone());
            self.inbound.pending.clear();
            self.error = Some(error);
        }
    }

    /// What became of the inbound half is told to the outbound one: a broken rule is answered at once, though its event
    /// waits for its turn; and when we closed, the peer's answer ends it, and its own close is answered.
    fn ferry(&mut self, now: Time) {
        if let (None, Some(error)) = (&self.error, self.inbound.error()) {
            self.outbound.failed(now, &error.close());
            self.error = Some(error.clone());
        }
        if self.outbound.is_closing() && self.inbound.is_finished() {
            if self.inbound.has_peer_closed() {
                self.outbound.finish_close();
            } else {
                self.outbound.abandon();
            }
        }
    }
}
