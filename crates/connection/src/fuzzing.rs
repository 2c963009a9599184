//! What the fuzz targets do with their octets; `cargo test` does it with the corpus and with random octets.

#![cfg_attr(not(test), expect(clippy::expect_used, reason = "a fuzz target fails by panicking"))]

mod operations;

pub use operations::operations;

use alloc::vec::Vec;

use bytes::{Buf, BytesMut};
use warrener_codec::{ChannelId, Decoder, Method, ProtocolHeader};

use crate::testing::{Pair, START};
use crate::{ClientConfig, Connection, Decision, Event, Initiator, Misuse, ServerConfig};

/// Octets into a server: the first says how far the connection has come and how the rest is cut.
pub fn server(data: &[u8]) {
    let Some((how, octets)) = data.split_first() else { return };
    let begin = || match how % 4 {
        0 => Connection::server(ServerConfig::new(), START),
        1 => Pair::established().server.connection,
        _ => {
            let mut pair = Pair::established();
            pair.open_channel(1);
            pair.server.connection
        }
    };
    feed(begin, *how, octets);
}

/// Octets into a client: the first says how far the connection has come and how the rest is cut.
pub fn client(data: &[u8]) {
    let Some((how, octets)) = data.split_first() else { return };
    let begin = || match how % 4 {
        0 => Connection::client(ClientConfig::default(), START),
        1 => Pair::established().client.connection,
        _ => {
            let mut pair = Pair::established();
            pair.open_channel(1);
            pair.client.connection
        }
    };
    feed(begin, *how, octets);
}

/// The same octets, whole and in pieces, become the same events, and what the machine says is always well formed.
fn feed(begin: impl Fn() -> Connection, how: u8, octets: &[u8]) {
    let whole = told(begin(), octets, usize::MAX);
    let pieces = told(begin(), octets, usize::from(how / 4) + 1);
    assert_eq!(whole.len(), pieces.len(), "{whole:?} {pieces:?}");
    for (whole, pieces) in whole.iter().zip(&pieces) {
        // A frame error quotes as many octets as have come.
        match (whole, pieces) {
            (Event::Closed(whole), Event::Closed(pieces)) => {
                assert_eq!((whole.by, whole.code), (pieces.by, pieces.code));
            }
            (whole, pieces) => assert_eq!(whole, pieces),
        }
    }
}

fn told(mut connection: Connection, octets: &[u8], chunk: usize) -> Vec<Event> {
    let mut input = BytesMut::new();
    let mut events = Vec::new();
    let mut first_error = None;
    for piece in octets.chunks(chunk.min(octets.len()).max(1)) {
        input.extend_from_slice(piece);
        loop {
            let result = connection.handle_bytes(START, &mut input);
            if let Some(error) = &first_error {
                assert_eq!(result.as_ref().err(), Some(error), "the first error is repeated");
            }
            first_error = first_error.or_else(|| result.err());
            let before = events.len();
            while let Some(event) = connection.poll_event() {
                host(&mut connection, &event);
                events.push(event);
            }
            if events.len() == before {
                break;
            }
        }
        assert!(connection.missing() > 0);
    }
    connection.handle_eof(START);
    events.extend(core::iter::from_fn(|| connection.poll_event()));
    let ended = events.iter().position(|event| matches!(event, Event::Closed(_)));
    let after = ended.and_then(|at| events.get(at + 1..)).expect("every connection ends");
    let crossing =
        |event: &Event| matches!(event, Event::Closed(close) if close.by == Initiator::Peer);
    assert!(after.len() <= 1, "one end, and nothing after it but a close that crossed ours");
    assert!(after.iter().all(crossing), "{after:?}");
    check_output(&mut connection);
    events
}

/// A host that grants everything.
fn host(connection: &mut Connection, event: &Event) {
    let granted: Result<(), Misuse> = match event {
        Event::Authenticate(_) | Event::Response(_) | Event::Open { .. } => {
            connection.decide(START, Decision::Accept)
        }
        Event::Challenge(_) => connection.respond("response"),
        Event::ChannelOpened(channel) if connection.is_open() => {
            // To a client it is the answer, and there is nothing to grant.
            let _ = connection.send(*channel, &Method::ChannelOpenOk);
            Ok(())
        }
        Event::ChannelClosed(channel, close) if close.by == Initiator::Peer => {
            let _ = connection.send(*channel, &Method::ChannelCloseOk);
            Ok(())
        }
        Event::Closed(_) => {
            connection.finish_close();
            Ok(())
        }
        _ => Ok(()),
    };
    granted.expect("what an event asks for can be answered");
}

fn check_output(connection: &mut Connection) {
    let outgoing = connection.outgoing();
    let mut said = BytesMut::from(&outgoing.copy_to_bytes(outgoing.remaining())[..]);
    if said.starts_with(b"AMQP") {
        said.advance(ProtocolHeader::LEN);
    }
    let mut decoder = Decoder::new(warrener_codec::Limits::default());
    while let Some(frame) = decoder.decode(&mut said).expect("well formed frames") {
        assert!(frame.channel() <= ChannelId::new(u16::MAX));
        if said.starts_with(b"AMQP") {
            said.advance(ProtocolHeader::LEN);
        }
    }
    assert!(said.is_empty(), "whole frames");
}
