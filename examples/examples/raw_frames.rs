//! A sniffer: `cargo run --example raw_frames -- <listen address> <server address>`.
//!
//! It stands between a client and a server, passes all octets on, and prints the frames of both directions. Without
//! addresses it shows what it would print of a small conversation.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "an example is a program")]

use std::env;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use bytes::{Buf, BytesMut};
use warrener_codec::method::{basic, channel, queue};
use warrener_codec::{
    ChannelId, Content, Decoder, Frame, Limits, Method, Properties, ProtocolHeader, ReplyCode,
    ShortStr, TableBuilder,
};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(listen), Some(server)) => stand_between(&listen, &server),
        _ => {
            show_small_conversation();
            Ok(())
        }
    }
}

pub(crate) fn show_small_conversation() {
    Sniffer::new("client").see(&small_conversation());
}

fn stand_between(listen: &str, server: &str) -> io::Result<()> {
    for client in TcpListener::bind(listen)?.incoming() {
        let (client, server) = (client?, TcpStream::connect(server)?);
        let (client_again, server_again) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || pass_on("client", client, server));
        thread::spawn(move || pass_on("server", server_again, client_again));
    }
    Ok(())
}

fn pass_on(who: &'static str, mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let mut sniffer = Sniffer::new(who);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let len = from.read(&mut piece)?;
        if len == 0 {
            return to.shutdown(Shutdown::Write);
        }
        sniffer.see(&piece[..len]);
        to.write_all(&piece[..len])?;
    }
}

/// One direction of one connection.
struct Sniffer {
    who: &'static str,
    decoder: Decoder,
    input: BytesMut,
    is_first: bool,
}

impl Sniffer {
    fn new(who: &'static str) -> Self {
        let decoder = Decoder::new(Limits::with_frame_max(0));
        Self { who, decoder, input: BytesMut::new(), is_first: true }
    }

    fn see(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        if self.is_first && self.input.len() >= ProtocolHeader::LEN {
            self.is_first = false;
            if let Ok((_, header)) = ProtocolHeader::parse(&self.input) {
                println!("{} speaks version {:?}", self.who, header.version);
                self.input.advance(ProtocolHeader::LEN);
            }
        }
        while !self.is_first {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) => self.show(&frame),
                Ok(None) => return,
                Err(error) => {
                    println!("{} {} would close this: {error}", self.who, error.code());
                    if !error.is_recoverable() {
                        return;
                    }
                }
            }
        }
    }

    fn show(&self, frame: &Frame) {
        let who = self.who;
        match frame {
            Frame::Method(channel, method) => println!("{who} [{channel}] {method:?}"),
            Frame::Header(channel, header) => println!("{who} [{channel}] {header:?}"),
            Frame::Body(channel, body) => println!("{who} [{channel}] {} octets", body.len()),
            Frame::Heartbeat => println!("{who} heartbeat"),
        }
    }
}

/// What a client might send.
fn small_conversation() -> Vec<u8> {
    let channel = ChannelId::new(1);
    let mut out = Vec::new();
    ProtocolHeader::V0_9_1.encode(&mut out);
    Method::ChannelOpen.encode(channel, &mut out);
    let declare = queue::Declare {
        queue: ShortStr::from_static("orders"),
        arguments: TableBuilder::new().with("x-max-length", 10).build().unwrap_or_default(),
        ..Default::default()
    };
    Method::from(declare).encode(channel, &mut out);
    basic::PublishRef { mandatory: true, ..Default::default() }.encode(channel, &mut out);
    let properties = Properties::builder().content_type("text/plain").build().unwrap_or_default();
    Content::new(properties, b"three apples".to_vec()).encode(channel, 0, &mut out);
    let close = channel::Close {
        reply_code: ReplyCode::REPLY_SUCCESS,
        reply_text: ShortStr::from_static("goodbye"),
        ..Default::default()
    };
    Method::from(close).encode(channel, &mut out);
    out
}
