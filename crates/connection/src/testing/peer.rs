//! A peer that speaks in frames: expect this, send that.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Buf, BytesMut};
use warrener_codec::method::connection;
use warrener_codec::{ChannelId, Decoder, Frame, Limits, Method, ProtocolHeader};
use warrener_time::Time;

use super::START;
use crate::{
    ClientConfig, Connection, ConnectionError, Decision, Event, Mechanism, ServerConfig, Tune,
};

/// A machine, and a test in the place of its peer.
#[derive(Debug)]
pub struct Peer {
    /// The machine.
    pub connection: Connection,
    /// The time now.
    pub now: Time,
    to_machine: BytesMut,
    from_machine: BytesMut,
    decoder: Decoder,
}

impl Peer {
    /// A test in the place of a client, before the first octet.
    #[must_use]
    pub fn of_server(config: ServerConfig) -> Self {
        Self::of(Connection::server(config, START))
    }

    /// A test in the place of a server, before the first octet.
    #[must_use]
    pub fn of_client(config: ClientConfig) -> Self {
        Self::of(Connection::client(config, START))
    }

    fn of(connection: Connection) -> Self {
        Self {
            connection,
            now: START,
            to_machine: BytesMut::new(),
            from_machine: BytesMut::new(),
            decoder: Decoder::new(Limits::with_frame_max(0)),
        }
    }

    /// A test in the place of a client whose connection is open with these limits.
    ///
    /// # Panics
    ///
    /// When the machine does not do its part.
    #[must_use]
    pub fn of_open_server(config: ServerConfig, answer: Tune) -> Self {
        let mut peer = Self::of_server(config);
        peer.log_in();
        peer.send_method(0, tune_ok(answer));
        peer.send_method(0, connection::Open { virtual_host: "/".try_into().unwrap_or_default() });
        assert!(matches!(peer.events()[..], [Event::Open { .. }]));
        peer.decide(Decision::Accept);
        assert_eq!(peer.expect_method(0), Method::ConnectionOpenOk);
        assert!(matches!(peer.events()[..], [Event::Ready(_)]));
        peer
    }

    /// A test in the place of a server whose connection is open.
    ///
    /// # Panics
    ///
    /// When the machine does not do its part.
    #[must_use]
    pub fn of_open_client(config: ClientConfig) -> Self {
        let mut peer = Self::of_client(config);
        peer.expect_header();
        peer.start("PLAIN AMQPLAIN");
        let _ = peer.expect_method(0);
        peer.send_method(0, tune(Tune::DEFAULT));
        let _ = (peer.expect_method(0), peer.expect_method(0));
        peer.send_method(0, Method::ConnectionOpenOk);
        let events = peer.events();
        assert!(matches!(events[..], [Event::Introduced(_), Event::Ready(_)]), "{events:?}");
        peer
    }

    /// In the place of a client: everything up to connection.tune, with PLAIN and all capabilities.
    ///
    /// # Panics
    ///
    /// When the machine does not do its part.
    pub fn log_in(&mut self) {
        self.send_bytes(&ProtocolHeader::V0_9_1.to_bytes());
        let start = self.expect_method(0);
        assert!(matches!(start, Method::ConnectionStart(_)), "{start:?}");
        self.send_method(0, start_ok(&ClientConfig::default()));
        assert!(matches!(self.events()[..], [Event::Authenticate(_)]));
        self.decide(Decision::Accept);
        let tune = self.expect_method(0);
        assert!(matches!(tune, Method::ConnectionTune(_)), "{tune:?}");
    }

    /// In the place of a server: says connection.start with these mechanisms.
    pub fn start(&mut self, mechanisms: &'static str) {
        self.send_method(
            0,
            connection::Start {
                version_major: 0,
                version_minor: 9,
                mechanisms: mechanisms.into(),
                locales: "en_US".into(),
                ..connection::Start::default()
            },
        );
    }

    /// In the place of a client: opens a channel, which the host grants.
    ///
    /// # Panics
    ///
    /// When it does not open.
    pub fn open_channel(&mut self, number: u16) {
        let channel = ChannelId::new(number);
        self.send_method(number, Method::ChannelOpen);
        assert_eq!(self.events(), [Event::ChannelOpened(channel)]);
        let granted = self.connection.send(channel, &Method::ChannelOpenOk);
        granted.expect("a channel that can be granted");
        assert_eq!(self.expect_method(number), Method::ChannelOpenOk);
    }

    /// Octets from the peer.
    pub fn send_bytes(&mut self, octets: &[u8]) {
        let _ = self.try_send_bytes(octets);
    }

    /// Octets from the peer, and what the machine makes of them.
    ///
    /// # Errors
    ///
    /// What [`Connection::handle_bytes`] says.
    pub fn try_send_bytes(&mut self, octets: &[u8]) -> Result<(), ConnectionError> {
        self.to_machine.extend_from_slice(octets);
        self.connection.handle_bytes(self.now, &mut self.to_machine)
    }

    /// A frame from the peer.
    pub fn send(&mut self, frame: &Frame) {
        let mut octets = Vec::new();
        frame.encode(&mut octets);
        self.send_bytes(&octets);
    }

    /// A method from the peer.
    pub fn send_method(&mut self, channel: u16, method: impl Into<Method>) {
        self.send(&Frame::Method(ChannelId::new(channel), method.into()));
    }

    /// The host's decision.
    ///
    /// # Panics
    ///
    /// When nothing is to be decided.
    pub fn decide(&mut self, decision: Decision) {
        self.connection.decide(self.now, decision).expect("something to be decided");
        self.send_bytes(&[]);
    }

    /// Lets time pass.
    pub fn advance(&mut self, duration: Duration) {
        self.now += duration;
        self.connection.handle_timeout(self.now);
    }

    /// All events that there are now.
    pub fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// The next frame of the machine; `None` when it said nothing.
    ///
    /// # Panics
    ///
    /// When it is no frame.
    pub fn receive(&mut self) -> Option<Frame> {
        let outgoing = self.connection.outgoing();
        self.from_machine.extend_from_slice(&outgoing.copy_to_bytes(outgoing.remaining()));
        self.decoder.decode(&mut self.from_machine).expect("a frame of the machine")
    }

    /// The next octets of the machine, whatever they are.
    pub fn receive_bytes(&mut self) -> BytesMut {
        let outgoing = self.connection.outgoing();
        self.from_machine.extend_from_slice(&outgoing.copy_to_bytes(outgoing.remaining()));
        self.from_machine.split()
    }

    /// The next frame, which must be a method on this channel.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn expect_method(&mut self, channel: u16) -> Method {
        match self.receive() {
            Some(Frame::Method(on, method)) if on.number() == channel => method,
            other => panic!("expected a method on channel {channel}, got {other:?}"),
        }
    }

    /// The next octets, which must be the protocol header of 0-9-1.
    ///
    /// # Panics
    ///
    /// When they are not.
    pub fn expect_header(&mut self) {
        assert_eq!(self.receive_bytes()[..], ProtocolHeader::V0_9_1.to_bytes());
    }

    /// The next frame, which must be connection.close with this code, text, class and method.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn expect_close(&mut self, code: u16, text: &str, blamed: (u16, u16)) {
        match self.expect_method(0) {
            Method::ConnectionClose(close) => {
                let said = (close.reply_code.number(), close.reply_text.as_str());
                assert_eq!(said, (code, Ok(text)));
                assert_eq!((close.class_id, close.method_id), blamed);
            }
            other => panic!("expected connection.close, got {other:?}"),
        }
        self.expect_silence();
    }

    /// Asserts that the machine said nothing more.
    ///
    /// # Panics
    ///
    /// When it did.
    pub fn expect_silence(&mut self) {
        let said = self.receive();
        assert!(said.is_none(), "expected silence, got {said:?}");
    }
}

/// What a client of this configuration says in connection.start-ok.
fn start_ok(config: &ClientConfig) -> connection::StartOk {
    let Mechanism { name, response } = config.mechanism.clone();
    connection::StartOk {
        client_properties: config.client_properties.clone(),
        mechanism: name,
        response: response.into_inner(),
        locale: config.locale.clone(),
    }
}

fn tune(offer: Tune) -> connection::Tune {
    let Tune { channel_max, frame_max, heartbeat_s } = offer;
    connection::Tune { channel_max, frame_max, heartbeat: heartbeat_s }
}

fn tune_ok(answer: Tune) -> connection::TuneOk {
    let Tune { channel_max, frame_max, heartbeat_s } = answer;
    connection::TuneOk { channel_max, frame_max, heartbeat: heartbeat_s }
}
