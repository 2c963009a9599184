//! The inbound half: octets of the peer become events.

use alloc::collections::VecDeque;

use bytes::BytesMut;
use warrener_codec::{ChannelId, Decoder, Frame, Method};
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::channel::Channels;
use crate::heartbeat::ReceiveMonitor;
use crate::legality::Role;
use crate::{Close, ConnectionError, Event, Initiator, Limits, Phase, Timer, Tune, Violation};

/// Octets in, events out; of a connection that is open.
///
/// It is driven by the peer's stream alone. Nothing that the [`Outbound`](crate::Outbound) half does need ever be
/// told to it, so the two can live in different tasks; what its events mean to the other half,
/// [`Outbound::admit`](crate::Outbound::admit) learns from the events themselves, in their order.
#[derive(Debug)]
pub struct Inbound {
    pub(crate) role: Role,
    pub(crate) decoder: Decoder,
    channels: Channels,
    monitor: ReceiveMonitor,
    stage: Stage,
    /// The handshake has succeeded.
    was_open: bool,
    error: Option<ConnectionError>,
    /// Octets that the last call left in the host's buffer.
    left: usize,
    /// Events that wait for their turn.
    pub(crate) pending: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Events flow.
    Running,
    /// The host closed the connection: all is dropped but the close dance.
    Discarding,
    /// The peer broke a rule or the like, and the host knows: all is dropped but the close dance.
    Failed,
    /// Nothing more is expected. Whether the peer said close, and so waits for close-ok.
    Over { peer_closed: bool },
}

impl Inbound {
    /// A half that waits for the handshake to end.
    pub(crate) fn new(role: Role, limits: &Limits, now: Time) -> Self {
        Self {
            role,
            decoder: Decoder::new(limits.for_login()),
            channels: Channels::new(role.peer(), 0, limits),
            monitor: ReceiveMonitor::new(now, None),
            stage: Stage::Running,
            was_open: false,
            error: None,
            left: 0,
            pending: VecDeque::new(),
        }
    }

    /// The handshake is over.
    pub(crate) fn established(&mut self, now: Time, tune: Tune, limits: &Limits) {
        self.decoder.set_frame_max(tune.frame_max);
        self.was_open = true;
        self.channels = Channels::new(self.role.peer(), tune.channel_max, limits);
        self.monitor = ReceiveMonitor::new(now, tune.heartbeat());
    }

    /// The next event in `input`, taken off its front; `None` when more octets are needed.
    ///
    /// When the peer breaks a rule, the event is [`Event::Closed`] with [`Initiator::Library`](crate::Initiator), and
    /// [`error`](Self::error) says what it was; the outbound half must be shown that event, or be closed with its
    /// [`Close`], so that the peer learns about it. Call on afterwards, until [`is_finished`](Self::is_finished).
    #[inline]
    pub fn poll_event(&mut self, now: Time, input: &mut BytesMut) -> Option<Event> {
        if self.pending.is_empty() {
            self.listen(now, input);
            while self.pending.is_empty() && self.advance(input) {}
            self.left = input.len();
        }
        self.pending.pop_front()
    }

    /// How many more octets the frame at the front of the input needs at least.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.decoder.missing()
    }

    /// The host stops reading the stream, so silence says nothing about the peer.
    pub fn suspend(&mut self) {
        self.monitor.suspend();
    }

    /// The host reads again.
    pub fn resume(&mut self, now: Time) {
        self.monitor.resume(now);
    }

    /// The host said connection.close: what comes now need not become events. To say so is an economy, not a duty.
    pub fn discard(&mut self) {
        if self.stage == Stage::Running {
            self.stage = Stage::Discarding;
        }
    }

    /// The stream ended. Gives the next event, as [`poll_event`](Self::poll_event) does.
    pub fn handle_eof(&mut self, _now: Time) -> Option<Event> {
        self.ended();
        self.pending.pop_front()
    }

    /// Time passed. Early and repeated calls are harmless. Gives the next event, as [`poll_event`](Self::poll_event) does.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Event> {
        self.time_passed(now);
        self.pending.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, Timer)> {
        let watched = self.stage == Stage::Running;
        #[cfg(warrener_planted)]
        let watched = watched && !planted(Bug::MissNobody);
        let deadline = self.monitor.deadline().filter(|_| watched)?;
        Some((deadline, Timer::HeartbeatReceive))
    }

    /// What contents take of memory that have come in part, in octets.
    #[must_use]
    pub const fn unfinished_bytes(&self) -> usize {
        self.channels.unfinished_bytes()
    }

    /// What ended the connection, when it was no close.
    #[must_use]
    pub fn error(&self) -> Option<&ConnectionError> {
        self.error.as_ref()
    }

    /// Whether nothing more is expected of the peer: it said close-ok, or close, or what cannot be told apart into
    /// frames any more, or the stream is gone. The host drops the stream when the outbound half has nothing left to
    /// write; but a peer that said close ([`has_peer_closed`](Self::has_peer_closed)) is answered first.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Over { .. })
    }

    /// Whether the peer said connection.close, and so waits for close-ok.
    #[must_use]
    pub fn has_peer_closed(&self) -> bool {
        self.stage == Stage::Over { peer_closed: true }
    }

    /// Gives memory back that is only needed while content is on its way.
    pub fn release(&mut self) {
        self.channels.release();
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
    }

    /// Notes that the peer lives when octets came since the last call.
    #[inline]
    pub(crate) fn listen(&mut self, now: Time, input: &BytesMut) {
        if input.len() > self.left {
            self.monitor.heard(now);
        }
        self.left = input.len();
    }

    /// Takes all frames off the front of `input`; their events are pending then.
    pub(crate) fn take_all(&mut self, now: Time, input: &mut BytesMut) {
        self.listen(now, input);
        while self.advance(input) {}
        self.left = input.len();
    }

    /// Takes one frame off the front of `input`; whether there was one, and the next is wanted.
    #[inline]
    fn advance(&mut self, input: &mut BytesMut) -> bool {
        if self.stage != Stage::Running {
            return self.close_dance(input);
        }
        let taken = match self.decoder.decode(input) {
            Ok(None) => return false,
            Ok(Some(frame)) => self.frame(frame),
            Err(error) => Err(shown(error)),
        };
        if let Err(violation) = taken {
            self.fail(violation.into());
        }
        true
    }

    /// The stream ended.
    pub(crate) fn ended(&mut self) {
        let before = self.stage;
        let peer_closed = before == Stage::Over { peer_closed: true };
        self.stage = Stage::Over { peer_closed };
        match before {
            Stage::Running => self.end(ConnectionError::Eof(Phase::Running)),
            Stage::Discarding => self.pending.push_back(Event::Closed(Close::answered())),
            Stage::Failed | Stage::Over { .. } => {}
        }
    }

    /// The peer may have been silent for too long.
    pub(crate) fn time_passed(&mut self, now: Time) {
        if self.poll_timeout().is_some_and(|(deadline, _)| now >= deadline) {
            self.stage = Stage::Over { peer_closed: false };
            self.end(ConnectionError::Timeout(Timer::HeartbeatReceive));
        }
    }

    /// The host has reasons not to read, so silence says nothing about the peer.
    pub(crate) fn excuse(&mut self, now: Time) {
        self.monitor.heard(now);
    }

    /// The peer closed before the connection was open.
    pub(crate) fn peer_closed(&mut self) {
        self.stage = Stage::Over { peer_closed: true };
    }

    /// Ends the connection for a reason that was found outside of the stream.
    #[cold]
    pub(crate) fn fail(&mut self, error: ConnectionError) {
        self.stage = Stage::Failed;
        self.end(error);
    }

    #[cold]
    fn end(&mut self, error: ConnectionError) {
        self.pending.push_back(Event::Closed(error.close()));
        self.error.get_or_insert(error);
    }

    #[inline]
    fn frame(&mut self, frame: Frame) -> Result<(), Violation> {
        let events = &mut self.pending;
        match frame {
            Frame::Heartbeat => Ok(()),
            Frame::Method(ChannelId::CONNECTION, method) => self.connection_method(method),
            Frame::Method(channel, method) => self.channels.method(channel, method, events),
            Frame::Header(ChannelId::CONNECTION, _) => {
                Err(Violation::ContentOnChannelZero { frame_type: 2 })
            }
            Frame::Header(channel, header) => self.channels.header(channel, header, events),
            Frame::Body(ChannelId::CONNECTION, _) => {
                Err(Violation::ContentOnChannelZero { frame_type: 3 })
            }
            Frame::Body(channel, payload) => self.channels.body(channel, payload, events),
        }
    }

    fn connection_method(&mut self, method: Method) -> Result<(), Violation> {
        let id = method.id();
        let event = match method {
            Method::ConnectionClose(close) => {
                self.stage = Stage::Over { peer_closed: true };
                Event::Closed(Close::from(close))
            }
            Method::ConnectionCloseOk => {
                self.stage = Stage::Over { peer_closed: false };
                Event::Closed(Close::answered())
            }
            _ if !self.role.peer().sends_on_channel_zero(id) => {
                return Err(Violation::UnexpectedMethod { method: id, phase: Phase::Running });
            }
            Method::ConnectionUpdateSecret(update) => {
                Event::UpdateSecret { secret: update.new_secret.into(), reason: update.reason }
            }
            method => Event::Method(ChannelId::CONNECTION, method),
        };
        self.pending.push_back(event);
        Ok(())
    }

    /// Everything is dropped but connection.close and close-ok; whether the next frame is wanted.
    #[cold]
    fn close_dance(&mut self, input: &mut BytesMut) -> bool {
        if self.is_finished() {
            input.clear();
            return false;
        }
        let close = match self.decoder.decode(input) {
            Ok(Some(Frame::Method(ChannelId::CONNECTION, Method::ConnectionClose(close)))) => {
                Close::from(close)
            }
            Ok(Some(Frame::Method(ChannelId::CONNECTION, Method::ConnectionCloseOk))) => {
                Close::answered()
            }
            Ok(Some(_)) => return true,
            Err(error) if error.is_recoverable() => return true,
            Ok(None) => return false,
            // Nobody knows where the next frame begins: no answer can be understood, so none is awaited.
            Err(_) => {
                input.clear();
                Close::answered()
            }
        };
        let peer_closed = close.by == Initiator::Peer;
        // A host that was told of a failure hears no more of it, but a close that crossed ours is answered once there is a
        // conversation to end.
        if self.stage == Stage::Discarding || (peer_closed && self.was_open) {
            self.pending.push_back(Event::Closed(close));
        }
        self.stage = Stage::Over { peer_closed };
        true
    }
}

/// Nothing of channel 0 is shown: passwords pass there.
pub(crate) fn shown(error: warrener_codec::DecodeError) -> Violation {
    if error.channel().is_connection() { secret(&error) } else { Violation::Frame(error) }
}

/// Nothing is shown at all, as before the login.
pub(crate) fn secret(error: &warrener_codec::DecodeError) -> Violation {
    Violation::SecretFrame {
        frame_type: error.frame_type(),
        expected: error.expected(),
        method: error.method(),
    }
}
