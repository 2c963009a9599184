//! The outbound half: what the host says becomes octets.

mod admit;
mod content;

pub(crate) use admit::Verdict;

use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::{ChannelId, FRAME_OVERHEAD, HEARTBEAT, Method, Properties};
use warrener_time::Time;

use crate::heartbeat::{Look, SendMonitor};
use crate::legality::Role;
use crate::outgoing::Outgoing;
use crate::{Close, ConnectionError, Limits, Misuse, Timer, Tune};

/// How long close-ok is waited for, at most.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Octets of a content header frame without its properties.
const HEADER_FRAME_BYTES: usize = FRAME_OVERHEAD + 12;

/// Methods and messages in, octets out; of a connection that is open.
///
/// What it must know of the peer it learns from the events of the [`Inbound`](crate::Inbound) half: show each to
/// [`admit`](Self::admit) when its turn comes to be handled. A host that keeps the state of channels itself, as a
/// broker does, need not: see there.
#[derive(Debug)]
pub struct Outbound {
    role: Role,
    tune: Tune,
    high_bytes: usize,
    max_bytes: usize,
    copy_max_bytes: usize,
    outgoing: Outgoing,
    monitor: SendMonitor,
    /// By channel number less one; only as long as the highest number in use.
    channels: Vec<Sending>,
    stage: Stage,
    /// What we said, when we closed the connection.
    ours: Option<Close>,
    /// Whether the host was told that the connection is over.
    reported: bool,
    /// The rule that the peer broke, when it took both halves to find out.
    error: Option<ConnectionError>,
}

/// Whether something can be sent on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Closed,
    /// Opened by the client, not yet confirmed by the server.
    Opening,
    Open,
    /// We closed it; close-ok has not come.
    Closing,
    /// The peer closed it; close-ok was not sent.
    PeerClosed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    Running,
    /// connection.close is sent.
    Closing {
        deadline: Time,
    },
    /// The peer sent connection.close, and waits for close-ok.
    PeerClosed,
    /// A login failed, and nothing is said for a while.
    Silent,
    Over,
}

impl Outbound {
    /// A half that waits for the handshake to end.
    pub(crate) fn new(role: Role, limits: &Limits, now: Time) -> Self {
        Self {
            role,
            tune: Tune { channel_max: 0, frame_max: 0, heartbeat_s: 0 },
            high_bytes: limits.outgoing_high_bytes,
            max_bytes: limits.outgoing_max_bytes,
            copy_max_bytes: limits.copy_max_bytes,
            outgoing: Outgoing::new(limits.outgoing_high_bytes),
            monitor: SendMonitor::new(now, None),
            channels: Vec::new(),
            stage: Stage::Handshake,
            ours: None,
            reported: false,
            error: None,
        }
    }

    /// The limits of an open connection are known; heartbeats begin (AMQP 0-9-1 §4.2.7: after tune-ok).
    pub(crate) fn tuned(&mut self, now: Time, tune: Tune) {
        self.tune = tune;
        self.monitor = SendMonitor::new(now, tune.heartbeat());
    }

    /// The handshake is over.
    pub(crate) fn established(&mut self) {
        self.stage = Stage::Running;
    }

    /// Queues a method of the handshake.
    pub(crate) fn handshake(&mut self, method: &Method) {
        self.encode(ChannelId::CONNECTION, method);
    }

    /// Queues a protocol header.
    pub(crate) fn protocol_header(&mut self, header: [u8; 8]) {
        self.outgoing.copy(header.len(), |out| out.extend_from_slice(&header));
    }

    /// What waits to be written.
    pub fn outgoing(&mut self) -> &mut Outgoing {
        &mut self.outgoing
    }

    /// What was negotiated.
    #[must_use]
    pub fn tune(&self) -> Tune {
        self.tune
    }

    /// How many octets wait to be written.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.outgoing.len()
    }

    /// Whether more waits than [`Limits::outgoing_high_bytes`]: hand out less, and stop reading what would be
    /// answered.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.outgoing.len() >= self.high_bytes
    }

    /// Whether nothing more will be said or waited for: the host drops the stream when nothing waits to be written. The
    /// inbound half may know so earlier, since it sees close-ok: see [`Inbound::is_finished`](crate::Inbound).
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Queues a method without content.
    ///
    /// It also carries what opens and closes channels: a client's `ChannelOpen`; a server's `ChannelOpenOk`; the
    /// `ChannelCloseOk` of either, which frees the number. On channel 0 a server sends connection.blocked, .unblocked
    /// and .update-secret-ok, a client connection.update-secret.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    #[inline]
    pub fn send(&mut self, channel: ChannelId, method: &Method) -> Result<(), Misuse> {
        let id = method.id();
        self.check_frame(method.encoded_len())?;
        if self.role.sends_in_channel(id) && !channel.is_connection() {
            if id.has_content() {
                return Err(Misuse::Content(id));
            }
            self.check_sending(channel)?;
        } else {
            self.send_rare(channel, method)?;
        }
        self.encode(channel, method);
        Ok(())
    }

    /// Whether a method fits into one frame of the negotiated size; methods cannot be split.
    #[must_use]
    pub fn fits(&self, method: &Method) -> bool {
        self.fits_frame(method.encoded_len())
    }

    /// Whether a content header with these properties fits into one frame of the negotiated size; bodies always do,
    /// since they are split.
    #[must_use]
    pub fn fits_header(&self, properties: &Properties) -> bool {
        self.fits_frame(HEADER_FRAME_BYTES + properties.encoded_len())
    }

    /// Closes a channel: channel.close is queued, nothing can be sent on it any more, and what the peer had sent
    /// meanwhile is dropped, until [`Event::ChannelClosed`](crate::Event::ChannelClosed) frees the number.
    ///
    /// # Errors
    ///
    /// When the channel is not open, or (a server's) not confirmed with open-ok; nothing was queued then.
    pub fn close_channel(&mut self, channel: ChannelId, close: &Close) -> Result<(), Misuse> {
        let method = Method::ChannelClose(close.to_channel_close());
        self.send_rare(channel, &method)?;
        self.encode(channel, &method);
        Ok(())
    }

    /// Closes the connection: connection.close is queued, and nothing more can be sent. Without effect when either
    /// side closed it before.
    pub fn close(&mut self, now: Time, close: Close) {
        if !matches!(self.stage, Stage::Running | Stage::Handshake) {
            return;
        }
        let method = Method::ConnectionClose(close.to_connection_close());
        self.encode(ChannelId::CONNECTION, &method);
        let patience = self.tune.heartbeat().map_or(CLOSE_TIMEOUT, |beat| beat.min(CLOSE_TIMEOUT));
        self.stage = Stage::Closing { deadline: now + patience };
        self.ours = Some(close);
    }

    /// Answers the peer's connection.close with close-ok, when the host has cleaned up. Without effect the second
    /// time.
    pub fn finish_close(&mut self) {
        if self.stage != Stage::Over {
            self.encode(ChannelId::CONNECTION, &Method::ConnectionCloseOk);
            self.stage = Stage::Over;
        }
    }

    /// A login failed: nothing is said, until the connection is abandoned.
    pub(crate) fn fall_silent(&mut self) {
        self.stage = Stage::Silent;
    }

    /// The stream is gone, or must go: nothing more is said or waited for.
    pub fn abandon(&mut self) {
        self.stage = Stage::Over;
    }

    /// Time passed: a heartbeat may be due, or close-ok overdue, or memory is given back. Early and repeated calls
    /// are harmless.
    pub fn handle_timeout(&mut self, now: Time) {
        match self.stage {
            Stage::Closing { deadline } if now >= deadline => self.stage = Stage::Over,
            Stage::Closing { .. } | Stage::Silent | Stage::Over => {}
            Stage::Handshake | Stage::Running | Stage::PeerClosed => self.look(now),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, Timer)> {
        match self.stage {
            Stage::Closing { deadline } => Some((deadline, Timer::CloseOk)),
            Stage::Silent | Stage::Over => None,
            _ if self.monitor.has_heartbeats() => {
                Some((self.monitor.next_look(), Timer::HeartbeatSend))
            }
            _ if self.outgoing.capacity() > 0 => Some((self.monitor.next_look(), Timer::Idle)),
            _ => None,
        }
    }

    /// Gives the outgoing buffer's memory back when nothing waits. The machine does so by itself when it has been idle
    /// for a while.
    pub fn release(&mut self) {
        self.outgoing.release();
    }

    /// The rule that the peer broke, when [`admit`](Self::admit) found it out.
    #[must_use]
    pub fn error(&self) -> Option<&ConnectionError> {
        self.error.as_ref()
    }

    /// Whether connection.close is sent, and its answer has not come.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Closing { .. })
    }

    pub(crate) fn check_running(&self) -> Result<(), Misuse> {
        match (self.stage, self.role) {
            // A client that says connection.close is told what it is owed, and then close-ok.
            (Stage::Running, _) | (Stage::PeerClosed, Role::Server) => Ok(()),
            _ => Err(Misuse::NotOpen),
        }
    }

    fn look(&mut self, now: Time) {
        let Look::Silent { heartbeat } = self.monitor.look(now, self.outgoing.queued()) else {
            return;
        };
        self.outgoing.release();
        if heartbeat && self.outgoing.is_empty() {
            let len = HEARTBEAT.len();
            self.outgoing.copy(len, |out| {
                out.reserve_exact(len);
                out.extend_from_slice(&HEARTBEAT);
            });
            self.monitor.mark(self.outgoing.queued());
        }
    }

    /// Methods that open or close a channel, or belong on channel 0.
    fn send_rare(&mut self, channel: ChannelId, method: &Method) -> Result<(), Misuse> {
        self.check_running()?;
        let id = method.id();
        if channel.is_connection() {
            let may = self.role.sends_on_channel_zero(id);
            return if may { Ok(()) } else { Err(Misuse::Method(id)) };
        }
        let sending = self.sending(channel);
        let next = match (method, sending) {
            _ if !self.role.sends(id) => return Err(Misuse::Method(id)),
            (Method::ChannelOpen, Sending::Closed) => Sending::Opening,
            (Method::ChannelOpenOk, Sending::Closed | Sending::Opening | Sending::Closing) => {
                Sending::Open
            }
            // The client did not wait for it, and closed meanwhile: it gets both answers, in order.
            (Method::ChannelOpenOk, Sending::PeerClosed) => Sending::PeerClosed,
            (Method::ChannelOpen | Method::ChannelOpenOk, _) => {
                return Err(Misuse::ChannelOpen(channel));
            }
            (Method::ChannelCloseOk, Sending::Closed) => {
                return Err(Misuse::ChannelNotOpen(channel));
            }
            (Method::ChannelCloseOk, _) => Sending::Closed,
            (Method::ChannelClose(_), Sending::Open) => Sending::Closing,
            // A server must say open-ok first; a client need not wait for it.
            (Method::ChannelClose(_), Sending::Opening) if self.role == Role::Client => {
                Sending::Closing
            }
            (Method::ChannelClose(_), _) => return Err(Misuse::ChannelNotOpen(channel)),
            _ => return Err(Misuse::Method(id)),
        };
        if next == Sending::Closed {
            self.closed(channel);
            return Ok(());
        }
        if channel.number() > self.tune.channel_max {
            return Err(Misuse::ChannelNumber(channel));
        }
        self.set(channel, next);
        Ok(())
    }

    fn encode(&mut self, channel: ChannelId, method: &Method) {
        let len = method.encoded_len();
        self.outgoing.fill(len, |out| method.encode(channel, out));
    }

    #[inline]
    fn fits_frame(&self, len: usize) -> bool {
        self.tune.frame_max == 0 || len <= self.tune.frame_max as usize
    }

    fn payload_max(&self) -> usize {
        match self.tune.frame_max {
            0 => u32::MAX as usize - FRAME_OVERHEAD,
            frame_max => (frame_max as usize - FRAME_OVERHEAD).max(1),
        }
    }

    #[inline]
    fn check_frame(&self, size: usize) -> Result<(), Misuse> {
        if self.fits_frame(size) {
            return Ok(());
        }
        Err(Misuse::FrameTooLarge { size, max: self.tune.frame_max })
    }

    /// Whether something can be sent on a channel now.
    #[inline]
    fn check_sending(&self, channel: ChannelId) -> Result<(), Misuse> {
        self.check_running()?;
        match self.sending(channel) {
            Sending::Open | Sending::PeerClosed => {}
            // A client need not wait for open-ok; a server must say it first.
            Sending::Opening if self.role == Role::Client => {}
            Sending::Closed | Sending::Opening | Sending::Closing => {
                return Err(Misuse::ChannelNotOpen(channel));
            }
        }
        let waiting = self.outgoing.len();
        if waiting >= self.max_bytes { Err(Misuse::OutgoingFull { waiting }) } else { Ok(()) }
    }

    #[inline]
    fn sending(&self, channel: ChannelId) -> Sending {
        let index = usize::from(channel.number()).wrapping_sub(1);
        self.channels.get(index).copied().unwrap_or(Sending::Closed)
    }

    fn set(&mut self, channel: ChannelId, sending: Sending) {
        let index = usize::from(channel.number()).wrapping_sub(1);
        if index >= usize::from(u16::MAX) {
            return;
        }
        if index >= self.channels.len() {
            self.channels.resize(index + 1, Sending::Closed);
        }
        if let Some(place) = self.channels.get_mut(index) {
            *place = sending;
        }
    }

    fn closed(&mut self, channel: ChannelId) {
        self.set(channel, Sending::Closed);
        while self.channels.last() == Some(&Sending::Closed) {
            self.channels.pop();
        }
        if self.channels.is_empty() {
            self.channels = Vec::new();
        }
    }
}
