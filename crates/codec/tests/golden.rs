//! What real clients and RabbitMQ 4.3 said to each other, byte for byte: `golden/<session>.client` and `.server`.
//!
//! The sessions named `raw-*` are hand-made clients that say what the libraries do not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::BytesMut;
use warrener_codec::{
    Decoder, FRAME_OVERHEAD, Frame, Limits, Method, MethodId, ProtocolHeader, Sender, grammar,
};

struct Stream {
    name: String,
    bytes: Vec<u8>,
}

impl Stream {
    fn is_client(&self) -> bool {
        self.name.ends_with(".client")
    }

    /// The protocol header, when it has one, taken off.
    fn frames(&self) -> &[u8] {
        match ProtocolHeader::parse(&self.bytes) {
            Ok((rest, header)) => {
                assert!(self.is_client(), "{}", self.name);
                assert_eq!(header, ProtocolHeader::V0_9_1);
                rest
            }
            Err(_) => {
                assert!(!self.is_client(), "{}", self.name);
                &self.bytes
            }
        }
    }
}

fn streams() -> Vec<Stream> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut streams: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| Stream {
            name: entry.file_name().into_string().unwrap(),
            bytes: fs::read(entry.path()).unwrap(),
        })
        .collect();
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(streams.len() >= 20);
    streams
}

fn decode_all(bytes: &[u8]) -> Vec<Frame> {
    let mut input = BytesMut::from(bytes);
    let mut decoder = Decoder::new(Limits::default());
    let mut frames = Vec::new();
    while let Some(frame) = decoder.decode(&mut input).unwrap() {
        frames.push(frame);
    }
    assert!(input.is_empty());
    frames
}

/// Reserved fields are the exception: aio-pika opens channels with a reserved string of "0", and pika connections with
/// a reserved bit, where others have none.
#[test]
fn every_captured_frame_is_written_back_bit_for_bit() {
    let mut written_otherwise = BTreeSet::new();
    for stream in streams() {
        let mut read = stream.frames();
        for frame in decode_all(read) {
            let (_, captured) = grammar::frame(&Limits::default())(read).unwrap();
            let (captured, rest) = read.split_at(captured.payload.len() + FRAME_OVERHEAD);
            let mut written = BytesMut::new();
            frame.encode(&mut written);
            assert_eq!(written.len(), frame.encoded_len(), "{}: {frame:?}", stream.name);
            if written != captured {
                written_otherwise.insert(frame_name(&frame));
                assert_eq!(decode_all(&written), [frame]);
            }
            read = rest;
        }
        assert!(read.is_empty());
    }
    assert_eq!(written_otherwise, BTreeSet::from(["channel.open", "connection.open"]));
}

fn frame_name(frame: &Frame) -> &'static str {
    match frame {
        Frame::Method(_, method) => method.name(),
        Frame::Header(..) => "header",
        Frame::Body(..) => "body",
        Frame::Heartbeat => "heartbeat",
    }
}

#[test]
fn every_split_gives_the_same_frames() {
    for stream in streams() {
        let bytes = stream.frames();
        let whole = decode_all(bytes);
        for split in 0..=bytes.len() {
            let mut decoder = Decoder::new(Limits::default());
            let mut input = BytesMut::from(&bytes[..split]);
            let mut count = 0;
            while let Some(frame) = decoder.decode(&mut input).unwrap() {
                assert!(frame == whole[count], "{} cut at {split}", stream.name);
                count += 1;
            }
            let missing = decoder.missing();
            let rest = &bytes[split..];
            if !rest.is_empty() && input.len() >= FRAME_OVERHEAD - 1 {
                input.extend_from_slice(&rest[..missing - 1]);
                assert_eq!(decoder.decode(&mut input).unwrap(), None);
                assert_eq!(decoder.missing(), 1);
                input.extend_from_slice(&rest[missing - 1..missing]);
                assert!(decoder.decode(&mut input).unwrap().unwrap() == whole[count]);
            } else {
                input.extend_from_slice(rest);
                assert_eq!(decoder.decode(&mut input).unwrap().as_ref(), whole.get(count));
            }
        }
    }
}

#[test]
fn octet_by_octet_gives_the_same_frames() {
    for stream in streams() {
        let mut decoder = Decoder::new(Limits::default());
        let mut input = BytesMut::new();
        let mut frames = Vec::new();
        for octet in stream.frames() {
            input.extend_from_slice(&[*octet]);
            frames.extend(decoder.decode(&mut input).unwrap());
            assert!(decoder.missing() > 0);
        }
        assert!(frames == decode_all(stream.frames()), "{}", stream.name);
    }
}

#[test]
fn the_legality_table_agrees_with_what_was_said() {
    for stream in streams() {
        for frame in decode_all(stream.frames()) {
            if let Frame::Method(channel, method) = frame {
                let id = method.id();
                let may = if stream.is_client() { Sender::is_client } else { Sender::is_server };
                assert!(may(id.sender()), "{}: {}", stream.name, id.name());
                assert_eq!(channel.is_connection(), id.is_on_channel_zero());
            }
        }
    }
}

#[test]
fn content_follows_the_methods_that_have_it() {
    for stream in streams() {
        let mut before: Option<Frame> = None;
        for frame in decode_all(stream.frames()) {
            let has_content =
                matches!(&before, Some(Frame::Method(_, method)) if method.id().has_content());
            assert_eq!(matches!(&frame, Frame::Header(..)), has_content, "{}", stream.name);
            before = Some(frame);
        }
    }
}

#[test]
fn all_methods_that_can_be_provoked_were() {
    let mut said = BTreeSet::new();
    for stream in streams() {
        for frame in decode_all(stream.frames()) {
            if let Frame::Method(_, method) = frame {
                said.insert(method.id());
            }
        }
    }
    let never: Vec<_> =
        MethodId::ALL.iter().filter(|id| !said.contains(id)).map(|id| id.name()).collect();
    assert_eq!(never, [""; 0]);
}

#[test]
fn all_properties_come_out_of_the_tour() {
    let tour = streams().into_iter().find(|stream| stream.name == "pika-tour.client").unwrap();
    let properties = decode_all(tour.frames())
        .into_iter()
        .find_map(|frame| match frame {
            Frame::Header(_, header) if header.properties.headers().is_some() => {
                Some(header.properties)
            }
            _ => None,
        })
        .unwrap();
    let all = properties.read().unwrap();
    assert_eq!(all.content_type.unwrap(), "text/plain");
    assert_eq!(all.content_encoding.unwrap(), "utf-8");
    assert_eq!(all.delivery_mode, Some(2));
    assert_eq!(all.priority, Some(4));
    assert_eq!(all.correlation_id.unwrap(), "c1");
    assert_eq!(all.reply_to.unwrap(), "r");
    assert_eq!(all.expiration.unwrap(), "30000");
    assert_eq!(all.message_id.unwrap(), "m1");
    assert_eq!(all.timestamp, Some(1_700_000_000));
    assert_eq!(all.kind.unwrap(), "t");
    assert_eq!(all.user_id.unwrap(), "guest");
    assert_eq!(all.app_id.unwrap(), "app");
    assert_eq!(all.cluster_id.unwrap(), "cl");
    assert_eq!(
        format!("{:?}", all.headers.unwrap()),
        r#"{"str": "v", "int": 5i32, "big": 1099511627776i64, "neg": -3i32, "bool": true, "none": void, "list": [1i32, "two", {"three": 3i32}], "table": {"a": {"b": "c"}}, "bytes": bytes("\x00\xff"), "ts": timestamp(1704153600), "dec": decimal(1.25)}"#
    );
    assert_eq!(all.to_owned(), properties);
}

/// A frame's memory is the read buffer's own.
#[test]
fn a_body_is_a_slice_of_the_read_buffer() {
    let mut input = BytesMut::new();
    Frame::Body(warrener_codec::ChannelId::new(1), vec![7; 70_000].into()).encode(&mut input);
    let (start, end) = (input.as_ptr().addr(), input.as_ptr().addr() + input.len());
    let frame = Decoder::new(Limits::default()).decode(&mut input).unwrap().unwrap();
    let Frame::Body(_, body) = frame else { panic!("not a body") };
    assert!(start < body.as_ptr().addr() && body.as_ptr().addr() < end);
}

#[test]
fn what_a_method_holds_can_be_asked_for() {
    let relics = streams().into_iter().find(|stream| stream.name == "raw-relics.client").unwrap();
    let start_ok = decode_all(relics.frames()).into_iter().find_map(|frame| match frame {
        Frame::Method(_, Method::ConnectionStartOk(start_ok)) => Some(start_ok),
        _ => None,
    });
    let start_ok = start_ok.unwrap();
    assert_eq!(start_ok.mechanism, "PLAIN");
    assert_eq!(start_ok.response, "\0guest\0guest");
    let odd = start_ok.client_properties.get("odd").unwrap().as_array().unwrap();
    assert_eq!(
        format!("{odd:?}"),
        r#"[1i16, 1u16, -1i8, 255u8, 1u32, 4.6006e-41f32, 0.0f64, decimal(3.14), timestamp(0), 0i64, void, bytes("\x00")]"#
    );
}
