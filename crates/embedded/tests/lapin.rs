//! Another client than ours, lapin, meets every fault that can be switched.

#![expect(clippy::disallowed_methods, reason = "one fault is a delay in real time")]

use core::time::Duration;
use std::time::Instant;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use warrener_embedded::Broker;

/// Long enough for a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(60);

async fn open(uri: &str) -> lapin::Result<Connection> {
    Connection::connect(uri, ConnectionProperties::default()).await
}

async fn with_queue(broker: &Broker) -> (Connection, Channel) {
    let connection = open(&broker.listen().await.unwrap()).await.expect("the broker lets it in");
    let channel = connection.create_channel().await.unwrap();
    let (options, none) = (QueueDeclareOptions::default(), FieldTable::default());
    channel.queue_declare("q".into(), options, none).await.unwrap();
    (connection, channel)
}

async fn publish(channel: &Channel) -> lapin::Result<Confirmation> {
    let (options, none) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish("".into(), "q".into(), options, b"x", none).await?.await
}

async fn has_message(channel: &Channel) -> bool {
    let options = BasicGetOptions { no_ack: true };
    channel.basic_get("q".into(), options).await.unwrap().is_some()
}

async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, met).await.expect("it comes to that");
}

#[tokio::test]
async fn it_is_refused_until_it_is_not() {
    let broker = Broker::start().await.unwrap();
    let uri = broker.listen().await.unwrap();
    broker.refuse_connections(true);
    assert!(open(&uri).await.is_err());
    broker.refuse_connections(false);
    assert!(open(&uri).await.is_ok());
}

#[tokio::test]
async fn it_is_cut_off() {
    let broker = Broker::start().await.unwrap();
    let (connection, channel) = with_queue(&broker).await;
    publish(&channel).await.unwrap();
    // An answer, so that the message has arrived.
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    assert_eq!(broker.cut_connections(), 1);
    until(|| !connection.status().connected()).await;
    assert!(publish(&channel).await.is_err());
    let (_connection, channel) = with_queue(&broker).await;
    assert!(has_message(&channel).await);
}

#[tokio::test]
async fn it_is_kept_waiting() {
    let broker = Broker::start().await.unwrap();
    let (_connection, channel) = with_queue(&broker).await;
    broker.delay(Duration::from_millis(80));
    let asked = Instant::now();
    assert!(!has_message(&channel).await);
    assert!(asked.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn its_messages_are_refused() {
    let broker = Broker::start().await.unwrap();
    let (_connection, channel) = with_queue(&broker).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    assert!(publish(&channel).await.unwrap().is_ack());
    broker.nack_publishes(true);
    assert!(publish(&channel).await.unwrap().is_nack());
    broker.nack_publishes(false);
    assert!(publish(&channel).await.unwrap().is_ack());
    assert!(has_message(&channel).await && has_message(&channel).await);
    assert!(!has_message(&channel).await);
}

#[tokio::test]
async fn it_is_blocked() {
    let broker = Broker::start().await.unwrap();
    let (connection, channel) = with_queue(&broker).await;
    broker.block_publishers(true);
    publish(&channel).await.unwrap();
    until(|| connection.status().blocked()).await;
    broker.block_publishers(false);
    until(|| !connection.status().blocked()).await;
    assert!(has_message(&channel).await);
}

#[tokio::test]
async fn its_broker_goes() {
    let broker = Broker::start().await.unwrap();
    let (connection, channel) = with_queue(&broker).await;
    drop(broker);
    until(|| !connection.status().connected()).await;
    assert!(publish(&channel).await.is_err());
}
