//! Shows the AMQP frames in a capture file, as `tcpdump -w FILE port 5672` makes it.
//!
//! Only what an example needs: pcap files (not pcapng) of Ethernet, Linux's `any` device or loopback, IPv4 and IPv6, segments
//! put in order as far as the capture has them.
//!
//! `cargo run -p warrener-examples --example capture_sniffer -- FILE [PORT]`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use core::error::Error;
use std::collections::BTreeMap;

use bytes::{Buf, BytesMut};
use warrener_codec::{Decoder, Frame, Limits, ProtocolHeader};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: capture_sniffer FILE [PORT]")?;
    let port = arguments.next().map_or(Ok(5672), |port| port.parse())?;
    for line in sniff(&std::fs::read(file)?, port)? {
        println!("{line}");
    }
    Ok(())
}

/// A line for each frame in the order of the capture.
pub(crate) fn sniff(capture: &[u8], port: u16) -> Result<Vec<String>, Box<dyn Error>> {
    let capture = Capture::open(capture)?;
    let mut directions: BTreeMap<(Vec<u8>, u16, u16), Direction> = BTreeMap::new();
    let mut lines = Vec::new();
    for packet in capture {
        let Some(segment) = Segment::of(packet) else { continue };
        let who = match (segment.from == port, segment.to == port) {
            (true, _) => format!("broker to {}", segment.to),
            (_, true) => format!("client {}", segment.from),
            _ => continue,
        };
        let stream = (segment.addresses.to_vec(), segment.from, segment.to);
        let direction = directions.entry(stream).or_insert_with(|| Direction::new(segment.seq));
        direction.see(&segment, &who, &mut lines);
    }
    Ok(lines)
}

/// The packets of a capture file.
struct Capture<'a> {
    rest: &'a [u8],
    big_endian: bool,
    /// How much precedes the IP header.
    link_bytes: usize,
}

impl<'a> Capture<'a> {
    fn open(file: &'a [u8]) -> Result<Self, Box<dyn Error>> {
        let (head, rest) = file.split_at_checked(24).ok_or("the file is too short")?;
        let big_endian = match head[..4] {
            [0xd4 | 0x4d, 0xc3 | 0x3c, 0xb2, 0xa1] => false,
            [0xa1, 0xb2, 0xc3 | 0x3c, 0xd4 | 0x4d] => true,
            _ => Err("no pcap file")?,
        };
        let link_bytes = match number(&head[20..24], big_endian) {
            0 => 4,
            1 => 14,
            101 => 0,
            113 => 16,
            276 => 20,
            other => Err(format!("link type {other}"))?,
        };
        Ok(Self { rest, big_endian, link_bytes })
    }
}

impl<'a> Iterator for Capture<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(16)?;
        let len = number(&head[8..12], self.big_endian) as usize;
        let (packet, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(packet.get(self.link_bytes..).unwrap_or_default())
    }
}

fn number(octets: &[u8], big_endian: bool) -> u32 {
    let octets: [u8; 4] = octets.try_into().unwrap_or_default();
    if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
}

/// A piece of one direction of a TCP connection.
struct Segment<'a> {
    addresses: &'a [u8],
    from: u16,
    to: u16,
    seq: u32,
    octets: &'a [u8],
}

impl<'a> Segment<'a> {
    fn of(packet: &'a [u8]) -> Option<Self> {
        let (addresses, tcp) = match packet.first()? >> 4 {
            4 if packet.get(9) == Some(&6) => {
                let header = usize::from(packet[0] & 15) * 4;
                let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
                (packet.get(12..20)?, packet.get(header..total.min(packet.len()))?)
            }
            6 if packet.get(6) == Some(&6) => {
                let len = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
                (packet.get(8..40)?, packet.get(40..(40 + len).min(packet.len()))?)
            }
            _ => return None,
        };
        let (mut head, offset) = (tcp, usize::from(tcp.get(12)? >> 4) * 4);
        let (from, to, seq) =
            (head.try_get_u16().ok()?, head.try_get_u16().ok()?, head.try_get_u32().ok()?);
        let is_syn = tcp.get(13)? & 2 != 0;
        let seq = if is_syn { seq.wrapping_add(1) } else { seq };
        Some(Self { addresses, from, to, seq, octets: tcp.get(offset..)? })
    }
}

/// One direction of one connection: segments come in any order, and more than once.
struct Direction {
    next: u32,
    waiting: BTreeMap<u32, Vec<u8>>,
    input: BytesMut,
    decoder: Decoder,
    is_first: bool,
}

impl Direction {
    fn new(seq: u32) -> Self {
        let decoder = Decoder::new(Limits::with_frame_max(0));
        Self {
            next: seq,
            waiting: BTreeMap::new(),
            input: BytesMut::new(),
            decoder,
            is_first: true,
        }
    }

    fn see(&mut self, segment: &Segment<'_>, who: &str, lines: &mut Vec<String>) {
        if !segment.octets.is_empty() {
            self.waiting.insert(segment.seq, segment.octets.to_vec());
        }
        while let Some((seq, octets)) = self.fitting() {
            let known = self.next.wrapping_sub(seq) as usize;
            if let Some(new) = octets.get(known..) {
                self.input.extend_from_slice(new);
                self.next = self.next.wrapping_add(new.len() as u32);
            }
        }
        self.decode(who, lines);
    }

    /// A segment that begins where the last one ended, or before.
    fn fitting(&mut self) -> Option<(u32, Vec<u8>)> {
        let next = self.next;
        let fits = |seq: &&u32| next.wrapping_sub(**seq) < 1 << 31;
        let seq = *self.waiting.keys().find(fits)?;
        self.waiting.remove_entry(&seq)
    }

    fn decode(&mut self, who: &str, lines: &mut Vec<String>) {
        if self.is_first && self.input.len() >= ProtocolHeader::LEN {
            self.is_first = false;
            if let Ok((_, header)) = ProtocolHeader::parse(&self.input) {
                lines.push(format!("{who}: AMQP {:?}", header.version));
                self.input.advance(ProtocolHeader::LEN);
            }
        }
        while !self.is_first {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) => lines.push(format!("{who}: {}", line(&frame))),
                Ok(None) => return,
                Err(error) => {
                    lines.push(format!("{who}: {error}"));
                    if !error.is_recoverable() {
                        return;
                    }
                }
            }
        }
    }
}

fn line(frame: &Frame) -> String {
    match frame {
        Frame::Method(channel, method) => format!("[{channel}] {method:?}"),
        Frame::Header(channel, header) => format!("[{channel}] {header:?}"),
        Frame::Body(channel, body) => format!("[{channel}] {} octets of a body", body.len()),
        Frame::Heartbeat => "heartbeat".to_owned(),
    }
}
