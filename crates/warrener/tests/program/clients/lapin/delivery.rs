//! What becomes of a message that was handed out, and what it looks like.

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicRejectOptions};
use lapin::protocol::BasicProperties;
use lapin::types::AMQPValue;

use super::session::{
    body, connect, declare, delete, get, open, private_queue, publish, publish_with, story, table,
    take,
};

#[test]
fn get_one_message() {
    story(async |url| {
        let connection = connect(&url).await;
        let channel = connection.create_channel().await.expect("channel.open-ok");
        let queue = private_queue(&channel).await;
        assert!(get(&channel, &queue).await.is_none());
        for name in ["one", "two", "three"] {
            publish(&channel, "", &queue, name.as_bytes()).await;
        }
        for (tag, name, left) in [(1, "one", 2), (2, "two", 1)] {
            let message = get(&channel, &queue).await.expect("a message");
            assert_eq!((message.delivery_tag, message.message_count), (tag, left));
            assert_eq!((body(&message), message.redelivered), (name.to_owned(), false));
        }
        // Without acknowledgement a get takes the message for good.
        let options = BasicGetOptions { no_ack: true };
        let last = channel.basic_get(queue.as_str().into(), options).await.expect("get-ok");
        assert_eq!(body(&last.expect("a message")), "three");
        assert!(get(&channel, &queue).await.is_none());

        let acked = channel.basic_ack(1, BasicAckOptions::default()).await;
        acked.expect("an open channel");
        channel.close(200, "".into()).await.expect("channel.close-ok");
        let another = connection.create_channel().await.expect("channel.open-ok");
        let back = get(&another, &queue).await.expect("the one that was not acknowledged");
        assert_eq!(
            (body(&back), back.redelivered, back.message_count),
            ("two".to_owned(), true, 0)
        );
        assert_eq!(delete(&another, &queue).await, 0);
    });
}

#[test]
fn nack_and_requeue() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        let queue = private_queue(&channel).await;
        for name in ["a", "b", "c", "d"] {
            publish(&channel, "", &queue, name.as_bytes()).await;
        }
        assert_eq!(hold(&channel, &queue).await, (1, "a".to_owned(), false));
        nack(&channel, 1, false, true).await;
        assert_eq!(hold(&channel, &queue).await, (2, "a".to_owned(), true));
        assert_eq!(hold(&channel, &queue).await, (3, "b".to_owned(), false));
        reject(&channel, 3, true).await;
        assert_eq!(hold(&channel, &queue).await, (4, "b".to_owned(), true));
        assert_eq!(hold(&channel, &queue).await, (5, "c".to_owned(), false));

        // Everything up to 5 that is still held: a, b and c, in their old order.
        nack(&channel, 5, true, true).await;
        assert_eq!(hold(&channel, &queue).await, (6, "a".to_owned(), true));
        assert_eq!(hold(&channel, &queue).await, (7, "b".to_owned(), true));
        assert_eq!(hold(&channel, &queue).await, (8, "c".to_owned(), true));
        assert_eq!(hold(&channel, &queue).await, (9, "d".to_owned(), false));
        reject(&channel, 6, false).await;
        nack(&channel, 8, true, false).await;
        nack(&channel, 9, false, true).await;
        assert_eq!(hold(&channel, &queue).await, (10, "d".to_owned(), true));
        let acked = channel.basic_ack(10, BasicAckOptions::default()).await;
        acked.expect("an open channel");
        assert!(get(&channel, &queue).await.is_none());
    });
}

#[test]
fn a_large_body_with_all_its_properties() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        let queue = private_queue(&channel).await;
        let large: Vec<u8> =
            (0..10u32 << 18).flat_map(|word| word.wrapping_mul(word).to_le_bytes()).collect();
        assert_eq!(large.len(), 10 << 20);
        let depth = table([("of", AMQPValue::Double(1.5)), ("long", AMQPValue::LongLongInt(-1))]);
        let headers = table([
            ("depth", AMQPValue::FieldTable(depth)),
            ("long", AMQPValue::LongString("x".repeat(5000).into())),
        ]);
        let properties = BasicProperties::default()
            .with_content_type("application/octet-stream".into())
            .with_content_encoding("identity".into())
            .with_headers(headers)
            .with_delivery_mode(1)
            .with_priority(7)
            .with_correlation_id("c".repeat(255).into())
            .with_reply_to("nobody".into())
            .with_expiration("600000".into())
            .with_message_id("id".into())
            .with_timestamp(1_795_219_200)
            .with_type("noise".into())
            .with_user_id("guest".into())
            .with_app_id("large_body".into());

        publish(&channel, "", &queue, b"before").await;
        publish_with(&channel, "", &queue, &large, properties.clone()).await;
        publish(&channel, "", &queue, b"after").await;
        let taken = take(&channel, &queue, 3).await;
        assert_eq!((body(&taken[0]), body(&taken[2])), ("before".to_owned(), "after".to_owned()));
        assert!(taken[1].data == large, "{} bytes came back", taken[1].data.len());
        assert_eq!(taken[1].properties, properties);
    });
}

#[test]
fn an_empty_body() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "rs.empty", false).await;
        for (name, text) in [("first", ""), ("second", ""), ("third", "end")] {
            let properties = BasicProperties::default().with_message_id(name.into());
            publish_with(&channel, "", "rs.empty", text.as_bytes(), properties).await;
        }
        let first = get(&channel, "rs.empty").await.expect("a message");
        assert_eq!((first.data.len(), first.message_count), (0, 2));
        assert!(first.ack(BasicAckOptions::default()).await.expect("an open channel"));
        let taken = take(&channel, "rs.empty", 2).await;
        assert_eq!(taken.iter().map(body).collect::<Vec<_>>(), ["", "end"]);
        let id = |name: &str| BasicProperties::default().with_message_id(name.into());
        assert_eq!((&taken[0].properties, &taken[1].properties), (&id("second"), &id("third")));
        assert_eq!(delete(&channel, "rs.empty").await, 0);
    });
}

/// Takes a message and holds it: its tag, its body, and whether it was handed out before.
async fn hold(channel: &Channel, queue: &str) -> (u64, String, bool) {
    let message = get(channel, queue).await.expect("a message");
    (message.delivery_tag, body(&message), message.redelivered)
}

async fn nack(channel: &Channel, tag: u64, multiple: bool, requeue: bool) {
    let options = BasicNackOptions { multiple, requeue };
    channel.basic_nack(tag, options).await.expect("an open channel");
}

async fn reject(channel: &Channel, tag: u64, requeue: bool) {
    let options = BasicRejectOptions { requeue };
    channel.basic_reject(tag, options).await.expect("an open channel");
}
