//! What the inbound half's events mean to the outbound half: all the ferrying there is.

use warrener_codec::{ChannelId, Method, MethodId};
use warrener_time::Time;

use super::{Outbound, Sending, Stage};
use crate::legality::Role;
use crate::{Close, ConnectionError, Event, Initiator, Violation};

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
        match &event {
            Event::Closed(close) => {
                let close = close.clone();
                self.admit_closed(now, close)
            }
            _ if self.reported || self.closed_by_host() => None,
            Event::ChannelOpened(channel) => {
                let channel = *channel;
                self.admit_opened(now, channel, event)
            }
            Event::ChannelClosed(channel, close) => {
                let (channel, by) = (*channel, close.by);
                self.admit_channel_closed(now, channel, by, event)
            }
            Event::Method(channel, _)
            | Event::Content(channel, ..)
            | Event::Oversized(channel, ..)
                if self.sending(*channel) == Sending::Closing =>
            {
                None
            }
            _ => Some(event),
        }
    }

    fn admit_closed(&mut self, now: Time, close: Close) -> Option<Event> {
        let told = core::mem::replace(&mut self.reported, true);
        if let Some(ours) = &self.ours {
            let ours = (!told).then(|| Event::Closed(ours.clone()));
            match close.by {
                Initiator::Peer => self.finish_close(),
                Initiator::Local => self.abandon(),
                Initiator::Library if !close.is_said() => self.abandon(),
                Initiator::Library => {}
            }
            return ours;
        }
        match close.by {
            Initiator::Local => {
                let unsolicited = Violation::Unsolicited(MethodId::ConnectionCloseOk);
                return Some(self.violated(now, unsolicited));
            }
            Initiator::Peer => self.stage = Stage::PeerClosed,
            Initiator::Library => self.failed(now, &close),
        }
        Some(Event::Closed(close))
    }

    fn admit_opened(&mut self, now: Time, channel: ChannelId, event: Event) -> Option<Event> {
        match (self.role, self.sending(channel)) {
            // It becomes open when the host says open-ok.
            (Role::Server, Sending::Closed) => self.set(channel, Sending::Opening),
            (Role::Server, _) => {}
            (Role::Client, Sending::Opening) => self.set(channel, Sending::Open),
            (Role::Client, Sending::Closing) => return None,
            (Role::Client, _) => {
                let unsolicited = Violation::Unsolicited(MethodId::ChannelOpenOk);
                return Some(self.violated(now, unsolicited));
            }
        }
        Some(event)
    }

    fn admit_channel_closed(
        &mut self,
        now: Time,
        channel: ChannelId,
        by: Initiator,
        event: Event,
    ) -> Option<Event> {
        match (self.sending(channel), by) {
            // Both closed it at once: theirs is answered, and stands for the answer to ours.
            (Sending::Closing, Initiator::Peer) => {
                if self.check_running().is_ok() {
                    self.encode(channel, &Method::ChannelCloseOk);
                }
                self.closed(channel);
                return Some(Event::ChannelClosed(channel, Close::answered()));
            }
            (Sending::Closing, _) => self.closed(channel),
            (_, Initiator::Peer) => self.set(channel, Sending::PeerClosed),
            (_, Initiator::Local | Initiator::Library) => {
                let unsolicited = Violation::Unsolicited(MethodId::ChannelCloseOk);
                return Some(self.violated(now, unsolicited));
            }
        }
        Some(event)
    }

    /// The peer broke a rule that takes both halves to find out.
    #[cold]
    fn violated(&mut self, now: Time, violation: Violation) -> Event {
        let error = ConnectionError::from(violation);
        let close = error.close();
        self.error = Some(error);
        self.failed(now, &close);
        self.reported = true;
        Event::Closed(close)
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
