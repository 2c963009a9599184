//! decode(encode(x)) = x, for any x; and what decodes is written back as it was.

mod generators;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use warrener_codec::method::basic;
use warrener_codec::{
    Body, ChannelId, Content, Decoder, Frame, Header, Limits, LongStr, Method, Properties,
    PropertiesRef, ProtocolHeader, ShortStr, Table, fuzzing, grammar,
};

use generators::{any_method, any_table};

fn through_the_wire(frame: &Frame) -> Frame {
    let mut wire = BytesMut::new();
    frame.encode(&mut wire);
    assert_eq!(wire.len(), frame.encoded_len());
    let decoded = Decoder::new(Limits::default()).decode(&mut wire).unwrap().unwrap();
    assert!(wire.is_empty());
    decoded
}

fn any_short() -> impl Strategy<Value = ShortStr> {
    prop::collection::vec(any::<u8>(), 0..=255).prop_map(|octets| (&*octets).try_into().unwrap())
}

prop_compose! {
    fn any_properties()(
        texts in prop::array::uniform10(prop::option::of(any_short())),
        table in prop::option::of(any_table()),
        delivery_mode in any::<Option<u8>>(),
        priority in any::<Option<u8>>(),
        timestamp in any::<Option<u64>>(),
    ) -> Properties {
        let headers = table.map(|table| {
            let wire = table.wire();
            let (_, headers) = grammar::table(&Limits::default())(&wire).unwrap();
            headers.to_owned()
        });
        let [a, b, c, d, e, f, g, h, i, j] = &texts;
        let text = |text: &'_ Option<ShortStr>| text.clone();
        let texts = [a, b, c, d, e, f, g, h, i, j].map(text);
        let [a, b, c, d, e, f, g, h, i, j] = &texts;
        let parts = PropertiesRef {
            content_type: a.as_ref().map(ShortStr::as_short_ref),
            content_encoding: b.as_ref().map(ShortStr::as_short_ref),
            headers: headers.as_ref().map(Table::as_table_ref),
            delivery_mode,
            priority,
            correlation_id: c.as_ref().map(ShortStr::as_short_ref),
            reply_to: d.as_ref().map(ShortStr::as_short_ref),
            expiration: e.as_ref().map(ShortStr::as_short_ref),
            message_id: f.as_ref().map(ShortStr::as_short_ref),
            timestamp,
            kind: g.as_ref().map(ShortStr::as_short_ref),
            user_id: h.as_ref().map(ShortStr::as_short_ref),
            app_id: i.as_ref().map(ShortStr::as_short_ref),
            cluster_id: j.as_ref().map(ShortStr::as_short_ref),
        };
        let properties = parts.to_owned();
        assert_eq!(properties.read().unwrap(), parts);
        assert_eq!(properties.encoded_len(), parts.encoded_len());
        properties
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_method_shows_what_was_written_and_is_written_back(sample in any_method(&[])) {
        let payload = Bytes::from(sample.payload);
        let method = Method::decode(&payload, &Limits::default()).unwrap();
        prop_assert_eq!(format!("{method:?}"), sample.shown);
        let mut wire = Vec::new();
        method.encode(ChannelId::new(3), &mut wire);
        prop_assert_eq!(wire.len(), method.encoded_len());
        prop_assert_eq!(&wire[7..wire.len() - 1], &payload[..]);
        prop_assert_eq!(through_the_wire(&Frame::Method(ChannelId::new(9), method.clone())), Frame::Method(ChannelId::new(9), method));
    }

    #[test]
    fn any_octets_are_a_method_or_an_error(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::method(&data);
        fuzzing::frames(&data);
        fuzzing::table(&data);
        fuzzing::header(&data);
        fuzzing::encode_decode(&data);
    }

    #[test]
    fn cut_methods_are_errors(sample in any_method(&[]), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(sample.payload.len());
        let payload = Bytes::from(sample.payload).slice(..cut);
        let error = Method::decode(&payload, &Limits::default()).unwrap_err();
        prop_assert!(error.offset() <= cut + 7);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn tables_are_the_same_in_every_form(table in any_table()) {
        let wire = table.wire();
        let (rest, read) = grammar::table(&Limits::default())(&wire).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(format!("{read:?}"), table.shown());
        prop_assert_eq!(Table::from_map(&read.to_map()).unwrap(), read.to_owned());
        for (name, _) in &table.0 {
            prop_assert!(read.get(name).is_some());
        }
        prop_assert_eq!(read.iter().count(), table.0.len());
    }

    #[test]
    fn headers_come_back(properties in any_properties(), body_size in any::<u64>()) {
        let frame = Frame::Header(ChannelId::new(1), Header::new(body_size, properties));
        prop_assert_eq!(through_the_wire(&frame), frame);
    }

    #[test]
    fn content_comes_back_however_it_is_cut(
        properties in any_properties(),
        slices in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
        frame_max in 9u32..400,
    ) {
        let whole = slices.concat();
        let content = Content {
            properties,
            body: slices.into_iter().map(Bytes::from).collect(),
        };
        prop_assert_eq!(content.body.len(), whole.len());
        prop_assert_eq!(&content.body.to_bytes()[..], &whole[..]);
        prop_assert_eq!(&content.detached(), &content);
        prop_assert_eq!(&content.body, &Body::from(whole));
        let mut wire = BytesMut::new();
        content.encode(ChannelId::new(1), frame_max, &mut wire);
        prop_assert_eq!(wire.len(), content.encoded_len(frame_max));
        let mut decoder = Decoder::new(Limits::default());
        let header = decoder.decode(&mut wire).unwrap();
        prop_assert_eq!(header, Some(Frame::Header(ChannelId::new(1), content.header())));
        let mut body = Body::EMPTY;
        while let Some(Frame::Body(_, piece)) = decoder.decode(&mut wire).unwrap() {
            prop_assert!(piece.len() + 8 <= frame_max as usize);
            body.push(piece);
        }
        prop_assert!(wire.is_empty());
        prop_assert_eq!(body, content.body);
    }

    #[test]
    fn borrowed_parts_are_written_as_the_method_is(
        tag in any_short(), exchange in any_short(), key in any_short(),
        number in any::<u64>(), flag in any::<bool>(),
    ) {
        let parts = basic::DeliverRef {
            consumer_tag: (&tag).into(), delivery_tag: number, redelivered: flag,
            exchange: (&exchange).into(), routing_key: (&key).into(),
        };
        let get_ok = basic::GetOkRef {
            delivery_tag: number, redelivered: flag, exchange: (&exchange).into(),
            routing_key: (&key).into(), message_count: 7,
        };
        let returned = basic::ReturnRef {
            reply_code: warrener_codec::ReplyCode::NO_ROUTE, reply_text: (&tag).into(),
            exchange: (&exchange).into(), routing_key: (&key).into(),
        };
        let channel = ChannelId::new(1);
        let (mut borrowed, mut owned) = (Vec::new(), Vec::new());
        parts.encode(channel, &mut borrowed);
        get_ok.encode(channel, &mut borrowed);
        returned.encode(channel, &mut borrowed);
        prop_assert_eq!(borrowed.len(), parts.encoded_len() + get_ok.encoded_len() + returned.encoded_len());
        for method in [Method::from(parts), get_ok.into(), returned.into()] {
            method.encode(channel, &mut owned);
        }
        prop_assert_eq!(borrowed, owned);
    }

    #[test]
    fn strings_are_octets(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let short = ShortStr::try_from(&octets[..]);
        prop_assert_eq!(short.is_ok(), octets.len() <= 255);
        let long = LongStr::from(&octets[..]);
        prop_assert_eq!(long.as_bytes(), &octets[..]);
        prop_assert_eq!(long.as_str().ok(), core::str::from_utf8(&octets).ok());
        let text = String::from_utf8_lossy(&octets);
        let cut = ShortStr::truncated(&text);
        prop_assert!(text.starts_with(cut.as_str().unwrap()) && cut.len() <= 255);
        prop_assert!(cut.len() == text.len() || cut.len() > 251);
    }

    #[test]
    fn protocol_headers_come_back(version in any::<[u8; 4]>(), cut in 0usize..8) {
        let header = ProtocolHeader { version };
        let bytes = header.to_bytes();
        prop_assert_eq!(ProtocolHeader::parse(&bytes), Ok((&[][..], header)));
        let needed = nom::Needed::new(8 - cut);
        prop_assert_eq!(ProtocolHeader::parse(&bytes[..cut]), Err(nom::Err::Incomplete(needed)));
    }
}

#[test]
fn something_else_than_a_protocol_header_is_noticed_at_once() {
    for octets in [&b"G"[..], b"\x16\x03", b"AM ", b"HTTP/1.1"] {
        assert!(matches!(ProtocolHeader::parse(octets), Err(nom::Err::Error(_))));
    }
}
