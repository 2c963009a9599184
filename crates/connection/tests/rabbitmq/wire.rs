//! A client on a blocking socket.

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::UNIX_EPOCH;

use bytes::{Buf, BytesMut};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, Table};
use warrener_connection::{Close, Connection, Event, Initiator, Uri};
use warrener_time::Time;

#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) connection: Connection,
    /// The broker's version, as far as it counts: major and minor.
    pub(crate) version: (u32, u32),
    stream: TcpStream,
    input: BytesMut,
}

impl Wire {
    pub(crate) fn connect(uri: &Uri) -> Self {
        Self::try_connect(uri).unwrap_or_else(|close| panic!("{close}"))
    }

    pub(crate) fn try_connect(uri: &Uri) -> Result<Self, Close> {
        let stream = TcpStream::connect((uri.host.as_str(), uri.port)).expect("a broker");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        let mut config = uri.client_config();
        config.handshake_timeout = Duration::from_secs(30);
        let connection = Connection::client(config, now());
        let mut wire = Self { connection, version: (0, 0), stream, input: BytesMut::new() };
        loop {
            match wire.next() {
                Event::Ready(_) => return Ok(wire),
                Event::Introduced(properties) => wire.version = version(&properties),
                Event::Closed(close) => return Err(close),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn open_channel(&mut self, number: u16) {
        let channel = ChannelId::new(number);
        self.send(channel, Method::ChannelOpen);
        assert_eq!(self.next(), Event::ChannelOpened(channel));
    }

    pub(crate) fn send(&mut self, channel: ChannelId, method: impl Into<Method>) {
        self.connection.send(channel, &method.into()).expect("a method that can be sent");
    }

    pub(crate) fn publish(
        &mut self,
        channel: ChannelId,
        publish: basic::PublishRef<'_>,
        content: &Content,
    ) {
        self.connection.publish(channel, publish, content).expect("a message that can be sent");
    }

    /// Octets past the machine, lawful or not.
    pub(crate) fn write_octets(&mut self, octets: &[u8]) {
        self.write();
        self.stream.write_all(octets).expect("a broker that reads");
    }

    /// The next event, waited for.
    pub(crate) fn next(&mut self) -> Event {
        loop {
            let _ = self.connection.handle_bytes(now(), &mut self.input);
            if let Some(event) = self.connection.poll_event() {
                return event;
            }
            self.write();
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => self.connection.handle_eof(now()),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    self.connection.handle_eof(now());
                }
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// Says goodbye and waits for the answer.
    pub(crate) fn close(mut self) {
        self.connection.close(now(), Close::goodbye());
        match self.next() {
            Event::Closed(close) => assert_eq!(close.by, Initiator::Local),
            other => panic!("{other:?}"),
        }
        assert_eq!(self.connection.error(), None);
    }

    fn write(&mut self) {
        let mut waiting = self.connection.outgoing().reader();
        let _ = std::io::copy(&mut waiting, &mut self.stream);
    }
}

fn version(properties: &Table) -> (u32, u32) {
    let text = properties.get("version");
    let text = text.as_ref().and_then(|text| text.as_str()).unwrap_or_default();
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().expect("after 1970").as_micros() as u64)
}
