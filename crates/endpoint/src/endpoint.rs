//! One connection as the broker's turn sees it: events become inputs, and what waits is written.

use alloc::boxed::Box;

use bytes::BytesMut;
use warrener_broker::{Capabilities, ClosedBy, Connected, ConnectionId, Input, Said};
use warrener_codec::{ChannelId, Method, ShortStr, Table};
use warrener_connection::{
    Authenticate, Close, Connection, ConnectionError, Decision, Event, Inbound, Initiator, Misuse,
    Outbound, Outgoing, ServerConfig, Timer, Tune,
};
use warrener_time::Time;

use crate::confirms::Confirms;
use crate::drain::Drain;
use crate::login::{Answer, Question};

/// One accepted AMQP 0-9-1 connection joined to a broker.
///
/// While the client logs in, it takes the octets itself: [`poll_event`](Self::poll_event), show each event to
/// [`admit`](Self::admit), answer [`poll_question`](Self::poll_question). Once the broker has opened the connection,
/// [`split`](Self::split) gives the reading half away, and what stays is the half that others reach: a turn
/// [applies](Self::apply) the broker's effects to it, and whoever likes writes [`outgoing`](Self::outgoing).
#[derive(Debug)]
pub struct Endpoint {
    pub(crate) id: ConnectionId,
    pub(crate) stage: Stage,
    pub(crate) drain: Drain,
    /// Confirms that wait for room.
    pub(crate) confirms: Confirms,
    pub(crate) paused: bool,
    /// The client said connection.close and was passed on to the broker; close-ok follows when that has cleaned up.
    pub(crate) client_waits: bool,
    /// What the client calls itself, or else the name of its stream.
    name: ShortStr,
    /// The name of its stream.
    stream: ShortStr,
    user: ShortStr,
    mechanism: ShortStr,
    client_properties: Table,
    capabilities: Capabilities,
    question: Option<Question>,
    /// Who ended it, and in which words.
    pub(crate) ending: Option<Close>,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// Logging in, and what follows when that fails.
    Greeting(Box<Connection>),
    /// Open.
    Open {
        /// The reading half, until it is split off.
        inbound: Option<Box<Inbound>>,
        outbound: Box<Outbound>,
    },
}

impl Endpoint {
    /// A stream was accepted. `stream` names it for people who look, such as `10.0.0.7:4711 -> 10.0.0.1:5672`.
    #[must_use]
    pub fn new(id: ConnectionId, stream: ShortStr, config: ServerConfig, now: Time) -> Self {
        Self {
            id,
            stage: Stage::Greeting(Box::new(Connection::server(config, now))),
            drain: Drain::default(),
            confirms: Confirms::default(),
            paused: false,
            client_waits: false,
            name: stream.clone(),
            stream,
            user: ShortStr::EMPTY,
            mechanism: ShortStr::EMPTY,
            client_properties: Table::EMPTY,
            capabilities: Capabilities::default(),
            question: None,
            ending: None,
        }
    }

    /// The connection's number.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// The user who logged in; empty before that.
    #[must_use]
    pub const fn user(&self) -> &ShortStr {
        &self.user
    }

    /// What the client calls itself (`connection_name`), or else the name of its stream.
    #[must_use]
    pub const fn name(&self) -> &ShortStr {
        &self.name
    }

    /// How the client logs in; empty before it does.
    #[must_use]
    pub const fn mechanism(&self) -> &ShortStr {
        &self.mechanism
    }

    /// What the client says about itself; empty before it does.
    #[must_use]
    pub const fn client_properties(&self) -> &Table {
        &self.client_properties
    }

    /// What was agreed on.
    #[must_use]
    pub fn tune(&self) -> Tune {
        match &self.stage {
            Stage::Greeting(connection) => connection.tune(),
            Stage::Open { outbound, .. } => outbound.tune(),
        }
    }

    /// The next event in `input`, taken off its front; `None` when more octets are needed, or an answer, or the reading
    /// half has been split off.
    pub fn poll_event(&mut self, now: Time, input: &mut BytesMut) -> Option<Event> {
        match &mut self.stage {
            Stage::Greeting(connection) => {
                // What is wrong with the octets comes as an event as well.
                let _ = connection.handle_bytes(now, input);
                connection.poll_event()
            }
            Stage::Open { inbound, .. } => inbound.as_mut()?.poll_event(now, input),
        }
    }

    /// Shows an event in its turn, after the effects of everything before it were applied; gives what the broker is to
    /// hear of it.
    pub fn admit(&mut self, now: Time, event: Event) -> Option<Input> {
        let event = match &mut self.stage {
            Stage::Greeting(_) => Some(event),
            Stage::Open { outbound, .. } => outbound.admit(now, event),
        };
        match event? {
            Event::Authenticate(authenticate) => self.authenticate(authenticate),
            Event::Response(secret) => {
                self.question = Some(Question::Response(secret));
                None
            }
            Event::Open { vhost } => Some(Input::Connected(Box::new(self.connected(vhost)))),
            Event::ChannelOpened(channel) => Some(Input::ChannelOpened(self.id, channel)),
            Event::ChannelClosed(channel, close) => {
                let by =
                    if close.by == Initiator::Peer { ClosedBy::Client } else { ClosedBy::Broker };
                Some(Input::ChannelClosed(self.id, channel, by))
            }
            Event::Oversized(channel, _, oversized) => {
                Some(Input::Oversized(self.id, channel, oversized.size))
            }
            Event::UpdateSecret { .. } => self.update_secret(),
            Event::Closed(close) => Some(self.closed(close)),
            event @ (Event::Method(..) | Event::Content(..)) => {
                crate::plain_input(self.id, event).ok()
            }
            // A client's events, and a server's that say nothing to a broker.
            Event::Ready(_) | Event::Challenge(_) | Event::Introduced(_) => None,
        }
    }

    /// What the host must tell before the client can go on.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.question.take()
    }

    /// Answers a question, now or later.
    ///
    /// # Errors
    ///
    /// When none is open: the client may have gone away meanwhile.
    pub fn answer(&mut self, now: Time, answer: Answer) -> Result<(), Misuse> {
        let Stage::Greeting(connection) = &mut self.stage else {
            return Err(Misuse::NothingToDecide);
        };
        let decision = match answer {
            Answer::Accept { user } => {
                self.user = user;
                Decision::Accept
            }
            Answer::Challenge(challenge) => Decision::Challenge(challenge),
            Answer::Refuse => Decision::refuse_login(&self.mechanism),
        };
        connection.decide(now, decision)
    }

    /// The reading half, once the connection is open; its events go to [`plain_input`](crate::plain_input) or
    /// [`admit`](Self::admit). Only the first call gives it.
    pub fn split(&mut self) -> Option<Box<Inbound>> {
        match &mut self.stage {
            Stage::Greeting(_) => None,
            Stage::Open { inbound, .. } => inbound.take(),
        }
    }

    /// The stream ended.
    pub fn handle_eof(&mut self, now: Time) -> Option<Event> {
        match &mut self.stage {
            Stage::Greeting(connection) => {
                connection.handle_eof(now);
                connection.poll_event()
            }
            Stage::Open { inbound, .. } => inbound.as_mut()?.handle_eof(now),
        }
    }

    /// Time passed. Early and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Event> {
        match &mut self.stage {
            Stage::Greeting(connection) => {
                connection.handle_timeout(now);
                connection.poll_event()
            }
            Stage::Open { inbound, outbound } => {
                outbound.handle_timeout(now);
                inbound.as_mut()?.handle_timeout(now)
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, Timer)> {
        match &self.stage {
            Stage::Greeting(connection) => connection.poll_timeout(),
            Stage::Open { inbound, outbound } => {
                let reading = inbound.as_ref().and_then(|inbound| inbound.poll_timeout());
                reading
                    .into_iter()
                    .chain(outbound.poll_timeout())
                    .min_by_key(|(deadline, _)| *deadline)
            }
        }
    }

    /// What waits to be written. Count what was written with [`advance`](Self::advance), so that the broker learns of it.
    pub fn outgoing(&mut self) -> &mut Outgoing {
        match &mut self.stage {
            Stage::Greeting(connection) => connection.outgoing(),
            Stage::Open { outbound, .. } => outbound.outgoing(),
        }
    }

    /// So many octets of [`outgoing`](Self::outgoing) were written.
    pub fn advance(&mut self, count: usize) {
        let outgoing = self.outgoing();
        let before = outgoing.len();
        bytes::Buf::advance(outgoing, count);
        self.drain.advance(count, before);
        self.write_confirms();
    }

    /// How many ranges of confirms wait until there is room for them. They are written as what is before them is.
    #[must_use]
    pub const fn waiting_confirms(&self) -> usize {
        self.confirms.ranges()
    }

    /// How much of what the broker handed out was written since [`drained`](Self::drained).
    #[must_use]
    pub const fn drained_bytes(&self) -> u64 {
        self.drain.drained()
    }

    /// What the broker is to hear about that; `None` when there is nothing to hear.
    pub fn drained(&mut self) -> Option<Input> {
        let drained = self.drain.take();
        (drained > 0).then_some(Input::Drained(self.id, drained))
    }

    /// Whether reading more of the stream is of use: not while the host must answer, too much waits to be written, or
    /// the broker wants a pause.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        match &self.stage {
            Stage::Greeting(connection) => connection.wants_read(),
            Stage::Open { outbound, .. } => {
                let refuses_much = self.confirms.ranges() > CONFIRM_RANGES_MAX;
                !self.paused && !refuses_much && !outbound.is_congested() && !outbound.is_finished()
            }
        }
    }

    /// Whether the broker has opened the connection.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open { .. })
    }

    /// Whether nothing more will be said or waited for: when nothing waits to be written, drop the stream. A reading half
    /// that was split off must be asked as well: see [`is_answered`].
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.stage {
            Stage::Greeting(connection) => connection.is_finished(),
            Stage::Open { inbound, outbound } => {
                outbound.is_finished() || inbound.as_deref().is_some_and(is_answered)
            }
        }
    }

    /// What ended the connection before it was open, when it was no close. Afterwards, ask the reading half.
    #[must_use]
    pub fn error(&self) -> Option<&ConnectionError> {
        match &self.stage {
            Stage::Greeting(connection) => connection.error(),
            Stage::Open { inbound, .. } => inbound.as_ref()?.error(),
        }
    }

    /// Who closed the connection, and in which words, once somebody has.
    #[must_use]
    pub const fn ending(&self) -> Option<&Close> {
        self.ending.as_ref()
    }

    /// Ends the connection for a reason of the host's. The broker is to hear [`Input::Disconnected`].
    pub fn close(&mut self, now: Time, close: Close) {
        self.ending.get_or_insert_with(|| close.clone());
        match &mut self.stage {
            Stage::Greeting(connection) => connection.close(now, close),
            Stage::Open { outbound, .. } => outbound.close(now, close),
        }
    }

    /// The stream is broken, or too slow to be waited for: nothing more is said.
    pub fn abandon(&mut self) {
        match &mut self.stage {
            Stage::Greeting(connection) => connection.outbound().abandon(),
            Stage::Open { outbound, .. } => outbound.abandon(),
        }
    }

    fn authenticate(&mut self, authenticate: Box<Authenticate>) -> Option<Input> {
        self.mechanism = authenticate.mechanism.clone();
        self.client_properties = authenticate.client_properties.clone();
        self.capabilities = Capabilities {
            consumer_cancel_notify: authenticate.capabilities.consumer_cancel_notify,
            connection_blocked: authenticate.capabilities.connection_blocked,
        };
        let named = authenticate.client_properties.get("connection_name");
        let named = named
            .and_then(|value| value.as_long_str())
            .and_then(|name| ShortStr::try_from(name).ok());
        if let Some(name) = named.filter(|name| !name.is_empty()) {
            self.name = name;
        }
        self.question = Some(Question::Login(authenticate));
        None
    }

    fn connected(&self, vhost: ShortStr) -> Connected {
        let frame_max = self.tune().frame_max;
        Connected {
            connection: self.id,
            user: self.user.clone(),
            vhost,
            name: self.name.clone(),
            frame_max,
            capabilities: self.capabilities,
            said: Said {
                ends: self.stream.clone(),
                mechanism: self.mechanism().clone(),
                client_properties: self.client_properties().clone(),
                channel_max: self.tune().channel_max,
                heartbeat_s: self.tune().heartbeat_s,
            },
        }
    }

    /// A password cannot expire, so there is nothing to check again (RabbitMQ extension).
    fn update_secret(&mut self) -> Option<Input> {
        if let Stage::Open { outbound, .. } = &mut self.stage {
            // It fails only when the connection is over, and then nobody waits for it.
            let _ = outbound.send(ChannelId::CONNECTION, &Method::ConnectionUpdateSecretOk);
        }
        None
    }

    fn closed(&mut self, close: Close) -> Input {
        self.client_waits = close.by == Initiator::Peer;
        self.ending.get_or_insert(close);
        if let Stage::Greeting(connection) = &mut self.stage {
            // The broker has never heard of this client, so there is nothing to wait for.
            self.client_waits = false;
            connection.finish_close();
        }
        if self.client_waits { Input::Closed(self.id) } else { Input::Disconnected(self.id) }
    }
}

/// So many ranges of confirms may wait; a client with more, which is refused every other message, is not read.
const CONFIRM_RANGES_MAX: usize = 4_096;

/// Whether nothing more is to come from the peer, and it waits for nothing: it answered our close, or it is gone. Then,
/// when nothing waits to be written, the stream can be dropped.
#[must_use]
pub fn is_answered(inbound: &Inbound) -> bool {
    inbound.is_finished() && !inbound.has_peer_closed()
}
