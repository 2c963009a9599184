//! What the inbound half's events mean to the outbound half: all the ferrying there is.

use warrener_codec::{ChannelId, Method, MethodId};
use warrener_time::Time;

use super::{Outbound, Sending, Stage};
use crate::legality::Role;
use crate::{Close, ConnectionError, Event, Initiator, Violation};

/// What becomes of an event of the inbound half.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The host is to see it.
    Pass,
    /// It came too late to matter.
    Drop,
    /// The peer's channel.close crossed ours: it stands for the answer.
    Crossed(ChannelId),
    /// The connection is over; nothing follows.
    Last(Close),
}

impl Outbound {
    /// Shows an event of the inbound half to this one, in its turn, and passes it on when the host is to see it;
    /// `None` when it came too late to matter: on a channel that is being closed by us, or on a connection that is.
    ///
    /// This is all the ferrying there is between the halves, and a delay of it is harmless: whatever is sent on a
    /// channel until then would have been on the wire already, and the peer drops it. Here a close that crossed ours
    /// is answered, a broken rule makes its connection.close, and an open-ok or close-ok that nobody asked for is
    /// found out ([`Event::Closed`] comes instead of it).
    ///
    /// A server's host may do without, if it drops what comes on channels it closed, answers every channel.close
    /// and connection.close, ignores channel.close-ok where it closed nothing, and says
    /// [`close`](Self::close) when [`Inbound::error`](crate::Inbound::error) deserves it.
    #[inline]
    pub fn admit(&mut self, now: Time, event: Event) -> Option<Event> {
        match self.judge(now, &event) {
            Verdict::Pass => Some(event),
            Verdict::Drop => None,
            Verdict::Crossed(channel) => Some(Event::ChannelClosed(channel, Close::answered())),
            Verdict::Last(close) => Some(Event::Closed(close)),
        }
    }

    /// What becomes of an event, without moving it.
    #[inline]
    pub(crate) fn judge(&mut self, now: Time, event: &Event) -> Verdict {
        match event {
            Event::Closed(close) => self.judge_closed(now, close),
            _ if self.reported || self.closed_by_host() => Verdict::Drop,
            Event::Method(channel, _)
            | Event::Content(channel, ..)
            | Event::Oversized(channel, ..) => {
                let late = self.sending(*channel) == Sending::Closing;
                if late { Verdict::Drop } else { Verdict::Pass }
            }
            Event::ChannelOpened(channel) => self.judge_opened(now, *channel),
            Event::ChannelClosed(channel, close) => {
                self.judge_channel_closed(now, *channel, close.by)
            }
            Event::Authenticate(_)
            | Event::Response(_)
            | Event::Challenge(_)
            | Event::Open { .. }
            | Event::Introduced(_)
            | Event::Ready(_)
            | Event::UpdateSecret { .. } => Verdict::Pass,
        }
    }

    #[cold]
    fn judge_closed(&mut self, now: Time, close: &Close) -> Verdict {
        let told = core::mem::replace(&mut self.reported, true);
        if let Some(ours) = &self.ours {
            let verdict = if told { Verdict::Drop } else { Verdict::Last(ours.clone()) };
            match close.by {
                Initiator::Peer => self.finish_close(),
                Initiator::Local => self.abandon(),
                Initiator::Library if !close.is_said() => self.abandon(),
                Initiator::Library => {}
            }
            return verdict;
        }
        match close.by {
            Initiator::Local => return self.unsolicited(now, MethodId::ConnectionCloseOk),
            Initiator::Peer => self.stage = Stage::PeerClosed,
            Initiator::Library => self.failed(now, close),
        }
        Verdict::Last(close.clone())
    }

    fn judge_opened(&mut self, now: Time, channel: ChannelId) -> Verdict {
        match (self.role, self.sending(channel)) {
            // It becomes open when the host says open-ok.
            (Role::Server, Sending::Closed) => self.set(channel, Sending::Opening),
            (Role::Server, _) => {}
            (Role::Client, Sending::Opening) => self.set(channel, Sending::Open),
            (Role::Client, Sending::Closing) => return Verdict::Drop,
            (Role::Client, _) => return self.unsolicited(now, MethodId::ChannelOpenOk),
        }
        Verdict::Pass
    }

    fn judge_channel_closed(&mut self, now: Time, channel: ChannelId, by: Initiator) -> Verdict {
        match (self.sending(channel), by) {
            // Both closed it at once: theirs is answered, and stands for the answer to ours.
            (Sending::Closing, Initiator::Peer) => {
                if self.check_running().is_ok() {
                    self.encode(channel, &Method::ChannelCloseOk);
                }
                self.closed(channel);
                return Verdict::Crossed(channel);
            }
            (Sending::Closing, _) => self.closed(channel),
            (_, Initiator::Peer) => self.set(channel, Sending::PeerClosed),
            (_, Initiator::Local | Initiator::Library) => {
                return self.unsolicited(now, MethodId::ChannelCloseOk);
            }
        }
        Verdict::Pass
    }

    /// The peer broke a rule that takes both halves to find out.
    #[cold]
    fn unsolicited(&mut self, now: Time, method: MethodId) -> Verdict {
        let error = ConnectionError::from(Violation::Unsolicited(method));
        let close = error.close();
        self.error = Some(error);
        self.failed(now, &close);
        self.reported = true;
        Verdict::Last(close)
    }

    fn closed_by_host(&self) -> bool {
        self.ours.as_ref().is_some_and(|close| close.by == Initiator::Local)
    }

    /// The connection cannot go on: the peer is told when there is something to tell.
    pub(crate) fn failed(&mut self, now: Time, close: &Close) {
        if close.is_said() {
            self.close(now, close.clone());
        } else if self.stage != Stage::Silent {
            self.abandon();
        }
    }
}
