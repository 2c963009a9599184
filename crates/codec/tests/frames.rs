//! Frames through the decoder.

use bytes::{BufMut, Bytes, BytesMut};
use warrener_codec::method::{basic, connection, queue};
use warrener_codec::{
    ChannelId, Content, Decoder, Frame, Header, Limits, Method, MethodId, Properties, ReplyCode,
    ShortStr, TableBuilder, Value,
};

fn round_trip(frame: &Frame) -> Frame {
    let mut wire = BytesMut::new();
    frame.encode(&mut wire);
    assert_eq!(wire.len(), frame.encoded_len());
    wire.put_u8(8);
    let decoded = Decoder::new(Limits::default()).decode(&mut wire).unwrap().unwrap();
    assert_eq!(&wire[..], [8]);
    decoded
}

#[test]
fn every_frame_comes_back_as_it_was() {
    let channel = ChannelId::new(7);
    let arguments = TableBuilder::new().with("x-max-length", 5).with("x", "y").build().unwrap();
    let declare = queue::Declare {
        queue: ShortStr::from_static("orders"),
        durable: true,
        no_wait: true,
        arguments: arguments.clone(),
        ..Default::default()
    };
    let parts = basic::DeliverRef {
        consumer_tag: "ctag".try_into().unwrap(),
        delivery_tag: 9,
        redelivered: true,
        exchange: "amq.topic".try_into().unwrap(),
        routing_key: "a.b.c".try_into().unwrap(),
    };
    let properties =
        Properties::builder().headers(&arguments).delivery_mode(2).message_id("id").build();
    let close = connection::Close {
        reply_code: ReplyCode::NOT_FOUND,
        reply_text: ShortStr::truncated("nothing"),
        ..Default::default()
    };
    for frame in [
        Frame::Method(channel, declare.into()),
        Frame::Method(channel, parts.into()),
        Frame::Method(ChannelId::CONNECTION, close.into()),
        Frame::Method(
            channel,
            basic::Nack { delivery_tag: 3, multiple: false, requeue: true }.into(),
        ),
        Frame::Method(channel, Method::BasicGetEmpty),
        Frame::Method(channel, Method::ChannelOpenOk),
        Frame::Header(channel, Header::new(1 << 33, properties.unwrap())),
        Frame::Body(channel, Bytes::from_static(b"body")),
        Frame::Body(channel, Bytes::new()),
        Frame::Heartbeat,
    ] {
        assert_eq!(round_trip(&frame), frame);
    }
}

#[test]
fn a_deliver_says_what_was_put_in() {
    let parts = basic::DeliverRef {
        consumer_tag: "ctag".try_into().unwrap(),
        delivery_tag: 9,
        redelivered: true,
        exchange: "amq.topic".try_into().unwrap(),
        routing_key: "a.b.c".try_into().unwrap(),
    };
    let Frame::Method(_, Method::BasicDeliver(deliver)) =
        round_trip(&Frame::Method(ChannelId::new(1), parts.into()))
    else {
        panic!("not a deliver");
    };
    assert_eq!(deliver.parts(), parts);
    assert_eq!(deliver.consumer_tag(), parts.consumer_tag);
    assert_eq!(deliver.delivery_tag(), 9);
    assert!(deliver.redelivered());
    assert_eq!(deliver.exchange(), parts.exchange);
    assert_eq!(deliver.routing_key(), parts.routing_key);
}

#[test]
fn ids_and_facts_agree() {
    assert_eq!(MethodId::ALL.len(), 66);
    for &id in MethodId::ALL {
        let (class_id, method_id) = id.ids();
        assert_eq!(MethodId::from_ids(class_id, method_id), Some(id));
        assert_eq!(id.is_on_channel_zero(), id.name().starts_with("connection."));
        for reply in id.replies() {
            assert_eq!(reply.ids().0, class_id);
        }
    }
    assert_eq!(MethodId::ExchangeUnbindOk.ids(), (40, 51));
}

#[test]
fn content_is_cut_at_frame_max() {
    let body = Bytes::from(vec![7; 10_000]);
    let content = Content::new(Properties::EMPTY, body);
    let mut wire = BytesMut::new();
    content.encode(ChannelId::new(1), 4096, &mut wire);
    assert_eq!(wire.len(), content.encoded_len(4096));
    let mut decoder = Decoder::new(Limits::with_frame_max(4096));
    let mut received = Content::default();
    while let Some(frame) = decoder.decode(&mut wire).unwrap() {
        match frame {
            Frame::Header(_, header) => assert_eq!(header.body_size, 10_000),
            Frame::Body(_, slice) => received.body.push(slice),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, content);
    assert_eq!(
        content.body.chunks(4088).map(|piece| piece.len()).collect::<Vec<_>>(),
        [4088, 4088, 1824]
    );
}

#[test]
fn methods_and_frames_stay_small() {
    assert!(size_of::<Method>() <= 48, "{}", size_of::<Method>());
    assert!(size_of::<Frame>() <= 64, "{}", size_of::<Frame>());
    assert!(size_of::<Content>() <= 80, "{}", size_of::<Content>());
    assert!(size_of::<Value<'_>>() <= 24, "{}", size_of::<Value<'_>>());
}

#[test]
fn what_is_detached_does_not_keep_the_read_buffer_alive() {
    let arguments = TableBuilder::new().with("k", "v").build().unwrap();
    let properties = Properties::builder().headers(&arguments).build().unwrap();
    let declare =
        queue::Declare { queue: ShortStr::from_static("q"), arguments, ..Default::default() };
    let publish = basic::PublishRef { routing_key: "q".try_into().unwrap(), ..Default::default() };
    let content = Content::new(properties, vec![1; 50]);
    let mut wire = BytesMut::new();
    Method::from(declare).encode(ChannelId::new(1), &mut wire);
    publish.encode(ChannelId::new(1), &mut wire);
    content.encode(ChannelId::new(1), 0, &mut wire);
    let memory = wire.as_ptr().addr()..wire.as_ptr().addr() + wire.len();
    let is_inside = |octets: &[u8]| memory.contains(&octets.as_ptr().addr());

    let mut decoder = Decoder::new(Limits::default());
    let mut next = || decoder.decode(&mut wire).unwrap().unwrap();
    let Frame::Method(_, Method::QueueDeclare(declare)) = next() else { panic!("not a declare") };
    let Frame::Method(_, Method::BasicPublish(publish)) = next() else { panic!("not a publish") };
    let Frame::Header(_, header) = next() else { panic!("not a header") };
    let Frame::Body(_, body) = next() else { panic!("not a body") };
    let content = Content::new(header.properties, body);
    for (shared, detached) in [
        (declare.queue.as_bytes(), declare.queue.detached().as_bytes()),
        (declare.arguments.as_bytes(), declare.arguments.detached().as_bytes()),
        (publish.as_bytes(), publish.detached().as_bytes()),
        (content.properties.as_bytes(), content.detached().properties.as_bytes()),
        (&content.body.slices()[0], &content.detached().body.slices()[0]),
    ] {
        assert!(is_inside(shared) && !is_inside(detached));
        assert_eq!(shared, detached);
    }
}
