//! What is still there after a restart, and after a death.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::protocol::BasicProperties;
use lapin::{Channel, ExchangeKind, PublisherConfirm};

use crate::broker::Broker;
use crate::clients::lapin::session::{
    ack, bind, bodies, body, consume, declare, get, look_for, next, open, play, publish,
    publish_with, refusal, table,
};

#[test]
fn a_restart_keeps_what_is_durable_and_nothing_else() {
    let data = tempfile::tempdir().expect("a folder");
    let broker = Broker::start_in(data.path());
    play(&broker, async |url| {
        let (connection, channel) = open(&url).await;
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let kind = ExchangeKind::Topic;
        let declared = channel.exchange_declare("orders".into(), kind, durable, table([]));
        declared.await.expect("exchange.declare-ok");
        declare(&channel, "paid", true).await;
        declare(&channel, "rumours", false).await;
        bind(&channel, "paid", "orders", "*.paid").await;

        confirm_select(&channel).await;
        for text in ["1", "2", "3"] {
            let persistent = BasicProperties::default()
                .with_delivery_mode(2)
                .with_message_id(format!("id {text}").into());
            publish_with(&channel, "orders", "x.paid", text.as_bytes(), persistent).await;
        }
        publish(&channel, "orders", "x.paid", b"transient").await;
        publish_with(&channel, "", "rumours", b"r", persistent()).await;
        // Settled: it must not come again.
        let first = get(&channel, "paid").await.expect("a message");
        ack(&first).await;
        connection.close(200, "".into()).await.expect("connection.close-ok");
    });
    assert_eq!(broker.terminate().code(), Some(0));

    let broker = Broker::start_in(data.path());
    play(&broker, async |url| {
        let (_connection, channel) = open(&url).await;
        // The binding is there too.
        publish_with(&channel, "orders", "y.paid", b"4", persistent()).await;
        let mut kept = consume(&channel, "paid").await;
        for text in ["2", "3", "4"] {
            let delivery = next(&mut kept).await;
            assert_eq!(body(&delivery), text);
            if text != "4" {
                let id = BasicProperties::default().with_message_id(format!("id {text}").into());
                assert_eq!(delivery.properties, id.with_delivery_mode(2));
            }
            ack(&delivery).await;
        }
        let gone = (404, "NOT_FOUND - no queue 'rumours' in vhost '/'".to_owned());
        assert_eq!(refusal(look_for(&channel, "rumours").await), gone);
    });
}

#[test]
fn what_was_confirmed_survives_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let kills = std::env::var("WARRENER_TEST_KILLS").map_or(5, |text| text.parse().expect("kills"));
    let mut number = 0;
    for _ in 0..kills {
        let broker = Broker::start_in(data.path());
        let confirmed = play(&broker, async |url| publish_until_enough(&url, number).await);
        // Not asked to end, and in the middle of its work.
        broker.kill();

        let broker = Broker::start_in(data.path());
        number = play(&broker, async |url| drain(&url, number, confirmed).await);
        broker.kill();
    }
}

#[test]
fn a_large_message_survives_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let large: Vec<u8> = (0..3u32 << 20).flat_map(|word| word.to_le_bytes()).collect();
    let broker = Broker::start_in(data.path());
    play(&broker, async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "large", true).await;
        confirm_select(&channel).await;
        publish_with(&channel, "", "large", &large, persistent()).await;
    });
    broker.kill();
    let broker = Broker::start_in(data.path());
    play(&broker, async |url| {
        let (_connection, channel) = open(&url).await;
        let message = get(&channel, "large").await.expect("the message");
        assert!(message.data == large, "{} bytes came back", message.data.len());
    });
}

#[test]
fn nothing_is_kept_when_only_memory_is_used() {
    let broker = Broker::start_without_disk();
    play(&broker, async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "tasks", true).await;
        confirm_select(&channel).await;
        publish_with(&channel, "", "tasks", b"1", persistent()).await;
        assert_eq!(bodies(&channel, "tasks", 1).await, ["1"]);
    });
    assert_eq!(broker.terminate().code(), Some(0));
}

/// Publishes numbers from `first` on, and returns the first that may be lost: enough are confirmed
/// by then, and others are still under way.
async fn publish_until_enough(url: &str, first: usize) -> usize {
    let (_connection, channel) = open(url).await;
    declare(&channel, "numbers", true).await;
    confirm_select(&channel).await;
    let mut under_way = Vec::new();
    for number in first..first + 500 {
        under_way.push(send(&channel, number).await);
    }
    let mut confirmed = first;
    for confirm in under_way.into_iter().take(300) {
        assert!(confirm.await.expect("an open channel").is_ack());
        confirmed += 1;
    }
    confirmed
}

/// Takes everything that survived: all that was confirmed, each once and in order. What was not
/// may be there too, up to any point. Returns the next number to use.
async fn drain(url: &str, first: usize, confirmed: usize) -> usize {
    let (_connection, channel) = open(url).await;
    let mut expected = first;
    while let Some(message) = get(&channel, "numbers").await {
        ack(&message).await;
        let number: usize = body(&message).parse().expect("a number");
        // Nobody promises that an acknowledgement survives a kill, so older ones may come again.
        if number >= first {
            assert_eq!(number, expected);
            expected += 1;
        }
    }
    assert!(expected >= confirmed, "confirmed up to {confirmed}, there up to {expected}");
    first + 500
}

async fn send(channel: &Channel, number: usize) -> PublisherConfirm {
    let (exchange, key, options) = ("".into(), "numbers".into(), BasicPublishOptions::default());
    let text = number.to_string();
    let sent = channel.basic_publish(exchange, key, options, text.as_bytes(), persistent()).await;
    sent.expect("an open channel")
}

async fn confirm_select(channel: &Channel) {
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirm.select-ok");
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}
