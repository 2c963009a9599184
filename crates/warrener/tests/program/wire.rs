//! AMQP 0-9-1 as bytes on a socket, written down by hand, so that a test can also send what no
//! client would.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::broker::Broker;

/// What a client sends first (AMQP 0-9-1 §4.2.2).
pub(crate) const PROTOCOL_HEADER: &[u8; 8] = b"AMQP\x00\x00\x09\x01";

pub(crate) const METHOD: u8 = 1;
pub(crate) const HEADER: u8 = 2;
pub(crate) const BODY: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 8;

/// Class and method ids.
pub(crate) const START: (u16, u16) = (10, 10);
pub(crate) const START_OK: (u16, u16) = (10, 11);
pub(crate) const TUNE: (u16, u16) = (10, 30);
pub(crate) const TUNE_OK: (u16, u16) = (10, 31);
pub(crate) const OPEN: (u16, u16) = (10, 40);
pub(crate) const OPEN_OK: (u16, u16) = (10, 41);
pub(crate) const CLOSE: (u16, u16) = (10, 50);
pub(crate) const CLOSE_OK: (u16, u16) = (10, 51);
pub(crate) const CHANNEL_OPEN: (u16, u16) = (20, 10);
pub(crate) const CHANNEL_OPEN_OK: (u16, u16) = (20, 11);
pub(crate) const QUEUE_DECLARE: (u16, u16) = (50, 10);
pub(crate) const BASIC_PUBLISH: (u16, u16) = (60, 40);

/// The frame-max that [`Peer::open`] agrees on.
pub(crate) const FRAME_MAX: u32 = 131_072;

/// One frame as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) channel: u16,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Class and method, if it is a method.
    pub(crate) fn method(&self) -> Option<(u16, u16)> {
        let ids = self.payload.first_chunk::<4>().filter(|_| self.kind == METHOD)?;
        Some((u16::from_be_bytes([ids[0], ids[1]]), u16::from_be_bytes([ids[2], ids[3]])))
    }
}

/// Why a connection was closed: code, text, and the method to blame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) text: String,
    pub(crate) method: (u16, u16),
}

/// One end of a connection that a test plays.
pub(crate) struct Peer<S = TcpStream> {
    socket: S,
}

impl Peer {
    /// A socket on which nothing was said yet.
    pub(crate) fn connect(broker: &Broker) -> Self {
        Self { socket: broker.connect() }
    }

    /// A connection as far as the broker's question for a login.
    pub(crate) fn greeted(broker: &Broker) -> Self {
        Self::greet(broker.connect())
    }

    /// An open connection, with channel 1 open.
    pub(crate) fn open(broker: &Broker) -> Self {
        let mut peer = Self::greeted(broker);
        peer.log_in("guest", "guest");
        peer.open_channel();
        peer
    }

    /// The next frame, or `None` when the broker closes its socket instead.
    pub(crate) fn frame_or_end(&mut self) -> Option<Frame> {
        let mut first = [0];
        match self.socket.peek(&mut first) {
            Ok(0) => None,
            Ok(_) => Some(self.frame()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                None
            }
        }
    }
}

impl Peer {
    /// Whether the broker answers at all, and does not hang up instead.
    pub(crate) fn greets(mut self) -> bool {
        self.socket.write_all(PROTOCOL_HEADER).is_ok() && self.socket.read_exact(&mut [0]).is_ok()
    }

    /// Takes connection.start, which a login did not wait for.
    #[track_caller]
    pub(crate) fn read_greeting(&mut self) {
        self.expect_method(0, START);
    }
}

impl<S: Read + Write> Peer<S> {
    /// A connection as far as the broker's question for a login, over any stream.
    pub(crate) fn greet(socket: S) -> Self {
        let mut peer = Self { socket };
        peer.send(PROTOCOL_HEADER);
        peer.expect_method(0, START);
        peer
    }

    /// Goes on from a login to an open connection, with channel 1 open.
    #[track_caller]
    pub(crate) fn open_channel(&mut self) {
        self.open_in("/");
    }

    /// The same in any virtual host.
    #[track_caller]
    pub(crate) fn open_in(&mut self, vhost: &str) {
        self.ask_for(vhost);
        self.expect_method(0, OPEN_OK);
        self.send(&method(1, CHANNEL_OPEN, &short("")));
        self.expect_method(1, CHANNEL_OPEN_OK);
    }

    /// Goes on from a login as far as the question for a virtual host.
    #[track_caller]
    pub(crate) fn ask_for(&mut self, vhost: &str) {
        self.expect_method(0, TUNE);
        let mut limits = 2047u16.to_be_bytes().to_vec();
        limits.extend(FRAME_MAX.to_be_bytes());
        limits.extend(0u16.to_be_bytes());
        self.send(&method(0, TUNE_OK, &limits));
        self.send(&method(0, OPEN, &[&short(vhost)[..], &short(""), &[0]].concat()));
    }

    /// Answers the question for a login, and says that a refusal is understood.
    pub(crate) fn log_in(&mut self, user: &str, password: &str) {
        let response = format!("\0{user}\0{password}");
        self.log_in_by("PLAIN", response.as_bytes());
    }

    /// The same by any mechanism.
    pub(crate) fn log_in_by(&mut self, mechanism: &str, response: &[u8]) {
        self.log_in_as(None, mechanism, response);
    }

    /// The same by a client that gives its connection a name.
    pub(crate) fn log_in_as(&mut self, name: Option<&[u8]>, mechanism: &str, response: &[u8]) {
        let capability = [&short("authentication_failure_close")[..], b"t\x01"].concat();
        let mut properties = [&short("capabilities")[..], b"F", &long(&capability)].concat();
        if let Some(name) = name {
            properties.extend([&short("connection_name")[..], b"S", &long(name)].concat());
        }
        let arguments = [long(&properties), short(mechanism), long(response), short("en_US")];
        self.send(&method(0, START_OK, &arguments.concat()));
    }

    /// Sends bytes, all of them.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the broker reads");
    }

    /// Sends the same bytes until the broker does not take them any more, or has taken `limit`.
    pub(crate) fn flood(&mut self, bytes: &[u8], limit: usize) -> usize {
        let mut sent = 0;
        while sent < limit {
            match self.socket.write(bytes) {
                Ok(0) | Err(_) => break,
                Ok(taken) => sent += taken,
            }
        }
        sent
    }

    /// Reads exactly `N` bytes.
    pub(crate) fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.socket.read_exact(&mut bytes).expect("more bytes from the broker");
        bytes
    }

    /// The next frame that is not a heartbeat.
    pub(crate) fn frame(&mut self) -> Frame {
        loop {
            let [kind, c1, c0, s3, s2, s1, s0] = self.read();
            let size = u32::from_be_bytes([s3, s2, s1, s0]);
            let mut payload = vec![0; size as usize];
            self.socket.read_exact(&mut payload).expect("the whole frame");
            assert_eq!(self.read(), [0xCE]);
            if kind != HEARTBEAT {
                return Frame { kind, channel: u16::from_be_bytes([c1, c0]), payload };
            }
        }
    }

    /// The arguments of the next frame, which must be this method.
    #[track_caller]
    pub(crate) fn expect_method(&mut self, channel: u16, ids: (u16, u16)) -> Vec<u8> {
        let frame = self.frame();
        assert_eq!((frame.channel, frame.method()), (channel, Some(ids)), "{frame:?}");
        frame.payload[4..].to_vec()
    }

    /// What the connection.close says that comes next.
    #[track_caller]
    pub(crate) fn expect_close(&mut self) -> Closed {
        let arguments = self.expect_method(0, CLOSE);
        let text_length = usize::from(arguments[2]);
        let number = |at: usize| u16::from_be_bytes([arguments[at], arguments[at + 1]]);
        let text = &arguments[3..3 + text_length];
        Closed {
            code: number(0),
            text: String::from_utf8(text.to_vec()).expect("UTF-8"),
            method: (number(3 + text_length), number(5 + text_length)),
        }
    }

    /// Answers a close, and expects the broker to say nothing more and to close its socket.
    #[track_caller]
    pub(crate) fn agree_to_close(&mut self) {
        self.send(&method(0, CLOSE_OK, &[]));
        self.expect_end();
    }

    /// Expects the broker to say nothing more and to close its socket.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        match self.socket.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(rest, b"", "the broker goes on talking"),
            // It did not read all that was sent, so its system resets.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

/// A whole frame.
pub(crate) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(kind, channel, u32::try_from(payload.len()).expect("not that long"));
    bytes.extend(payload);
    bytes.push(0xCE);
    bytes
}

/// What comes before a frame's payload.
pub(crate) fn head(kind: u8, channel: u16, size: u32) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(size.to_be_bytes());
    bytes
}

/// A frame with a method.
pub(crate) fn method(channel: u16, (class, number): (u16, u16), arguments: &[u8]) -> Vec<u8> {
    let payload = [&class.to_be_bytes()[..], &number.to_be_bytes(), arguments].concat();
    frame(METHOD, channel, &payload)
}

/// A frame with a content header without properties.
pub(crate) fn content_header(channel: u16, class: u16, body_bytes: u64) -> Vec<u8> {
    let size = body_bytes.to_be_bytes();
    frame(HEADER, channel, &[&class.to_be_bytes()[..], &[0, 0], &size, &[0, 0]].concat())
}

/// The same with properties: their flags, and those that the flags name.
pub(crate) fn header_with_properties(
    channel: u16,
    class: u16,
    body_bytes: u64,
    properties: &[u8],
) -> Vec<u8> {
    let size = body_bytes.to_be_bytes();
    frame(HEADER, channel, &[&class.to_be_bytes()[..], &[0, 0], &size, properties].concat())
}

/// basic.publish to the default exchange.
pub(crate) fn publish(channel: u16, queue: &str) -> Vec<u8> {
    method(channel, BASIC_PUBLISH, &[&[0, 0][..], &short(""), &short(queue), &[0]].concat())
}

/// A short string.
pub(crate) fn short(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short string");
    [&[length][..], text.as_bytes()].concat()
}

/// A long string, or a table.
pub(crate) fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a long string");
    [&length.to_be_bytes()[..], bytes].concat()
}
