//! What every story here begins with: connections to the broker under test, and a deadline.

use core::time::Duration;

use futures_util::StreamExt;
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
    ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::protocol::{AMQPError, BasicProperties};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ErrorKind, ExchangeKind};

use crate::broker::{Broker, Shared};
use crate::clients::Target;

static BROKER: Shared = Shared::new();

/// Plays a story against the broker that these tests share.
pub(crate) fn story<F: Future<Output = ()>>(tell: impl FnOnce(String) -> F) {
    let target = Target::of(&BROKER);
    let told = in_time(tell, target.url.clone());
    told.unwrap_or_else(|| panic!("not done in time; log of the broker:\n{}", target.log()));
}

/// Plays a story against a broker of its own.
pub(crate) fn play<T, F: Future<Output = T>>(broker: &Broker, tell: impl FnOnce(String) -> F) -> T {
    in_time(tell, broker.url()).expect("done in time")
}

fn in_time<T, F: Future<Output = T>>(tell: impl FnOnce(String) -> F, url: String) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let limit = Duration::from_secs(30);
    runtime.block_on(async { tokio::time::timeout(limit, tell(url)).await.ok() })
}

/// A connection to the broker.
pub(crate) async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default()).await.expect("to be let in")
}

/// A connection with one channel.
pub(crate) async fn open(url: &str) -> (Connection, Channel) {
    let connection = connect(url).await;
    let channel = connection.create_channel().await.expect("channel.open-ok");
    (connection, channel)
}

/// A queue that the broker names and that lives as long as its connection.
pub(crate) async fn private_queue(channel: &Channel) -> String {
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await;
    queue.expect("queue.declare-ok").name().to_string()
}

/// Declares a queue, and returns how many messages and consumers it has.
pub(crate) async fn declare(channel: &Channel, name: &str, durable: bool) -> (u32, u32) {
    let options = QueueDeclareOptions { durable, ..Default::default() };
    let queue = channel.queue_declare(name.into(), options, FieldTable::default()).await;
    let queue = queue.expect("queue.declare-ok");
    assert_eq!(queue.name().as_str(), name);
    (queue.message_count(), queue.consumer_count())
}

/// Asks whether a queue exists.
pub(crate) async fn look_for(channel: &Channel, queue: &str) -> Result<u32, lapin::Error> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok(found.message_count())
}

/// Declares an exchange that does not survive.
pub(crate) async fn declare_exchange(channel: &Channel, name: &str, kind: ExchangeKind) {
    let options = ExchangeDeclareOptions::default();
    let declared = channel.exchange_declare(name.into(), kind, options, FieldTable::default());
    declared.await.expect("exchange.declare-ok");
}

/// Deletes an exchange.
pub(crate) async fn delete_exchange(channel: &Channel, name: &str) {
    channel.exchange_delete(name.into(), Default::default()).await.expect("exchange.delete-ok");
}

/// Deletes a queue, and returns how many messages went with it.
pub(crate) async fn delete(channel: &Channel, queue: &str) -> u32 {
    channel.queue_delete(queue.into(), Default::default()).await.expect("queue.delete-ok")
}

/// Binds a queue.
pub(crate) async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    bind_with(channel, queue, exchange, key, table([])).await;
}

/// Binds a queue with arguments.
pub(crate) async fn bind_with(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
    arguments: FieldTable,
) {
    let (queue, exchange, key) = (queue.into(), exchange.into(), key.into());
    let bound = channel.queue_bind(queue, exchange, key, Default::default(), arguments);
    bound.await.expect("queue.bind-ok");
}

/// Publishes a message without properties.
pub(crate) async fn publish(channel: &Channel, exchange: &str, key: &str, body: &[u8]) {
    publish_with(channel, exchange, key, body, BasicProperties::default()).await;
}

/// Publishes a message with properties.
pub(crate) async fn publish_with(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(exchange.into(), key.into(), options, body, properties).await;
    sent.expect("a channel to publish on").await.expect("no confirms were asked for");
}

/// Begins to consume.
pub(crate) async fn consume(channel: &Channel, queue: &str) -> Consumer {
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    consumer.await.expect("basic.consume-ok")
}

/// The next delivery.
pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    consumer.next().await.expect("a consumer that goes on").expect("a delivery")
}

/// Acknowledges a delivery.
pub(crate) async fn ack(delivery: &Delivery) {
    assert!(delivery.ack(BasicAckOptions::default()).await.expect("an open channel"));
}

/// Consumes exactly `count` messages, acknowledges them, and expects no more to be there.
pub(crate) async fn take(channel: &Channel, queue: &str, count: usize) -> Vec<Delivery> {
    let mut consumer = consume(channel, queue).await;
    let mut taken = Vec::new();
    while taken.len() < count {
        let delivery = next(&mut consumer).await;
        ack(&delivery).await;
        taken.push(delivery);
    }
    let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
    cancelled.await.expect("basic.cancel-ok");
    assert_eq!(look_for(channel, queue).await.expect("a queue"), 0, "messages left in {queue}");
    taken
}

/// The bodies of exactly `count` messages, in order.
pub(crate) async fn bodies(channel: &Channel, queue: &str, count: usize) -> Vec<String> {
    take(channel, queue, count).await.iter().map(body).collect()
}

/// The body of a delivery, as text.
pub(crate) fn body(delivery: &Delivery) -> String {
    String::from_utf8(delivery.data.clone()).expect("text")
}

/// Asks for one message, which is held until it is acknowledged.
pub(crate) async fn get(channel: &Channel, queue: &str) -> Option<BasicGetMessage> {
    channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("get-ok or get-empty")
}

/// A table of these fields.
pub(crate) fn table<const N: usize>(fields: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert(name.into(), value);
    }
    table
}

/// The code and the text with which the broker refused.
#[track_caller]
pub(crate) fn refusal<T: core::fmt::Debug>(refused: Result<T, lapin::Error>) -> (u16, String) {
    match refused.expect_err("a refusal").kind() {
        ErrorKind::ProtocolError(error) => said(error),
        other => panic!("no refusal by the broker: {other:?}"),
    }
}

fn said(error: &AMQPError) -> (u16, String) {
    (error.get_id(), error.get_message().to_string())
}
