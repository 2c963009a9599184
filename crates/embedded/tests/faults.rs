//! What can be made to go wrong, and a clock that a test moves.

#![expect(clippy::disallowed_methods, reason = "one fault is a delay in real time")]

use core::time::Duration;
use std::time::Instant;

use warrener_client::codec::method::{basic, queue};
use warrener_client::{Channel, Connection, Options, Properties, ShortStr};
use warrener_embedded::Broker;

async fn open(broker: &Broker) -> Connection {
    Connection::over(broker.connect(), Options::default()).await.expect("the broker lets it in")
}

async fn with_queue(broker: &Broker) -> (Connection, Channel) {
    let connection = open(broker).await;
    let channel = connection.channel().await.unwrap();
    let queue = ShortStr::from_static("q");
    channel.call(queue::Declare { queue, ..Default::default() }).await.unwrap();
    (connection, channel)
}

#[tokio::test]
async fn a_message_expires_when_the_test_says_that_its_time_has_come() {
    let broker = Broker::builder().standing_clock().start().await.unwrap();
    let (_connection, channel) = with_queue(&broker).await;
    for hours in ["3600000", "7200000"] {
        let properties = Properties::builder().expiration(hours).build().unwrap();
        channel.publish("", "q", properties, hours).await.unwrap();
    }
    channel
        .call(queue::Declare {
            queue: ShortStr::from_static("q"),
            passive: true,
            ..Default::default()
        })
        .await
        .unwrap();
    broker.advance(Duration::from_secs(3_599));
    broker.advance(Duration::from_secs(1));
    let left = channel.get("q", true).await.unwrap().expect("the second lives on");
    assert_eq!(left.message.body.to_bytes(), "7200000");
    assert!(channel.get("q", true).await.unwrap().is_none());
}

#[tokio::test]
async fn connections_are_refused_until_they_are_not() {
    let broker = Broker::start().await.unwrap();
    let uri = broker.listen().await.unwrap();
    broker.refuse_connections(true);
    assert!(Connection::open(&uri).await.is_err());
    assert!(Connection::over(broker.connect(), Options::default()).await.is_err());
    broker.refuse_connections(false);
    assert!(Connection::open(&uri).await.is_ok());
}

#[tokio::test]
async fn a_cut_breaks_what_is_open_and_nothing_else() {
    let broker = Broker::start().await.unwrap();
    let (connection, channel) = with_queue(&broker).await;
    channel.publish("", "q", Properties::default(), "kept").await.unwrap();
    // An answer, so that the message has arrived.
    channel.prefetch(1).await.unwrap();
    assert_eq!(broker.cut_connections(), 1);
    connection.closed().await;
    let (_connection, channel) = with_queue(&broker).await;
    assert!(channel.get("q", true).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_delayed_comes_later() {
    let broker = Broker::start().await.unwrap();
    let (_connection, channel) = with_queue(&broker).await;
    broker.delay(Duration::from_millis(80));
    let asked = Instant::now();
    assert!(channel.get("q", true).await.unwrap().is_none());
    assert!(asked.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn who_is_kept_waiting_can_be_cut_off_and_hears_what_others_do() {
    let broker = Broker::start().await.unwrap();
    let (_connection, channel) = with_queue(&broker).await;
    let consume = basic::Consume { queue: ShortStr::from_static("q"), ..Default::default() };
    let mut consumer = channel.consume(consume).await.unwrap();
    let publisher = open(&broker).await.channel().await.unwrap();
    broker.delay(Duration::from_secs(3_600));
    let waits = tokio::spawn(async move { channel.get("q", true).await });
    // The others are served at once.
    while broker.connection_count() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    broker.delay(Duration::ZERO);
    publisher.publish("", "q", Properties::default(), "x").await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(60), consumer.next()).await;
    assert!(heard.expect("it is delivered").is_some());
    assert_eq!(broker.cut_connections(), 2);
    let cut = tokio::time::timeout(Duration::from_secs(60), waits).await;
    assert!(cut.expect("it is over").unwrap().is_err());
}

#[tokio::test]
async fn publishes_are_refused_and_taken_again() {
    let broker = Broker::start().await.unwrap();
    let (_connection, channel) = with_queue(&broker).await;
    channel.confirm_select().await.unwrap();
    let publish = async || {
        let confirm =
            channel.publish_confirmed("", "q", false, Properties::default(), "x").await.unwrap();
        format!("{:?}", confirm.await)
    };
    let taken = publish().await;
    broker.nack_publishes(true);
    let refused = publish().await;
    assert_ne!(taken, refused);
    assert!(refused.contains("Nack"), "{refused}");
    broker.nack_publishes(false);
    assert_eq!(publish().await, taken);
    assert!(channel.get("q", true).await.unwrap().is_some());
    assert!(channel.get("q", true).await.unwrap().is_some());
    assert!(channel.get("q", true).await.unwrap().is_none());
}

#[tokio::test]
async fn publishers_are_told_that_they_are_blocked() {
    let broker = Broker::start().await.unwrap();
    let (connection, channel) = with_queue(&broker).await;
    let mut blocked = connection.blocked();
    broker.block_publishers(true);
    channel.publish("", "q", Properties::default(), "x").await.unwrap();
    blocked.wait_for(Option::is_some).await.unwrap();
    broker.block_publishers(false);
    blocked.wait_for(Option::is_none).await.unwrap();
    assert!(channel.get("q", true).await.unwrap().is_some());
}

#[tokio::test]
async fn a_client_that_falls_silent_is_gone_when_its_heartbeats_are_missed() {
    let broker = Broker::builder().standing_clock().heartbeat(60).start().await.unwrap();
    let (_connection, _channel) = with_queue(&broker).await;
    // The client's clock is real, so it keeps its promise too slowly.
    broker.advance(Duration::from_secs(3_600));
    let gone = async {
        while broker.connection_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it is gone");
}
