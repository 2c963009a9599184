//! Bytes that mean harm: every answer is an error that says where, what was expected, and which reply code is due.

use std::thread;

use bytes::{BufMut, Bytes, BytesMut};
use warrener_codec::method::{basic, connection};
use warrener_codec::{
    Array, ArrayBuilder, ChannelId, DecodeError, Decoder, Expected, FRAME_END, Frame, Header,
    Limits, Method, MethodId, Properties, ReplyCode, Table, TableBuilder, Value, grammar,
};

/// A frame around any payload.
fn frame(kind: u8, channel: u16, payload: &[u8]) -> BytesMut {
    let mut wire = BytesMut::new();
    wire.put_u8(kind);
    wire.put_u16(channel);
    wire.put_u32(payload.len() as u32);
    wire.put_slice(payload);
    wire.put_u8(FRAME_END);
    wire
}

fn method_frame(id: MethodId, arguments: &[u8]) -> BytesMut {
    let (class_id, method_id) = id.ids();
    let mut payload = Vec::new();
    payload.put_u16(class_id);
    payload.put_u16(method_id);
    payload.put_slice(arguments);
    frame(1, 0, &payload)
}

fn decode(wire: &[u8]) -> Result<Option<Frame>, DecodeError> {
    Decoder::new(Limits::default()).decode(&mut BytesMut::from(wire))
}

fn error_of(wire: &[u8]) -> DecodeError {
    decode(wire).unwrap_err()
}

/// Arrays in arrays, `depth` of them, in a table of one entry.
fn nested(tag: u8, depth: usize) -> Vec<u8> {
    let name: &[u8] = if tag == b'F' { b"\0" } else { b"" };
    let mut content = Vec::new();
    for _ in 0..depth {
        let mut outer = name.to_vec();
        outer.put_u8(tag);
        outer.put_u32(content.len() as u32);
        outer.put_slice(&content);
        content = outer;
    }
    if tag == b'A' {
        content.insert(0, 0);
    }
    let mut table = Vec::new();
    table.put_u32(content.len() as u32);
    table.put_slice(&content);
    table
}

/// The same, grown from the outside, for depths where copying at each level would take too long.
fn nested_deep(tag: u8, depth: usize) -> Vec<u8> {
    let step = if tag == b'F' { 6 } else { 5 };
    let mut table = Vec::new();
    let name = usize::from(tag == b'A');
    table.put_u32((depth * step + name) as u32);
    table.put_slice(&vec![0; name]);
    for level in (0..depth).rev() {
        table.put_slice(if tag == b'F' { b"\0" } else { b"" });
        table.put_u8(tag);
        table.put_u32((level * step) as u32);
    }
    table
}

fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(64 * 1024);
    thread.spawn(body).unwrap().join().unwrap();
}

#[test]
fn nesting_costs_no_stack_however_deep() {
    for tag in [b'A', b'F'] {
        assert_eq!(nested(tag, 40), nested_deep(tag, 40));
        on_a_small_stack(move || {
            let depth = 131_000 / if tag == b'F' { 6 } else { 5 };
            let table = nested_deep(tag, depth);
            let mut start_ok = table.clone();
            start_ok.put_slice(b"\x05PLAIN\0\0\0\0\x05en_US");
            let error = error_of(&method_frame(MethodId::ConnectionStartOk, &start_ok));
            assert_eq!(error.expected(), Expected::ShallowerTable);
            assert_eq!(error.code(), ReplyCode::FRAME_ERROR);
            assert_eq!(error.method(), Some(MethodId::ConnectionStartOk));

            let mut header = b"\0\x3c\0\0\0\0\0\0\0\0\0\0\x20\0".to_vec();
            header.put_slice(&table);
            assert_eq!(error_of(&frame(2, 1, &header)).expected(), Expected::ShallowerTable);

            let unread = Properties::from_bytes_unread(Bytes::from(header).slice(12..));
            assert_eq!(unread.headers(), None);
            assert_eq!(unread.read().unwrap_err().expected(), Expected::ShallowerTable);
            assert!(format!("{unread:?}").starts_with("malformed"));
        });
    }
}

#[test]
fn the_deepest_lawful_table_can_be_used_on_a_small_stack() {
    on_a_small_stack(|| {
        for tag in [b'A', b'F'] {
            let wire = nested(tag, 63);
            let limits = Limits::default();
            let (_, table) = grammar::table(&limits)(&wire).unwrap();
            assert!(grammar::table(&limits)(&nested(tag, 64)).is_err());
            let owned = table.to_owned();
            let map = owned.to_map();
            assert_eq!(Table::from_map(&map).unwrap(), owned);
            assert_eq!(owned.get("").is_some(), !owned.is_empty());
        }
    });
}

#[test]
fn depth_is_counted_exactly() {
    let mut limits = Limits::default();
    for depth in 1..=10 {
        let wire = nested(b'F', depth);
        limits.table_depth = depth as u8 + 1;
        assert!(grammar::table(&limits)(&wire).is_ok());
        limits.table_depth = depth as u8;
        assert!(grammar::table(&limits)(&wire).is_err());
    }
}

#[test]
fn values_are_counted_over_all_levels() {
    let inner = ArrayBuilder::new().with(1).with(2).with(3).build().unwrap();
    let table = TableBuilder::new().with("a", &inner).with("b", 4).build().unwrap();
    let mut wire = Vec::new();
    wire.put_u32(table.as_bytes().len() as u32);
    wire.put_slice(table.as_bytes());
    let mut limits = Limits::default();
    limits.table_entries = 5;
    assert!(grammar::table(&limits)(&wire).is_ok());
    limits.table_entries = 4;
    let Err(nom::Err::Error(fault)) = grammar::table(&limits)(&wire) else {
        panic!("five values");
    };
    assert_eq!(fault.expected, Expected::FewerEntries);
    assert_eq!(fault.offset_in(&wire), wire.len() - 7);
}

#[test]
fn a_bomb_of_empty_values_is_refused_by_default() {
    let mut content = vec![0, b'A'];
    content.put_u32(120_000);
    content.extend(vec![b'V'; 120_000]);
    let mut arguments = vec![0; 2];
    arguments.put_slice(b"\0\0");
    arguments.put_u32(content.len() as u32);
    arguments.put_slice(&content);
    let error = error_of(&method_frame(MethodId::QueueDeclare, &arguments));
    assert_eq!(error.expected(), Expected::FewerEntries);
}

#[test]
fn long_strings_have_a_limit() {
    let mut limits = Limits::default();
    limits.long_str_bytes = 10;
    let secure_ok = connection::SecureOk { response: "12345678901".into() };
    let mut wire = BytesMut::new();
    Method::from(secure_ok).encode(ChannelId::CONNECTION, &mut wire);
    let error = Decoder::new(limits.clone()).decode(&mut wire).unwrap_err();
    assert_eq!(error.expected(), Expected::ShorterString);
    assert_eq!(error.offset(), 11);
    let table = TableBuilder::new().with("k", "12345678901").build().unwrap();
    let properties = Properties::builder().headers(&table).build().unwrap();
    assert!(Properties::from_bytes(properties.into_bytes(), &limits).is_err());
}

#[test]
fn an_error_says_where_it_is() {
    // ticket, queue "q", bits, a table of ten octets: "k" and an unknown type
    let arguments = b"\0\0\x01q\0\0\0\0\x03\x01k?";
    let error = error_of(&method_frame(MethodId::QueueDeclare, arguments));
    assert_eq!(error.expected(), Expected::FieldType { found: b'?' });
    assert_eq!(error.offset(), 11 + arguments.len() - 1);
    assert_eq!(
        error.to_string(),
        "octet 22 of the frame (queue.declare): expected a field type, not 63"
    );

    let error = error_of(&method_frame(MethodId::BasicAck, &[0; 8]));
    assert_eq!((error.expected(), error.offset()), (Expected::Octets(1), 19));
    let error = error_of(&method_frame(MethodId::BasicAck, &[0; 10]));
    assert_eq!((error.expected(), error.offset()), (Expected::End, 20));
    let error = error_of(&method_frame(MethodId::BasicPublish, b"\0\0\x01e\x05key"));
    assert_eq!((error.expected(), error.offset()), (Expected::Octets(2), 16));
    assert_eq!(error.method(), Some(MethodId::BasicPublish));

    let error = error_of(&frame(2, 1, b"\0\x3c\0\0\0\0\0\0\0\0\0\0\x90\0\x01a"));
    assert_eq!((error.expected(), error.offset()), (Expected::Octets(1), 23));
}

#[test]
fn each_sin_has_its_reply_code_and_text() {
    let with_end = |end| {
        let mut wire = frame(1, 1, &[1, 2, 3]);
        *wire.last_mut().unwrap() = end;
        wire
    };
    let too_large = |size: u32| {
        let mut wire = BytesMut::from(&[3, 0, 1][..]);
        wire.put_u32(size);
        wire
    };
    let rows: &[(BytesMut, u16, bool, &str)] = &[
        (with_end(7), 501, false, "type 1, all octets = <<1,2,3>>: {invalid_frame_end_marker,7}"),
        (
            too_large(131_073),
            501,
            false,
            "type 3, all octets = <<>>: {frame_too_large,131073,131064}",
        ),
        (
            frame(4, 0, &[9; 17]),
            501,
            false,
            "type 4, first 16 octets = <<9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9>>: unknown_frame",
        ),
        (frame(8, 1, b""), 505, true, "type 8, all octets = <<>>"),
        (frame(8, 0, b"x"), 505, true, "type 8, all octets = <<120>>"),
        (frame(1, 1, b"\0\x3c\0\x63"), 540, true, "unknown method 60.99"),
        (frame(1, 1, b"\0\x63\0\x0a"), 540, true, "unknown method 99.10"),
        (
            frame(1, 1, b"\0\x3c"),
            501,
            true,
            "cannot decode <<0,60>>: expected 2 more octets at octet 9",
        ),
        (
            frame(2, 1, b"\0\x3c\0\x01\0\0\0\0\0\0\0\0\0\0"),
            505,
            true,
            "cannot decode <<0,60,0,1,0,0,0,0,0,0,0,0,0,0>>: expected weight zero at octet 9",
        ),
        (
            frame(2, 1, b"\0\x3c\0\0\0\0\0\0\0\0\0\0\0\x02"),
            501,
            true,
            "cannot decode <<0,60,0,0,0,0,0,0,0,0,0,0,0,2>>: expected a known property at octet 19",
        ),
    ];
    for (wire, code, is_recoverable, text) in rows {
        let error = error_of(wire);
        assert_eq!(error.reply_text().to_string(), *text);
        assert_eq!(error.code(), ReplyCode(*code), "{text}");
        assert!(error.code().is_hard());
        assert_eq!(error.is_recoverable(), *is_recoverable, "{text}");
        assert!(error.offset() <= wire.len());
    }
}

#[test]
fn the_largest_frame_has_eight_octets_of_grace() {
    let limits = Limits::with_frame_max(4096);
    for (size, is_fine) in [(4088, true), (4096, true), (4097, false)] {
        let mut wire = frame(3, 1, &vec![0; size]);
        let decoded = Decoder::new(limits.clone()).decode(&mut wire);
        assert_eq!(decoded.is_ok(), is_fine, "{size}");
    }
    let mut unlimited = Decoder::new(Limits::with_frame_max(0));
    let mut wire = BytesMut::from(&[3, 0, 1, 0xFF, 0xFF, 0xFF, 0xF7][..]);
    assert_eq!(unlimited.decode(&mut wire), Ok(None));
    assert_eq!(unlimited.missing(), 0xFFFF_FFF8);
}

#[test]
fn a_decoder_that_lost_its_place_says_so_for_ever() {
    let mut decoder = Decoder::new(Limits::default());
    let mut wire = frame(5, 1, b"");
    let error = decoder.decode(&mut wire).unwrap_err();
    assert_eq!(wire.len(), 8, "left as it was");
    let mut fine = frame(8, 0, b"");
    assert_eq!(decoder.decode(&mut fine), Err(error));
    assert_eq!(fine.len(), 8);
}

#[test]
fn a_decoder_steps_over_a_frame_whose_bounds_are_sound() {
    let mut wire = frame(1, 1, b"\0\x63\0\x0a");
    wire.unsplit(frame(2, 1, b""));
    wire.unsplit(method_frame(MethodId::BasicAck, b""));
    wire.unsplit(frame(8, 0, b""));
    let mut decoder = Decoder::new(Limits::default());
    for _ in 0..3 {
        assert!(decoder.decode(&mut wire).unwrap_err().is_recoverable());
    }
    assert_eq!(decoder.decode(&mut wire), Ok(Some(Frame::Heartbeat)));
    assert!(wire.is_empty());
}

#[test]
fn flag_words_beyond_the_first_must_be_empty() {
    let limits = Limits::default();
    let check = |raw: &'static [u8]| Properties::from_bytes(Bytes::from_static(raw), &limits);
    assert_eq!(check(b"\x10\x01\0\x01\0\0\x02").unwrap().delivery_mode(), Some(2));
    for bad in [&b"\0\x01\x80\0"[..], b"\0\x01\0\x02", b"\0\x01", b"", b"\0", b"\0\0x"] {
        assert!(check(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn odd_but_lawful_properties_are_kept_bit_for_bit() {
    let raw = b"\x30\x01\0\0\0\0\0\x05\x01aU\0\x01\x09";
    let mut wire = BytesMut::new();
    let properties = Properties::from_bytes(Bytes::from_static(raw), &Limits::default()).unwrap();
    assert_eq!(properties.headers().unwrap().get("a"), Some(Value::I16(1)));
    Header::new(0, properties).encode(ChannelId::new(1), &mut wire);
    let Ok(Some(Frame::Header(_, header))) = decode(&wire) else { panic!("not a header") };
    assert_eq!(header.properties.as_bytes(), raw);
}

#[test]
fn what_is_too_long_to_write_is_refused_when_it_is_built() {
    let long = "x".repeat(256);
    assert!(TableBuilder::new().with(&long, 1).build().is_err());
    assert!(Properties::builder().app_id(&long).build().is_err());
    let mut array = Array::default();
    for _ in 0..254 {
        array = ArrayBuilder::new().with(&array).build().unwrap();
    }
    assert!(ArrayBuilder::new().with(&array).build().is_err());
    assert!(TableBuilder::new().with("k", &array).build().is_err());
}

#[test]
fn every_cut_and_every_changed_octet_is_an_error_or_a_frame() {
    let table = TableBuilder::new().with("k", "v").with("n", 1).with("d", 1.5).build().unwrap();
    let properties = Properties::builder().headers(&table).timestamp(1).kind("t").build().unwrap();
    let publish = basic::PublishRef {
        exchange: "exchange".try_into().unwrap(),
        routing_key: "key".try_into().unwrap(),
        ..Default::default()
    };
    let consume = basic::Consume { arguments: table, ..Default::default() };
    let mut payloads = Vec::new();
    for frame in [
        Frame::Method(ChannelId::new(1), publish.into()),
        Frame::Method(ChannelId::new(1), consume.into()),
        Frame::Header(ChannelId::new(1), Header::new(1, properties)),
    ] {
        let mut wire = Vec::new();
        frame.encode(&mut wire);
        payloads.push((wire[0], wire[7..wire.len() - 1].to_vec()));
    }
    for (kind, payload) in payloads {
        for cut in 0..payload.len() {
            let error = error_of(&frame(kind, 1, &payload[..cut]));
            assert!(error.offset() <= 7 + cut);
        }
        for at in 0..payload.len() {
            for octet in 0..=255 {
                let mut changed = payload.clone();
                changed[at] = octet;
                match decode(&frame(kind, 1, &changed)) {
                    Ok(frame) => drop(format!("{frame:?}")),
                    Err(error) => assert!(error.offset() <= 7 + payload.len()),
                }
            }
        }
    }
}
