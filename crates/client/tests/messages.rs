//! What a client does all day, against a broker in this process; or against the one that `WARRENER_TEST_URI` names.

#![expect(clippy::disallowed_methods, reason = "the environment names the broker")]

use core::time::Duration;

use warrener_client::codec::method::{basic, queue};
use warrener_client::{Channel, Confirmation, Connection, Error, Properties};
use warrener_server::{Config, Listen, Server};

async fn connect() -> Connection {
    let uri = match std::env::var("WARRENER_TEST_URI") {
        Ok(uri) => uri,
        Err(_) => broker().await,
    };
    Connection::open(&uri).await.unwrap()
}

/// Starts a broker that ends with the test's runtime, and says where it is.
async fn broker() -> String {
    let mut config = Config::in_memory();
    config.listen = Listen::On(vec![([127, 0, 0, 1], 0).into()]);
    let server = Server::start(config).await.unwrap();
    let address = server.addresses()[0];
    tokio::spawn(server.run(core::future::pending()));
    format!("amqp://{address}")
}

async fn own_queue(channel: &Channel) -> String {
    let declare = queue::Declare { exclusive: true, ..queue::Declare::default() };
    let queue = channel.call(declare).await.unwrap().queue;
    queue.as_str().unwrap().to_owned()
}

fn from(queue: &str) -> basic::Consume {
    basic::Consume { queue: queue.try_into().unwrap(), ..basic::Consume::default() }
}

#[tokio::test]
async fn a_message_is_confirmed_delivered_and_acknowledged() {
    let connection = connect().await;
    let channel = connection.channel().await.unwrap();
    let queue = own_queue(&channel).await;
    channel.confirm_select().await.unwrap();
    let plain = Properties::default();
    let confirm = channel.publish_confirmed("", &queue, true, plain, "hello").await.unwrap();
    assert_eq!(confirm.await.unwrap(), Confirmation::Ack);
    channel.prefetch(1).await.unwrap();
    let mut consumer = channel.consume(from(&queue)).await.unwrap();
    let delivery = consumer.next().await.unwrap();
    assert_eq!(delivery.body.to_bytes(), "hello");
    assert!(!delivery.redelivered);
    delivery.ack().await.unwrap();
    consumer.cancel().await.unwrap();
    assert!(consumer.next().await.is_none());
    let gone = channel
        .call(queue::Delete { queue: queue.as_str().try_into().unwrap(), ..Default::default() });
    assert_eq!(gone.await.unwrap().message_count, 0);
    channel.close().await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_a_dropped_consumer_held_is_delivered_again() {
    let connection = connect().await;
    let channel = connection.channel().await.unwrap();
    let queue = own_queue(&channel).await;
    for n in 0..3 {
        channel.publish("", &queue, Properties::default(), n.to_string()).await.unwrap();
    }
    let mut first = channel.consume(from(&queue)).await.unwrap();
    first.next().await.unwrap().ack().await.unwrap();
    drop(first);
    let mut second = channel.consume(from(&queue)).await.unwrap();
    for expected in ["1", "2"] {
        let delivery = second.next().await.unwrap();
        assert_eq!(delivery.body.to_bytes(), expected);
        assert!(delivery.redelivered);
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn an_unroutable_mandatory_message_comes_back_before_its_confirm() {
    let connection = connect().await;
    let channel = connection.channel().await.unwrap();
    channel.confirm_select().await.unwrap();
    let mut returns = channel.returns().await.unwrap();
    let nowhere = channel.publish_confirmed("", "nowhere", true, Properties::default(), "lost");
    assert_eq!(nowhere.await.unwrap().await.unwrap(), Confirmation::Ack);
    let returned = returns.next().await.unwrap();
    assert_eq!((returned.code.number(), returned.text.as_bytes()), (312, &b"NO_ROUTE"[..]));
    assert_eq!(returned.body.to_bytes(), "lost");
}

#[tokio::test]
async fn a_refusal_closes_the_channel_and_says_why() {
    let connection = connect().await;
    let channel = connection.channel().await.unwrap();
    let missing = queue::Declare {
        queue: "missing".try_into().unwrap(),
        passive: true,
        ..Default::default()
    };
    let error = channel.call(missing).await.unwrap_err();
    let Error::ChannelClosed(close) = error else { panic!("{error}") };
    assert_eq!(close.code.number(), 404);
    let text = close.text.as_str().unwrap();
    assert!(text.starts_with("NOT_FOUND - no queue 'missing' in vhost '"), "{text}");
    // The handle stays refused, even when a new channel has got its number.
    let next = connection.channel().await.unwrap();
    assert_eq!(next.number(), channel.number());
    assert!(matches!(channel.get("missing", true).await, Err(Error::ChannelClosed(_))));
    own_queue(&next).await;
}

#[tokio::test]
async fn a_slow_consumer_without_prefetch_holds_up_the_socket_and_loses_nothing() {
    let connection = connect().await;
    let channel = connection.channel().await.unwrap();
    let queue = own_queue(&channel).await;
    channel.confirm_select().await.unwrap();
    for n in 0..3000_u32 {
        channel.publish("", &queue, Properties::default(), n.to_be_bytes().to_vec()).await.unwrap();
    }
    let last = channel.publish_confirmed("", &queue, false, Properties::default(), "end");
    last.await.unwrap().await.unwrap();
    let consume = basic::Consume { no_ack: true, ..from(&queue) };
    let mut consumer = channel.consume(consume).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for n in 0..3000_u32 {
        assert_eq!(consumer.next().await.unwrap().body.to_bytes(), n.to_be_bytes()[..]);
    }
    assert_eq!(consumer.next().await.unwrap().body.to_bytes(), "end");
}

#[tokio::test]
async fn transactions_commit_and_roll_back() {
    let connection = connect().await;
    let channel = connection.channel().await.unwrap();
    let queue = own_queue(&channel).await;
    channel.tx_select().await.unwrap();
    channel.publish("", &queue, Properties::default(), "forgotten").await.unwrap();
    channel.tx_rollback().await.unwrap();
    channel.publish("", &queue, Properties::default(), "kept").await.unwrap();
    channel.tx_commit().await.unwrap();
    let got = channel.get(&queue, true).await.unwrap().unwrap();
    assert_eq!(got.body.to_bytes(), "kept");
    assert!(channel.get(&queue, true).await.unwrap().is_none());
}

#[tokio::test]
async fn a_body_larger_than_a_frame_comes_back_whole() {
    let connection = connect().await;
    let channel = connection.channel().await.unwrap();
    let queue = own_queue(&channel).await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    channel.publish("", &queue, Properties::default(), body.clone()).await.unwrap();
    let got = channel.get(&queue, true).await.unwrap().unwrap();
    assert_eq!(got.body.to_bytes(), body);
}
