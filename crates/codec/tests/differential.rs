//! The same lawful frames through amq-protocol, which lapin is made of: it must read them too, see the same values, and
//! write the same octets.

mod generators;

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, basic, queue};
use amq_protocol::types::{AMQPValue, FieldTable};
use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use warrener_codec::{
    ChannelId, Content, Decoder, FRAME_END, Frame, Limits, Method, Properties, TableRef, Value,
    grammar,
};

use generators::{any_method, any_table};

/// Fields that amq-protocol reads and forgets; the ticket in access.request-ok it writes as 1.
const NOT_KEPT: &[&str] = &["ticket", "prefetch-size"];

fn theirs(wire: &[u8]) -> AMQPFrame {
    let (rest, frame) = parse_frame(wire).unwrap();
    assert!(rest.is_empty());
    frame
}

fn written_by_them(frame: &AMQPFrame) -> Vec<u8> {
    let context = WriteContext::from(Vec::new());
    gen_frame::<Vec<u8>>(frame)(context).unwrap().into_inner().0
}

fn ours(wire: &[u8]) -> Frame {
    Decoder::new(Limits::default()).decode(&mut BytesMut::from(wire)).unwrap().unwrap()
}

fn method_frame(payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![1, 0, 5];
    wire.put_u32(payload.len() as u32);
    wire.put_slice(payload);
    wire.put_u8(FRAME_END);
    wire
}

fn assert_same_table(ours: TableRef<'_>, theirs: &FieldTable) {
    assert_eq!(ours.iter().count(), theirs.inner().len());
    for (name, value) in theirs.inner() {
        assert_same_value(ours.get(name.as_str()).unwrap(), value);
    }
}

fn assert_same_value(ours: Value<'_>, theirs: &AMQPValue) {
    let same = match (ours, theirs) {
        (Value::Bool(a), AMQPValue::Boolean(b)) => a == *b,
        (Value::I8(a), AMQPValue::ShortShortInt(b)) => a == *b,
        (Value::U8(a), AMQPValue::ShortShortUInt(b)) => a == *b,
        (Value::I16(a), AMQPValue::ShortInt(b)) => a == *b,
        (Value::U16(a), AMQPValue::ShortUInt(b)) => a == *b,
        (Value::I32(a), AMQPValue::LongInt(b)) => a == *b,
        (Value::U32(a), AMQPValue::LongUInt(b)) => a == *b,
        (Value::I64(a), AMQPValue::LongLongInt(b)) => a == *b,
        (Value::F32(a), AMQPValue::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::F64(a), AMQPValue::Double(b)) => a.to_bits() == b.to_bits(),
        (Value::Decimal(a), AMQPValue::DecimalValue(b)) => (a.scale, a.value) == (b.scale, b.value),
        (Value::LongStr(a), AMQPValue::LongString(b)) => a == b.as_bytes(),
        (Value::Timestamp(a), AMQPValue::Timestamp(b)) => a == *b,
        (Value::Bytes(a), AMQPValue::ByteArray(b)) => a == b.as_slice(),
        (Value::Void, AMQPValue::Void) => true,
        (Value::Table(a), AMQPValue::FieldTable(b)) => {
            assert_same_table(a, b);
            true
        }
        (Value::Array(a), AMQPValue::FieldArray(b)) => {
            assert_eq!(a.iter().count(), b.as_slice().len());
            a.iter().zip(b.as_slice()).for_each(|(a, b)| assert_same_value(a, b));
            true
        }
        _ => false,
    };
    assert!(same, "{ours:?} is not {theirs:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn both_read_and_write_every_method_alike(sample in any_method(NOT_KEPT)) {
        let wire = method_frame(&sample.payload);
        let their_frame = theirs(&wire);
        if sample.shown != "AccessRequestOk(RequestOk { ticket: 0 })" {
            prop_assert_eq!(written_by_them(&their_frame), &wire[..]);
        }
        let mut written = Vec::new();
        let our_frame = ours(&wire);
        our_frame.encode(&mut written);
        prop_assert_eq!(written, wire);
        let Frame::Method(channel, method) = our_frame else { panic!("not a method") };
        let AMQPFrame::Method(their_channel, class) = their_frame else { panic!("not a method") };
        prop_assert_eq!(channel.number(), their_channel);
        prop_assert_eq!(
            method.ids(),
            (class.get_amqp_class_id(), class.get_amqp_method_id())
        );
        prop_assert_eq!(format!("{method:?}"), sample.shown);
        assert_same_data_plane(&method, &class);
    }

    #[test]
    fn both_see_the_same_table(table in any_table()) {
        let wire = table.wire();
        let (_, read) = grammar::table(&Limits::default())(&wire).unwrap();
        let mut payload = b"\0\x32\0\x0a\0\0\0\0".to_vec();
        payload.put_slice(&wire);
        match theirs(&method_frame(&payload)) {
            AMQPFrame::Method(_, AMQPClass::Queue(queue::AMQPMethod::Declare(declare))) => {
                assert_same_table(read, &declare.arguments);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_see_the_same_content(
        table in any_table(), id in "[a-z]{0,20}", mode in any::<u8>(), time in any::<u64>(),
        body in prop::collection::vec(any::<u8>(), 1..500),
    ) {
        let wire = table.wire();
        let (_, headers) = grammar::table(&Limits::default())(&wire).unwrap();
        let headers = headers.to_owned();
        let properties = Properties::builder()
            .headers(&headers).message_id(&id).delivery_mode(mode).timestamp(time).app_id(&id)
            .build().unwrap();
        let content = Content::new(properties, Bytes::from(body));
        let mut wire = Vec::new();
        content.encode(ChannelId::new(4), 0, &mut wire);
        let (rest, header) = parse_frame(&wire[..]).unwrap();
        let AMQPFrame::Header(4, header) = header else { panic!("not a header") };
        let AMQPFrame::Body(4, body) = theirs(rest) else { panic!("not a body") };
        prop_assert_eq!(header.class_id, 60);
        prop_assert_eq!(header.body_size, body.len() as u64);
        prop_assert_eq!(&content.body.to_bytes()[..], &body[..]);
        assert_same_table(headers.as_table_ref(), header.properties.headers().as_ref().unwrap());
        prop_assert_eq!(header.properties.message_id().as_ref().unwrap().as_str(), &id);
        prop_assert_eq!(header.properties.app_id().as_ref().unwrap().as_str(), &id);
        prop_assert_eq!(*header.properties.delivery_mode(), Some(mode));
        prop_assert_eq!(*header.properties.timestamp(), Some(time));
        prop_assert!(header.properties.content_type().is_none());
    }
}

/// The methods written by hand, field by field.
fn assert_same_data_plane(ours: &Method, theirs: &AMQPClass) {
    let AMQPClass::Basic(theirs) = theirs else { return };
    match (ours, theirs) {
        (Method::BasicPublish(a), basic::AMQPMethod::Publish(b)) => {
            assert_eq!(a.exchange(), b.exchange.as_str());
            assert_eq!(a.routing_key(), b.routing_key.as_str());
            assert_eq!((a.mandatory(), a.immediate()), (b.mandatory, b.immediate));
        }
        (Method::BasicDeliver(a), basic::AMQPMethod::Deliver(b)) => {
            assert_eq!(a.consumer_tag(), b.consumer_tag.as_str());
            assert_eq!((a.delivery_tag(), a.redelivered()), (b.delivery_tag, b.redelivered));
            assert_eq!(a.exchange(), b.exchange.as_str());
            assert_eq!(a.routing_key(), b.routing_key.as_str());
        }
        (Method::BasicReturn(a), basic::AMQPMethod::Return(b)) => {
            assert_eq!(a.reply_code().number(), b.reply_code);
            assert_eq!(a.reply_text(), b.reply_text.as_str());
            assert_eq!(a.exchange(), b.exchange.as_str());
            assert_eq!(a.routing_key(), b.routing_key.as_str());
        }
        (Method::BasicGetOk(a), basic::AMQPMethod::GetOk(b)) => {
            assert_eq!((a.delivery_tag(), a.redelivered()), (b.delivery_tag, b.redelivered));
            assert_eq!(a.exchange(), b.exchange.as_str());
            assert_eq!(a.routing_key(), b.routing_key.as_str());
            assert_eq!(a.message_count(), b.message_count);
        }
        (Method::BasicAck(a), basic::AMQPMethod::Ack(b)) => {
            assert_eq!((a.delivery_tag, a.multiple), (b.delivery_tag, b.multiple));
        }
        (Method::BasicNack(a), basic::AMQPMethod::Nack(b)) => {
            assert_eq!(a.delivery_tag, b.delivery_tag);
            assert_eq!((a.multiple, a.requeue), (b.multiple, b.requeue));
        }
        (Method::BasicReject(a), basic::AMQPMethod::Reject(b)) => {
            assert_eq!((a.delivery_tag, a.requeue), (b.delivery_tag, b.requeue));
        }
        _ => {}
    }
}
