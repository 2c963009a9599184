//! AMQP over WebSocket, with a client that other people wrote below it.

use core::net::SocketAddr;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Bytes, Message, WebSocket};

use crate::broker::Broker;
use crate::certificates::Authority;
use crate::wire::{BODY, Peer, QUEUE_DECLARE, content_header, frame, long, method, publish, short};

/// A WebSocket as a stream of octets.
struct Octets<S> {
    web_socket: WebSocket<S>,
    unread: Bytes,
}

impl<S: Read + Write> Octets<S> {
    fn over(stream: S, subprotocol: Option<&str>) -> Result<Self, String> {
        let mut request = "ws://localhost/ws".into_client_request().expect("a request");
        if let Some(subprotocol) = subprotocol {
            let value = subprotocol.parse().expect("a value");
            request.headers_mut().insert("Sec-WebSocket-Protocol", value);
        }
        let (web_socket, response) =
            tungstenite::client(request, stream).map_err(|error| error.to_string())?;
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "amqp");
        Ok(Self { web_socket, unread: Bytes::new() })
    }
}

impl<S: Read + Write> Read for Octets<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            match self.web_socket.read().map_err(io::Error::other)? {
                Message::Binary(octets) => self.unread = octets,
                Message::Close(_) => return Ok(0),
                _ => {}
            }
        }
        let count = self.unread.len().min(into.len());
        into[..count].copy_from_slice(&self.unread.split_to(count));
        Ok(count)
    }
}

impl<S: Read + Write> Write for Octets<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        // A few octets a message, so that frames of AMQP and messages have nothing to do with each other.
        let count = octets.len().min(30_001);
        let message = Message::Binary(Bytes::copy_from_slice(&octets[..count]));
        self.web_socket.send(message).map_err(io::Error::other)?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(core::time::Duration::from_secs(20))).expect("not zero");
    socket
}

/// Sends large messages, and takes them back.
fn converse(octets: impl Read + Write) {
    const COUNT: usize = 20;
    const BODY_BYTES: usize = 100_000;
    let mut peer = Peer::greet(octets);
    peer.log_in("guest", "guest");
    peer.open_channel();
    peer.send(&method(1, QUEUE_DECLARE, &[&[0, 0][..], &short(""), &[0], &long(b"")].concat()));
    let declared = peer.expect_method(1, (50, 11));
    let queue = String::from_utf8(declared[1..][..declared[0].into()].to_vec()).expect("a name");
    for _ in 0..COUNT {
        peer.send(&publish(1, &queue));
        peer.send(&content_header(1, 60, BODY_BYTES as u64));
        peer.send(&frame(BODY, 1, &[7; BODY_BYTES]));
    }
    let consume = [&[0, 0][..], &short(&queue), &short("t"), &[2], &long(b"")].concat();
    peer.send(&method(1, (60, 20), &consume));
    peer.expect_method(1, (60, 21));
    let mut left = COUNT * BODY_BYTES;
    while left > 0 {
        let part = peer.frame();
        left -= if part.kind == BODY { part.payload.len() } else { 0 };
    }
}

#[test]
fn messages_of_any_size_go_through_web_sockets_bare_and_over_tls() {
    let authority = Authority::new();
    let files = authority.sign("server", "server", &["localhost"]);
    let listen = ["--web-socket-listen", "127.0.0.1:0", "--web-socket-tls-listen", "127.0.0.1:0"];
    let options = [&files.options()[..], &["--tls-listen", "127.0.0.1:0"], &listen].concat();
    let broker = Broker::start_with(&options);
    let bare = connect(broker.address_for("AMQP over WebSocket"));
    converse(Octets::over(bare, Some("mqtt, amqp")).expect("a WebSocket"));

    let socket = connect(broker.address_for("AMQP over WebSocket and TLS"));
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(authority.client(None), name).expect("a client");
    let secret = StreamOwned::new(client, socket);
    converse(Octets::over(secret, Some("amqp")).expect("a WebSocket"));
}

#[test]
fn what_is_no_web_socket_for_amqp_is_told_what_is_wanted() {
    let broker = Broker::start_with(&["--web-socket-listen", "127.0.0.1:0"]);
    let address = broker.address_for("AMQP over WebSocket");
    let refused = |subprotocol| Octets::over(connect(address), subprotocol).err().expect("refused");
    assert!(refused(None).contains("400"));
    assert!(refused(Some("mqtt")).contains("400"));
    let told = |said: &[u8]| {
        let mut socket = connect(address);
        socket.write_all(said).expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("text, and the end");
        answer
    };
    assert!(told(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 426 "));
    assert!(told(b"AMQP\0\0\x09\x01").starts_with("HTTP/1.1 400 "));
    broker.expect_log("no WebSocket for AMQP was asked for");

    // Pings are answered, text is refused, and a login that fails is told.
    let mut octets = Octets::over(connect(address), Some("amqp")).expect("a WebSocket");
    octets.web_socket.send(Message::Ping(Bytes::from_static(b"there?"))).expect("sent");
    let pong = octets.web_socket.read().expect("an answer");
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"there?")));
    octets.web_socket.send(Message::text("AMQP")).expect("sent");
    let closed = octets.web_socket.read().expect("an answer");
    assert!(matches!(closed, Message::Close(Some(frame)) if u16::from(frame.code) == 1003));
    let mut peer = Peer::greet(Octets::over(connect(address), Some("amqp")).expect("a WebSocket"));
    peer.log_in("guest", "wrong");
    assert_eq!(peer.expect_close().code, 403);
}
