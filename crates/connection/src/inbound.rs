//! The inbound half: octets of the peer become events.

use alloc::collections::VecDeque;

use bytes::BytesMut;
use warrener_codec::{ChannelId, Decoder, Frame, Method};
use warrener_time::Time;

use crate::channel::Channels;
use crate::heartbeat::ReceiveMonitor;
use crate::legality::Role;
use crate::{Close, ConnectionError, Event, Limits, Phase, Timer, Tune, Violation};

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
    error: Option<ConnectionError>,
    /// Octets that the last call left in the host's buffer.
    left: usize,
    /// Events that were taken apart before the connection was split.
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
            error: None,
            left: 0,
            pending: VecDeque::new(),
        }
    }

    /// The handshake is over.
    pub(crate) fn established(&mut self, now: Time, tune: Tune, limits: &Limits) {
        self.decoder.set_frame_max(tune.frame_max);
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
        if !self.pending.is_empty() {
            return self.pending.pop_front();
        }
        self.next_event(now, input)
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

    /// The stream ended.
    pub fn handle_eof(&mut self, _now: Time) -> Option<Event> {
        let before = self.stage;
        let peer_closed = before == Stage::Over { peer_closed: true };
        self.stage = Stage::Over { peer_closed };
        match before {
            Stage::Running => Some(self.end(ConnectionError::Eof(Phase::Running))),
            Stage::Discarding => Some(Event::Closed(Close::answered())),
            Stage::Failed | Stage::Over { .. } => None,
        }
    }

    /// Time passed. Early and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Event> {
        if self.poll_timeout().is_none_or(|(deadline, _)| now < deadline) {
            return None;
        }
        self.stage = Stage::Over { peer_closed: false };
        Some(self.end(ConnectionError::Timeout(Timer::HeartbeatReceive)))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, Timer)> {
        let watched = self.stage == Stage::Running;
        let deadline = self.monitor.deadline().filter(|_| watched)?;
        Some((deadline, Timer::HeartbeatReceive))
    }

    /// What ended the connection, when it was no close.
    #[must_use]
    pub fn error(&self) -> Option<&ConnectionError> {
        self.error.as_ref()
    }

    /// Whether nothing more is expected of the peer: it said close-ok, or close, or the stream is gone. The host drops
    /// the stream when the outbound half has nothing left to write; but a peer that said close
    /// ([`has_peer_closed`](Self::has_peer_closed)) is answered first.
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

    #[inline]
    pub(crate) fn next_event(&mut self, now: Time, input: &mut BytesMut) -> Option<Event> {
        self.listen(now, input);
        let event = loop {
            if self.stage != Stage::Running {
                break self.close_dance(input);
            }
            match self.decoder.decode(input) {
                Ok(None) => break None,
                Ok(Some(frame)) => match self.frame(frame) {
                    Ok(None) => {}
                    Ok(Some(event)) => break Some(event),
                    Err(violation) => break Some(self.fail(violation.into())),
                },
                Err(error) => break Some(self.fail(shown(error).into())),
            }
        };
        self.left = input.len();
        event
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
    pub(crate) fn fail(&mut self, error: ConnectionError) -> Event {
        self.stage = Stage::Failed;
        self.end(error)
    }

    #[cold]
    fn end(&mut self, error: ConnectionError) -> Event {
        let close = error.close();
        self.error.get_or_insert(error);
        Event::Closed(close)
    }

    #[inline]
    fn frame(&mut self, frame: Frame) -> Result<Option<Event>, Violation> {
        match frame {
            Frame::Heartbeat => Ok(None),
            Frame::Method(ChannelId::CONNECTION, method) => self.connection_method(method),
            Frame::Method(channel, method) => self.channels.method(channel, method),
            Frame::Header(ChannelId::CONNECTION, _) => {
                Err(Violation::ContentOnChannelZero { frame_type: 2 })
            }
            Frame::Header(channel, header) => self.channels.header(channel, header),
            Frame::Body(ChannelId::CONNECTION, _) => {
                Err(Violation::ContentOnChannelZero { frame_type: 3 })
            }
            Frame::Body(channel, payload) => self.channels.body(channel, payload),
        }
    }

    fn connection_method(&mut self, method: Method) -> Result<Option<Event>, Violation> {
        let id = method.id();
        match method {
            Method::ConnectionClose(close) => {
                self.stage = Stage::Over { peer_closed: true };
                Ok(Some(Event::Closed(Close::from(close))))
            }
            Method::ConnectionCloseOk => {
                self.stage = Stage::Over { peer_closed: false };
                Ok(Some(Event::Closed(Close::answered())))
            }
            _ if !self.role.peer().sends_on_channel_zero(id) => {
                Err(Violation::UnexpectedMethod { method: id, phase: Phase::Running })
            }
            Method::ConnectionUpdateSecret(update) => {
                let (secret, reason) = (update.new_secret.into(), update.reason);
                Ok(Some(Event::UpdateSecret { secret, reason }))
            }
            method => Ok(Some(Event::Method(ChannelId::CONNECTION, method))),
        }
    }

    /// Everything is dropped but connection.close and close-ok.
    fn close_dance(&mut self, input: &mut BytesMut) -> Option<Event> {
        let reported = self.stage != Stage::Discarding;
        while !self.is_finished() {
            let peer_closed = match self.decoder.decode(input) {
                Ok(Some(Frame::Method(ChannelId::CONNECTION, Method::ConnectionClose(_)))) => true,
                Ok(Some(Frame::Method(ChannelId::CONNECTION, Method::ConnectionCloseOk))) => false,
                Ok(Some(_)) => continue,
                Err(error) if error.is_recoverable() => continue,
                Ok(None) => return None,
                Err(_) => {
                    input.clear();
                    return None;
                }
            };
            self.stage = Stage::Over { peer_closed };
            if !reported {
                return Some(Event::Closed(Close::answered()));
            }
        }
        input.clear();
        None
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
